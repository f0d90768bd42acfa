/* SPDX-License-Identifier: MIT */
/* port.c - the simulated kernel that tern is linked into, and the processor's calls (arch/sim).
 *
 * Job      Interrupts: a processor stops for the collector, gives its caches back, or a timer's handler
 *          works with the heap. Show the stacks exactly as include/tern/port.h says.
 * Stacks   A thread that does not run has its registers on its stack, and is shown from its stack
 *          pointer on; one that stopped from its handler's; who collects from where it says.
 * Time     is the number of steps: a step takes 100 ns.
 * Context  the process's only thread. */
#include <stdio.h>
#include <string.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "tests/sim/sim.h"

#define STEP_NS  100u
#define RELEASED 0xc3

/* --- the processor --------------------------------------------------------------------------- */

unsigned long arch_irq_save(void)
{
	bool off = sim_self->irq_off;

	sim_self->irq_off = true;
	return off;
}

void arch_irq_restore(unsigned long off)
{
	sim_self->irq_off = off;
	if (!off)
		sim_point(SIM_IRQ, __builtin_return_address(0));
}

void arch_irq_enable(void)
{
	arch_irq_restore(false);
}

void arch_irq_disable(void)
{
	sim_self->irq_off = true;
}

bool arch_irq_enabled(void)
{
	return !sim_self->irq_off;
}

void arch_relax(void)
{
	sim_wait(__builtin_return_address(0));
}

uint64_t arch_ticks(void)
{
	return sim_steps * STEP_NS;
}

/* --- the kernel ------------------------------------------------------------------------------ */

uint64_t tern_port_clock_ns(void)
{
	return arch_ticks() + 1;
}

unsigned tern_port_cpu_id(void)
{
	return sim_cpu_id();
}

bool tern_port_in_interrupt(void)
{
	return sim_self->in_interrupt;
}

void tern_port_write(const char *text, size_t len)
{
	fwrite(text, 1, len, stdout);
}

_Noreturn void tern_port_panic(const char *text)
{
	sim_fail("panic: %s", text);
}

static unsigned interrupt_others(unsigned why)
{
	unsigned n = 0;

	for (struct sim_cpu *c = sim_cpus; c < sim_cpus + SIM_CPUS; c++) {
		if (!c->thread || c == sim_self->cpu)
			continue;
		c->interrupts |= why;
		n++;
	}
	return n;
}

unsigned tern_port_stop_cpus(void)
{
	return interrupt_others(SIM_STOP);
}

/* One that is interrupted while it waits for others gives its own caches back meanwhile. */
void tern_port_drain_cpus(void)
{
	unsigned wanted[SIM_CPUS];

	for (unsigned i = 0; i < SIM_CPUS; i++)
		wanted[i] = ++sim_cpus[i].wanted;
	interrupt_others(SIM_DRAIN);
	sim_self->cpu->drained = sim_self->cpu->wanted;
	for (unsigned i = 0; i < SIM_CPUS; i++)
		while (sim_cpus[i].thread && (int)(sim_cpus[i].drained - wanted[i]) < 0)
			arch_relax();
}

/* Who touches it next finds anything there. */
bool tern_port_release(uintptr_t start, size_t size)
{
	memset((void *)start, RELEASED, size);
	return true;
}

static uintptr_t end_of_stack(const struct sim_thread *t, uintptr_t sp)
{
	if (sp - t->low < t->top - t->low)
		return sp;
	return t->stop_sp ? t->stop_sp : t->sp;
}

void tern_port_scan_stacks(uintptr_t sp, tern_scan_stack *scan, void *arg)
{
	for (const struct sim_thread *t = sim_threads; t <= sim_threads + SIM_THREADS; t++)
		if (t->low && !t->ended)
			scan(arg, end_of_stack(t, sp), t->top);
}

/* --- interrupts ------------------------------------------------------------------------------ */

static void stop_at(uintptr_t sp, void *arg)
{
	(void)arg;
	sim_self->stop_sp = sp;
	tern_gc_stop_here();
	sim_self->stop_sp = 0;
}

static void give_caches_back(struct sim_cpu *c)
{
	unsigned wanted = c->wanted;

	tern_cpu_offline();
	c->drained = wanted;
}

void sim_interrupt(struct sim_cpu *c)
{
	unsigned why = c->interrupts & -c->interrupts;

	c->interrupts &= ~why;
	if (why == SIM_STOP)
		arch_spill(stop_at, NULL);
	else if (why == SIM_DRAIN)
		give_caches_back(c);
	else
		sim_work_in_interrupt();
}

/* Who wants it to stop counts on it: it goes when nobody does. */
void sim_cpu_goes(struct sim_cpu *c)
{
	do {
		arch_irq_enable();
		arch_irq_disable();
		tern_cpu_offline();
		c->interrupts &= ~SIM_TIMER;
	} while (c->interrupts);
}
