/* SPDX-License-Identifier: MIT */
/* test_workers.c - a worker with nobody's help marks all, ends the cycle and sweeps; and says when it has
 * nothing to do. */
#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "gc/concurrent.h"
#include "gc/gc.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define NODES   2000u
#define HANG_NS 60000000000ull

static void **volatile head; /* a root */

static void make_nodes(void *arg)
{
	unsigned *made = arg;

	for (*made = 0; *made < NODES; ++*made) {
		void **p = tern_alloc(256);

		if (!p)
			return;
		*p = (void *)head;
		head = p;
	}
}

static unsigned count_nodes(void)
{
	unsigned n = 0;

	for (void **p = head; p; p = *p)
		n++;
	return n;
}

static bool comes_to_its_end(struct tern_gc_worker *w)
{
	uint64_t start_ns = tern_port_clock_ns();

	while (tern_gc_is_marking() && tern_port_clock_ns() - start_ns < HANG_NS)
		tern_gc_work(w, true);
	return !tern_gc_is_marking();
}

/* In a kernel another CPU may have the last piece, when nothing is left for this worker. */
static bool has_swept(struct tern_gc_worker *w)
{
	uint64_t start_ns = tern_port_clock_ns();
	struct tern_gc_stats now;
	bool idle;

	do {
		idle = tern_gc_work(w, false).wait_ns == UINT64_MAX;
		tern_gc_stats(&now);
	} while ((!idle || now.sweeping) && tern_port_clock_ns() - start_ns < HANG_NS);
	return idle && !now.sweeping;
}

TEST(workers, one_alone_ends_a_cycle)
{
	struct tern_gc_worker w = { 0 };
	struct tern_gc_stats old, now;
	unsigned made;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, tern_gc_state.options.check));
	in_deep_frame(make_nodes, &made);
	tern_gc_stats(&old);
	start_marking();
	tern_gc_release();
	EXPECT(comes_to_its_end(&w));
	EXPECT(has_swept(&w));
	tern_gc_stats(&now);
	EXPECT_EQ(now.cycles, old.cycles + 1);
	EXPECT_EQ(count_nodes(), made);
	head = NULL;
	REQUIRE(restore_options());
}

TEST(workers, a_cycle_that_may_not_end_leaves_them_waiting)
{
	struct tern_gc_worker w = { 0 };
	struct tern_gc_turn next = { 0 };

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, tern_gc_state.options.check));
	start_marking();
	for (unsigned i = 0; i < 100000 && next.wait_ns == 0; i++)
		next = tern_gc_work(&w, true);
	EXPECT(next.wait_ns > 0 && next.wait_ns < UINT64_MAX);
	EXPECT(tern_gc_is_marking());
	finish_marking();
	REQUIRE(restore_options());
}
