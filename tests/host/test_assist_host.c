/* SPDX-License-Identifier: MIT */
/* test_assist_host.c - no allocation marks more than a part of what its span costs. Hosted: there are no workers
 * that mark meanwhile. */
#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "gc/gc.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define LIVE 4096u
#define PART ((uint64_t)8 << 10)

static void **volatile chain; /* a root */

static void make_live(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < LIVE; i++) {
		void **next = tern_alloc(64);

		tern_init_store(next, chain);
		chain = next;
	}
}

static uint64_t scanned(void)
{
	return atomic_load_explicit(&tern_gc_state.cycle.scanned_bytes, memory_order_relaxed);
}

/* A part, and the roots or the span that it ends in. */
static uint64_t most_at_once(size_t size, unsigned n)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t before = scanned(), now;

		tern_alloc_noscan(size);
		now = scanned() - before;
		most = now > most ? now : most;
	}
	return most;
}

TEST(assist, no_allocation_marks_more_than_a_part)
{
	const struct tern_gc_options before = tern_gc_state.options;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	in_deep_frame(make_live, NULL);
	start_marking();
	tern_gc_release();
	let_cycles_start();
	EXPECT(most_at_once(64, 64) <= 2 * PART);
	EXPECT(most_at_once(1000, 64) <= 2 * PART);
	EXPECT(scanned() > 2 * PART);
	no_cycles_start();
	tern_gc_hold();
	finish_marking();
	chain = NULL;
	EXPECT(change_options(before.mode, before.stop_the_world, before.check));
}
