/* SPDX-License-Identifier: MIT */
/* test_type.c - types, and that marking looks at the words which they name and at no others: against a
 * model that asks the type's mask word by word.
 *
 * Most tests mark from one object, with a marker of their own on a heap of their own: so no stack and no
 * other root keeps alive what should not be. The last ones let the collector do it. */
#include <tern/gc.h>
#include <tern/safety.h>
#include <tern/stats.h>
#include <tern/tern.h>
#include <tern/type.h>

#include "gc/mark.h"
#include "lib/bits.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/typed.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"
#include "tests/unit/own_heap.h"

#define WORD sizeof(uint64_t)

static uint64_t mask[4096];

/* A type of so many words, of which the first ones are as in the mask. */
static struct tern_type type_of(size_t words, size_t masked)
{
	struct tern_type type = { words * WORD, 0, mask, "test" };

	for (size_t i = 0; i < masked; i++)
		if (mask[i / 64] >> i % 64 & 1)
			type.ptrdata = (i + 1) * WORD;
	return type;
}

static bool is_pointer(const struct tern_type *type, size_t i)
{
	i %= type->size / WORD;
	return i < type->ptrdata / WORD && type->mask[i / 64] >> i % 64 & 1;
}

static struct tern_mspan *span_of(const void *p)
{
	return tern_heap_span((uintptr_t)p);
}

static enum tern_kind kind_of(const void *p)
{
	return tern_spanclass_kind(span_of(p)->spc);
}

/* --- marking from one object ------------------------------------------------------------- */

/* 64 objects without pointers, for which one word of their span stands. */
static void **const target = (void **)test_scratch;
static struct tern_mspan *target_span;

static bool begin(struct test *t, size_t size)
{
	if (!own_heap_for(t, size))
		return false;
	for (unsigned i = 0; i < 64; i++)
		if (!EXPECT((target[i] = tern_alloc_noscan(16))))
			return false;
	target_span = span_of(target[0]);
	return EXPECT(span_of(target[63]) == target_span) &&
	       EXPECT_EQ(tern_mspan_slot(target_span, (uintptr_t)target[63]), 63);
}

static void forget_marks(void)
{
	const struct tern_arena_map *map = &tern_tables.pages.arenas;

	for (uint64_t page = 0; tern_arenas_next_in_use(map, &page); page++) {
		struct tern_mspan *s = tern_arena_span(map, tern_page_addr(page));

		if (s)
			atomic_store(&s->marked, false);
		for (unsigned w = 0; s && w < s->nwords; w++)
			atomic_store(&s->word[w].mark, 0);
	}
}

/* Which targets an object leads to: a bit for each. */
static uint64_t reached_from(const void *p)
{
	struct tern_marker m = { 0 };
	struct tern_mark_work w;
	uint64_t reached;
	unsigned long irq = tern_irq_save();

	tern_marker_init(&m, &tern_heap.pages, 0);
	tern_mark_start(&m, 1);
	tern_mark_init(&w, &m);
	tern_mark_address(&w, (uintptr_t)p);
	tern_mark_drain(&w);
	tern_mark_finish(&w);
	tern_mark_end(&m);
	tern_irq_restore(irq);
	reached = atomic_load(&target_span->word[0].mark);
	forget_marks();
	return reached;
}

/* Each word leads to a target of its own. At most 64 words. */
static bool agrees_with_model(struct test *t, const struct tern_type *type, size_t n)
{
	void **p = tern_new_array(type, n);
	uint64_t expected = 0, reached;

	if (!EXPECT(p))
		return false;
	for (size_t i = 0; i < n * type->size / WORD; i++) {
		p[i] = target[i];
		expected |= (uint64_t)is_pointer(type, i) << i;
	}
	reached = reached_from(p);
	tern_free(p);
	if (reached == expected)
		return true;
	test_fail(t, __FILE__, __LINE__, "%zu of %zu words, mask 0x%llx: 0x%llx, not 0x%llx", n,
		  type->size / WORD, (unsigned long long)type->mask[0], (unsigned long long)reached,
		  (unsigned long long)expected);
	return false;
}

