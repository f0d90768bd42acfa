/* SPDX-License-Identifier: MIT */
/* test_memmap.c - the memory map against a naive one: an array with a kind for each page.
 *
 * The array covers a small window of addresses, which the tests lay at 0, across 2^52 and at the
 * top of 2^64. Entries are drawn so that their ends fall on, beside and between pages. */
#include "boot/memmap.h"

#include "lib/bits.h"
#include "tests/test.h"

#if defined(TERN_HOSTED)
#define SEQUENCES 10000
#else
#define SEQUENCES 300
#endif

#define PAGES_MAX 4096u

/* The naive map: kind[i] is the page at base + i pages. */
struct model {
	uint64_t base;
	unsigned npages;
	uint8_t kind[PAGES_MAX];
};

static struct model model;
static struct memmap *const map = (struct memmap *)test_scratch, *const before =
									 (struct memmap *)
										 test_scratch +
									 1;
static struct boot_error error;

static uint64_t page_addr(unsigned i)
{
	return model.base + (uint64_t)i * PAGE_SIZE;
}

static void start_over(uint64_t base, unsigned npages)
{
	model.base = base;
	model.npages = npages;
	memset(model.kind, MEM_NONE, sizeof(model.kind));
	memmap_init(map);
}

/* first and last: the entry's first and last byte. */
static void model_add(uint64_t first, uint64_t last, enum mem_kind kind)
{
	for (unsigned i = 0; i < model.npages; i++) {
		uint64_t start = page_addr(i), end = start + PAGE_SIZE - 1;
		bool whole = first <= start && last >= end;
		bool touched = first <= end && last >= start;

		if (start >> PHYS_BITS == 0 && (kind == MEM_USABLE ? whole : touched) &&
		    kind > model.kind[i])
			model.kind[i] = (uint8_t)kind;
	}
}

static unsigned model_runs(void)
{
	unsigned runs = 0;

	for (unsigned i = 0; i < model.npages; i++)
		runs += model.kind[i] != MEM_NONE && (i == 0 || model.kind[i] != model.kind[i - 1]);
	return runs;
}

static uint64_t model_total(enum mem_kind kind)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < model.npages; i++)
		total += model.kind[i] == kind ? PAGE_SIZE : 0;
	return total;
}

static bool same_as_model(struct test *t)
{
	bool same = EXPECT(memmap_check(map)) && EXPECT_EQ(map->count, model_runs());
	uint64_t top = 0;

	for (unsigned i = 0; i < model.npages && same; i++) {
		same = EXPECT_EQ(memmap_kind_at(map, page_addr(i)), model.kind[i]) &&
		       EXPECT_EQ(memmap_kind_at(map, page_addr(i) + PAGE_SIZE - 1), model.kind[i]);
		if (model.kind[i] == MEM_USABLE)
			top = page_addr(i) + PAGE_SIZE;
	}
	for (unsigned kind = MEM_USABLE; kind < MEM_KINDS && same; kind++)
		same = EXPECT_EQ(memmap_total(map, kind), model_total(kind));
	return same && EXPECT_EQ(memmap_top(map), top);
}

/* An address in the window: on a page's border, a byte beside it, or anywhere. */
static uint64_t random_addr(struct test *t)
{
	uint64_t at = page_addr((unsigned)test_random_below(t, model.npages));

	switch (test_random_below(t, 4)) {
	case 0:
		return at + 1;
	case 1:
		return at + PAGE_SIZE - 1;
	case 2:
		return at + test_random_below(t, PAGE_SIZE);
	default:
		return at;
	}
}

static uint64_t random_length(struct test *t)
{
	switch (test_random_below(t, 4)) {
	case 0:
		return test_random_below(t, 3);
	case 1:
		return test_random_below(t, 4 * PAGE_SIZE);
	case 2:
		return test_random_below(t, (uint64_t)model.npages * PAGE_SIZE);
	default:
		return (1 + test_random_below(t, 8)) * PAGE_SIZE;
	}
}

/* Entries end inside the window, as the model knows nothing of what lies behind it; at the top of
 * 64 bits they may run over the end. */
static uint64_t random_size(struct test *t, uint64_t start)
{
	uint64_t size = random_length(t), end = page_addr(model.npages);

	return end == 0 || size < end - start ? size : end - start;
}

static enum mem_kind random_kind(struct test *t)
{
	return MEM_USABLE + (enum mem_kind)test_random_below(t, MEM_KINDS - MEM_USABLE);
}

