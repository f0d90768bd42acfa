/* SPDX-License-Identifier: MIT */
/* test_pagealloc.c - the page allocator against an array of bytes, one a page, in windows of the
 * address space that lie across the borders of chunks and nodes, and at both its ends. */
#include "mm/pagealloc.h"
#include "tests/test.h"

#define WINDOW  3000u
#define RECORDS (96u << 10)
#define FAR     ((uint64_t)1 << 30) /* pages: 8 TiB */

static struct tern_pagealloc pa;
static struct tern_meta meta;
static char *const memory = test_scratch;

enum page { OUTSIDE, FREE, TAKEN };
static uint8_t model[WINDOW];
static uint64_t base; /* page number of model[0] */

static const uint64_t bases[] = {
	0,
	512 * 8 - 700,   /* a node of chunks */
	512 * 64 - 1500, /* the level above */
	FAR - 1400,      /* 8 TiB */
	5 * FAR + 12345,
	TERN_PAGES_END - WINDOW, /* the end */
};

static void start(uint64_t at)
{
	meta = (struct tern_meta)TERN_META_INIT;
	tern_meta_feed(&meta, (uintptr_t)memory, RECORDS);
	pa = (struct tern_pagealloc)TERN_PAGEALLOC_INIT(&meta);
	memset(model, OUTSIDE, sizeof(model));
	base = at;
}

static uint32_t run_at(uint32_t i)
{
	uint32_t n = 0;

	while (i + n < WINDOW && model[i + n] == FREE)
		n++;
	return n;
}

static void set_model(uint32_t i, uint32_t n, enum page state)
{
	memset(model + i, state, n);
}

static bool give(struct test *t, uint32_t i, uint32_t n)
{
	uint64_t given;

	for (uint32_t k = i; k < i + n; k++)
		if (model[k] == OUTSIDE)
			model[k] = FREE;
	return EXPECT(tern_pagealloc_give(&pa, base + i, n, &given)) && EXPECT_EQ(given, n);
}

static uint64_t model_find(uint32_t n, uint64_t align, uint64_t below)
{
	for (uint32_t i = 0; i + n <= WINDOW; i++)
		if ((base + i) % align == 0 && run_at(i) >= n)
			return base + i + n <= below ? base + i : TERN_NO_PAGE;
	return TERN_NO_PAGE;
}

static uint32_t model_longest(void)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < WINDOW; i++)
		if (run_at(i) > longest)
			longest = run_at(i);
	return longest;
}

static uint32_t model_count(enum page state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < WINDOW; i++)
		n += model[i] == state;
	return n;
}

static bool matches(struct test *t)
{
	return EXPECT(tern_pagealloc_check(&pa)) && EXPECT_EQ(pa.nfree, model_count(FREE)) &&
	       EXPECT_EQ(pa.nowned, model_count(FREE) + model_count(TAKEN)) &&
	       EXPECT_EQ(tern_pagealloc_longest(&pa), model_longest());
}

/* A length: mostly short, sometimes longer than a chunk. */
static uint32_t some_length(struct test *t, uint32_t most)
{
	uint32_t n = 1 + (uint32_t)test_random_below(t, test_random_below(t, 8) ? 20 : 1200);

	return n < most ? n : most;
}

static bool take_some(struct test *t)
{
	uint32_t n = some_length(t, WINDOW);
	uint64_t want, got;

	if (test_random_below(t, 4) == 0) {
		uint64_t align = 1ull << test_random_below(t, 11);
		uint64_t below = base + test_random_below(t, WINDOW + 1);

		want = model_find(n, align, below);
		got = tern_pagealloc_take_where(&pa, n, align, below);
	} else {
		want = model_find(n, 1, TERN_PAGES_END);
		got = tern_pagealloc_take(&pa, n);
	}
	if (got != TERN_NO_PAGE && got - base < WINDOW)
		set_model((uint32_t)(got - base), n, TAKEN);
	return EXPECT_EQ(got, want);
}

static bool take_at_some(struct test *t)
{
	uint32_t i = (uint32_t)test_random_below(t, WINDOW);
	uint32_t n = some_length(t, WINDOW - i);
	bool can = run_at(i) >= n;

	if (can)
		set_model(i, n, TAKEN);
	return EXPECT_EQ(tern_pagealloc_take_at(&pa, base + i, n), can);
}

/* Any part of what is taken may be freed, whoever took it. */
static bool free_some(struct test *t)
{
	uint32_t i = (uint32_t)test_random_below(t, WINDOW);
	uint32_t n = some_length(t, WINDOW - i);
	uint32_t taken = 0;

	for (uint32_t k = i; k < i + n; k++)
		taken += model[k] == TAKEN;
	if (!EXPECT_EQ(tern_pagealloc_is_taken(&pa, base + i, n), taken == n))
		return false;
	if (taken == n) {
		tern_pagealloc_free(&pa, base + i, n);
		set_model(i, n, FREE);
	}
	return true;
}

static bool give_some(struct test *t)
{
	uint32_t i = (uint32_t)test_random_below(t, WINDOW);

	return give(t, i, some_length(t, WINDOW - i));
}

static void play(struct test *t, uint64_t at, unsigned steps)
{
	start(at);
	for (unsigned step = 0; step < steps; step++) {
		bool good;

		switch (test_random_below(t, 8)) {
		case 0:
			good = give_some(t);
			break;
		case 1:
			good = take_at_some(t);
			break;
		case 2:
		case 3:
		case 4:
			good = take_some(t);
			break;
		default:
			good = free_some(t);
			break;
		}
		if (!good || (step % 16 == 0 && !matches(t))) {
			test_note(t, "window at page %#llx, step %u", (unsigned long long)at, step);
			return;
		}
	}
	matches(t);
}

