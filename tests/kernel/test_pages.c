/* SPDX-License-Identifier: MIT */
/* test_pages.c - the public page calls on the machine's own memory, from all CPUs. */
#include <stdatomic.h>

#include <tern/tern.h>

#include "boot/cpu.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define HELD   24
#define ROUNDS 400

static uint64_t handed_over(void)
{
	return memmap_total(&boot_info.map, MEM_HEAP);
}

static uint64_t sum(const struct tern_page_stats *s)
{
	return s->waiting + s->free + s->used + s->records;
}

/* What is trimmed at the ends of regions is at most two pages each. */
TEST(pages, every_byte_handed_over_is_accounted_for)
{
	struct tern_page_stats s;
	uint64_t slack = 2ull * TERN_HEAP_PAGE * boot_info.map.count;

	tern_page_stats(&s);
	EXPECT(sum(&s) <= handed_over() && sum(&s) + slack >= handed_over());
}

TEST(pages, bad_arguments_get_nothing)
{
	EXPECT(!tern_pages_alloc(0, 0, 0));
	EXPECT(!tern_pages_alloc(1, 3, 0));
	EXPECT(!tern_pages_alloc(1, GiB(2), 0));
	EXPECT(!tern_pages_alloc(1, 0, 1));
	EXPECT(!tern_pages_alloc(SIZE_MAX, 0, 0));
	EXPECT(!tern_pages_alloc(SIZE_MAX - TERN_HEAP_PAGE, GiB(1), 0));
	EXPECT_EQ(tern_add_region(2, SIZE_MAX), TERN_EINVAL);
	EXPECT_EQ(tern_add_region(0, 0), TERN_OK);
	EXPECT_EQ(tern_add_region(1ull << 50, 4096), TERN_OK);
	tern_pages_free(NULL, 5);
}

TEST(pages, alignment_and_limit_hold)
{
	static const size_t aligns[] = { 0, 1, 4096, 8192, 65536, MiB(1), MiB(2) };

	for (unsigned i = 0; i < ARRAY_SIZE(aligns); i++) {
		char *p = tern_pages_alloc(3 * TERN_HEAP_PAGE, aligns[i], GiB(4));

		REQUIRE(p);
		EXPECT(!aligns[i] || is_aligned((uintptr_t)p, aligns[i]));
		EXPECT(is_aligned((uintptr_t)p, TERN_HEAP_PAGE) && (uintptr_t)p < GiB(4));
		memset(p, 0x5a, 3 * TERN_HEAP_PAGE);
		tern_pages_free(p, 3 * TERN_HEAP_PAGE);
	}
}

/* A third of all memory in one run, as a kernel with one large buffer asks for it. Of a few MiB an
 * eighth: there, what the heap keeps for itself lies close together. */
TEST(pages, one_run_may_be_a_third_of_memory)
{
	uint64_t share = handed_over() < MiB(16) ? 8 : 3;
	uint64_t size = align_down(handed_over() / share, TERN_HEAP_PAGE);
	struct tern_page_stats before, after;
	char *p;

	tern_page_stats(&before);
	if (size > GiB(4))
		size = GiB(4);
	p = tern_pages_alloc(size, 0, 0);
	REQUIRE(p);
	p[0] = p[size - 1] = 1;
	/* In pieces, out of order. */
	tern_pages_free(p + TERN_HEAP_PAGE, TERN_HEAP_PAGE);
	tern_pages_free(p, TERN_HEAP_PAGE);
	tern_pages_free(p + 2 * TERN_HEAP_PAGE, size - 2 * TERN_HEAP_PAGE);
	tern_page_stats(&after);
	EXPECT_EQ(after.used, before.used);
	EXPECT_EQ(sum(&after), sum(&before));
}

struct load {
	uint64_t seed;
	atomic_uint *wrong; /* [atomic: relaxed; join orders it] */
};

struct run {
	uint64_t *words;
	size_t n;
	uint64_t mark;
};

static bool is_whole(const struct run *r)
{
	for (size_t i = 0; i < r->n; i += 64)
		if (r->words[i] != r->mark)
			return false;
	return true;
}

static void take_and_give(void *arg)
{
	struct load *l = arg;
	struct run held[HELD] = { 0 };

	for (unsigned round = 0; round < ROUNDS + HELD; round++) {
		struct run *r = &held[round % HELD];

		if (r->words) {
			if (!is_whole(r))
				atomic_fetch_add_explicit(l->wrong, 1, memory_order_relaxed);
			tern_pages_free(r->words, r->n * 8);
			*r = (struct run){ 0 };
		}
		if (round >= ROUNDS)
			continue;
		r->n = (1 + next_random(&l->seed) % 4) * TERN_HEAP_PAGE / 8;
		r->words = tern_pages_alloc(r->n * 8, 0, 0);
		r->mark = next_random(&l->seed);
		for (size_t i = 0; r->words && i < r->n; i += 64)
			r->words[i] = r->mark;
	}
}

TEST_SLOW(pages, all_cpus_take_and_give)
{
	struct thread *threads[2 * 8];
	struct load loads[2 * 8];
	atomic_uint wrong = 0;
	struct tern_page_stats before, after;
	unsigned n = 2 * (cpu_count() < 8 ? cpu_count() : 8);

	tern_page_stats(&before);
	for (unsigned i = 0; i < n; i++) {
		loads[i] = (struct load){ .seed = test_random(t) | 1, .wrong = &wrong };
		threads[i] = thread_create("pages", take_and_give, &loads[i]);
	}
	for (unsigned i = 0; i < n; i++)
		if (EXPECT(threads[i]))
			thread_join(threads[i]);
	tern_page_stats(&after);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(after.used, before.used);
	EXPECT_EQ(sum(&after), sum(&before));
}

/* To the last page; then all is as before, but for what a collector found on the way. */
TEST_SLOW(pages, memory_ends_and_comes_back)
{
	struct link {
		struct link *next;
	} *list = NULL, *page;
	struct tern_page_stats after;
	size_t size = handed_over() > GiB(1) ? MiB(64) : TERN_HEAP_PAGE;
	uint64_t used = used_when_quiet();

	while ((page = tern_pages_alloc(size, 0, 0))) {
		page->next = list;
		list = page;
	}
	tern_page_stats(&after);
	EXPECT_EQ(after.waiting, 0);
	EXPECT(after.longest_free < size);
	while ((page = list)) {
		list = page->next;
		tern_pages_free(page, size);
	}
	EXPECT(used_when_quiet() <= used);
}
