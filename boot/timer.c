/* SPDX-License-Identifier: MIT */
/* timer.c - call a function later, on this CPU.
 *
 * Job      Keep each CPU's timers sorted by deadline, and the machine's one-shot timer at the
 *          earliest of them and of the running thread's slice. No deadline, no interrupt.
 * Owns     struct cpu's timers. Not the slice: runq.c sets it, this only watches it.
 * Locks    none: a CPU's timers are touched by that CPU alone, with interrupts off.
 * Context  any but NMI. Functions of timers run in the interrupt; they may arm any timer of the
 *          CPU, their own too, and nothing here touches a timer after its function began.
 * Holds    t->cpu is set if and only if t is on that CPU's list. Timers with equal deadlines run
 *          in the order in which they were armed. Inserting takes O(armed timers). */
#include "boot/timer.h"

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "lib/assert.h"

static struct timer *first(const struct timer_queue *q)
{
	return list_empty(&q->armed) ? NULL : list_entry(q->armed.next, struct timer, link);
}

static void insert(struct timer_queue *q, struct timer *t)
{
	struct list *after = q->armed.prev;

	while (after != &q->armed &&
	       list_entry(after, struct timer, link)->deadline_ns > t->deadline_ns)
		after = after->prev;
	list_push_front(after, &t->link);
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	list_init(&t->link);
	t->fn = fn;
	t->cpu = NULL;
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
	unsigned long irq = arch_irq_save();
	struct cpu *c = cpu_self();

	TERN_ASSERT(!t->cpu || t->cpu == c);
	if (t->cpu)
		list_remove(&t->link);
	t->cpu = c;
	t->deadline_ns = deadline_ns;
	insert(&c->timers, t);
	timer_reprogram();
	arch_irq_restore(irq);
}

bool timer_cancel(struct timer *t)
{
	unsigned long irq = arch_irq_save();
	bool armed = t->cpu != NULL;

	if (armed) {
		TERN_ASSERT(t->cpu == cpu_self());
		list_remove(&t->link);
		t->cpu = NULL;
		timer_reprogram();
	}
	arch_irq_restore(irq);
	return armed;
}

void timer_queue_init(struct timer_queue *q)
{
	list_init(&q->armed);
}

/* "Now" is read once, so that a function which arms its own timer for the past ends the turn. */
static void run_due(struct timer_queue *q, uint64_t now_ns)
{
	struct timer *t;

	while ((t = first(q)) && t->deadline_ns <= now_ns) {
		list_remove(&t->link);
		t->cpu = NULL;
		t->fn(t);
	}
}

void timer_interrupt(void)
{
	struct cpu *c = cpu_self();
	uint64_t now_ns = mach_clock_ns();

	TERN_ASSERT(!arch_irq_enabled());
	c->ticks++;
	run_due(&c->timers, now_ns);
	if (now_ns >= c->slice_end_ns)
		runq_slice_over();
	timer_reprogram();
}

void timer_reprogram(void)
{
	struct cpu *c = cpu_self();
	const struct timer *t = first(&c->timers);
	uint64_t deadline_ns = c->slice_end_ns;

	if (t && t->deadline_ns < deadline_ns)
		deadline_ns = t->deadline_ns;
	mach_timer_set(deadline_ns);
}