TEST_SLOW(pagealloc, random_traces_equal_the_model)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bases) && !t->failures; i++)
		for (unsigned round = 0; round < 8 && !t->failures; round++)
			play(t, bases[i], 250);
}

TEST(pagealloc, nothing_given_nothing_taken)
{
	start(0);
	EXPECT_EQ(tern_pagealloc_take(&pa, 1), TERN_NO_PAGE);
	EXPECT_EQ(tern_pagealloc_take_where(&pa, 1, 1, TERN_PAGES_END), TERN_NO_PAGE);
	EXPECT(!tern_pagealloc_take_at(&pa, 0, 1));
	EXPECT(!tern_pagealloc_is_taken(&pa, 0, 1));
	EXPECT_EQ(tern_pagealloc_longest(&pa), 0);
	EXPECT(tern_pagealloc_check(&pa));
}

TEST(pagealloc, a_page_given_twice_is_given_once)
{
	start(bases[1]);
	give(t, 0, 1000);
	REQUIRE(tern_pagealloc_take(&pa, 600) == base);
	set_model(0, 600, TAKEN);
	give(t, 300, 2000);
	matches(t);
	EXPECT(tern_pagealloc_is_taken(&pa, base, 600));
}

TEST(pagealloc, runs_cross_chunks_and_nodes)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
		start(bases[i]);
		give(t, 0, WINDOW);
		EXPECT_EQ(tern_pagealloc_longest(&pa), WINDOW);
		EXPECT_EQ(tern_pagealloc_take(&pa, WINDOW + 1), TERN_NO_PAGE);
		EXPECT_EQ(tern_pagealloc_take(&pa, WINDOW), base);
		EXPECT_EQ(tern_pagealloc_take(&pa, 1), TERN_NO_PAGE);
		tern_pagealloc_free(&pa, base, WINDOW);
		set_model(0, WINDOW, FREE);
		matches(t);
	}
}

TEST(pagealloc, ranges_past_the_end_are_nobodys)
{
	start(TERN_PAGES_END - WINDOW);
	give(t, 0, WINDOW);
	EXPECT(!tern_pagealloc_is_taken(&pa, TERN_PAGES_END - 1, 2));
	EXPECT(!tern_pagealloc_take_at(&pa, TERN_PAGES_END - 1, 2));
	EXPECT(!tern_pagealloc_take_at(&pa, TERN_PAGES_END, 1));
	EXPECT(!tern_pagealloc_is_taken(&pa, UINT64_MAX, 1));
	EXPECT(!tern_pagealloc_is_taken(&pa, 0, 0));
	EXPECT(tern_pagealloc_take_at(&pa, TERN_PAGES_END - 1, 1));
}

/* Whatever record cannot be made: what was given stays whole, and giving goes on afterwards. */
TEST(pagealloc, giving_survives_every_shortage_of_records)
{
	for (size_t fail = 0;; fail++) {
		uint64_t given = 0, rest;

		start(FAR - 1400);
		meta.fail_after = fail;
		if (tern_pagealloc_give(&pa, base, WINDOW, &given)) {
			EXPECT(fail > PAGEALLOC_LEVELS);
			return;
		}
		REQUIRE(tern_pagealloc_check(&pa));
		EXPECT_EQ(pa.nfree, given);
		EXPECT_EQ(tern_pagealloc_longest(&pa), given);
		meta.fail_after = SIZE_MAX;
		REQUIRE(tern_pagealloc_give(&pa, base + given, WINDOW - given, &rest));
		EXPECT_EQ(tern_pagealloc_take(&pa, WINDOW), base);
	}
}

TEST(pagealloc, records_for_one_chunk_are_few)
{
	start(bases[4]);
	give(t, 0, 1);
	EXPECT(meta.used <= 1024);
}

/* Where the tree has to grow upwards, once by one level and once by all, to both sides; whatever record cannot be
 * made for it. */
TEST(pagealloc, what_lies_far_apart_is_found_in_order)
{
	static const uint64_t pages[] = { 5 * FAR + 12345,    5 * FAR + 5000, 7,
					  TERN_PAGES_END - 1, 4 * FAR,        9 };
	static const uint64_t in_order[] = {
		7, 9, 4 * FAR, 5 * FAR + 5000, 5 * FAR + 12345, TERN_PAGES_END - 1
	};
	size_t used;
	uint64_t given;

	start(0);
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		used = meta.used;
		for (size_t fail = 0;; fail++) {
			meta.fail_after = fail;
			if (tern_pagealloc_give(&pa, pages[i], 1, &given))
				break;
			REQUIRE(tern_pagealloc_check(&pa));
			REQUIRE(pa.nfree == i);
		}
		EXPECT(meta.used - used <= TERN_PAGEALLOC_RECORDS_MAX);
		REQUIRE(tern_pagealloc_check(&pa));
		EXPECT_EQ(pa.nfree, i + 1);
	}
	EXPECT_EQ(tern_pagealloc_longest(&pa), 1);
	EXPECT_EQ(tern_pagealloc_take_where(&pa, 1, FAR, TERN_PAGES_END), 4 * FAR);
	tern_pagealloc_free(&pa, 4 * FAR, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(in_order); i++)
		EXPECT_EQ(tern_pagealloc_take(&pa, 1), in_order[i]);
	EXPECT_EQ(tern_pagealloc_take(&pa, 1), TERN_NO_PAGE);
	EXPECT(tern_pagealloc_check(&pa));
}
