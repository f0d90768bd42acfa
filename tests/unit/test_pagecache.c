/* SPDX-License-Identifier: MIT */
/* test_pagecache.c - runs out of a window of 64 pages, against a search page by page; which window a CPU
 * has. */
#include "mm/pagecache.h"

#include <tern/stats.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define BASE 0x1234000ull

static uint64_t search(uint64_t free, unsigned n)
{
	for (unsigned i = 0; i + n <= 64; i++) {
		unsigned have = 0;

		while (have < n && free >> (i + have) & 1)
			have++;
		if (have == n)
			return i;
	}
	return TERN_NO_PAGE;
}

static uint64_t bits(unsigned first, unsigned n)
{
	uint64_t set = 0;

	for (unsigned i = first; i < first + n; i++)
		set |= 1ull << i;
	return set;
}

static void expect_run(struct test *t, uint64_t free, unsigned n)
{
	uint64_t want = search(free, n), got;
	struct tern_pagecache c = { .base = BASE, .free = free };

	got = tern_pagecache_take(&c, n);
	EXPECT_EQ(got, want == TERN_NO_PAGE ? want : BASE + want);
	EXPECT_EQ(tern_pagecache_bits(&c),
		  want == TERN_NO_PAGE ? free : free & ~bits((unsigned)want, n));
	EXPECT_EQ(c.base, BASE);
}

/* One bit in two, in four ... one in 16 is taken: runs of every length occur. */
static uint64_t some_bits(struct test *t)
{
	uint64_t free = ~0ull;

	for (unsigned holes = (unsigned)test_random_below(t, 12); holes; holes--)
		free &= ~(1ull << test_random_below(t, 64));
	return test_random_below(t, 4) ? free : test_random(t);
}

TEST(pagecache, runs_of_every_length)
{
	for (unsigned round = 0; round < 200; round++) {
		uint64_t free = some_bits(t);

		for (unsigned n = 1; n <= 64; n++)
			expect_run(t, free, n);
	}
}

TEST(pagecache, runs_at_both_ends)
{
	for (unsigned n = 1; n <= 64; n++) {
		expect_run(t, bits(0, n), n);
		expect_run(t, bits(64 - n, n), n);
		expect_run(t, bits(64 - n, n) & ~1ull, n);
		expect_run(t, 0, n);
		expect_run(t, ~0ull, n);
	}
}

TEST(pagecache, takes_only_pages_of_its_window_back)
{
	struct tern_pagecache c = { .base = BASE, .most = 64 };

	EXPECT(!tern_pagecache_put(&c, BASE - 1, 1) && !tern_pagecache_put(&c, BASE + 64, 1));
	EXPECT(!tern_pagecache_put(&c, 0, 1) && !tern_pagecache_put(&c, TERN_NO_PAGE, 1));
	EXPECT(!tern_pagecache_put(&c, BASE - 1, 2) && !tern_pagecache_put(&c, BASE + 63, 2));
	EXPECT_EQ(tern_pagecache_bits(&c), 0);
	EXPECT(tern_pagecache_put(&c, BASE, 1) && tern_pagecache_put(&c, BASE + 63, 1));
	EXPECT_EQ(tern_pagecache_bits(&c), 1ull << 63 | 1);
	EXPECT(tern_pagecache_put(&c, BASE + 1, 62));
	EXPECT_EQ(tern_pagecache_bits(&c), ~0ull);
	tern_pagecache_set(&c, BASE, 0);
	EXPECT(tern_pagecache_put(&c, BASE, 64));
	EXPECT_EQ(tern_pagecache_bits(&c), ~0ull);
	/* Nor more than it may have. */
	tern_pagecache_set(&c, BASE, 3);
	c.most = 4;
	EXPECT(!tern_pagecache_put(&c, BASE + 2, 3));
	EXPECT(tern_pagecache_put(&c, BASE + 2, 2) && !tern_pagecache_put(&c, BASE + 4, 1));
	EXPECT_EQ(tern_pagecache_bits(&c), 15);
	/* With no window there is nothing to put a page into, not even those that it would have. */
	tern_pagecache_set(&c, 0, 0);
	EXPECT(!tern_pagecache_put(&c, 0, 1) && !tern_pagecache_put(&c, 63, 1));
	EXPECT_EQ(tern_pagecache_bits(&c), 0);
}

