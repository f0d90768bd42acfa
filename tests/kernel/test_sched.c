/* SPDX-License-Identifier: MIT */
/* test_sched.c - who runs where, and for how long: slices, spreading, pinning, preemption. */
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define MAX (2 * TERN_MAX_CPUS)

static struct thread *threads[MAX];
static atomic_ulong turns[MAX];
static atomic_bool stop;

/* Never yields. */
static void run_on(void *arg)
{
	atomic_ulong *n = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

static unsigned long turns_of(unsigned i)
{
	return atomic_load_explicit(&turns[i], memory_order_relaxed);
}

static void join_all(unsigned n)
{
	atomic_store(&stop, true);
	while (n--)
		thread_join(threads[n]);
}

TEST(sched, threads_that_never_yield_share_a_cpu)
{
	unsigned long before[2];

	atomic_store(&stop, false);
	for (unsigned i = 0; i < 2; i++)
		REQUIRE(threads[i] = thread_create_on(last_cpu(), "greedy", run_on, &turns[i]));
	for (unsigned round = 0; round < 5; round++) {
		before[0] = turns_of(0);
		before[1] = turns_of(1);
		EXPECT(WAIT_FOR(turns_of(0) != before[0] && turns_of(1) != before[1]));
	}
	join_all(2);
}

static atomic_ulong visits[TERN_MAX_CPUS];

/* Begins pinned, as its maker wanted it, then lets go. */
static void roam(void *arg)
{
	(void)arg;
	thread_pin(THREAD_ANY_CPU);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		atomic_fetch_add_explicit(&visits[this_cpu()], 1, memory_order_relaxed);
}

static unsigned cpus_visited(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cpu_count(); i++)
		n += atomic_load_explicit(&visits[i], memory_order_relaxed) != 0;
	return n;
}

static bool all_queues_in_use(void)
{
	for (unsigned i = 0; i < cpu_count(); i++)
		if (atomic_load_explicit(&cpus[i].runq.length, memory_order_relaxed) == 0)
			return false;
	return true;
}

/* All begin on one CPU. With two for each CPU nobody else is idle in the end, so that after the
 * idle ones took theirs the balance has to do the rest. */
TEST_SLOW(sched, more_threads_than_cpus_spread)
{
	unsigned n = 2 * cpu_count();

	if (cpu_count() == 1)
		SKIP("one CPU");
	atomic_store(&stop, false);
	for (unsigned i = 0; i < cpu_count(); i++)
		atomic_store(&visits[i], 0);
	for (unsigned i = 0; i < n; i++)
		REQUIRE(threads[i] = thread_create_on(last_cpu(), "roamer", roam, NULL));
	EXPECT(WAIT_FOR(cpus_visited() == cpu_count()));
	EXPECT(WAIT_FOR(all_queues_in_use()));
	join_all(n);
}

static atomic_bool helped;

/* Blocks on the CPU where it began, free to go on elsewhere. */
static void need_help(void *arg)
{
	(void)arg;
	thread_pin(THREAD_ANY_CPU);
	thread_block();
	atomic_store(&helped, true);
}

/* It becomes ready while no CPU is idle, on a CPU that then shuts itself off: only another one,
 * when it runs dry, can run it. */
TEST(sched, idle_cpu_takes_what_waits_elsewhere)
{
	uint64_t give_up_ns = mach_clock_ns() + HANG_NS;
	unsigned n = cpu_count();
	unsigned long irq;

	if (n == 1)
		SKIP("one CPU");
	atomic_store(&stop, false);
	atomic_store(&helped, false);
	thread_pin(0);
	REQUIRE(threads[0] = thread_create_on(0, "needy", need_help, NULL));
	EXPECT(WAIT_FOR(threads[0]->state == THREAD_BLOCKED));
	for (unsigned i = 1; i < n; i++) {
		unsigned long before = turns_of(i);

		REQUIRE(threads[i] = thread_create_on(i, "greedy", run_on, &turns[i]));
		EXPECT(WAIT_FOR(turns_of(i) != before));
	}
	irq = arch_irq_save();
	thread_wake(threads[0]);
	EXPECT(!atomic_load(&helped));
	atomic_store(&stop, true);
	while (!atomic_load(&helped) && mach_clock_ns() < give_up_ns)
		arch_relax();
	EXPECT(atomic_load(&helped));
	arch_irq_restore(irq);
	join_all(n);
	thread_pin(THREAD_ANY_CPU);
}

static atomic_uint strays;

static void stay(void *arg)
{
	unsigned cpu = (uintptr_t)arg;
	uint64_t end_ns = mach_clock_ns() + RACE_NS;

	for (unsigned i = 0; mach_clock_ns() < end_ns; i++) {
		if (this_cpu() != cpu)
			atomic_fetch_add(&strays, 1);
		if (i % 16 == 0)
			thread_sleep(MS / 10);
		else if (i % 4 == 0)
			thread_yield();
	}
}

TEST_SLOW(sched, pinned_threads_stay)
{
	unsigned n = 0;

	atomic_store(&strays, 0);
	for (unsigned i = 0; i < cpu_count(); i++)
		for (unsigned k = 0; k < 2; k++)
			REQUIRE(threads[n++] =
					thread_create_on(i, "stay", stay, (void *)(uintptr_t)i));
	join_all(n);
	EXPECT_EQ(atomic_load(&strays), 0);
}

