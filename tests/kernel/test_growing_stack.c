/* SPDX-License-Identifier: MIT */
/* test_growing_stack.c - threads on growing stacks: deep recursion keeps all it wrote, interrupts and
 * switches come in the middle of it, pages come and go. */
#include <tern/stack.h>
#include <tern/tern.h>

#include "boot/timer.h"
#include "lib/bits.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define START ((size_t)KiB(8))
#define LIMIT ((size_t)MiB(1))
/* What a level takes: the words and some registers. */
#define WORDS 40u

struct dive {
	struct tern_stack *stack;
	size_t depth; /* bytes to go down */
	unsigned rounds;
	uint64_t seed;
	atomic_uint *wrong; /* [atomic: relaxed; join orders it] */
	size_t committed;   /* at the deepest point, the last time */
	bool yields, allocates, shrinks;
};

static size_t committed(const struct tern_stack *stack)
{
	struct tern_stack_info info;

	tern_stack_info(stack, &info);
	return info.top - info.low;
}

/* Faults take pages that the heap has; it does not grow in them. */
static bool heap_has(size_t size)
{
	void *p = tern_pages_alloc(size, 0, 0);

	if (p)
		tern_pages_free(p, size);
	return p;
}

static uintptr_t top_of(const struct tern_stack *stack)
{
	struct tern_stack_info info;

	tern_stack_info(stack, &info);
	return info.top;
}

/* `used` bytes below its top. */
static void call_on(const struct tern_stack *stack, size_t used, void (*fn)(void *), void *arg)
{
	struct tern_stack_info info;

	tern_stack_info(stack, &info);
	thread_call_on_stack(&(struct stack){ .bottom = info.guard, .top = info.top - used }, fn,
			     arg);
}

static void at_the_bottom(struct dive *d)
{
	d->committed = committed(d->stack);
	if (d->yields)
		thread_yield();
}

/* Every level fills words, goes deeper, and finds them as they were. */
static TERN_NOINLINE void descend(struct dive *d, uintptr_t top, uint64_t mark)
{
	volatile uint64_t words[WORDS];

	for (unsigned i = 0; i < WORDS; i++)
		words[i] = mark ^ (uintptr_t)&words[i];
	if (d->allocates && mark % 16 == 0)
		tern_free(tern_malloc(1 + mark % 5000));
	if (top - (uintptr_t)words < d->depth)
		descend(d, top, mark * 6364136223846793005ull + 1442695040888963407ull);
	else
		at_the_bottom(d);
	for (unsigned i = 0; i < WORDS; i++)
		if (words[i] != (mark ^ (uintptr_t)&words[i]))
			atomic_fetch_add_explicit(d->wrong, 1, memory_order_relaxed);
}

static void dive(void *arg)
{
	struct dive *d = arg;

	for (unsigned i = 0; i < d->rounds; i++) {
		descend(d, top_of(d->stack), d->seed + i);
		while (d->shrinks &&
		       tern_stack_shrink(d->stack, (uintptr_t)__builtin_frame_address(0)))
			;
	}
}

/* A thread whose own stack is a plain one goes over to the growing one. */
static void dive_from_a_thread(void *arg)
{
	struct dive *d = arg;

	call_on(d->stack, 0, dive, d);
}

static void run(struct test *t, struct dive *d)
{
	struct thread *thread = thread_create("diver", dive_from_a_thread, d);

	if (EXPECT(thread))
		thread_join(thread);
}

static uint64_t used_bytes(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.used;
}

/* No CPU keeps anything. */
static void forget_caches(void)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		thread_pin(i);
		tern_cpu_offline();
	}
	thread_pin(THREAD_ANY_CPU);
}

static bool mapped(uintptr_t addr)
{
	uint64_t value;

	return mach_probe_read(addr, 8, &value);
}

TEST(growing_stack, grows_shrinks_and_grows_again)
{
	atomic_uint wrong = 0;
	struct dive d = { .depth = LIMIT - KiB(24), .rounds = 1, .wrong = &wrong };
	struct tern_stack_info info;
	struct tern_stack_stats before, after;
	uint64_t used;

	forget_caches();
	used = used_bytes();
	tern_stack_stats(&before);
	d.stack = heap_has(LIMIT) ? tern_stack_create(START, LIMIT) : NULL;
	REQUIRE(d.stack);
	tern_stack_info(d.stack, &info);
	EXPECT_EQ(info.top - info.low, START);
	EXPECT_EQ(info.limit, LIMIT);
	EXPECT(mapped(info.low) && !mapped(info.low - 8) && !mapped(info.guard));
	for (unsigned round = 0; round < 3; round++) {
		d.seed = test_random(t);
		run(t, &d);
		EXPECT_EQ(d.committed, LIMIT);
		EXPECT_EQ(wrong, 0);
		tern_stack_stats(&after);
		EXPECT_EQ(after.inuse, before.inuse + LIMIT);
		EXPECT_EQ(tern_stack_shrink(d.stack, info.top - LIMIT / 4), 0);
		EXPECT_EQ(tern_stack_shrink(d.stack, info.top), LIMIT / 2);
		EXPECT(!mapped(info.top - LIMIT / 2 - 8) && mapped(info.top - LIMIT / 2));
		while (tern_stack_shrink(d.stack, info.top))
			;
		EXPECT_EQ(committed(d.stack), KiB(16));
	}
	tern_stack_destroy(d.stack);
	EXPECT(!mapped(info.top - 8));
	tern_stack_stats(&after);
	EXPECT_EQ(after.inuse, before.inuse);
	EXPECT_EQ(after.reserved, before.reserved);
	forget_caches();
	EXPECT_EQ(used_bytes(), used);
}

