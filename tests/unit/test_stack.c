/* SPDX-License-Identifier: MIT */
/* test_stack.c - plain stacks: each order against a model, what the CPU keeps, and that no page is
 * lost. */
#include <tern/stack.h>
#include <tern/tern.h>

#include "lib/irq.h"
#include "mm/stack.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define HELD   96u
#define ROUNDS 6000u

struct held {
	uint64_t *low;
	size_t asked, size;
	uint64_t mark;
};

static struct held *const held = (struct held *)test_scratch;

static size_t expected_size(size_t asked)
{
	for (size_t size = KiB(2); size <= KiB(32); size *= 2)
		if (asked <= size)
			return size;
	return (asked + TERN_HEAP_PAGE - 1) / TERN_HEAP_PAGE * TERN_HEAP_PAGE;
}

static size_t some_size(struct test *t)
{
	return 1 + test_random_below(t, test_random_below(t, 10) ? KiB(2) << test_random_below(t, 5)
								 : KiB(200));
}

static void fill(struct held *h)
{
	for (size_t i = 0; i < h->size / 8; i += 32)
		h->low[i] = h->mark + i;
}

static bool is_whole(const struct held *h)
{
	for (size_t i = 0; i < h->size / 8; i += 32)
		if (h->low[i] != h->mark + i)
			return false;
	return true;
}

static uint64_t start(struct test *t, struct held *h)
{
	h->asked = some_size(t);
	h->size = expected_size(h->asked);
	h->low = tern_stack_alloc(h->asked);
	if (!h->low)
		return 0;
	EXPECT(is_aligned((uintptr_t)h->low, h->size <= KiB(32) ? h->size : TERN_HEAP_PAGE));
	h->mark = test_random(t);
	fill(h);
	return h->size;
}

static uint64_t end(struct test *t, struct held *h)
{
	EXPECT(is_whole(h));
	tern_stack_free(h->low, test_random_below(t, 2) ? h->asked : h->size);
	h->low = NULL;
	return h->size;
}

static void forget_caches(void)
{
	tern_cpu_offline();
}

static uint64_t used_bytes(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.used;
}

static struct tern_stack_stats stats(void)
{
	struct tern_stack_stats s;

	tern_stack_stats(&s);
	return s;
}

TEST(stack, orders_against_a_model)
{
	struct tern_stack_stats before;
	uint64_t used, taken = 0;
	unsigned long irq;

	REQUIRE(heap_for_tests());
	/* What stays in a cache stays in this CPU's. */
	irq = tern_irq_save();
	forget_caches();
	used = used_bytes();
	before = stats();
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct held *h = &held[test_random_below(t, HELD)];

		if (h->low)
			taken -= end(t, h);
		else
			taken += start(t, h);
		if (i % 64 == 0)
			EXPECT_EQ(stats().inuse, before.inuse + taken);
	}
	EXPECT(tern_stack_check());
	for (unsigned i = 0; i < HELD; i++)
		if (held[i].low)
			taken -= end(t, &held[i]);
	EXPECT_EQ(taken, 0);
	EXPECT_EQ(stats().inuse, before.inuse);
	forget_caches();
	EXPECT(tern_stack_check());
	EXPECT_EQ(stats().cached, before.cached);
	EXPECT_EQ(used_bytes(), used);
	tern_irq_restore(irq);
}

/* The CPU keeps 64 KiB of an order and no more; the last that came is the next to go. */
TEST(stack, cpu_keeps_a_few)
{
	void **stacks = (void **)test_scratch;

	REQUIRE(heap_for_tests());
	for (size_t size = KiB(2); size <= KiB(32); size *= 2) {
		unsigned long irq = tern_irq_save();
		uint64_t used;

		forget_caches();
		used = used_bytes();
		for (unsigned i = 0; i < 64; i++)
			stacks[i] = tern_stack_alloc(size);
		for (unsigned i = 0; i < 64; i++)
			tern_stack_free(stacks[i], size);
		EXPECT(stats().cached >= KiB(32) && stats().cached <= KiB(128));
		EXPECT(used_bytes() > used && used_bytes() <= used + KiB(128));
		EXPECT(tern_stack_alloc(size) == stacks[63]);
		tern_stack_free(stacks[63], size);
		forget_caches();
		EXPECT_EQ(used_bytes(), used);
		tern_irq_restore(irq);
	}
}

/* One stack keeps its 32 KiB from the heap, and none longer than that. */
TEST(stack, span_goes_with_its_last_stack)
{
	unsigned long irq;
	uint64_t used;
	void *a, *b;

	REQUIRE(heap_for_tests());
	irq = tern_irq_save();
	forget_caches();
	used = used_bytes();
	a = tern_stack_alloc(KiB(4));
	b = tern_stack_alloc(KiB(4));
	EXPECT_EQ((uintptr_t)a / KiB(32), (uintptr_t)b / KiB(32));
	forget_caches();
	EXPECT_EQ(used_bytes(), used + KiB(32));
	tern_stack_free(a, KiB(4));
	forget_caches();
	EXPECT_EQ(used_bytes(), used + KiB(32));
	tern_stack_free(b, KiB(4));
	forget_caches();
	EXPECT_EQ(used_bytes(), used);
	a = tern_stack_alloc(KiB(33));
	EXPECT_EQ(used_bytes(), used + KiB(40));
	tern_stack_free(a, KiB(33));
	EXPECT_EQ(used_bytes(), used);
	tern_irq_restore(irq);
}

TEST(stack, is_no_object_and_no_run)
{
	void *small, *large;

	REQUIRE(heap_for_tests());
	small = tern_stack_alloc(KiB(8));
	large = tern_stack_alloc(KiB(64));
	REQUIRE(small && large);
	EXPECT(!tern_base(small) && !tern_base((char *)large + KiB(40)));
	EXPECT_EQ(tern_usable_size(small), 0);
	EXPECT_EQ(tern_usable_size(large), 0);
	tern_stack_free(small, KiB(8));
	tern_stack_free(large, KiB(64));
	EXPECT(!tern_stack_alloc(0) && !tern_stack_alloc(SIZE_MAX) &&
	       !tern_stack_alloc(GiB(1) + 1));
	tern_stack_free(NULL, KiB(2));
}
