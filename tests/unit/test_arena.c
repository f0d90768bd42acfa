/* SPDX-License-Identifier: MIT */
/* test_arena.c - from addresses to spans and to what is known to be zero, in both halves of the
 * address space, against an array. No memory stands behind these pages. */
#include "lib/bits.h"
#include "mm/arena.h"
#include "mm/mspan.h"
#include "tests/test.h"

#define ARENAS 2u
#define PAGES  (ARENAS * (unsigned)TERN_ARENA_PAGES)
#define SPANS  5u

static struct large {
	char memory[512 << 10];
	struct tern_arena_map map;
	struct tern_mspan *model[PAGES];
	bool dirty[PAGES];
} *const large = (struct large *)test_scratch;
_Static_assert(sizeof(struct large) <= TEST_SCRATCH_SIZE, "");
static struct tern_meta meta;
static struct tern_mspan spans[SPANS];

/* Arenas that are special: the ends of both halves, and one in the middle of nowhere. */
static const uint64_t places[] = {
	0,
	TERN_PAGES_END / 2 - ARENAS *TERN_ARENA_PAGES,
	TERN_PAGES_END / 2 - TERN_ARENA_PAGES,
	TERN_PAGES_END / 2,
	TERN_PAGES_END - ARENAS *TERN_ARENA_PAGES,
	12345 * TERN_ARENA_PAGES,
	(((uint64_t)1 << ARENA_L2_BITS) * 77 - 1) * TERN_ARENA_PAGES,
};

static void start(void)
{
	memset(&large->map, 0, sizeof(large->map));
	memset(large->model, 0, sizeof(large->model));
	memset(large->dirty, 0, sizeof(large->dirty));
	meta = (struct tern_meta)TERN_META_INIT;
	tern_meta_feed(&meta, (uintptr_t)large->memory, sizeof(large->memory));
}

static bool make(uint64_t page)
{
	while (tern_arena_missing(&large->map, page))
		if (!tern_arena_make(&large->map, &meta, page))
			return false;
	return true;
}

static bool make_all(uint64_t first)
{
	for (uint64_t page = first; page < first + PAGES; page += ARENA_TABLE_PAGES)
		if (!make(page))
			return false;
	return true;
}

static uintptr_t somewhere_in(struct test *t, uint64_t page)
{
	return tern_page_addr(page) + test_random_below(t, TERN_PAGE_SIZE);
}

static bool same(struct test *t, uint64_t first)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (!EXPECT(tern_arena_span(&large->map, somewhere_in(t, first + i)) ==
			    large->model[i])) {
			test_note(t, "page %u", i);
			return false;
		}
	return true;
}

/* Mostly short runs, now and then one over several tables and the border of arenas. */
static struct tern_piece some_run(struct test *t)
{
	uint64_t first = test_random_below(t, PAGES);
	uint64_t n = 1 + test_random_below(t, test_random_below(t, 8) ? 20 : 5000);

	return (struct tern_piece){ first, n < PAGES - first ? n : PAGES - first };
}

static void set_some(struct test *t, uint64_t first)
{
	struct tern_piece run = some_run(t);
	struct tern_mspan *s = test_random_below(t, 3) ? &spans[test_random_below(t, SPANS)] : NULL;

	if (s && test_random_below(t, 2))
		tern_arenas_use(&large->map, first + run.first, run.n, s);
	else
		tern_arenas_set_span(&large->map, first + run.first, run.n, s);
	for (uint64_t i = 0; i < run.n; i++)
		large->model[run.first + i] = s;
}

static void ask_some(struct test *t, uint64_t first)
{
	struct tern_piece run = some_run(t);
	struct tern_mspan *s = large->model[run.first];
	bool all = true;

	for (uint64_t i = 0; i < run.n; i++)
		all &= large->model[run.first + i] == s;
	EXPECT_EQ(tern_arenas_all_in(&large->map, first + run.first, run.n, s), all);
	EXPECT(!tern_arenas_all_in(&large->map, first + run.first, run.n,
				   (struct tern_mspan *)large->memory));
}

TEST(arena, random_spans_in_both_halves)
{
	for (unsigned i = 0; i < ARRAY_SIZE(places) && !t->failures; i++) {
		start();
		REQUIRE(make_all(places[i]));
		REQUIRE(same(t, places[i]));
		for (unsigned round = 0; round < 200; round++) {
			set_some(t, places[i]);
			ask_some(t, places[i]);
		}
		same(t, places[i]);
	}
}

static uintptr_t any_address(struct test *t)
{
	switch (test_random_below(t, 4)) {
	case 0: /* the hole between the halves */
		return TERN_HALF + test_random_below(t, 0 - 2 * TERN_HALF);
	case 1:
		return test_random_below(t, TERN_HALF);
	case 2:
		return 0 - 1 - test_random_below(t, TERN_HALF);
	default:
		return test_random(t);
	}
}