/* Twice as many threads as CPUs, preempted and moved, that allocate on the way down, so that faults
 * come while locks are held; and shrink their own stacks. */
TEST_SLOW(growing_stack, many_on_all_cpus)
{
	static struct dive dives[2 * 8];
	struct thread *threads[2 * 8];
	atomic_uint wrong = 0;
	unsigned n = 2 * (cpu_count() < 8 ? cpu_count() : 8);
	struct tern_page_stats stats;

	/* A fault asks nobody for memory: so there has to be enough for all of them. */
	tern_page_stats(&stats);
	while (n > 2 && n * LIMIT > (stats.free + stats.waiting) / 2)
		n -= 2;
	for (unsigned i = 0; i < n; i++) {
		dives[i] = (struct dive){ .stack = tern_stack_create(1, LIMIT / 4),
					  .depth = LIMIT / 4 - KiB(24),
					  .rounds = 12,
					  .seed = test_random(t),
					  .wrong = &wrong,
					  .yields = true,
					  .allocates = i % 2,
					  .shrinks = true };
		REQUIRE(dives[i].stack);
		threads[i] = thread_create("diver", dive_from_a_thread, &dives[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		if (EXPECT(threads[i]))
			thread_join(threads[i]);
		EXPECT(dives[i].committed >= dives[i].depth);
		tern_stack_destroy(dives[i].stack);
	}
	EXPECT_EQ(wrong, 0);
}

/* Interrupts come while the stack pointer is just above memory that is not there yet: their frame is
 * the first that is written below. One that is lost takes all later ones with it: then this hangs. */
static void spin_there(void *arg)
{
	(void)arg;
	spin(2 * MS);
}

static void wait_at_the_edge(void *arg)
{
	for (size_t room = 16; room <= 512; room += 16) {
		struct tern_stack *stack = tern_stack_create(START, LIMIT);
		struct tern_stack_info info;

		if (!stack)
			continue;
		tern_stack_info(stack, &info);
		call_on(stack, info.top - info.low - room, spin_there, NULL);
		*(unsigned *)arg += committed(stack) > START;
		tern_stack_destroy(stack);
		/* Only an interrupt ends it. */
		thread_sleep(MS);
	}
}

static void tick_for_ever(struct timer *timer)
{
	timer_arm(timer, mach_clock_ns() + MS / 8);
}

TEST_SLOW(growing_stack, interrupts_come_at_the_edge)
{
	struct timer timer;
	struct thread *thread;
	unsigned grown = 0;

	thread_pin(last_cpu());
	timer_init(&timer, tick_for_ever);
	timer_arm(&timer, mach_clock_ns() + MS);
	thread = thread_create_on(last_cpu(), "edge", wait_at_the_edge, &grown);
	REQUIRE(thread);
	thread_join(thread);
	timer_cancel(&timer);
	thread_pin(THREAD_ANY_CPU);
	EXPECT(grown > 0);
}

TEST(growing_stack, guard_is_not_given)
{
	struct tern_stack *stack = tern_stack_create(START, LIMIT);
	struct tern_stack_info info;
	char words[96];

	REQUIRE(stack && heap_has(LIMIT));
	tern_stack_info(stack, &info);
	EXPECT(!tern_stack_fault(info.guard) && !tern_stack_fault(info.guard + KiB(8) - 1));
	EXPECT(!tern_stack_fault(info.top) && !tern_stack_fault(0) &&
	       !tern_stack_fault(UINTPTR_MAX));
	EXPECT(tern_stack_describe(info.guard + 5, words, sizeof(words)));
	EXPECT_STR(words, "guard page of a growing stack, 8192 of 1048576 bytes in use");
	EXPECT(tern_stack_fault(info.guard + KiB(8)));
	EXPECT_EQ(committed(stack), LIMIT);
	tern_stack_destroy(stack);
	EXPECT(!tern_stack_describe(info.guard + 5, words, sizeof(words)));
	EXPECT(!tern_stack_create(START, 0) && !tern_stack_create(LIMIT + 1, LIMIT));
	EXPECT(!tern_stack_create(START, SIZE_MAX));
}
