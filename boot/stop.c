/* SPDX-License-Identifier: MIT */
/* stop.c - the world stops for the collector, and shows it the threads' stacks.
 *
 * Job      Ask all other CPUs to stop, by an interrupt; stop when asked; find where each thread's
 *          stacks end.
 * Stops    between any two instructions with interrupts on, in the handler of the interrupt. With
 *          them off in one place only: while a CPU waits for another in ipi.c, which may be stopped
 *          already. No other wait with interrupts off is for a CPU that has them on. So all come.
 * Stopped  nobody is within a stretch with interrupts off, but for who waits in ipi.c, holding no
 *          lock: all locks that are taken with interrupts off are free, no thread is half switched
 *          to, and what they guard is read here without them.
 * Stacks   An interrupt goes on on the stack of what it interrupted (vectors.S), and its frame has
 *          all registers: from the frame upwards there is everything. Below it are handlers, whose
 *          frames hold nothing, but for stale words in their gaps; so they are not shown, of who was
 *          stopped and of who was switched away. Who waits in ipi.c, or gave its CPU away, has its
 *          registers on its stack, too, and is shown from there. At the top of a stack lies its
 *          thread's struct, which is not scanned.
 * Memory   stopped_sp is seen by who collects, as tern_gc_stop_here() tells it that this CPU came.
 * Context  interrupts off. */
#include "boot/stop.h"

#include <tern/gc.h>
#include <tern/port.h>

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"

unsigned tern_port_stop_cpus(void)
{
	struct cpu *self = cpu_self();
	unsigned count = cpu_count();

	for (unsigned i = 0; i < count; i++) {
		if (&cpus[i] == self)
			continue;
		/* relaxed: mach_ipi() orders it before the interrupt */
		atomic_store_explicit(&cpus[i].stop_asked, true, memory_order_relaxed);
		mach_ipi(i);
	}
	return count - 1;
}

static void stop_at(uintptr_t sp, void *arg)
{
	struct cpu *c = arg;

	c->irq_depth++;
	c->stopped_sp = sp;
	tern_gc_stop_here();
	c->stopped_sp = 0;
	c->irq_depth--;
}

/* The flag is lowered before the world runs on, so one that is raised later is not lost. */
void stop_if_asked(const void *frame)
{
	struct cpu *c = cpu_self();

	if (!atomic_load_explicit(&c->stop_asked, memory_order_relaxed))
		return;
	atomic_store_explicit(&c->stop_asked, false, memory_order_relaxed);
	if (frame)
		stop_at((uintptr_t)frame, c);
	else
		arch_spill(stop_at, c);
}

struct scan {
	uintptr_t sp; /* of the CPU that collects */
	tern_scan_stack *fn;
	void *arg;
};

/* Only the CPU that collects is not stopped. */
static uintptr_t end_of(const struct thread *t, const struct scan *s)
{
	const struct cpu *c = atomic_load_explicit(&t->cpu, memory_order_relaxed);

	if (c->current != t)
		return t->frame ? t->frame : t->sp;
	return c->stopped_sp ? c->stopped_sp : s->sp;
}

static bool contains(const struct stack *s, uintptr_t sp)
{
	return sp - s->bottom < s->top - s->bottom;
}

static void scan_thread(struct thread *t, void *arg)
{
	const struct scan *s = arg;
	uintptr_t sp = end_of(t, s), self = (uintptr_t)t;

	if (t->state == THREAD_DONE || t->unscanned)
		return;
	s->fn(s->arg, (uintptr_t)&t->arg, (uintptr_t)(&t->arg + 1));
	for (const struct stack_call *call = t->call; call; call = call->outer) {
		/* It may be about to go there, or just back. */
		if (!contains(&call->stack, sp))
			continue;
		s->fn(s->arg, sp, call->stack.top);
		sp = call->left_sp;
	}
	s->fn(s->arg, sp, contains(&t->stack, self) ? self : t->stack.top);
}

void tern_port_scan_stacks(uintptr_t sp, tern_scan_stack *scan, void *arg)
{
	struct scan s = { .sp = sp, .fn = scan, .arg = arg };

	thread_for_each_stopped(scan_thread, &s);
}