TEST(pagecache, what_is_taken_one_by_one_is_each_page_once)
{
	struct tern_pagecache c = { .base = BASE, .free = some_bits(t) };
	uint64_t free = tern_pagecache_bits(&c), seen = 0, page;

	while ((page = tern_pagecache_take(&c, 1)) != TERN_NO_PAGE) {
		REQUIRE(page - BASE < 64 && !(seen >> (page - BASE) & 1));
		seen |= 1ull << (page - BASE);
	}
	EXPECT_EQ(seen, free);
}

/* --- in the heap ------------------------------------------------------------------------------ */

#define FREED 256u

static uint64_t cached(void)
{
	struct tern_heap_stats s;

	tern_heap_stats(&s);
	return s.cached / TERN_HEAP_PAGE;
}

/* On one CPU, whose cache is empty before. How many pages are in it afterwards, and the next page that is
 * taken. */
static uint64_t free_in_order(char **page, unsigned n, void **next)
{
	unsigned long irq = arch_irq_save();
	uint64_t before, after;

	tern_cpu_offline();
	before = cached();
	for (unsigned i = 0; i < n; i++)
		tern_pages_free(page[i], TERN_HEAP_PAGE);
	after = cached();
	*next = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
	arch_irq_restore(irq);
	return after - before;
}

/* Much at once: a heap with little memory keeps little in caches. */
static char *take_run(void)
{
	return heap_for_tests() ? tern_pages_alloc(MiB(40), 0, 0) : NULL;
}

TEST(pagecache, moves_to_where_pages_are_freed)
{
	char **page = (char **)test_scratch, *run = take_run();
	void *next;

	if (!run)
		SKIP("too little memory");
	tern_pages_free(run + FREED * TERN_HEAP_PAGE, MiB(40) - FREED * TERN_HEAP_PAGE);
	for (unsigned i = 0; i < FREED; i++)
		page[i] = run + i * TERN_HEAP_PAGE;
	EXPECT(free_in_order(page, FREED, &next) > 0);
	/* What was freed last is taken first, and not the lowest page there is. */
	EXPECT((char *)next >= run + (FREED - 2 * TERN_PAGECACHE_PAGES) * TERN_HEAP_PAGE &&
	       (char *)next < run + FREED * TERN_HEAP_PAGE);
	tern_pages_free(next, TERN_HEAP_PAGE);
	tern_cpu_offline();
}

TEST(pagecache, stays_where_it_is_for_a_few)
{
	char **page = (char **)test_scratch, *run = take_run();
	void *next;

	if (!run)
		SKIP("too little memory");
	/* Two in each of many windows. */
	for (unsigned i = 0; i < FREED; i++)
		page[i] = run + (i / 2 * TERN_PAGECACHE_PAGES + i % 2 * 5) * TERN_HEAP_PAGE;
	EXPECT_EQ(free_in_order(page, 64, &next), 0);
	tern_pages_free(next, TERN_HEAP_PAGE);
	for (unsigned i = 0; i < 64; i += 2) {
		char *from = page[i];

		tern_pages_free(from + TERN_HEAP_PAGE, 4 * TERN_HEAP_PAGE);
		tern_pages_free(from + 6 * TERN_HEAP_PAGE, 58 * TERN_HEAP_PAGE);
	}
	tern_pages_free(run + 32 * TERN_PAGECACHE_PAGES * TERN_HEAP_PAGE,
			MiB(40) - 32 * TERN_PAGECACHE_PAGES * TERN_HEAP_PAGE);
	tern_cpu_offline();
}
