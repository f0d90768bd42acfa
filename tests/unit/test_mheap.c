/* SPDX-License-Identifier: MIT */
/* test_mheap.c - a small heap of its own on a buffer: whatever regions it is given, every page of
 * them is handed out at most once, and the heap's own records are never among them. */
#include "mm/mheap.h"
#include "tests/test.h"

#define PAGES 44u
#define BYTES (PAGES * 8192u)

static char *buffer;
_Static_assert(2 * BYTES <= TEST_SCRATCH_SIZE, "on one side of a table's border there is room");
static struct tern_mheap h;
static struct tern_mheap_tables tables;
static bool covered[PAGES], held[PAGES];

static uint64_t first_page(void)
{
	return tern_page_of((uintptr_t)buffer);
}

/* Where one table of spans knows all of the memory: a second would be made when its first page is taken,
 * and at the end there may be no page for it. */
static char *within_one_table(void)
{
	uintptr_t first = (uintptr_t)test_scratch;
	uintptr_t border = align_up(first, ARENA_TABLE_PAGES * TERN_PAGE_SIZE);

	return first + BYTES <= border ? test_scratch : test_scratch + (border - first);
}

static void start(void)
{
	buffer = within_one_table();
	tern_mheap_init(&h, &tables);
	memset(covered, 0, sizeof(covered));
	memset(held, 0, sizeof(held));
}

static bool add_bytes(struct test *t, size_t from, size_t size)
{
	struct tern_piece p[2];
	bool added;

	if (!EXPECT(tern_region_trim((uintptr_t)buffer + from, size, p)))
		return false;
	added = tern_mheap_add(&h, p[0], false);
	/* For a record there is room in the pages that are new. */
	for (uint64_t i = 0; i < p[0].n; i++) {
		EXPECT(added || covered[p[0].first + i - first_page()]);
		covered[p[0].first + i - first_page()] = true;
	}
	return EXPECT_EQ(p[1].n, 0);
}

static uint64_t count(const bool *set)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < PAGES; i++)
		n += set[i];
	return n;
}

/* Write to all of it: were a record there, the heap would notice. */
static bool hold(struct test *t, uint64_t page, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = page + i - first_page();

		if (!EXPECT(k < PAGES && covered[k] && !held[k]))
			return false;
		held[k] = true;
	}
	memset((void *)tern_page_addr(page), 0xee, n << TERN_PAGE_SHIFT);
	return true;
}

/* As a caller of tern would: grow when nothing fits. */
static uint64_t take(uint64_t n, uint64_t align, uint64_t below)
{
	uint64_t page;

	do
		page = tern_mheap_take(&h, NULL, n, align, below);
	while (page == TERN_NO_PAGE && tern_mheap_grow(&h, n + align - 1));
	if (page != TERN_NO_PAGE)
		tern_mheap_set_run(&h, page, n);
	return page;
}

/* As pages.c does. */
static bool give_back(uint64_t page, uint64_t n)
{
	if (!tern_mheap_unset_run(&h, page, n))
		return false;
	tern_mheap_free(&h, NULL, page, n);
	return true;
}

static void take_all(struct test *t)
{
	uint64_t page;

	while ((page = take(1, 1, TERN_PAGES_END)) != TERN_NO_PAGE)
		if (!hold(t, page, 1))
			return;
	EXPECT(tern_mheap_check(&h));
	EXPECT_EQ(count(held) + h.nmeta, count(covered));
	EXPECT_EQ(h.pages.nfree, 0);
	EXPECT_EQ(h.regions.npages, 0);
}

static void free_all(struct test *t)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (held[i])
			EXPECT(give_back(first_page() + i, 1));
	EXPECT(tern_mheap_check(&h));
	EXPECT_EQ(h.pages.nfree, count(held));
}

