/* SPDX-License-Identifier: MIT */
/* test_malloc.c - objects of every size and kind on *the* heap: each is its own, as large and as
 * aligned as was asked for, zero where that is promised, and whole until it is freed. */
#include <tern/tern.h>

#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define OBJECTS 500u

struct object {
	uint8_t *p;
	size_t size;
	uint8_t fill;
};

static struct object objects[OBJECTS]; /* a collector looks for pointers here */

static bool all_are(const uint8_t *p, size_t size, uint8_t byte)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

/* Mostly small, now and then up to a few hundred KiB. */
static size_t some_size(struct test *t)
{
	unsigned bits = (unsigned)test_random_below(t, test_random_below(t, 20) ? 13 : 19);

	return test_random_below(t, 2ull << bits);
}

static void *make(struct test *t, size_t size, bool *zero)
{
	*zero = true;
	switch (test_random_below(t, 5)) {
	case 0:
		return tern_calloc(size, 1);
	case 1:
		return size >= 16 ? tern_alloc_noscan(size) : tern_calloc(1, size);
	case 2:
		return size ? tern_alloc(size) : tern_calloc(0, 7);
	default:
		*zero = false;
		return tern_malloc(size);
	}
}

static bool good_address(struct test *t, const void *p, size_t size)
{
	size_t usable = tern_usable_size(p);

	return EXPECT(usable >= size) && EXPECT(is_aligned((uintptr_t)p, size > 24 ? 16 : 8)) &&
	       EXPECT(tern_base((const char *)p + (size ? size - 1 : 0)) == p);
}

static bool start_object(struct test *t, struct object *o)
{
	bool zero;

	o->size = some_size(t);
	o->p = make(t, o->size, &zero);
	if (!o->p)
		return true;
	o->fill = (uint8_t)test_random(t);
	if (!good_address(t, o->p, o->size) || (zero && !EXPECT(all_are(o->p, o->size, 0))))
		return false;
	memset(o->p, o->fill, o->size);
	return true;
}

static bool end_object(struct test *t, struct object *o)
{
	bool whole = EXPECT(all_are(o->p, o->size, o->fill));

	if (test_random_below(t, 2))
		tern_free(o->p);
	else
		tern_free_sized(o->p, o->size);
	o->p = NULL;
	return whole;
}

static bool resize_object(struct test *t, struct object *o)
{
	size_t size = some_size(t), kept = size < o->size ? size : o->size;
	uint8_t *p = tern_realloc(o->p, size);

	if (!p)
		return EXPECT(all_are(o->p, o->size, o->fill));
	o->p = p;
	o->size = size;
	if (!good_address(t, p, size) || !EXPECT(all_are(p, kept, o->fill)))
		return false;
	memset(p, o->fill, size);
	return true;
}

static void churn(struct test *t, unsigned rounds)
{
	for (unsigned i = 0; i < rounds && !t->failures; i++) {
		struct object *o = &objects[test_random_below(t, OBJECTS)];

		if (!o->p)
			start_object(t, o);
		else if (test_random_below(t, 4) == 0)
			resize_object(t, o);
		else
			end_object(t, o);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		if (objects[i].p)
			end_object(t, &objects[i]);
}

TEST(malloc, random_objects_stay_whole)
{
	REQUIRE(heap_for_tests());
	memset(objects, 0, sizeof(objects));
	churn(t, 20000);
}

TEST_SLOW(malloc, random_objects_for_longer)
{
	REQUIRE(heap_for_tests());
	memset(objects, 0, sizeof(objects));
	churn(t, 300000);
}

/* Full spans, freed from the front, the back and at random, are all of them useful again. */
TEST(malloc, all_memory_comes_back)
{
	struct tern_page_stats before, after;
	void **held = (void **)test_scratch;
	unsigned n = 20000;

	REQUIRE(heap_for_tests());
	all_cpus_offline(); /* this thread may go on on another */
	tern_page_stats(&before);
	/* Half of what a small machine has. */
	if (n > (before.free + before.waiting) / 512)
		n = (unsigned)((before.free + before.waiting) / 512);
	n -= n % 7919 == 0; /* so that each is freed once */
	REQUIRE(n > 1000);
	for (unsigned size = 8; size <= 256; size *= 2) {
		for (unsigned i = 0; i < n; i++)
			REQUIRE((held[i] = tern_malloc(size)));
		for (unsigned i = 0; i < n; i++)
			tern_free(held[i * 7919 % n]);
	}
	all_cpus_offline();
	tern_page_stats(&after);
	EXPECT_EQ(after.used, before.used);
}

TEST(malloc, every_size_around_every_class)
{
	REQUIRE(heap_for_tests());
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++)
		for (int d = -1; d <= 1; d++) {
			size_t size = (size_t)(tern_sizeclass_size[c] + d);
			char *p = tern_malloc(size), *q = tern_malloc(size);

			REQUIRE(p && q);
			EXPECT(p + size <= q || q + size <= p);
			good_address(t, p, size);
			memset(p, 1, size);
			memset(q, 2, size);
			EXPECT(all_are((uint8_t *)p, size, 1));
			tern_free(p);
			tern_free(q);
		}
}