/* Every mask, or every few'th. */
static void all_masks(struct test *t, size_t words, unsigned stride)
{
	for (uint64_t m = test_random_below(t, stride); m < 1ull << words && !t->failures;
	     m += stride) {
		size_t tail = test_random_below(t, 4) ? 0 : test_random_below(t, 33 - words);
		struct tern_type type;

		mask[0] = m;
		type = type_of(words + tail, words);
		EXPECT_EQ(tern_type_check(&type), TERN_OK);
		agrees_with_model(t, &type, 1 + test_random_below(t, 64 / (words + tail)));
	}
}

TEST(type, every_mask_of_few_words)
{
	if (!begin(t, MiB(1)))
		return;
	for (size_t words = 1; words <= 9; words++)
		all_masks(t, words, 1);
	own_heap_end();
}

/* Emulated machines are slow: an eighth of them in each run. */
TEST_SLOW(type, every_mask_up_to_16_words)
{
	if (!begin(t, MiB(1)))
		return;
	for (size_t words = 10; words <= 16; words++)
		all_masks(t, words, __STDC_HOSTED__ ? 1 : 8);
	own_heap_end();
}

/* --- objects of all sizes ------------------------------------------------------------------ */

static void random_mask(struct test *t, size_t words)
{
	unsigned density = (unsigned)test_random_below(t, 4);

	memset(mask, 0, sizeof(mask));
	for (size_t i = 0; i < words; i++)
		if (test_random_below(t, 4) <= density)
			mask[i / 64] |= 1ull << i % 64;
	mask[0] |= 1ull << test_random_below(t, words < 64 ? words : 64);
	if (test_random_below(t, 2))
		mask[(words - 1) / 64] |= 1ull << (words - 1) % 64;
}

/* Scalar words lead to target 0. Of the words that are pointers the first, the last and some between
 * lead to others. */
static bool agrees_in_part(struct test *t, const struct tern_type *type, size_t n)
{
	void **p = tern_new_array(type, n);
	size_t words = n * (type->size / WORD);
	uint64_t expected = 0, reached;
	unsigned next = 1;

	if (!p)
		return false;
	for (size_t i = 0; i < words; i++)
		if (!is_pointer(type, i))
			p[i] = target[0];
	for (unsigned k = 0; k < 60; k++) {
		size_t i = k == 0 ? 0 : k == 1 ? words - 1 : test_random_below(t, words);

		if (!is_pointer(type, i) || p[i])
			continue;
		expected |= 1ull << next;
		p[i] = target[next++];
	}
	reached = reached_from(p);
	tern_free(p);
	if (reached == expected)
		return true;
	test_fail(t, __FILE__, __LINE__, "%zu of %zu bytes: 0x%llx, not 0x%llx", n, type->size,
		  (unsigned long long)reached, (unsigned long long)expected);
	return true;
}

TEST(type, arrays_of_1_to_1000)
{
	if (!begin(t, MiB(2)))
		return;
	for (size_t n = 1; n <= 1000 && !t->failures; n++) {
		size_t words = 1 + test_random_below(t, 24);
		size_t masked = 1 + test_random_below(t, words);
		struct tern_type type;

		random_mask(t, masked);
		type = type_of(words, masked);
		EXPECT(agrees_in_part(t, &type, n));
	}
	own_heap_end();
}

static void one_object(struct test *t, size_t words)
{
	size_t most = words < ARRAY_SIZE(mask) * 64 ? words : ARRAY_SIZE(mask) * 64;
	size_t masked = test_random_below(t, 2) ? most : 1 + test_random_below(t, most);
	struct tern_type type;

	random_mask(t, masked);
	type = type_of(words, masked);
	EXPECT(agrees_in_part(t, &type, 1));
}

TEST(type, sizes_at_the_borders_of_classes)
{
	if (!begin(t, MiB(2)))
		return;
	for (unsigned c = 1; c < TERN_SIZECLASSES && !t->failures; c++)
		for (int border = -1; border <= 1; border++) {
			size_t words = tern_sizeclass_size[c] / WORD + (size_t)border;

			for (unsigned k = 0; words && k < 8; k++)
				one_object(t, words);
		}
	own_heap_end();
}

