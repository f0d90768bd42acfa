/* SPDX-License-Identifier: MIT */
/* test_timer.c - timers: on their CPU, in order, not early, not after a cancel; and the clock. */
#include "boot/ipi.h"
#include "boot/timer.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define N 6

struct probe {
	struct timer timer;
	atomic_uint runs;
	unsigned place; /* in the order of running */
	unsigned cpu;
	bool early, interrupts;
	unsigned again; /* how often it arms itself anew */
};

static struct probe probes[N];
static unsigned order; /* one CPU, interrupts off */

static void ran(struct timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);

	p->place = order++;
	p->cpu = cpu_self()->id;
	p->early = mach_clock_ns() < timer->deadline_ns;
	p->interrupts = arch_irq_enabled();
	if (p->again) {
		p->again--;
		timer_arm(timer, timer->deadline_ns + 1);
	}
	/* release: with runs() */
	atomic_fetch_add_explicit(&p->runs, 1, memory_order_release);
}

static unsigned runs(unsigned i)
{
	return atomic_load_explicit(&probes[i].runs, memory_order_acquire);
}

static void prepare(unsigned n)
{
	order = 0;
	for (unsigned i = 0; i < n; i++) {
		probes[i] = (struct probe){ .cpu = UINT32_MAX };
		timer_init(&probes[i].timer, ran);
	}
}

TEST(timer, runs_on_the_cpu_that_armed_it)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		prepare(1);
		thread_pin(cpu);
		timer_arm(&probes[0].timer, mach_clock_ns() + MS);
		EXPECT(WAIT_FOR(runs(0)));
		EXPECT_EQ(probes[0].cpu, cpu);
		EXPECT(!probes[0].early);
		EXPECT(!probes[0].interrupts);
		EXPECT(!probes[0].timer.cpu);
	}
	thread_pin(THREAD_ANY_CPU);
}

TEST(timer, order_is_by_deadline_then_by_arming)
{
	static const unsigned delay_ms[N] = { 5, 1, 5, 3, 1, 5 };
	static const unsigned place[N] = { 3, 0, 4, 2, 1, 5 };
	uint64_t base_ns, armed_ns;

	prepare(N);
	thread_pin(last_cpu());
	base_ns = mach_clock_ns();
	for (unsigned i = 0; i < N; i++)
		timer_arm(&probes[i].timer, base_ns + delay_ms[i] * MS);
	armed_ns = mach_clock_ns();
	for (unsigned i = 0; i < N; i++)
		EXPECT(WAIT_FOR(runs(i)));
	/* A slow machine may have run the first before the last was armed. */
	if (armed_ns < base_ns + MS)
		for (unsigned i = 0; i < N; i++)
			EXPECT_EQ(probes[i].place, place[i]);
	thread_pin(THREAD_ANY_CPU);
}

TEST(timer, cancelled_does_not_run)
{
	prepare(2);
	thread_pin(last_cpu());
	timer_arm(&probes[0].timer, UINT64_MAX - 1);
	timer_arm(&probes[1].timer, mach_clock_ns() + 2 * MS);
	EXPECT(timer_cancel(&probes[0].timer));
	EXPECT(!timer_cancel(&probes[0].timer));
	EXPECT(WAIT_FOR(runs(1)));
	EXPECT(!timer_cancel(&probes[1].timer));
	EXPECT_EQ(runs(0), 0);
	thread_pin(THREAD_ANY_CPU);
}

TEST(timer, armed_again_it_moves)
{
	prepare(1);
	thread_pin(last_cpu());
	timer_arm(&probes[0].timer, UINT64_MAX - 1);
	timer_arm(&probes[0].timer, mach_clock_ns());
	EXPECT(WAIT_FOR(runs(0)));
	thread_sleep(MS);
	EXPECT_EQ(runs(0), 1);
	thread_pin(THREAD_ANY_CPU);
}

TEST(timer, may_arm_itself)
{
	prepare(1);
	probes[0].again = 9;
	thread_pin(last_cpu());
	timer_arm(&probes[0].timer, mach_clock_ns());
	EXPECT(WAIT_FOR(runs(0) == 10));
	thread_pin(THREAD_ANY_CPU);
}

TEST(timer, waits_while_interrupts_are_off)
{
	unsigned long irq;

	prepare(1);
	irq = arch_irq_save();
	timer_arm(&probes[0].timer, mach_clock_ns());
	spin(5 * MS);
	EXPECT_EQ(runs(0), 0);
	arch_irq_restore(irq);
	EXPECT(WAIT_FOR(runs(0)));
}

TEST(irq, save_and_restore_nest)
{
	unsigned long outer, inner;

	REQUIRE(arch_irq_enabled());
	outer = arch_irq_save();
	EXPECT(!arch_irq_enabled());
	inner = arch_irq_save();
	EXPECT(!arch_irq_enabled());
	arch_irq_restore(inner);
	EXPECT(!arch_irq_enabled());
	arch_irq_restore(outer);
	EXPECT(arch_irq_enabled());
	arch_irq_disable();
	EXPECT(!arch_irq_enabled());
	arch_irq_enable();
	EXPECT(arch_irq_enabled());
}

static unsigned backward_steps(unsigned n)
{
	uint64_t last_ns = mach_clock_ns();
	unsigned wrong = 0;

	while (n--) {
		uint64_t now_ns = mach_clock_ns();

		wrong += now_ns < last_ns;
		last_ns = now_ns;
	}
	return wrong;
}

TEST(clock, never_runs_backward_on_a_cpu)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		thread_pin(cpu);
		EXPECT_EQ(backward_steps(10000), 0);
	}
	thread_pin(THREAD_ANY_CPU);
}

static void read_clock(void *arg)
{
	*(uint64_t *)arg = mach_clock_ns();
}

/* What happens later on another CPU has a time that is not before. */
TEST(clock, never_runs_backward_across_cpus)
{
	for (unsigned i = 0; i < 20 * cpu_count(); i++) {
		uint64_t there_ns = 0, before_ns = mach_clock_ns();

		ipi_call(i % cpu_count(), read_clock, &there_ns);
		EXPECT(before_ns <= there_ns);
		EXPECT(there_ns <= mach_clock_ns());
	}
}

TEST(clock, goes_on)
{
	uint64_t before_ns = mach_clock_ns();
	uint64_t give_up = UINT32_MAX;

	while (mach_clock_ns() == before_ns && give_up--)
		arch_relax();
	EXPECT(mach_clock_ns() > before_ns);
}
