/* SPDX-License-Identifier: MIT */
/* test_assist.c - who allocates while objects are marked pays for it, a part before each object. */
#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "gc/assist.h"
#include "gc/gc.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define SIZE 1000u /* eight in a span */
#define LIVE 1024u
#define PART ((uint64_t)8 << 10)

static void **volatile chain; /* a root */

static void make_live(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < LIVE; i++) {
		void **next = tern_alloc(SIZE);

		if (next)
			tern_init_store(next, chain);
		chain = next ? next : chain;
	}
}

static void drop_live(void *arg)
{
	(void)arg;
	chain = NULL;
}

static uint64_t scanned(void)
{
	return atomic_load_explicit(&tern_gc_state.cycle.scanned_bytes, memory_order_relaxed);
}

/* A cycle marks, and this thread may help; it may be that the cycle ends by that. */
static void start(void)
{
	start_marking();
	tern_gc_release();
	let_cycles_start();
}

static void end(void)
{
	no_cycles_start();
	tern_gc_hold();
	finish_marking();
	in_deep_frame(drop_live, NULL);
}

/* Workers of the kernel may have paid some of it, but not without having scanned it. */
TEST(assist, what_a_span_costs_is_paid_in_parts)
{
	const struct tern_gc_options before = tern_gc_state.options;
	size_t owed, parts = 1;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	in_deep_frame(make_live, NULL);
	start();
	owed = tern_assist(8192, 1024);
	EXPECT(owed <= TERN_PACER_ASSIST_MIN - PART);
	for (; owed; parts++) {
		size_t left = tern_assist_more(owed, 1024);

		REQUIRE(!left || left + PART <= owed);
		owed = left;
	}
	EXPECT(parts <= 8);
	EXPECT(scanned() >= TERN_PACER_ASSIST_MIN);
	end();
	EXPECT_EQ(tern_assist_more(PART, 1024),
		  0); /* what is owed when the cycle has ended is not */
	EXPECT(change_options(before.mode, before.stop_the_world, before.check));
}

/* Eight bytes for one: all that lives is marked before the heap has grown by more than an eighth. */
TEST(assist, allocating_marks_all_that_lives)
{
	const struct tern_gc_options before = tern_gc_state.options;
	unsigned most = LIVE * SIZE / PART + 32, n = 0;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	in_deep_frame(make_live, NULL);
	start();
	for (; n < most && scanned() < LIVE * SIZE; n++)
		REQUIRE(tern_alloc_noscan(SIZE));
	EXPECT(scanned() >= LIVE * SIZE);
	end();
	EXPECT(change_options(before.mode, before.stop_the_world, before.check));
}