/* Objects that are scanned in parts, which begin anywhere in a type. */
TEST(type, large_objects_and_arrays)
{
	static const size_t sizes[] = { 32776,  40000,  65536,  131064,  131072,
					131080, 262144, 300008, 1048576, 1500000 };

	if (!begin(t, MiB(4)))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes) && !t->failures; i++) {
		one_object(t, sizes[i] / WORD);
		for (unsigned k = 0; k < 6; k++) {
			size_t words = 1 + test_random_below(t, k < 3 ? 100 : 5000);
			size_t masked = 1 + test_random_below(t, words);
			struct tern_type type;

			random_mask(t, masked);
			type = type_of(words, masked);
			EXPECT(agrees_in_part(t, &type, sizes[i] / type.size + 1));
		}
	}
	own_heap_end();
}

/* The next user of a slot has another type, also when slots are handed out in random order. */
TEST(type, a_slot_used_again_has_its_new_type)
{
	if (!begin(t, MiB(2)))
		return;
	for (unsigned i = 0; i < 400 && !t->failures; i++) {
		size_t words = 1 + test_random_below(t, 64);
		struct tern_type type;

		if (i == 200)
			tern_set_hardening(TERN_HARDEN_RANDOM);
		random_mask(t, words);
		type = type_of(words, words);
		agrees_with_model(t, &type, 1);
	}
	tern_set_hardening(0);
	own_heap_end();
}

/* --- what a pointer's word may hold --------------------------------------------------------- */

TEST(type, pointers_may_be_anything)
{
	void *word[] = { NULL, (void *)8, (void *)-8ul, (void *)0x7fffdeadbeef, &tern_heap, word,
			 NULL, NULL,      NULL };
	struct tern_type type = { sizeof(word), sizeof(word), mask, NULL };
	void **p, *run;

	if (!begin(t, MiB(1)))
		return;
	mask[0] = 0x1ff;
	REQUIRE((p = tern_new(&type)) && (run = tern_pages_alloc(8192, 0, 0)));
	word[6] = run;
	word[7] = (char *)target[5] + 9;
	word[8] = p;
	memcpy(p, word, sizeof(word));
	EXPECT_EQ(reached_from(p), 1ull << 5);
	EXPECT_EQ(reached_from((char *)p + 33), 1ull << 5);
	own_heap_end();
}

struct node {
	struct node *next;
	uint64_t key;
};
TERN_TYPE(node_type, struct node, next);

TEST(type, chains_are_followed)
{
	struct node *first = NULL;

	if (!begin(t, MiB(1)))
		return;
	for (unsigned i = 0; i < 1000; i++) {
		struct node *n = tern_new(&node_type);

		REQUIRE(n);
		n->key = (uintptr_t)target[1];
		n->next = first ? first : target[2];
		first = n;
	}
	EXPECT_EQ(reached_from(first), 1ull << 2);
	own_heap_end();
}

/* --- what cannot be -------------------------------------------------------------------------- */

TEST(type, bad_types_are_refused)
{
	static const uint64_t one[2] = { 1, 0 }, behind[2] = { 0, 2 };
	static const struct tern_type bad[] = {
		{ 0, 0, NULL, NULL },
		{ 0, 8, one, NULL },
		{ 16, 24, one, NULL },
		{ 16, 12, one, NULL },
		{ 17, 8, one, NULL },
		{ 16, 8, NULL, NULL },
		{ 16, 8, (const uint64_t *)((const char *)one + 1), NULL },
		{ 640, 520, behind, NULL },
		{ 16, 8, &behind[1], NULL },
		{ (size_t)PTRDIFF_MAX + 1, 0, NULL, NULL },
		{ SIZE_MAX, 8, one, NULL },
	};

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(tern_type_check(&bad[i]), TERN_EINVAL);
		EXPECT(!tern_new_array(&bad[i], 1));
		EXPECT(!tern_new_array(&bad[i], 100));
		EXPECT_EQ(tern_gc_add_root_typed(mask, &bad[i], 1), TERN_EINVAL);
	}
	EXPECT_EQ(tern_type_check(NULL), TERN_EINVAL);
	EXPECT_EQ(tern_type_check((const void *)((const char *)&node_type + 4)), TERN_EINVAL);
	EXPECT(!tern_new(NULL) && !tern_new_array(NULL, 2));
	EXPECT_EQ(tern_gc_add_root_typed(NULL, &node_type, 1), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root_typed(mask, &node_type, 0), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root_typed(mask, &node_type, SIZE_MAX / 16 + 2), TERN_EINVAL);
}

