/* SPDX-License-Identifier: MIT */
/* test_pages_host.c - the public page calls in a process: regions by the thousand, bad frees that
 * panic with their numbers, CPUs (threads) side by side under TSan. */
#include <stdatomic.h>
#include <sys/mman.h>

#include <tern/tern.h>

#include "boot/host/host.h"
#include "mm/mheap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define REGIONS 10000u
#define TABLES  8u
#define CPUS    4

static char *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Every other page of a range, in a scattered order, each unaligned at both ends. */
TEST(pages_host, ten_thousand_scattered_regions)
{
	size_t span = 2ul * REGIONS * TERN_PAGE_SIZE;
	char *base = reserve(span + (TABLES + 1) * TERN_PAGE_SIZE);
	static struct tern_mheap h;
	static struct tern_mheap_tables tables;
	struct tern_piece p[2];
	uint64_t pages = 0;

	REQUIRE(base);
	base = (char *)(((uintptr_t)base + TERN_PAGE_SIZE - 1) & ~(TERN_PAGE_SIZE - 1));
	tern_mheap_init(&h, &tables);
	/* The tables of a first arena need a few in a row. */
	REQUIRE(tern_region_trim((uintptr_t)base + span, TABLES * TERN_PAGE_SIZE, p));
	REQUIRE(tern_mheap_add(&h, p[0], false));
	for (unsigned i = 0; i < REGIONS; i++) {
		size_t at = 2ul * (i * 7919ul % REGIONS) * TERN_PAGE_SIZE;

		REQUIRE(tern_region_trim((uintptr_t)base + at - (i ? 3 : 0), TERN_PAGE_SIZE + 100,
					 p));
		REQUIRE(tern_mheap_add(&h, p[0], false));
		pages += p[0].n;
	}
	EXPECT_EQ(pages, REGIONS);
	pages = 0;
	do
		while (tern_mheap_take(&h, NULL, 1, 1, TERN_PAGES_END) != TERN_NO_PAGE)
			pages++;
	while (tern_mheap_grow(&h, 1));
	EXPECT_EQ(pages + h.nmeta, REGIONS + TABLES);
	EXPECT(h.nmeta < REGIONS / 40);
	EXPECT(tern_mheap_check(&h));
	munmap(base, span);
}

struct bad_free {
	void *start;
	size_t size;
};

static void free_badly(void *arg)
{
	struct bad_free *b = arg;

	tern_pages_free(b->start, b->size);
}

TEST(pages_host, bad_frees_panic_with_numbers)
{
	char *p, text[200];
	int on_stack;

	REQUIRE(heap_for_tests() && (p = tern_pages_alloc(4 * TERN_HEAP_PAGE, 0, 0)));
	const struct bad_free cases[] = {
		{ p + 1, TERN_HEAP_PAGE },     { p, 0 },
		{ &on_stack, TERN_HEAP_PAGE }, { p, SIZE_MAX },
		{ p + (32ul << 20), 1 },       { (void *)(UINTPTR_MAX - TERN_HEAP_PAGE + 1), 1 },
		{ (void *)TERN_HEAP_PAGE, 1 },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bad_free b = cases[i];

		EXPECT(host_panics(free_badly, &b, text, sizeof(text)));
		EXPECT(tern_str_starts(text, "tern_pages_free: 0x"));
	}
	tern_pages_free(p, 4 * TERN_HEAP_PAGE);
	EXPECT(host_panics(free_badly, &(struct bad_free){ p, 1 }, text, sizeof(text)));
}

static atomic_uint wrong;

static void take_and_give(unsigned cpu, void *arg)
{
	uint64_t *held[16] = { 0 };

	(void)arg;
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t **r = &held[round * 7 % 16];

		if (*r) {
			if (**r != ((uint64_t)cpu << 32 | (uintptr_t)*r >> 13))
				atomic_fetch_add(&wrong, 1);
			tern_pages_free(*r, 2 * TERN_HEAP_PAGE);
		}
		*r = tern_pages_alloc(2 * TERN_HEAP_PAGE, 0, 0);
		if (*r)
			**r = (uint64_t)cpu << 32 | (uintptr_t)*r >> 13;
	}
	for (unsigned i = 0; i < 16; i++)
		if (held[i])
			tern_pages_free(held[i], 2 * TERN_HEAP_PAGE);
}

TEST(pages_host, cpus_take_and_give_side_by_side)
{
	struct tern_page_stats before, after;

	REQUIRE(heap_for_tests());
	tern_page_stats(&before);
	host_on_cpus(CPUS, take_and_give, NULL);
	tern_page_stats(&after);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(after.used, before.used);
	EXPECT(after.free + after.waiting <= before.free + before.waiting);
}
