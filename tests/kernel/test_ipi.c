/* SPDX-License-Identifier: MIT */
/* test_ipi.c - functions called on other CPUs: where they run, and in what state; that all get
 * their answer when everybody calls everybody. */
#include "boot/ipi.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

struct answer {
	unsigned cpu;
	bool interrupts;
	unsigned calls;
};

static void tell(void *arg)
{
	struct answer *a = arg;

	a->cpu = cpu_self()->id;
	a->interrupts = arch_irq_enabled();
	a->calls++;
}

TEST(ipi, call_runs_there_with_interrupts_off)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		struct answer a = { .cpu = UINT32_MAX, .interrupts = true };

		ipi_call(i, tell, &a);
		EXPECT_EQ(a.cpu, i);
		EXPECT(!a.interrupts);
		EXPECT_EQ(a.calls, 1);
	}
	EXPECT(arch_irq_enabled());
}

static void mark(void *arg)
{
	atomic_uint *marks = arg;

	atomic_fetch_add_explicit(&marks[cpu_self()->id], 1, memory_order_relaxed);
}

TEST(ipi, call_others_runs_on_all_but_the_caller)
{
	static atomic_uint marks[TERN_MAX_CPUS];

	for (unsigned i = 0; i < cpu_count(); i++)
		atomic_store(&marks[i], 0);
	for (unsigned self = 0; self < cpu_count(); self++) {
		thread_pin(self);
		ipi_call_others(mark, marks);
		for (unsigned i = 0; i < cpu_count(); i++)
			EXPECT_EQ(atomic_load(&marks[i]), (i <= self ? self : self + 1));
	}
	thread_pin(THREAD_ANY_CPU);
}

static void count_call(void *arg)
{
	atomic_fetch_add_explicit((atomic_ulong *)arg, 1, memory_order_relaxed);
}

/* Calls from one thread, in the ways that there are; how many functions should have run. */
struct caller {
	struct thread *thread;
	bool interrupts_off;
	unsigned long expected;
	atomic_ulong ran;
};

static void call_all_the_time(void *arg)
{
	struct caller *me = arg;
	uint64_t end_ns = mach_clock_ns() + RACE_NS;
	unsigned cpu = 0;

	do {
		unsigned long irq = me->interrupts_off ? arch_irq_save() : 0;

		ipi_call(cpu++ % cpu_count(), count_call, &me->ran);
		me->expected++;
		if (cpu % 4 == 0) {
			ipi_call_others(count_call, &me->ran);
			me->expected += cpu_count() - 1;
		}
		if (me->interrupts_off)
			arch_irq_restore(irq);
	} while (mach_clock_ns() < end_ns);
}

static void all_call(struct test *t, unsigned each, bool interrupts_off)
{
	static struct caller callers[3 * TERN_MAX_CPUS];
	unsigned n = each * cpu_count();

	for (unsigned i = 0; i < n; i++) {
		callers[i].interrupts_off = interrupts_off;
		callers[i].expected = 0;
		atomic_store(&callers[i].ran, 0);
		REQUIRE(callers[i].thread = thread_create_on(i % cpu_count(), "caller",
							     call_all_the_time, &callers[i]));
	}
	for (unsigned i = 0; i < n; i++) {
		thread_join(callers[i].thread);
		EXPECT(callers[i].expected > 0);
		EXPECT_EQ(atomic_load(&callers[i].ran), callers[i].expected);
	}
}

TEST_SLOW(ipi, all_cpus_call_each_other)
{
	all_call(t, 1, false);
}

TEST_SLOW(ipi, all_cpus_call_each_other_with_interrupts_off)
{
	all_call(t, 1, true);
}

TEST_SLOW(ipi, several_threads_of_each_cpu_call)
{
	all_call(t, 3, false);
}

static void wake_thread(void *arg)
{
	thread_wake(arg);
}

TEST(ipi, called_function_may_wake)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		ipi_call(i, wake_thread, thread_self());
		thread_block();
	}
	EXPECT_EQ(thread_self()->events, 0);
}

TEST(ipi, kick_is_harmless)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		ipi_kick(i);
		ipi_kick(i);
	}
	thread_yield();
}