/* One page leads to a span; no other address does, wherever it lies. */
TEST(arena, no_other_address_leads_anywhere)
{
	static const uintptr_t edges[] = {
		0,
		1,
		TERN_HALF - 1,
		TERN_HALF,
		TERN_HALF + 1,
		0 - TERN_HALF - 1,
		0 - TERN_HALF,
		UINTPTR_MAX,
		(uintptr_t)1 << 63,
		((uintptr_t)1 << 63) - 1,
	};
	uint64_t page = places[5] + 777;

	start();
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
		EXPECT(!tern_arena_span(&large->map, edges[i]));
	REQUIRE(make(page));
	tern_arenas_set_span(&large->map, page, 1, spans);
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++)
		EXPECT(!tern_arena_span(&large->map, edges[i]));
	for (unsigned i = 0; i < 20000; i++) {
		uintptr_t addr = any_address(t);

		EXPECT(tern_arena_span(&large->map, addr) ==
		       (tern_page_of(addr) == page ? spans : NULL));
	}
	EXPECT(tern_arena_span(&large->map, tern_page_addr(page)) == spans);
	EXPECT(tern_arena_span(&large->map, tern_page_addr(page + 1) - 1) == spans);
	EXPECT(!tern_arena_span(&large->map, tern_page_addr(page) - 1));
	EXPECT(!tern_arena_span(&large->map, tern_page_addr(page + 1)));
	/* A neighbour table of the same arena, and the arena beside it, were never made. */
	EXPECT(!tern_arena_span(&large->map, tern_page_addr(page + ARENA_TABLE_PAGES)));
	EXPECT(!tern_arena_span(&large->map, tern_page_addr(page + TERN_ARENA_PAGES)));
}

TEST(arena, records_are_made_once_each_and_no_more)
{
	uint64_t page = places[5];
	size_t used;

	start();
	EXPECT_EQ(tern_arena_missing(&large->map, page), sizeof(struct tern_arena_block));
	REQUIRE(tern_arena_make(&large->map, &meta, page));
	EXPECT_EQ(tern_arena_missing(&large->map, page), sizeof(struct tern_arena));
	REQUIRE(tern_arena_make(&large->map, &meta, page));
	EXPECT_EQ(tern_arena_missing(&large->map, page), sizeof(struct tern_arena_table));
	REQUIRE(tern_arena_make(&large->map, &meta, page));
	EXPECT_EQ(tern_arena_missing(&large->map, page), 0);
	EXPECT_EQ(tern_arena_missing(&large->map, page + ARENA_TABLE_PAGES - 1), 0);
	EXPECT_EQ(tern_arena_missing(&large->map, page + ARENA_TABLE_PAGES),
		  sizeof(struct tern_arena_table));
	EXPECT_EQ(tern_arena_missing(&large->map, page + TERN_ARENA_PAGES),
		  sizeof(struct tern_arena));
	used = meta.used;
	meta.fail_after = 0;
	EXPECT(!tern_arena_make(&large->map, &meta, page + ARENA_TABLE_PAGES));
	EXPECT(!tern_arena_make(&large->map, &meta, page + TERN_ARENA_PAGES));
	EXPECT(!tern_arena_make(&large->map, &meta, 0));
	EXPECT_EQ(meta.used, used);
	EXPECT_EQ(tern_arena_missing(&large->map, 0), sizeof(struct tern_arena_block));
}

#define NEAR 300u /* tables, among which some are made */

static bool make_table(uint64_t table)
{
	uint64_t page = table * ARENA_TABLE_PAGES;

	if (!make(page))
		return false;
	tern_arenas_set_span(&large->map, page + table % ARENA_TABLE_PAGES, 1,
			     &spans[table % SPANS]);
	return true;
}

static uintptr_t address_in_table(uint64_t table)
{
	return tern_page_addr(table * ARENA_TABLE_PAGES + table % ARENA_TABLE_PAGES);
}