TEST(sched, pin_moves_the_caller)
{
	for (unsigned round = 0; round < 20; round++) {
		unsigned cpu = test_random_below(t, cpu_count());

		thread_pin(cpu);
		EXPECT_EQ(this_cpu(), cpu);
		thread_yield();
		EXPECT_EQ(this_cpu(), cpu);
		if (round % 4 == 0)
			thread_pin(THREAD_ANY_CPU);
	}
	thread_pin(THREAD_ANY_CPU);
}

static void pin_about(void *arg)
{
	uint64_t end_ns = mach_clock_ns() + RACE_NS;
	unsigned cpu = (uintptr_t)arg;

	for (; mach_clock_ns() < end_ns; cpu++) {
		thread_pin(cpu % cpu_count());
		if (this_cpu() != cpu % cpu_count())
			atomic_fetch_add(&strays, 1);
		if (cpu % 3 == 0)
			thread_pin(THREAD_ANY_CPU);
	}
}

TEST_SLOW(sched, many_pin_themselves_about)
{
	unsigned n = 2 * cpu_count();

	atomic_store(&strays, 0);
	for (unsigned i = 0; i < n; i++)
		REQUIRE(threads[i] = thread_create("nomad", pin_about, (void *)(uintptr_t)i));
	join_all(n);
	EXPECT_EQ(atomic_load(&strays), 0);
}

static void yield_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		thread_yield();
}

/* The scheduler's own count says who ran; preemption can only add to it. */
TEST(sched, yield_comes_back_after_all_others)
{
	unsigned cpu = last_cpu();

	atomic_store(&stop, false);
	thread_pin(cpu);
	for (unsigned i = 0; i < 3; i++)
		threads[i] = thread_create_on(cpu, "polite", yield_on, NULL);
	for (unsigned round = 0; round < 100; round++) {
		uint64_t before[3];

		for (unsigned i = 0; i < 3; i++)
			before[i] = threads[i]->switches;
		thread_yield();
		for (unsigned i = 0; i < 3; i++)
			EXPECT(threads[i]->switches > before[i]);
	}
	join_all(3);
	thread_pin(THREAD_ANY_CPU);
}

TEST(sched, preemption_off_keeps_the_cpu)
{
	unsigned cpu = last_cpu();
	unsigned long before;

	atomic_store(&stop, false);
	thread_pin(cpu);
	threads[0] = thread_create_on(cpu, "rival", run_on, &turns[0]);
	REQUIRE(threads[0]);
	before = turns_of(0);
	EXPECT(WAIT_FOR(turns_of(0) != before));
	thread_preempt_disable();
	thread_preempt_disable();
	before = turns_of(0);
	spin(4 * THREAD_SLICE_NS);
	thread_preempt_enable();
	spin(THREAD_SLICE_NS);
	EXPECT_EQ(turns_of(0), before);
	thread_preempt_enable(); /* a switch is due by now */
	EXPECT(WAIT_FOR(turns_of(0) != before));
	join_all(1);
	thread_pin(THREAD_ANY_CPU);
}

TEST(sched, switch_is_made_up_for_when_interrupts_come_on)
{
	unsigned cpu = last_cpu();
	uint64_t give_up_ns = mach_clock_ns() + HANG_NS;
	unsigned long irq, before;

	atomic_store(&stop, false);
	thread_pin(cpu);
	threads[0] = thread_create_on(cpu, "rival", run_on, &turns[0]);
	REQUIRE(threads[0]);
	thread_preempt_disable();
	spin(2 * THREAD_SLICE_NS);
	irq = arch_irq_save();
	before = turns_of(0);
	thread_preempt_enable();
	EXPECT_EQ(turns_of(0), before);
	arch_irq_restore(irq);
	while (turns_of(0) == before && mach_clock_ns() < give_up_ns)
		arch_relax();
	EXPECT(turns_of(0) != before);
	join_all(1);
	thread_pin(THREAD_ANY_CPU);
}

TEST(sched, one_thread_alone_has_no_ticks)
{
	uint64_t before;

	thread_pin(last_cpu());
	before = cpus[last_cpu()].ticks;
	spin(10 * THREAD_SLICE_NS);
	/* What others do in between, such as looking for typed bytes, may take its turn. */
	EXPECT(cpus[last_cpu()].ticks - before < 5);
	thread_pin(THREAD_ANY_CPU);
}

static void check_queue(void *arg)
{
	struct run_queue *q = &cpu_self()->runq;
	unsigned long irq = tern_lock_irqsave(&q->lock);

	if (!runq_check(q))
		atomic_store((atomic_bool *)arg, true);
	tern_unlock_irqrestore(&q->lock, irq);
}

TEST(sched, queues_keep_their_invariants)
{
	static atomic_bool broken;

	atomic_store(&stop, false);
	for (unsigned i = 0; i < 3; i++)
		REQUIRE(threads[i] = thread_create("greedy", run_on, &turns[i]));
	for (unsigned i = 0; i < cpu_count(); i++) {
		thread_pin(i);
		check_queue(&broken);
	}
	thread_pin(THREAD_ANY_CPU);
	join_all(3);
	EXPECT(!atomic_load(&broken));
}
