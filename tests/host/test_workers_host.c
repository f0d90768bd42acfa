/* SPDX-License-Identifier: MIT */
/* test_workers_host.c - who of several workers marks, and for how long. In a process, where none of the
 * kernel's own comes between; how many there are to be is set by hand. */
#include <time.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "gc/concurrent.h"
#include "gc/gc.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define NODES 20000u

static void **volatile head; /* a root */

static void make_nodes(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < NODES; i++) {
		void **p = tern_alloc(256);

		*p = (void *)head;
		head = p;
	}
}

static bool begin(struct tern_pacer_workers workers)
{
	if (!collector_for_tests())
		return false;
	if (!change_options(TERN_GC_BARRIER, false, false))
		return false;
	in_deep_frame(make_nodes, NULL);
	start_marking();
	tern_gc_state.pacer.workers = workers;
	tern_gc_state.pacer.start_ns = tern_port_clock_ns(); /* a pause with all checks is long */
	return true;
}

static bool end(void)
{
	head = NULL;
	finish_marking();
	return restore_options();
}

static bool at_once(struct tern_gc_turn t)
{
	return t.wait_ns == 0;
}

static bool later(struct tern_gc_turn t, bool or_idle)
{
	return t.wait_ns > 0 && t.wait_ns < 1000000000 && t.or_idle == or_idle;
}

TEST(workers_host, dedicated_ones_go_on_and_others_have_idle_time)
{
	struct tern_gc_worker w[4] = { 0 };
	uint64_t idle_ns;

	REQUIRE(begin((struct tern_pacer_workers){ .dedicated = 2, .idle_max = 1 }));
	for (unsigned round = 0; round < 3; round++) {
		EXPECT(at_once(tern_gc_work(&w[0], false)));
		EXPECT(at_once(tern_gc_work(&w[1], round % 2)));
		EXPECT(later(tern_gc_work(&w[2], false), true));
		EXPECT(later(tern_gc_work(&w[3], false), true));
	}
	EXPECT_EQ(tern_gc_state.cycle.idle_ns, 0);
	EXPECT(later(tern_gc_work(&w[2], true), true));
	idle_ns = tern_gc_state.cycle.idle_ns;
	EXPECT(idle_ns > 0);
	/* There is no room for idle ones: who asks must not ask again at once. */
	tern_gc_state.pacer.workers.idle_max = 0;
	EXPECT(later(tern_gc_work(&w[3], true), false));
	EXPECT_EQ(tern_gc_state.cycle.idle_ns, idle_ns);
	EXPECT_EQ(w[0].spent_ns + w[1].spent_ns, 0);
	REQUIRE(end());
	/* They leave, and others may take their place. */
	for (unsigned i = 0; i < 4; i++)
		while (tern_gc_work(&w[i], false).wait_ns != UINT64_MAX)
			;
	REQUIRE(begin((struct tern_pacer_workers){ .dedicated = 1 }));
	EXPECT(at_once(tern_gc_work(&w[3], false)));
	EXPECT(later(tern_gc_work(&w[0], false), true));
	REQUIRE(end());
	tern_gc_work(&w[3], false);
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = { .tv_nsec = (long)ns };

	nanosleep(&t, NULL);
}

TEST(workers_host, a_fraction_is_a_fraction)
{
	struct tern_gc_worker w = { 0 };
	uint64_t start_ns, call_ns, longest_ns = 0;
	unsigned waits = 0;

	REQUIRE(begin((struct tern_pacer_workers){ .fraction = TERN_FIXED_ONE / 4 }));
	start_ns = tern_gc_state.pacer.start_ns;
	for (unsigned i = 0; i < 1000000 && waits < 5; i++) {
		struct tern_gc_turn next;

		call_ns = tern_port_clock_ns();
		next = tern_gc_work(&w, false);
		call_ns = tern_port_clock_ns() - call_ns;
		if (call_ns > longest_ns)
			longest_ns = call_ns;
		if (next.wait_ns == 0)
			continue;
		waits++;
		sleep_ns(next.wait_ns);
	}
	EXPECT_EQ(waits, 5);
	EXPECT(w.spent_ns > 0);
	EXPECT(w.spent_ns <= (tern_port_clock_ns() - start_ns) / 4 + longest_ns);
	REQUIRE(end());
}