/* tern_new() looks only at what would do harm. */
TEST(type, a_small_bad_type_harms_nobody)
{
	static const uint64_t all = UINT64_MAX, one = 1;
	static const struct tern_type refused[] = {
		{ 16, 16, &all, NULL },
		{ 16, 16, NULL, NULL },
		{ 0, 8, &one, NULL },
	};
	static const struct tern_type odd[] = {
		{ 15, 9, &one, NULL },
		{ 17, 8, &one, NULL },
		{ 16, 24, &one, NULL },
	};

	if (!begin(t, MiB(1)))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		EXPECT(!tern_new(&refused[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		void **p = tern_new(&odd[i]);

		EXPECT_EQ(tern_type_check(&odd[i]), TERN_EINVAL);
		if (!p)
			continue;
		p[0] = target[1];
		p[1] = target[2];
		EXPECT_EQ(reached_from(p), 1ull << 1);
	}
	own_heap_end();
}

TEST(type, absurd_arrays_are_no_memory)
{
	static const struct tern_type huge = { PTRDIFF_MAX & ~7ull, 8, mask, NULL };
	void *empty;

	REQUIRE(heap_for_tests() && (empty = tern_alloc(0)));
	mask[0] = 1;
	EXPECT(!tern_new_array(&node_type, SIZE_MAX / 16 + 1));
	EXPECT(!tern_new_array(&node_type, SIZE_MAX));
	EXPECT(!tern_new_array(&node_type, PTRDIFF_MAX / 16 + 1));
	EXPECT(!tern_new(&huge) && !tern_new_array(&huge, 2) && !tern_new_array(&huge, 3));
	EXPECT(tern_new_array(&node_type, 0) == empty);
	EXPECT(tern_new_array(&huge, 0) == empty);
}

/* --- kinds, and other calls ------------------------------------------------------------------ */

TEST(type, kinds_follow_types)
{
	static const struct tern_type plain = { 12, 0, NULL, NULL };
	/* No mask is read where there are no pointers. */
	static const uint64_t all = UINT64_MAX;
	const struct tern_type unneeded = { 16, 0, &all, NULL };
	const struct tern_type dangling = { 16, 0, (const uint64_t *)8, NULL };
	const unsigned c = (unsigned)tern_sizeclass_of(16 + TERN_DEBUG_REDZONE);
	struct tern_class_stats before, after;
	void *p;

	REQUIRE(heap_for_tests());
	tern_class_stats(c, TERN_OBJECTS_TYPED, &before);
	REQUIRE((p = tern_new(&node_type)));
	tern_class_stats(c, TERN_OBJECTS_TYPED, &after);
	EXPECT_EQ(after.mallocs, before.mallocs + 1);
	EXPECT_EQ(kind_of(p), TERN_KIND_TYPED);
	EXPECT_EQ(tern_usable_size(p), 16);
	tern_free(p);
	REQUIRE((p = tern_new_array(&node_type, 4000)));
	EXPECT_EQ(kind_of(p), TERN_KIND_TYPED);
	tern_free(p);
	REQUIRE((p = tern_new(&plain)));
	EXPECT_EQ(kind_of(p), TERN_KIND_NOSCAN);
	REQUIRE((p = tern_new(&unneeded)));
	EXPECT_EQ(kind_of(p), TERN_KIND_NOSCAN);
	REQUIRE((p = tern_new(&dangling)));
	EXPECT_EQ(kind_of(p), TERN_KIND_NOSCAN);
	REQUIRE((p = tern_new_array(&plain, 100)));
	EXPECT_EQ(kind_of(p), TERN_KIND_NOSCAN);
	tern_free(p);
}

TEST(type, objects_are_zero)
{
	static const size_t counts[] = { 1, 3, 4, 5, 8, 9, 30, 700, 3000 };

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
		for (unsigned k = 0; k < 20; k++) {
			uint64_t *p = counts[i] == 1 ? tern_new(&node_type)
						     : tern_new_array(&node_type, counts[i]);

			REQUIRE(p);
			EXPECT(is_zero(p, counts[i] * 16));
			memset(p, 0xff, tern_usable_size(p));
			tern_free(p);
		}
}

/* Nobody said what the new bytes hold: so any of them may be a pointer. */
TEST(type, realloc_forgets_the_type)
{
	static const size_t sizes[] = { 24, 48, 100, 128, 900, 30000, 70000, 600000, 60000, 500 };
	uint64_t *p;

	if (!begin(t, MiB(4)))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
			size_t last = sizes[k] / WORD - 1;

			REQUIRE((p = tern_new_array(&node_type, sizes[i] / 16)));
			p[1] = (uintptr_t)target[3];
			EXPECT_EQ(reached_from(p), 0);
			REQUIRE((p = tern_realloc(p, sizes[k])));
			EXPECT_EQ(p[1], (uintptr_t)target[3]);
			EXPECT(tern_spanclass_collected(span_of(p)->spc));
			p[last] = (uintptr_t)target[4];
			EXPECT_EQ(reached_from(p), 3ull << 3);
			tern_free(p);
		}
	own_heap_end();
}

TEST(type, renew_keeps_it)
{
	static const size_t counts[] = { 1, 3, 4, 9, 200, 5000, 100, 2 };
	struct node *p = NULL, *q;

	if (!begin(t, MiB(4)))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		REQUIRE((p = tern_renew_array(p, &node_type, counts[i])));
		EXPECT_EQ(kind_of(p), TERN_KIND_TYPED);
		if (i)
			EXPECT(p[0].next == target[0]);
		EXPECT(i == 0 || counts[i] <= counts[i - 1] || !p[counts[i] - 1].next);
		p[0].next = target[0];
		p[0].key = (uintptr_t)target[1];
		p[counts[i] - 1].key = (uintptr_t)target[2];
		if (counts[i] > 1)
			p[counts[i] - 1].next = target[3];
		EXPECT_EQ(reached_from(p), counts[i] > 1 ? 9 : 1);
	}
	EXPECT(!tern_renew_array(p, &node_type, SIZE_MAX));
	EXPECT(p[0].next == target[0]);
	REQUIRE((q = tern_renew_array(p, &node_type, 0)));
	EXPECT(q == tern_alloc(0) && tern_renew_array(q, &node_type, 1));
	own_heap_end();
}