TEST(mheap, random_regions_are_handed_out_once)
{
	for (unsigned round = 0; round < 30 && !t->failures; round++) {
		unsigned regions = 1 + (unsigned)test_random_below(t, 60);

		start();
		add_bytes(t, 0, 5 * 8192); /* for the tables of an arena */
		for (unsigned i = 0; i < regions; i++) {
			size_t from = test_random_below(t, BYTES);
			size_t most = test_random_below(t, 4) ? 30000 : 200000;
			size_t size = test_random_below(t, most);

			if (size > BYTES - from)
				size = BYTES - from;
			add_bytes(t, from, size);
			if (test_random_below(t, 8) == 0) {
				uint64_t page = take(1, 1, TERN_PAGES_END);

				if (page != TERN_NO_PAGE)
					hold(t, page, 1);
			}
		}
		take_all(t);
		free_all(t);
	}
}

TEST(mheap, single_pages_are_enough)
{
	start();
	add_bytes(t, 0, 5 * 8192); /* the tables of a first arena need some in a row */
	for (unsigned i = 6; i < PAGES; i += 2)
		add_bytes(t, i * 8192, 8192);
	take_all(t);
	EXPECT(h.nmeta <= 8);
}

TEST(mheap, tiny_regions_are_no_error_and_no_memory)
{
	start();
	for (unsigned i = 0; i < 1000; i++)
		add_bytes(t, 1 + test_random_below(t, BYTES - 1), i % 3);
	EXPECT_EQ(take(1, 1, TERN_PAGES_END), TERN_NO_PAGE);
	EXPECT_EQ(h.nmeta, 0);
}

TEST(mheap, runs_of_every_length_alignment_and_limit)
{
	start();
	add_bytes(t, 0, BYTES);
	for (unsigned round = 0; round < 300; round++) {
		uint64_t n = 1 + test_random_below(t, 40);
		uint64_t align = 1ull << test_random_below(t, 6);
		uint64_t below = first_page() + test_random_below(t, PAGES + 20);
		uint64_t page = take(n, align, below);

		if (page == TERN_NO_PAGE)
			continue;
		REQUIRE(page % align == 0 && page + n <= below);
		REQUIRE(hold(t, page, n));
		REQUIRE(give_back(page, n));
		for (uint64_t i = 0; i < n; i++)
			held[page + i - first_page()] = false;
	}
	EXPECT(tern_mheap_check(&h));
	EXPECT_EQ(take(TERN_PAGES_END, 1, TERN_PAGES_END), TERN_NO_PAGE);
	EXPECT_EQ(take(UINT64_MAX, 1, TERN_PAGES_END), TERN_NO_PAGE);
}

TEST(mheap, only_what_is_in_use_is_freed)
{
	uint64_t page;

	start();
	EXPECT(!give_back(first_page(), 1));
	add_bytes(t, 0, BYTES);
	page = take(4, 1, TERN_PAGES_END);
	REQUIRE(page != TERN_NO_PAGE);
	EXPECT(!give_back(page, 5));
	EXPECT(!give_back(page + 4, 1));
	EXPECT(!give_back(tern_page_of(h.meta.next), 1)); /* records */
	EXPECT(!give_back(TERN_PAGES_END - 1, 2));
	EXPECT(!give_back(page, 0));
	EXPECT(give_back(page + 1, 2));
	EXPECT(!give_back(page, 4));
	EXPECT(give_back(page, 1));
	EXPECT(give_back(page + 3, 1));
	EXPECT(tern_mheap_check(&h));
}

/* Records that cannot be made stop growth, and break nothing. */
TEST(mheap, every_shortage_of_records_is_survived)
{
	for (size_t fail = 0; fail < 40; fail++) {
		uint64_t page;

		start();
		h.meta.fail_after = fail;
		for (unsigned i = 0; i < PAGES; i += 16) {
			struct tern_piece p = { first_page() + i, 9 };

			if (!tern_mheap_add(&h, p, false))
				continue;
			for (unsigned k = i; k < i + 9; k++)
				covered[k] = true;
		}
		while ((page = take(1, 1, TERN_PAGES_END)) != TERN_NO_PAGE)
			REQUIRE(hold(t, page, 1));
		REQUIRE(tern_mheap_check(&h));
	}
}
