/* SPDX-License-Identifier: MIT */
/* test_growing_stack_host.c - growing stacks in a process: real faults, to the limit and past it, on
 * several CPUs (threads); and what happens when no page is left. */
#include <stdatomic.h>

#include <tern/stack.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/host/growing.h"
#include "boot/host/host.h"
#include "lib/bits.h"
#include "lib/lock.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define START ((size_t)KiB(8))
#define LIMIT ((size_t)MiB(1))
#define CPUS  4

struct dive {
	struct tern_stack_info info;
	size_t depth;
	uint64_t wrong;
};

static TERN_NOINLINE void descend(struct dive *d, uint64_t mark)
{
	volatile uint64_t words[16];

	for (unsigned i = 0; i < 16; i++)
		words[i] = mark + i;
	if (d->info.top - (uintptr_t)words < d->depth)
		descend(d, mark * 5 + 1);
	for (unsigned i = 0; i < 16; i++)
		d->wrong += words[i] != mark + i;
}

static void dive(void *arg)
{
	descend(arg, 1);
}

static bool run(struct tern_stack *stack, struct dive *d, uintptr_t *addr)
{
	tern_stack_info(stack, &d->info);
	return host_call_on_stack(d->info.top, d->info.low, dive, d, addr);
}

static size_t committed(const struct tern_stack *stack)
{
	struct tern_stack_info info;

	tern_stack_info(stack, &info);
	return info.top - info.low;
}

TEST(growing_stack_host, to_the_limit_and_back_and_again)
{
	struct tern_page_stats before, after;
	struct dive d = { .depth = LIMIT - KiB(64) };
	struct tern_stack *stack;
	uintptr_t addr;

	REQUIRE(heap_for_tests());
	tern_cpu_offline();
	tern_page_stats(&before);
	REQUIRE(stack = tern_stack_create(START, LIMIT));
	for (unsigned round = 0; round < 3; round++) {
		EXPECT_EQ(committed(stack), round ? KiB(16) : START);
		EXPECT(run(stack, &d, &addr));
		EXPECT_EQ(committed(stack), LIMIT);
		EXPECT_EQ(d.wrong, 0);
		while (tern_stack_shrink(stack, d.info.top))
			;
	}
	tern_stack_destroy(stack);
	tern_cpu_offline();
	tern_page_stats(&after);
	EXPECT_EQ(after.used, before.used);
}

TEST(growing_stack_host, past_the_limit_is_an_overflow)
{
	struct dive d = { .depth = LIMIT * 2 };
	struct tern_stack *stack;
	char words[96];
	uintptr_t addr;

	REQUIRE(heap_for_tests());
	REQUIRE(stack = tern_stack_create(START, LIMIT));
	EXPECT(!run(stack, &d, &addr));
	EXPECT(addr >= d.info.guard && addr < d.info.guard + TERN_HEAP_PAGE);
	EXPECT(tern_stack_describe(addr, words, sizeof(words)));
	EXPECT_STR(words, "guard page of a growing stack, 1048576 of 1048576 bytes in use");
	tern_stack_destroy(stack);
}

/* Whoever holds the heap's lock may fault: the reserve serves, until it is empty. */
TEST_SLOW(growing_stack_host, grows_while_the_heap_is_locked)
{
	struct tern_page_stats before, after;
	struct tern_stack *stack;
	struct tern_stack_info info;
	unsigned long irq;
	char words[96];

	REQUIRE(heap_for_tests());
	tern_cpu_offline();
	tern_page_stats(&before);
	REQUIRE(stack = tern_stack_create(START, LIMIT));
	tern_stack_info(stack, &info);
	irq = tern_lock_irqsave(&tern_heap.pages.lock);
	for (unsigned i = 1; i <= 32; i++)
		EXPECT(tern_stack_fault(info.low - i * TERN_HEAP_PAGE));
	EXPECT(!tern_stack_fault(info.low - 33 * TERN_HEAP_PAGE));
	tern_unlock_irqrestore(&tern_heap.pages.lock, irq);
	EXPECT_EQ(committed(stack), 33 * TERN_HEAP_PAGE);
	EXPECT(tern_stack_describe(info.low - 33 * TERN_HEAP_PAGE, words, sizeof(words)));
	EXPECT_STR(words, "no page left for a growing stack, 270336 of 1048576 bytes in use");
	EXPECT(tern_stack_fault(info.low - 33 * TERN_HEAP_PAGE));
	tern_stack_destroy(stack);
	tern_cpu_offline();
	tern_page_stats(&after);
	EXPECT_EQ(after.used, before.used);
}

static atomic_uint wrong; /* a bit for each step of one_dive() that failed */

static unsigned one_dive(struct tern_stack *stack, struct dive *d)
{
	uintptr_t addr;

	if (!stack)
		return 1;
	if (!run(stack, d, &addr))
		return 2;
	if (d->wrong)
		return 4;
	if (!tern_stack_shrink(stack, d->info.top))
		return 8;
	return run(stack, d, &addr) ? 0 : 16;
}

static void dive_often(unsigned cpu, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20; i++) {
		struct dive d = { .depth = LIMIT / 2 + cpu * KiB(32) };
		struct tern_stack *stack = tern_stack_create(START, LIMIT);

		atomic_fetch_or(&wrong, one_dive(stack, &d));
		tern_stack_destroy(stack);
	}
	tern_cpu_offline();
}

TEST_SLOW(growing_stack_host, on_several_cpus)
{
	void *room;

	REQUIRE(heap_for_tests());
	/* The heap does not grow in a fault; and what one CPU has in its cache, no other one can have. */
	REQUIRE(room = tern_pages_alloc(2 * CPUS * LIMIT, 0, 0));
	tern_pages_free(room, 2 * CPUS * LIMIT);
	host_on_cpus(CPUS, dive_often, NULL);
	EXPECT_EQ(wrong, 0);
}

static void shrink_badly(void *arg)
{
	tern_stack_shrink(arg, 16);
}

static void free_as_plain(void *arg)
{
	struct tern_stack_info info;

	tern_stack_info(arg, &info);
	tern_stack_free((void *)info.guard, LIMIT + TERN_HEAP_PAGE);
}

TEST(growing_stack_host, bad_calls_panic_with_numbers)
{
	struct tern_stack *stack;
	char text[200];

	REQUIRE(heap_for_tests());
	REQUIRE(stack = tern_stack_create(START, LIMIT));
	EXPECT(host_panics(shrink_badly, stack, text, sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_stack_shrink: 0x10 is not in the stack 0x"));
	EXPECT(host_panics(free_as_plain, stack, text, sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_stack_free: 0x"));
	tern_stack_destroy(stack);
}