/* Records for spans, at any point: NULL, and nothing is lost. */
TEST(type, no_memory_for_records_is_no_memory)
{
	static const size_t counts[] = { 1, 5, 7, 100, 5000 };
	uint64_t used;

	if (!begin(t, MiB(2)))
		return;
	used = used_when_quiet();
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		void *p = NULL;

		for (size_t fail = 0; !p && fail < 10; fail++) {
			tern_heap.pages.meta.fail_after = fail;
			p = tern_new_array(&node_type, counts[i]);
			EXPECT(p || fail < 9);
			EXPECT(p || used_when_quiet() == used);
			tern_heap.pages.meta.fail_after = SIZE_MAX;
		}
		REQUIRE(p);
		EXPECT(tern_mheap_check(&tern_heap.pages));
		tern_free(p);
		EXPECT_EQ(used_when_quiet(), used);
	}
	own_heap_end();
}

/* --- types made of structs ------------------------------------------------------------------- */

struct inner {
	uint32_t a, b;
	struct inner *left, *right;
};
struct outer {
	uint64_t key;
	void *first;
	char text[11];
	struct inner in;
	void *kids[5];
	struct inner pair[2];
	uintptr_t tagged;
	uint16_t last;
};
#define INNER(at) at left, at right
TERN_TYPE(outer_type, struct outer, first, INNER(in.), TERN_PTR_ARRAY(kids), pair[1].right, tagged);
TERN_TYPE_NOSCAN(text_type, char[11]);