/* True if both maps are the same, range by range. */
static bool same_maps(const struct memmap *a, const struct memmap *b)
{
	return a->count == b->count &&
	       memcmp(a->range, b->range, a->count * sizeof(a->range[0])) == 0;
}

static bool add_random(struct test *t)
{
	uint64_t start = random_addr(t), size = random_size(t, start);
	enum mem_kind kind = random_kind(t);

	*before = *map;
	if (size > 0 && start > UINT64_MAX - (size - 1))
		return EXPECT(!memmap_add(map, start, size, kind, &error)) &&
		       EXPECT(same_maps(map, before));
	if (size > 0)
		model_add(start, start + size - 1, kind);
	return EXPECT(memmap_add(map, start, size, kind, &error)) && same_as_model(t);
}

static void random_sequences(struct test *t, uint64_t base, unsigned npages, unsigned n)
{
	bool good = true;

	while (n-- > 0 && good) {
		start_over(base, npages);
		for (unsigned i = 0; i < 12 && good; i++)
			good = add_random(t);
	}
}

TEST(memmap, random_entries_match_the_model)
{
	random_sequences(t, 0, 24, SEQUENCES);
	random_sequences(t, GiB(3), 24, SEQUENCES / 10);
}

TEST(memmap, random_entries_across_the_last_physical_page)
{
	random_sequences(t, (UINT64_C(1) << PHYS_BITS) - 12 * PAGE_SIZE, 24, SEQUENCES / 10);
}

TEST(memmap, random_entries_at_the_top_of_64_bits)
{
	random_sequences(t, 0 - UINT64_C(16) * PAGE_SIZE, 16, SEQUENCES / 10);
	EXPECT_EQ(map->count, 0);
}

TEST(memmap, the_stricter_kind_wins_in_any_order)
{
	start_over(0, 16);
	EXPECT(memmap_add(map, 0x2000, 0x2000, MEM_RESERVED, &error));
	EXPECT(memmap_add(map, 0, 0x8000, MEM_USABLE, &error));
	EXPECT(memmap_add(map, 0x3000, 0x3000, MEM_ACPI, &error));
	EXPECT_EQ(map->count, 4);
	EXPECT_EQ(memmap_kind_at(map, 0x1fff), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(map, 0x3fff), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(map, 0x4000), MEM_ACPI);
	EXPECT_EQ(memmap_kind_at(map, 0x6000), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(map, 0x8000), MEM_NONE);
	EXPECT_EQ(memmap_top(map), 0x8000);
}

TEST(memmap, usable_is_rounded_inward_and_all_else_outward)
{
	start_over(0, 16);
	EXPECT(memmap_add(map, 1, 0x2fff, MEM_USABLE, &error));
	EXPECT_EQ(memmap_total(map, MEM_USABLE), 0x2000);
	EXPECT(memmap_add(map, 0x8001, 0xffe, MEM_USABLE, &error));
	EXPECT_EQ(memmap_total(map, MEM_USABLE), 0x2000);
	EXPECT(memmap_add(map, 0x5fff, 1, MEM_RESERVED, &error));
	EXPECT_EQ(memmap_kind_at(map, 0x5000), MEM_RESERVED);
	EXPECT_EQ(memmap_total(map, MEM_RESERVED), 0x1000);
}

TEST(memmap, an_end_past_64_bits_is_refused)
{
	start_over(0, 1);
	EXPECT(!memmap_add(map, UINT64_MAX, 2, MEM_RESERVED, &error));
	EXPECT(tern_str_starts(error.text, "memory map: reserved entry at 0xffffffffffffffff"));
	EXPECT(!memmap_add(map, 2, UINT64_MAX, MEM_USABLE, NULL));
	EXPECT(memmap_add(map, UINT64_MAX, 0, MEM_RESERVED, &error));
	EXPECT(memmap_add(map, UINT64_MAX, 1, MEM_RESERVED, &error));
	EXPECT_EQ(map->count, 0);
	EXPECT(memmap_add(map, 1, UINT64_MAX, MEM_USABLE, &error));
	EXPECT_EQ(map->count, 1);
}