TEST(malloc, alignments)
{
	REQUIRE(heap_for_tests());
	for (size_t align = 1; align <= 1 << 20; align *= 2)
		for (size_t size = 0; size < 100000; size = size * 3 + 1) {
			char *p = tern_aligned_alloc(align, size);

			REQUIRE(p);
			EXPECT(is_aligned((uintptr_t)p, align));
			EXPECT(tern_usable_size(p) >= size);
			memset(p, 0x5a, size);
			tern_free(p);
		}
	EXPECT(!tern_aligned_alloc(0, 8) && !tern_aligned_alloc(3, 8) &&
	       !tern_aligned_alloc(48, 8) && !tern_aligned_alloc(2ul << 30, 8) &&
	       !tern_aligned_alloc(16, SIZE_MAX) && !tern_aligned_alloc(1u << 20, PTRDIFF_MAX));
}

TEST(malloc, absurd_sizes_are_refused)
{
	void *p;

	REQUIRE(heap_for_tests());
	EXPECT(!tern_malloc(SIZE_MAX) && !tern_malloc(PTRDIFF_MAX) &&
	       !tern_malloc((size_t)PTRDIFF_MAX + 1) && !tern_malloc(SIZE_MAX - 8191));
	EXPECT(!tern_alloc(SIZE_MAX) && !tern_alloc_noscan(SIZE_MAX));
	EXPECT(!tern_calloc(SIZE_MAX, 2) && !tern_calloc(1ul << 32, 1ul << 32) &&
	       !tern_calloc(2, SIZE_MAX / 2 + 1));
	p = tern_malloc(100);
	REQUIRE(p);
	memset(p, 3, 100);
	EXPECT(!tern_realloc(p, SIZE_MAX) && !tern_realloc(p, PTRDIFF_MAX));
	EXPECT(all_are(p, 100, 3));
	tern_free(p);
}

TEST(malloc, nothing_is_something)
{
	void *p, *q;

	REQUIRE(heap_for_tests());
	tern_free(NULL);
	tern_free_sized(NULL, 100);
	EXPECT_EQ(tern_usable_size(NULL), 0);
	EXPECT(!tern_base(NULL));
	p = tern_malloc(0);
	q = tern_malloc(0);
	EXPECT(p && q && p != q);
	p = tern_realloc(p, 0);
	EXPECT(p != NULL);
	tern_free(p);
	tern_free(q);
	EXPECT(tern_alloc(0) && tern_alloc(0) == tern_alloc_noscan(0));
	tern_free(tern_alloc(0));
}

TEST(malloc, addresses_that_are_no_objects)
{
	static int in_data;
	int on_stack;
	char *p = NULL, *run;

	REQUIRE(heap_for_tests() && (p = tern_malloc(100)) && (run = tern_pages_alloc(8192, 0, 0)));
	const void *const foreign[] = { &in_data,
					&on_stack,
					(void *)8,
					(void *)UINTPTR_MAX,
					(void *)(1ul << 48),
					(void *)-(1ul << 48),
					run };

	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++) {
		EXPECT_EQ(tern_usable_size(foreign[i]), 0);
		EXPECT(!tern_base(foreign[i]));
	}
	EXPECT(tern_base(p + 50) == p);
	EXPECT_EQ(tern_usable_size(p + 50), 0);
	tern_free(p);
	EXPECT(!tern_base(p + 50));
	EXPECT_EQ(tern_usable_size(p), 0);
	tern_pages_free(run, 8192);
}

TEST(malloc, crumbs_share_blocks_and_are_aligned)
{
	uint8_t *p[200];

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		size_t size = 1 + i % 15;

		REQUIRE((p[i] = tern_alloc_noscan(size)));
		EXPECT(all_are(p[i], size, 0));
		EXPECT(is_aligned((uintptr_t)p[i], size & -size));
		memset(p[i], (int)i, size);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		EXPECT(all_are(p[i], 1 + i % 15, (uint8_t)i));
		tern_free(p[i]);
	}
}

/* A large object grows and shrinks where it is as long as its neighbours let it. */
TEST(malloc, large_objects_are_resized_in_place)
{
	uint8_t *p, *q;

	REQUIRE(heap_for_tests());
	p = tern_malloc(1 << 20);
	REQUIRE(p);
	memset(p, 9, 1 << 20);
	EXPECT(tern_realloc(p, 100000) == p);
	EXPECT_EQ(tern_usable_size(p), TERN_DEBUG ? 100000 : 106496);
	EXPECT(all_are(p, 100000, 9));
	EXPECT(tern_realloc(p, 1 << 20) == p);
	EXPECT(tern_base(p + (1 << 20) - 1) == p);
	q = tern_realloc(p, 20);
	REQUIRE(q);
	EXPECT(all_are(q, 20, 9));
	tern_free(q);
}