struct page {
	uint64_t n;
	void *slot[500];
	uint64_t rest[9];
	void *next;
};
TERN_TYPE_WIDE(page_type, struct page, next, TERN_PTR_ARRAY(slot));

struct full {
	void *p[4096];
};
TERN_TYPE_WIDE(full_type, struct full, TERN_PTR_ARRAY(p));

static void add_field(uint64_t *bits, size_t offset, size_t size)
{
	for (size_t i = offset / WORD; i < (offset + size) / WORD; i++)
		bits[i / 64] |= 1ull << i % 64;
}

#define ADD(bits, T, field) add_field(bits, offsetof(T, field), sizeof(((T *)0)->field))

TEST(type, the_macro_knows_a_structs_fields)
{
	uint64_t bits[64] = { 0 };

	ADD(bits, struct outer, first);
	ADD(bits, struct outer, in.left);
	ADD(bits, struct outer, in.right);
	ADD(bits, struct outer, kids);
	ADD(bits, struct outer, pair[1].right);
	ADD(bits, struct outer, tagged);
	EXPECT_EQ(outer_type.size, sizeof(struct outer));
	EXPECT_EQ(outer_type.ptrdata, offsetof(struct outer, tagged) + WORD);
	EXPECT_EQ(outer_type.mask[0], bits[0]);
	EXPECT_STR(outer_type.name, "struct outer");
	EXPECT_EQ(tern_type_check(&outer_type), TERN_OK);
	EXPECT_EQ(text_type.size, 11);
	EXPECT_EQ(text_type.ptrdata, 0);
	EXPECT_EQ(tern_type_check(&text_type), TERN_OK);
}

TEST(type, the_wide_macro_reaches_32_kib)
{
	uint64_t bits[64] = { 0 };

	ADD(bits, struct page, slot);
	ADD(bits, struct page, next);
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		EXPECT_EQ(page_type.mask[i], bits[i]);
		EXPECT_EQ(full_type.mask[i], UINT64_MAX);
	}
	EXPECT_EQ(page_type.ptrdata, sizeof(struct page));
	EXPECT_EQ(full_type.ptrdata, 32768);
	EXPECT_EQ(tern_type_check(&page_type), TERN_OK);
	EXPECT_EQ(tern_type_check(&full_type), TERN_OK);
}

TEST(type, inside_a_function_and_with_32_fields)
{
	struct many {
		void *p[33];
	};
	TERN_TYPE(many_type, struct many, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8],
		  p[9], p[10], p[11], p[12], p[13], p[14], p[15], p[16], p[17], p[18], p[19], p[20],
		  p[21], p[22], p[23], p[24], p[25], p[26], p[27], p[28], p[29], p[30], p[32]);

	EXPECT_EQ(many_type.mask[0], 0x17fffffff);
	EXPECT_EQ(many_type.ptrdata, 33 * WORD);
	if (!begin(t, MiB(1)))
		return;
	agrees_with_model(t, &many_type, 1);
	agrees_with_model(t, &outer_type, 2);
	agrees_with_model(t, &tern_pointer_type, 64);
	own_heap_end();
}

/* --- the collector ---------------------------------------------------------------------------- */

#define SIZES     75u
#define ROOTS     10000u
#define SEED      0x5eedu
#define HIDDEN(p) (~(uintptr_t)(p))

/* Three words and more: only the first two are pointers. */
struct holder {
	struct holder *next;
	uint64_t *kept;
	uintptr_t last[];
};

static struct holder *first;
/* hidden: no word of these is a pointer */
static struct hidden {
	uintptr_t kept[ROOTS], lost[ROOTS];
} *const hidden = (struct hidden *)test_scratch;
_Static_assert(sizeof(struct hidden) <= TEST_SCRATCH_SIZE, "");
static const uint64_t first_two = 3;
static struct tern_type holder_type[SIZES];