TEST(memmap, what_lies_above_the_physical_bits_is_cut)
{
	start_over(0, 1);
	EXPECT(memmap_add(map, 0, UINT64_MAX, MEM_USABLE, &error));
	EXPECT_EQ(map->count, 1);
	EXPECT_EQ(memmap_top(map), UINT64_C(1) << PHYS_BITS);
	EXPECT(memmap_add(map, UINT64_C(1) << PHYS_BITS, GiB(1), MEM_BAD, &error));
	EXPECT_EQ(map->count, 1);
}

TEST(memmap, a_full_map_refuses_and_stays_as_it_was)
{
	start_over(0, 1);
	for (uint64_t i = 0; i < MEMMAP_MAX; i++)
		REQUIRE(memmap_add(map, i * 3 * PAGE_SIZE, PAGE_SIZE, MEM_RESERVED, &error));
	*before = *map;
	EXPECT(!memmap_add(map, 2 * PAGE_SIZE - 1, 1, MEM_ACPI, &error));
	EXPECT(tern_str_starts(error.text, "memory map: more than 1024 ranges"));
	EXPECT(!memmap_add(map, 0, GiB(1), MEM_USABLE, &error));
	EXPECT(!memmap_add(map, GiB(1), 1, MEM_BAD, &error));
	EXPECT(same_maps(map, before));
	EXPECT(memmap_add(map, 0, PAGE_SIZE, MEM_USABLE, &error));
	EXPECT(same_maps(map, before));
	EXPECT(memmap_add(map, 0, PAGE_SIZE, MEM_BAD, &error));
	EXPECT(memmap_add(map, PAGE_SIZE, PAGE_SIZE, MEM_BAD, &error));
	EXPECT(memmap_add(map, 0, GiB(1), MEM_BAD, &error));
	EXPECT_EQ(map->count, 1);
	EXPECT(memmap_check(map));
}

/* One entry of at most 96 pages inside the window. False if the map and the model disagree. */
static bool add_near_limit(struct test *t)
{
	static struct model saved;
	uint64_t at = page_addr((unsigned)test_random_below(t, PAGES_MAX - 96));
	uint64_t size = (1 + test_random_below(t, 3)) * PAGE_SIZE;
	enum mem_kind kind = random_kind(t);
	bool fits;

	if (test_random_below(t, 64) == 0)
		size *= 32;
	saved = model;
	*before = *map;
	model_add(at, at + size - 1, kind);
	fits = model_runs() <= MEMMAP_MAX;
	if (!EXPECT_EQ(memmap_add(map, at, size, kind, &error), fits))
		return false;
	if (!fits) {
		model = saved;
		return EXPECT(same_maps(map, before));
	}
	return EXPECT_EQ(map->count, model_runs());
}

TEST(memmap, a_map_near_its_limit_matches_the_model)
{
	unsigned most = 0;

	start_over(0, PAGES_MAX);
	for (unsigned i = 0; i < 4000; i++) {
		REQUIRE(add_near_limit(t));
		most = map->count > most ? map->count : most;
	}
	EXPECT_EQ(most, MEMMAP_MAX);
	same_as_model(t);
}

/* The lowest page at which a run can be taken; npages if there is none. */
static unsigned model_find(uint64_t size, uint64_t align, uint64_t above, uint64_t below)
{
	for (unsigned i = 0; i < model.npages; i++) {
		uint64_t at = page_addr(i), n = size / PAGE_SIZE;
		unsigned free = 0;

		if (!is_aligned(at, align) || at < above || at >= below || below - at < size)
			continue;
		while (free < n && i + free < model.npages && model.kind[i + free] == MEM_USABLE)
			free++;
		if (free == n)
			return i;
	}
	return model.npages;
}

static bool take_random(struct test *t)
{
	uint64_t size = (1 + test_random_below(t, 6)) * PAGE_SIZE;
	uint64_t align = PAGE_SIZE << test_random_below(t, 4);
	uint64_t above = random_addr(t), below = random_addr(t), start = 1;
	unsigned i;

	if (test_random_below(t, 2)) {
		above = 0;
		below = UINT64_MAX;
	}
	i = model_find(size, align, above, below);
	if (i == model.npages)
		return EXPECT(!memmap_take(map, size, align, above, below, &start)) &&
		       EXPECT_EQ(start, 1);
	model_add(page_addr(i), page_addr(i) + size - 1, MEM_KERNEL);
	return EXPECT(memmap_take(map, size, align, above, below, &start)) &&
	       EXPECT_EQ(start, page_addr(i)) && same_as_model(t);
}