/* In whatever order tables come, the window has all of them, and is not much larger than it must be. */
TEST(arena, the_window_has_all_tables_that_are_near)
{
	for (unsigned round = 0; round < 20; round++) {
		uint64_t first = test_random_below(t, places[5] / ARENA_TABLE_PAGES), made[40];
		uint64_t low = UINT64_MAX, high = 0;

		start();
		for (unsigned n = 0; n < ARRAY_SIZE(made); n++) {
			uintptr_t begin, reach;
			const tern_arena_slot *slots;

			made[n] = first + test_random_below(t, NEAR);
			low = made[n] < low ? made[n] : low;
			high = made[n] > high ? made[n] : high;
			REQUIRE(make_table(made[n]));
			slots = tern_arena_all_slots(&large->map, &begin, &reach);
			REQUIRE(slots && reach + 1 <= 4 * (NEAR + 64) * MiB(4));
			for (unsigned i = 0; i <= n; i++) {
				uintptr_t addr = address_in_table(made[i]), offset = addr - begin;

				REQUIRE(tern_arena_span(&large->map, addr) ==
					&spans[made[i] % SPANS]);
				REQUIRE(offset <= reach);
				REQUIRE(tern_arena_slot_span(&slots[offset / MiB(4)],
							     tern_page_of(addr)) ==
					&spans[made[i] % SPANS]);
			}
		}
		EXPECT(!tern_arena_span(&large->map, address_in_table(low - 1)));
		EXPECT(!tern_arena_span(&large->map, address_in_table(high + 1)));
	}
}

/* Grown downwards by one table after the other, windows double as they do upwards. */
TEST(arena, windows_double_to_either_side)
{
	for (int step = -1; step <= 1; step += 2) {
		uint64_t table = 5000;
		size_t used, all;

		start();
		for (unsigned i = 0; i < 80; i++, table += (uint64_t)step)
			REQUIRE(make_table(table));
		used = meta.used;
		all = 80 * sizeof(struct tern_arena_table) + 7 * sizeof(struct tern_arena) +
		      sizeof(struct tern_arena_block);
		EXPECT(used < all + 10 * 80 * sizeof(tern_arena_slot));
		EXPECT(tern_arena_span(&large->map, address_in_table(5000)));
		EXPECT(tern_arena_span(&large->map, address_in_table(table - (uint64_t)step)));
	}
}

TEST(arena, what_no_window_has_is_found_all_the_same)
{
	uint64_t far = places[4] / ARENA_TABLE_PAGES;
	uintptr_t low, reach;

	start();
	EXPECT(!tern_arena_all_slots(&large->map, &low, &reach));
	REQUIRE(make_table(100));
	EXPECT(tern_arena_all_slots(&large->map, &low, &reach));
	REQUIRE(make_table(far));
	EXPECT(!tern_arena_all_slots(&large->map, &low, &reach));
	EXPECT(tern_arena_span(&large->map, address_in_table(100)) == &spans[0]);
	EXPECT(tern_arena_span(&large->map, address_in_table(far)) == &spans[far % SPANS]);
	EXPECT(!tern_arena_span(&large->map, address_in_table(far + 1)));

	/* Its table is the last for which there is memory; the next one brings the window. */
	start();
	REQUIRE(make_table(100));
	while (tern_arena_missing(&large->map, 170 * ARENA_TABLE_PAGES) !=
	       sizeof(struct tern_arena_table))
		REQUIRE(tern_arena_make(&large->map, &meta, 170 * ARENA_TABLE_PAGES));
	meta.fail_after = 1;
	REQUIRE(make_table(170));
	EXPECT(!tern_arena_all_slots(&large->map, &low, &reach));
	EXPECT(tern_arena_span(&large->map, address_in_table(170)) == &spans[0]);
	meta.fail_after = SIZE_MAX;
	REQUIRE(make_table(171));
	EXPECT(tern_arena_all_slots(&large->map, &low, &reach));
	EXPECT(tern_arena_span(&large->map, address_in_table(100)) == &spans[0]);
	EXPECT(tern_arena_span(&large->map, address_in_table(170)) == &spans[0]);
}

/* Whatever was used or was not zero when it came is never said to be zero. */
TEST(arena, what_was_used_is_not_zero)
{
	uint64_t first = places[1];

	start();
	REQUIRE(make_all(first));
	for (unsigned round = 0; round < 2000 && !t->failures; round++) {
		struct tern_piece run = some_run(t);
		bool zero = true;

		if (test_random_below(t, 5) == 0) {
			bool zeroed = test_random_below(t, 2);
			uint64_t room = TERN_ARENA_PAGES - run.first % TERN_ARENA_PAGES;

			run.n = run.n < room ? run.n : room;
			tern_arena_given(&large->map, first + run.first, run.n, zeroed);
			for (uint64_t i = 0; i < run.n; i++)
				large->dirty[run.first + i] |= !zeroed;
			continue;
		}
		for (uint64_t i = 0; i < run.n; i++) {
			zero &= !large->dirty[run.first + i];
			large->dirty[run.first + i] = true;
		}
		EXPECT(zero || tern_arenas_need_zero(&large->map, first + run.first, run.n));
		if (zero)
			tern_arenas_need_zero(&large->map, first + run.first, run.n);
	}
}

