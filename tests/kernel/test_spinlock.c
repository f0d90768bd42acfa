/* SPDX-License-Identifier: MIT */
/* test_spinlock.c - the library's locks between preempted threads on all CPUs. */
#include "boot/timer.h"
#include "lib/lock.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

static const struct tern_lock_class test_class = {
	.name = "test", .rank = 900, .irq = true, .protects = "the counters of test_spinlock.c"
};
static struct tern_lock lock = TERN_LOCK_INIT(&test_class);

/* [lock] three that must stay equal; volatile: each step is a load and a store of its own */
static volatile unsigned long a, b, c;
static atomic_ulong added, torn;

static void add_one(void)
{
	unsigned long irq = tern_lock_irqsave(&lock);

	if (a != b || b != c)
		atomic_fetch_add(&torn, 1);
	a = a + 1;
	b = b + 1;
	c = c + 1;
	tern_unlock_irqrestore(&lock, irq);
	atomic_fetch_add(&added, 1);
}

static void add_for_a_while(void *arg)
{
	uint64_t end_ns = mach_clock_ns() + RACE_NS;

	(void)arg;
	do
		add_one();
	while (mach_clock_ns() < end_ns);
}

static void start_over(void)
{
	a = b = c = 0;
	atomic_store(&added, 0);
	atomic_store(&torn, 0);
}

TEST_SLOW(spinlock, excludes_preempted_threads_on_all_cpus)
{
	static struct thread *threads[2 * TERN_MAX_CPUS];
	unsigned n = 2 * cpu_count();

	start_over();
	for (unsigned i = 0; i < n; i++)
		REQUIRE(threads[i] = thread_create_on(i / 2, "adder", add_for_a_while, NULL));
	while (n--)
		thread_join(threads[n]);
	EXPECT_EQ(atomic_load(&torn), 0);
	EXPECT_EQ(a, atomic_load(&added));
	EXPECT(a == b && b == c);
}

static atomic_bool timer_on;

static void add_from_interrupt(struct timer *timer)
{
	add_one();
	if (atomic_load(&timer_on))
		timer_arm(timer, mach_clock_ns() + MS / 10);
}

TEST(spinlock, excludes_interrupts_of_the_holder)
{
	struct timer timer;

	start_over();
	atomic_store(&timer_on, true);
	timer_init(&timer, add_from_interrupt);
	thread_pin(last_cpu());
	timer_arm(&timer, mach_clock_ns());
	add_for_a_while(NULL);
	atomic_store(&timer_on, false);
	timer_cancel(&timer);
	thread_pin(THREAD_ANY_CPU);
	EXPECT_EQ(atomic_load(&torn), 0);
	EXPECT_EQ(a, atomic_load(&added));
}

TEST(spinlock, try_says_whether_it_is_free)
{
	unsigned long irq = arch_irq_save();
	bool first = tern_lock_try(&lock);
	bool second = first && tern_lock_try(&lock);

	if (first)
		tern_unlock(&lock);
	arch_irq_restore(irq);
	EXPECT(first);
	EXPECT(!second);
}
