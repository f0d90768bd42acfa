/* SPDX-License-Identifier: MIT */
/* test_balloon.c - memory goes to the host and is there again when it is touched. Jobs with
 * balloon=1 have the device; that the host takes the memory, tests/build/balloon.sh sees. */
#include "boot/balloon.h"

#include <tern/port.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define THREADS 4
#define ROUNDS  50

static bool is_there(void)
{
	struct balloon_stats s;

	balloon_stats(&s);
	return s.regs != 0;
}

/* 64 MiB, or what a small machine has. */
static uint64_t *take_much(size_t *size)
{
	uint64_t *p = NULL;

	for (*size = MiB(64); !p && *size >= MiB(1); *size /= 2)
		p = tern_pages_alloc(*size, 0, 0);
	*size *= 2;
	return p;
}

static void fill(uint64_t *words, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++)
		words[i] = seed + i;
}

static bool holds(const uint64_t *words, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size / 8; i++)
		if (words[i] != seed + i)
			return false;
	return true;
}

/* Reads all of it: none may fault. */
static uint64_t sum(const uint64_t *words, size_t size)
{
	uint64_t total = 0;

	for (size_t i = 0; i < size / 8; i++)
		total += words[i];
	return total;
}

TEST_SLOW(balloon, what_was_given_back_can_be_used_again)
{
	struct balloon_stats before, after;
	uint64_t *p;
	size_t size;

	if (!is_there())
		SKIP("no balloon device");
	p = take_much(&size);
	REQUIRE(p);
	fill(p, size, 1);
	balloon_stats(&before);
	EXPECT(tern_port_release((uintptr_t)p, size));
	balloon_stats(&after);
	EXPECT_EQ(after.released - before.released, size);
	test_note(t, "after release the words add up to %llu", (unsigned long long)sum(p, size));
	fill(p, size, 2);
	EXPECT(holds(p, size, 2));
	tern_pages_free(p, size);
	EXPECT_STR(after.state, "in use");
}

/* What lies beside it, in the same piece of host memory or in the next, stays. */
TEST(balloon, nothing_else_is_lost)
{
	const size_t page = TERN_HEAP_PAGE;
	unsigned lost = 0;
	char *p;

	if (!is_there())
		SKIP("no balloon device");
	p = tern_pages_alloc(3 * page, 0, 0);
	REQUIRE(p);
	memset(p, 0x5a, 3 * page);
	EXPECT(tern_port_release((uintptr_t)p + page, page));
	for (size_t i = 0; i < page; i++)
		lost += (p[i] != 0x5a) + (p[2 * page + i] != 0x5a);
	EXPECT_EQ(lost, 0);
	tern_pages_free(p, 3 * page);
}

TEST(balloon, without_a_device_nothing_happens)
{
	uint64_t *p;

	if (is_there())
		SKIP("there is a balloon device");
	p = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
	REQUIRE(p);
	fill(p, TERN_HEAP_PAGE, 3);
	EXPECT(!tern_port_release((uintptr_t)p, TERN_HEAP_PAGE));
	EXPECT(holds(p, TERN_HEAP_PAGE, 3));
	tern_pages_free(p, TERN_HEAP_PAGE);
}

static void use_and_release(void *arg)
{
	atomic_uint *wrong = arg;
	const size_t size = 16 * TERN_HEAP_PAGE;
	uint64_t *p = tern_pages_alloc(size, 0, 0);

	for (unsigned i = 0; p && i < ROUNDS; i++) {
		fill(p, size, i);
		if (!holds(p, size, i) || !tern_port_release((uintptr_t)p, size))
			atomic_fetch_add_explicit(wrong, 1, memory_order_relaxed);
	}
	if (p)
		tern_pages_free(p, size);
	else
		atomic_fetch_add_explicit(wrong, 1, memory_order_relaxed);
}

TEST(balloon, many_threads_give_back)
{
	struct thread *threads[THREADS];
	atomic_uint wrong = 0;

	if (!is_there())
		SKIP("no balloon device");
	for (unsigned i = 0; i < THREADS; i++)
		threads[i] = thread_create("balloon", use_and_release, &wrong);
	for (unsigned i = 0; i < THREADS; i++)
		if (EXPECT(threads[i]))
			thread_join(threads[i]);
	EXPECT_EQ(wrong, 0);
}

TEST(balloon, may_be_called_with_interrupts_off)
{
	char *p = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
	unsigned long irq;
	bool gone, off;

	REQUIRE(p);
	irq = arch_irq_save();
	gone = tern_port_release((uintptr_t)p, TERN_HEAP_PAGE);
	off = !arch_irq_enabled();
	arch_irq_restore(irq);
	EXPECT(off);
	EXPECT_EQ(gone, is_there());
	tern_pages_free(p, TERN_HEAP_PAGE);
}
