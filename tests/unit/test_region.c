/* SPDX-License-Identifier: MIT */
/* test_region.c - regions as users really have them. */
#include "mm/region.h"
#include "tests/test.h"

#define PAGE 8192ull

#define RECORDS 65536u

static char *const records = test_scratch;

#define LOW_HALF (TERN_PAGES_END / 2) /* the page at address 0 */
#define TOP      (LOW_HALF - 1)       /* the last page before 2^64, which is nobody's */

TEST(region, is_trimmed_to_whole_pages_that_can_be_addressed)
{
	static const struct {
		uint64_t start, size;
		struct tern_piece low, high;
		bool good;
	} cases[] = {
		{ 0, 0, { 0, 0 }, { 0, 0 }, true },
		{ 0, 1, { 0, 0 }, { 0, 0 }, true },
		{ 0, PAGE, { 0, 0 }, { 0, 0 }, true }, /* page 0 is nobody's */
		{ 0, 3 * PAGE, { 1, 2 }, { 0, 0 }, true },
		{ PAGE, PAGE, { 1, 1 }, { 0, 0 }, true },
		{ PAGE + 1, PAGE, { 0, 0 }, { 0, 0 }, true },
		{ PAGE + 1, 2 * PAGE - 1, { 2, 1 }, { 0, 0 }, true },
		{ PAGE - 1, PAGE + 2, { 1, 1 }, { 0, 0 }, true },
		{ 5 * PAGE, PAGE - 1, { 0, 0 }, { 0, 0 }, true },
		{ UINT64_MAX, 1, { 0, 0 }, { 0, 0 }, true },
		{ UINT64_MAX, 2, { 0, 0 }, { 0, 0 }, false },
		{ 1, UINT64_MAX, { 1, LOW_HALF - 1 }, { 0, TOP }, true },
		{ 2, UINT64_MAX, { 0, 0 }, { 0, 0 }, false },
		{ 0, UINT64_MAX, { 1, LOW_HALF - 1 }, { 0, TOP }, true },
		{ (1ull << 48) - PAGE, PAGE, { LOW_HALF - 1, 1 }, { 0, 0 }, true },
		{ (1ull << 48) - PAGE, 9 * PAGE, { LOW_HALF - 1, 1 }, { 0, 0 }, true },
		{ 1ull << 48, PAGE, { 0, 0 }, { 0, 0 }, true },
		{ 0 - PAGE, PAGE, { 0, 0 }, { 0, 0 }, true }, /* ends at 2^64 */
		{ 0 - 2 * PAGE, 2 * PAGE, { 0, 0 }, { TOP - 1, 1 }, true },
		{ 0 - (1ull << 48), PAGE + 5, { 0, 0 }, { 0, 1 }, true },
		{ 0 - (1ull << 48) - 5, PAGE + 5, { 0, 0 }, { 0, 1 }, true },
		{ 1ull << 52, 1ull << 52, { 0, 0 }, { 0, 0 }, true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tern_piece p[2] = { { 7, 7 }, { 7, 7 } };
		struct tern_piece low = cases[i].low, high = cases[i].high;

		if (low.n)
			low.first += LOW_HALF;
		if (!EXPECT_EQ(tern_region_trim(cases[i].start, cases[i].size, p), cases[i].good) ||
		    !EXPECT_EQ(p[0].n, low.n) || !EXPECT_EQ(p[1].n, high.n) ||
		    (low.n && !EXPECT_EQ(p[0].first, low.first)) ||
		    (high.n && !EXPECT_EQ(p[1].first, high.first)))
			test_note(t, "case %u", i);
	}
}

static struct tern_meta meta;
static struct tern_regions regions;

static void start(void)
{
	meta = (struct tern_meta)TERN_META_INIT;
	tern_meta_feed(&meta, (uintptr_t)records, RECORDS);
	regions = (struct tern_regions){ 0 };
}

static bool takes(struct test *t, uint64_t n, uint64_t first, uint64_t count)
{
	bool zeroed;
	struct tern_piece p = tern_regions_take(&regions, n, 8192, &zeroed);

	return EXPECT_EQ(p.first, first) && EXPECT_EQ(p.n, count);
}

static bool add(uint64_t first, uint64_t n)
{
	return tern_regions_add(&regions, (struct tern_piece){ first, n }, false, &meta);
}

TEST(region, pieces_come_in_order_and_end_at_borders)
{
	start();
	REQUIRE(add(20000, 10) && add(100, 3 * 8192) && add(50000, 1));
	EXPECT_EQ(regions.npages, 11 + 3 * 8192);
	takes(t, 1, 20000, 10);
	takes(t, 1, 100, 8192 - 100);
	takes(t, 1, 8192, 8192);
	takes(t, 10000, 16384, 8192 + 100); /* the rest of it: no region has more */
	takes(t, 1, 50000, 1);
	takes(t, 1, 0, 0);
	EXPECT_EQ(regions.npages, 0);
}

TEST(region, a_long_run_takes_the_region_that_has_it)
{
	start();
	REQUIRE(add(100, 50) && add(200, 50) && add(8192 * 10, 30000));
	takes(t, 20000, 8192 * 10, 20000);
	takes(t, 60, 8192 * 10 + 20000, 30000 - 20000 < 4576 ? 10000 : 4576);
	takes(t, 1, 100, 50);
	takes(t, 1, 200, 50);
}

TEST(region, neighbours_share_a_record_and_records_are_used_again)
{
	size_t used;

	start();
	for (uint64_t i = 0; i < 1000; i++)
		REQUIRE(add(100 + i, 1));
	used = meta.used;
	EXPECT_EQ(used, sizeof(struct tern_region));
	takes(t, 1, 100, 1000);
	for (unsigned round = 0; round < 100; round++) {
		REQUIRE(add(5000 + 10 * round, 2));
		takes(t, 1, 5000 + 10 * round, 2);
	}
	EXPECT_EQ(meta.used, used);
	meta.fail_after = 0;
	EXPECT(add(1, 1));
	EXPECT(!add(5, 1));
	EXPECT_EQ(regions.npages, 1);
}

TEST(region, what_is_zero_stays_known)
{
	bool zeroed;

	start();
	REQUIRE(add(100, 5));
	REQUIRE(tern_regions_add(&regions, (struct tern_piece){ 105, 5 }, true, &meta));
	EXPECT_EQ(tern_regions_take(&regions, 10, 8192, &zeroed).n, 5);
	EXPECT(!zeroed);
	EXPECT_EQ(tern_regions_take(&regions, 1, 8192, &zeroed).first, 105);
	EXPECT(zeroed);
}
