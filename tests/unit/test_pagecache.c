/* SPDX-License-Identifier: MIT */
/* test_pagecache.c - runs out of a window of 64 pages, against a search page by page. */
#include "mm/pagecache.h"
#include "tests/test.h"

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
	struct tern_pagecache c = { .base = BASE };

	EXPECT(!tern_pagecache_put(&c, BASE - 1) && !tern_pagecache_put(&c, BASE + 64));
	EXPECT(!tern_pagecache_put(&c, 0) && !tern_pagecache_put(&c, TERN_NO_PAGE));
	EXPECT_EQ(tern_pagecache_bits(&c), 0);
	EXPECT(tern_pagecache_put(&c, BASE) && tern_pagecache_put(&c, BASE + 63));
	EXPECT_EQ(tern_pagecache_bits(&c), 1ull << 63 | 1);
	/* With no window there is nothing to put a page into, not even those that it would have. */
	tern_pagecache_set(&c, 0, 0);
	EXPECT(!tern_pagecache_put(&c, 0) && !tern_pagecache_put(&c, 63));
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