/* From the lowest page on, each for the first time: nothing must be cleared. */
TEST(arena, fresh_pages_in_order_are_zero_once)
{
	uint64_t first = places[3], page = first;

	start();
	REQUIRE(make_all(first));
	tern_arena_given(&large->map, first, TERN_ARENA_PAGES, true);
	while (page < first + PAGES - 50) {
		uint64_t n = 1 + test_random_below(t, 40);

		EXPECT(!tern_arenas_need_zero(&large->map, page, n));
		EXPECT(tern_arenas_need_zero(&large->map, page, n));
		EXPECT(tern_arenas_need_zero(&large->map, page + n - 1, 1));
		page += n;
	}
	/* A run that begins with a used page and goes on with fresh ones. */
	EXPECT(tern_arenas_need_zero(&large->map, page - 1, 2));
	EXPECT(tern_arenas_need_zero(&large->map, page, 1));
	EXPECT(!tern_arenas_need_zero(&large->map, page + 1, 1));
}

TEST(arena, a_run_over_a_border_asks_both_arenas)
{
	uint64_t border = places[1] + TERN_ARENA_PAGES;

	start();
	REQUIRE(make_all(places[1]));
	tern_arena_given(&large->map, border, 3, false);
	EXPECT(tern_arenas_need_zero(&large->map, border - 2, 4));
	EXPECT(!tern_arenas_need_zero(&large->map, border + 3, 1));
	EXPECT(tern_arenas_need_zero(&large->map, border - 1, 1));
}

TEST(arena, what_a_span_uses_is_zero_no_more)
{
	uint64_t border = places[1] + TERN_ARENA_PAGES, page = border - 10;

	start();
	REQUIRE(make_all(places[1]));
	tern_arenas_use(&large->map, page, 1, spans);
	EXPECT(tern_arenas_need_zero(&large->map, page, 1));
	EXPECT(!tern_arenas_need_zero(&large->map, page + 1, 1));
	tern_arenas_use(&large->map, border - 2, 4, spans);
	EXPECT(tern_arenas_need_zero(&large->map, border - 1, 1));
	EXPECT(tern_arenas_need_zero(&large->map, border + 1, 1));
	EXPECT(!tern_arenas_need_zero(&large->map, border + 2, 1));
	EXPECT(tern_arenas_all_in(&large->map, border - 2, 4, spans));
	EXPECT(tern_arenas_all_in(&large->map, page, 1, spans));
}

TEST(arena, page_bits_are_each_pages_own)
{
	static const unsigned at[] = { 0, 63, 64, 4095, 8191 };
	uint64_t first = places[4];
	struct tern_arena *a;

	start();
	REQUIRE(make_all(first));
	a = tern_arena_of(&large->map, first);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		tern_arenas_set_in_use(&large->map, first + at[i]);
		for (unsigned w = 0; w < TERN_ARENA_PAGES / 64; w++)
			EXPECT_EQ(a->page_in_use[w], w == at[i] / 64 ? 1ull << at[i] % 64 : 0);
		tern_arenas_end_span(&large->map, first + at[i], 1);
		EXPECT_EQ(a->page_in_use[at[i] / 64], 0);
	}
	tern_arenas_set_in_use(&large->map, first + TERN_ARENA_PAGES);
	EXPECT_EQ(a->page_in_use[0], 0);
}

/* Over the borders of words, and of an arena. */
TEST(arena, pages_with_pointers_are_those_that_were_told)
{
	uint64_t first = places[4], from = first + TERN_ARENA_PAGES - 70;
	struct tern_arena *a, *b;

	start();
	REQUIRE(make_all(first));
	a = tern_arena_of(&large->map, first);
	b = tern_arena_of(&large->map, first + TERN_ARENA_PAGES);
	tern_arenas_set_pointers(&large->map, from, 75, true);
	EXPECT_EQ(a->page_pointers[TERN_ARENA_PAGES / 64 - 3], 0);
	EXPECT_EQ(a->page_pointers[TERN_ARENA_PAGES / 64 - 2], 0x3full << 58);
	EXPECT_EQ(a->page_pointers[TERN_ARENA_PAGES / 64 - 1], ~0ull);
	EXPECT_EQ(b->page_pointers[0], 0x1f);
	EXPECT_EQ(b->page_pointers[1], 0);
	tern_arenas_set_pointers(&large->map, from + 3, 68, false);
	EXPECT_EQ(a->page_pointers[TERN_ARENA_PAGES / 64 - 2], 0x7ull << 58);
	EXPECT_EQ(a->page_pointers[TERN_ARENA_PAGES / 64 - 1], 0);
	EXPECT_EQ(b->page_pointers[0], 0x1e);
	tern_arenas_end_span(&large->map, from, 75);
	EXPECT_EQ(a->page_pointers[TERN_ARENA_PAGES / 64 - 2], 0);
	EXPECT_EQ(b->page_pointers[0], 0);
}