static void random_takes(struct test *t, uint64_t base)
{
	bool good = true;

	for (unsigned n = 0; n < SEQUENCES / 5 && good; n++) {
		start_over(base, 48);
		good = EXPECT(memmap_add(map, base, 48 * PAGE_SIZE, MEM_USABLE, &error));
		model_add(base, base + 48 * PAGE_SIZE - 1, MEM_USABLE);
		for (unsigned i = 0; i < 4 && good; i++)
			good = add_random(t);
		for (unsigned i = 0; i < 8 && good; i++)
			good = take_random(t);
	}
}

TEST(memmap, takes_match_the_model)
{
	random_takes(t, 0);
	random_takes(t, GiB(4) - 24 * PAGE_SIZE);
	random_takes(t, (UINT64_C(1) << PHYS_BITS) - 24 * PAGE_SIZE);
}

TEST(memmap, take_passes_over_what_a_full_map_cannot_record)
{
	uint64_t start = 0;

	start_over(0, 1);
	REQUIRE(memmap_add(map, 0, 16 * PAGE_SIZE, MEM_USABLE, &error));
	for (uint64_t i = 0; i < MEMMAP_MAX - 2; i++)
		REQUIRE(memmap_add(map, MiB(1) + i * 2 * PAGE_SIZE, PAGE_SIZE, MEM_BAD, &error));
	REQUIRE(memmap_add(map, MiB(64), PAGE_SIZE, MEM_USABLE, &error));
	EXPECT_EQ(map->count, MEMMAP_MAX);
	EXPECT(memmap_take(map, PAGE_SIZE, PAGE_SIZE, 0, UINT64_MAX, &start));
	EXPECT_EQ(start, MiB(64));
	EXPECT(!memmap_take(map, PAGE_SIZE, PAGE_SIZE, 0, UINT64_MAX, &start));
	EXPECT(memmap_take(map, 16 * PAGE_SIZE, PAGE_SIZE, 0, UINT64_MAX, &start));
	EXPECT_EQ(start, 0);
	EXPECT(memmap_check(map));
}

TEST(memmap, check_sees_every_broken_invariant)
{
	static const struct mem_range broken[][2] = {
		{ { 0x1000, 0x1000, MEM_USABLE }, { 0x3000, 0x4000, MEM_USABLE } },
		{ { 0x1000, 0x2001, MEM_USABLE }, { 0x3000, 0x4000, MEM_USABLE } },
		{ { 0x1000, 0x2000, MEM_NONE }, { 0x3000, 0x4000, MEM_USABLE } },
		{ { 0x1000, 0x2000, MEM_KINDS }, { 0x3000, 0x4000, MEM_USABLE } },
		{ { 0x1000, 0x3000, MEM_USABLE }, { 0x3000, 0x4000, MEM_USABLE } },
		{ { 0x1000, 0x4000, MEM_USABLE }, { 0x3000, 0x5000, MEM_BAD } },
		{ { 0x5000, 0x6000, MEM_USABLE }, { 0x3000, 0x4000, MEM_BAD } },
		{ { 0, 0x1000, MEM_USABLE }, { 0x2000, UINT64_C(1) << 53, MEM_BAD } },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(broken); i++) {
		memmap_init(map);
		memcpy(map->range, broken[i], sizeof(broken[i]));
		map->count = 2;
		if (memmap_check(map))
			test_fail(t, __FILE__, __LINE__, "broken map %u passes", i);
	}
	map->count = MEMMAP_MAX + 1;
	EXPECT(!memmap_check(map));
}

TEST(memmap, kinds_have_names)
{
	for (unsigned kind = MEM_NONE; kind < MEM_KINDS; kind++)
		EXPECT(!tern_str_eq(mem_kind_name(kind), "unknown"));
	EXPECT_STR(mem_kind_name(MEM_KINDS), "unknown");
	EXPECT_EQ(mem_kind_of_e820(1), MEM_USABLE);
	EXPECT_EQ(mem_kind_of_e820(2), MEM_RESERVED);
	EXPECT_EQ(mem_kind_of_e820(3), MEM_ACPI);
	EXPECT_EQ(mem_kind_of_e820(4), MEM_NVS);
	EXPECT_EQ(mem_kind_of_e820(5), MEM_BAD);
	EXPECT_EQ(mem_kind_of_e820(0), MEM_RESERVED);
	EXPECT_EQ(mem_kind_of_e820(77), MEM_RESERVED);
}
