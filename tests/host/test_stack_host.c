/* SPDX-License-Identifier: MIT */
/* test_stack_host.c - plain stacks in a process: bad frees that panic with their numbers, and CPUs
 * (threads) that take and free each other's, under TSan. */
#include <stdatomic.h>
#include <string.h>

#include <tern/stack.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "lib/bits.h"
#include "mm/stack.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define CPUS   4
#define SHARED 64

struct bad_free {
	void *stack;
	size_t size;
	const char *says;
};

static void free_badly(void *arg)
{
	const struct bad_free *b = arg;

	tern_stack_free(b->stack, b->size);
}

static void free_as_object(void *arg)
{
	tern_free(arg);
}

static void free_as_pages(void *arg)
{
	tern_pages_free(arg, KiB(64));
}

TEST(stack_host, bad_frees_panic_with_numbers)
{
	char text[200], *small, *large, *object, *run;
	int local;

	REQUIRE(heap_for_tests());
	small = tern_stack_alloc(KiB(4));
	large = tern_stack_alloc(KiB(64));
	object = tern_malloc(KiB(4));
	run = tern_pages_alloc(KiB(64), 0, 0);
	REQUIRE(small && large && object && run);
	const struct bad_free cases[] = {
		{ small + 16, KiB(4), "inside a stack" },
		{ small, KiB(8), "a stack of 4096" },
		{ small, KiB(2), "a stack of 4096" },
		{ small, 0, "a stack of 4096" },
		{ small, SIZE_MAX, "a stack of 4096" },
		{ large, KiB(128), "a stack of 65536" },
		{ large + KiB(8), KiB(64), "8192 bytes inside a stack" },
		{ object, KiB(4), "not a stack" },
		{ run, KiB(64), "not a stack" },
		{ &local, KiB(4), "not a stack" },
		{ (void *)8, KiB(4), "not a stack" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bad_free b = cases[i];

		EXPECT(host_panics(free_badly, &b, text, sizeof(text)));
		EXPECT(tern_str_starts(text, "tern_stack_free: 0x") && strstr(text, b.says));
	}
	EXPECT(host_panics(free_as_object, small, text, sizeof(text)));
	EXPECT(host_panics(free_as_object, large, text, sizeof(text)));
	EXPECT(host_panics(free_as_pages, large, text, sizeof(text)));
	tern_stack_free(small, KiB(4));
	tern_stack_free(large, KiB(64));
	EXPECT(host_panics(free_badly, &(struct bad_free){ small, KiB(4), "" }, text,
			   sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_stack_free: 0x") && strstr(text, "is free already"));
	EXPECT(host_panics(free_badly, &(struct bad_free){ large, KiB(64), "" }, text,
			   sizeof(text)));
	tern_free(object);
	tern_pages_free(run, KiB(64));
}

static _Atomic(uint64_t *) shared[SHARED];
static atomic_uint wrong;

static size_t size_at(unsigned i)
{
	return (size_t)KiB(2) << i % 6;
}

/* Whoever finds a stack in a place frees it, whoever finds none puts one there. */
static void take_and_free(unsigned cpu, void *arg)
{
	uint64_t rng = cpu * 2654435761u + 1;

	(void)arg;
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (rng = rng * 6364136223846793005ull + 1) >> 33 & (SHARED - 1);
		uint64_t *mine = atomic_exchange(&shared[i], NULL), *none = NULL;

		if (mine) {
			if (*mine != (uintptr_t)mine)
				atomic_fetch_add(&wrong, 1);
			*mine = 0;
			tern_stack_free(mine, size_at(i));
			continue;
		}
		mine = tern_stack_alloc(size_at(i));
		*mine = (uintptr_t)mine;
		if (!atomic_compare_exchange_strong(&shared[i], &none, mine))
			tern_stack_free(mine, size_at(i));
	}
	tern_cpu_offline();
}

TEST(stack_host, cpus_free_each_others)
{
	struct tern_stack_stats before, after;
	struct tern_page_stats pages_before, pages_after;

	REQUIRE(heap_for_tests());
	tern_cpu_offline();
	tern_stack_stats(&before);
	tern_page_stats(&pages_before);
	host_on_cpus(CPUS, take_and_free, NULL);
	for (unsigned i = 0; i < SHARED; i++)
		if (shared[i])
			tern_stack_free(atomic_exchange(&shared[i], NULL), size_at(i));
	tern_cpu_offline();
	tern_stack_stats(&after);
	tern_page_stats(&pages_after);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(after.inuse, before.inuse);
	EXPECT_EQ(after.cached, before.cached);
	EXPECT_EQ(pages_after.used, pages_before.used);
	EXPECT(tern_stack_check());
}
