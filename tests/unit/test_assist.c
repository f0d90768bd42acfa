/* SPDX-License-Identifier: MIT */
/* test_assist.c - who allocates while objects are marked pays for it, a part before each object. */
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "gc/assist.h"
#include "gc/gc.h"
#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/marking.h"

#define SIZE    1000u /* eight in a span */
#define LIVE    1024u
#define PART    KiB(8)
#define HANG_NS 60000000000ull

/* A worker on another CPU that is in the midst of the chain has its only grey object: there is nothing to pay
 * with, and nothing is owed. */
static void wait_for_worker(void)
{
	uint64_t start_ns = tern_port_clock_ns();

	while (atomic_load(&tern_gc_state.active) && tern_port_clock_ns() - start_ns < HANG_NS)
		arch_relax();
}

/* Workers of the kernel may have paid some of it, but not without having scanned it. */
TEST(assist, what_a_span_costs_is_paid_in_parts)
{
	size_t owed, parts = 1;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	make_living(LIVE, SIZE);
	start_marking_and_help();
	wait_for_worker();
	owed = tern_assist(8192, 1024);
	EXPECT(owed <= TERN_PACER_ASSIST_MIN - PART);
	for (; owed; parts++) {
		size_t left;

		wait_for_worker();
		left = tern_assist_more(owed, 1024);
		REQUIRE(!left || left + PART <= owed);
		owed = left;
	}
	wait_for_worker();
	EXPECT(parts <= 8);
	EXPECT(bytes_scanned() >= TERN_PACER_ASSIST_MIN);
	finish_helping();
	drop_living();
	/* What is owed when the cycle has ended is not. */
	EXPECT_EQ(tern_assist_more(PART, 1024), 0);
	EXPECT(restore_options());
}

/* Eight bytes for one: all that lives is marked before the heap has grown by more than an eighth. */
TEST(assist, allocating_marks_all_that_lives)
{
	unsigned most = LIVE * SIZE / PART + 32;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	make_living(LIVE, SIZE);
	start_marking_and_help();
	for (unsigned i = 0; i < most && bytes_scanned() < LIVE * SIZE; i++) {
		wait_for_worker();
		REQUIRE(tern_alloc_noscan(SIZE));
	}
	wait_for_worker();
	EXPECT(bytes_scanned() >= LIVE * SIZE);
	finish_helping();
	drop_living();
	EXPECT(restore_options());
}