static TERN_NOINLINE uint64_t *new_seed(uint64_t i)
{
	uint64_t *p = tern_alloc_noscan(16);

	if (p)
		*p = SEED + i;
	return p;
}

static size_t size_at(unsigned i)
{
	static const size_t large[] = { 40000, 131072, 131080, 200000, 300000 };

	i += 3; /* the first class of three words */
	return i < TERN_SIZECLASSES ? tern_sizeclass_size[i]
				    : large[(i - TERN_SIZECLASSES) % ARRAY_SIZE(large)];
}

static TERN_NOINLINE unsigned make_holders(void)
{
	unsigned n = 0;

	for (first = NULL; n < SIZES; n++) {
		struct holder *h;
		uint64_t *in, *out;

		holder_type[n] = (struct tern_type){ size_at(n), 16, &first_two, "holder" };
		h = tern_new(&holder_type[n]);
		if (!h)
			break;
		h->next = first;
		first = h;
		if (!(in = new_seed(n)) || !(out = new_seed(n)))
			break;
		h->kept = in;
		h->last[size_at(n) / WORD - 3] = (uintptr_t)out;
		hidden->kept[n] = HIDDEN(in);
		hidden->lost[n] = HIDDEN(out);
	}
	return n;
}

/* One by one: a stale word that leads to one of them keeps no other. */
static TERN_NOINLINE void drop_holders(void)
{
	struct holder *next;

	for (; first; first = next) {
		next = first->next;
		first->next = NULL;
	}
}

/* How many are still what they were. */
static TERN_NOINLINE unsigned in_use(const uintptr_t *objects, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t *p = (uint64_t *)HIDDEN(objects[i]);

		count += tern_base(p) == p && *p == SEED + i;
	}
	return count;
}

/* Words that nobody cleared may look like pointers: but not to most of what is garbage. */
static void expect_lost(struct test *t, const uintptr_t *objects, unsigned n)
{
	EXPECT(in_use(objects, n) <= n / 4);
}

TEST(type, what_only_scalars_lead_to_is_collected_at_any_size)
{
	unsigned n;

	REQUIRE(collector_for_tests());
	n = make_holders();
	if (!EXPECT(n >= 60) || !EXPECT_EQ(tern_gc(), TERN_OK))
		return;
	EXPECT_EQ(in_use(hidden->kept, n), n);
	expect_lost(t, hidden->lost, n);
	drop_holders();
	tern_gc();
	expect_lost(t, hidden->kept, n);
}

static TERN_NOINLINE bool fill_roots(struct node *root)
{
	for (unsigned i = 0; i < ROOTS; i++) {
		root[i].next = (struct node *)new_seed(i);
		root[i].key = (uintptr_t)new_seed(i);
		hidden->kept[i] = HIDDEN(root[i].next);
		hidden->lost[i] = HIDDEN(root[i].key);
		if (!root[i].next || !root[i].key)
			return false;
	}
	return true;
}

/* Manual memory, so that nothing but the registration makes it a root. Longer than one job. */
TEST(type, typed_roots_are_roots_where_the_type_says)
{
	struct node *root;

	REQUIRE(collector_for_tests() && (root = tern_calloc(ROOTS, sizeof(*root))));
	EXPECT_EQ(tern_gc_add_root_typed(root, &node_type, ROOTS), TERN_OK);
	EXPECT_EQ(tern_gc_add_root_typed(root, &node_type, 1), TERN_EINVAL);
	if (EXPECT(fill_roots(root)) && EXPECT_EQ(tern_gc(), TERN_OK)) {
		EXPECT_EQ(in_use(hidden->kept, ROOTS), ROOTS);
		expect_lost(t, hidden->lost, ROOTS);
	}
	EXPECT_EQ(tern_gc_remove_root(root, ROOTS * sizeof(*root)), TERN_OK);
	tern_gc();
	expect_lost(t, hidden->kept, ROOTS);
	tern_free(root);
}
