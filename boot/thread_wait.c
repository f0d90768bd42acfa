/* SPDX-License-Identifier: MIT */
/* thread_wait.c - threads that wait: for a wake, for a time, or until nobody else wants their CPU.
 *
 * Job      Say what ends a wait: another thread, a timer, or the idle thread of the CPU, which wakes
 *          who waits for that before it halts.
 * Owns     cpu->for_idle. Not: the wait itself and the switch (thread.c), time (timer.c).
 * Locks    none of its own; thread.c and timer.c take theirs, with interrupts off.
 * Context  see thread.h. A sleeper lies on its thread's stack: it is in no list and no timer is
 *          armed when the wait is over. */
#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "boot/timer.h"
#include "lib/assert.h"

void thread_block(void)
{
	unsigned long irq = arch_irq_save();

	thread_await(THREAD_WOKEN, THREAD_BLOCKED);
	arch_irq_restore(irq);
}

void thread_wake(struct thread *t)
{
	thread_signal(t, THREAD_WOKEN);
}

struct sleeper {
	struct timer timer;
	struct thread *thread;
	struct list for_idle; /* in its CPU's list, if it waits for that as well */
};

static void sleep_is_over(struct timer *timer)
{
	thread_signal(container_of(timer, struct sleeper, timer)->thread, THREAD_RANG);
}

void thread_sleep(uint64_t ns)
{
	unsigned long irq = arch_irq_save();
	struct sleeper s = { .thread = cpu_self()->current };
	uint64_t now_ns = mach_clock_ns();

	timer_init(&s.timer, sleep_is_over);
	timer_arm(&s.timer, ns < UINT64_MAX - now_ns ? now_ns + ns : UINT64_MAX);
	thread_await(THREAD_RANG, THREAD_SLEEPING);
	arch_irq_restore(irq);
}

bool thread_wait(uint64_t ns, bool or_idle)
{
	unsigned long irq = arch_irq_save();
	struct cpu *c = cpu_self();
	struct sleeper s = { .thread = c->current };
	uint64_t now_ns = mach_clock_ns();
	unsigned came;

	TERN_ASSERT(s.thread->pinned == c->id);
	timer_init(&s.timer, sleep_is_over);
	if (ns < UINT64_MAX - now_ns)
		timer_arm(&s.timer, now_ns + ns);
	list_init(&s.for_idle);
	if (or_idle)
		list_push_back(&c->for_idle, &s.for_idle);
	came = thread_await(THREAD_WOKEN | THREAD_RANG | THREAD_UNWANTED, THREAD_SLEEPING);
	list_remove(&s.for_idle);
	timer_cancel(&s.timer);
	/* They may have come between the wake and now. */
	thread_forget(THREAD_RANG | THREAD_UNWANTED);
	arch_irq_restore(irq);
	return came & THREAD_UNWANTED;
}

/* --- idleness -------------------------------------------------------------------------- */

/* It may run at once: nobody else wants to. */
static void wake_for_idle(struct cpu *c)
{
	struct sleeper *s = list_entry(c->for_idle.next, struct sleeper, for_idle);

	list_remove(&s->for_idle);
	thread_signal(s->thread, THREAD_UNWANTED);
}

/* Interrupts off. */
static void be_idle(struct cpu *c)
{
	if (thread_run_others())
		return;
	if (!list_empty(&c->for_idle)) {
		wake_for_idle(c);
		return;
	}
	/* A thread that comes from now on brings an interrupt: it ends the wait. */
	atomic_store_explicit(&c->hungry, true, memory_order_relaxed);
	mach_wait_irq();
}

_Noreturn void thread_idle_loop(void)
{
	for (;;) {
		arch_irq_disable();
		be_idle(cpu_self());
		arch_irq_enable();
	}
}
