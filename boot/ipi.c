/* SPDX-License-Identifier: MIT */
/* ipi.c - run a function on another CPU and wait for it.
 *
 * Job      Each CPU has a mailbox: a list to which others push requests without a lock, and which
 *          the owner takes as a whole. Requests live on their senders' stacks, as a sender waits.
 * Rule     Who waits serves its own mailbox meanwhile. So two CPUs that call each other with
 *          interrupts off both get their answer, and no CPU can wait for one that waits for it. It
 *          stops for the collector, too: who is to answer may be stopped already, or collect.
 * Locks    none, and callers hold none that a handler may want.
 * Context  any but NMI. A thread that waits may be preempted, and even go on on another CPU.
 * Memory   push (release) with take (acquire): the function sees what its sender wrote.
 *          done (release) with wait (acquire): the sender sees what the function wrote. mach_ipi()
 *          orders the push before the interrupt.
 * Holds    a request is not touched after `left` was lowered for it: its stack may be gone. */
#include "boot/ipi.h"

#include <stdatomic.h>

#include <tern/config.h>

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/stop.h"
#include "lib/assert.h"

struct ipi_call {
	void (*fn)(void *arg);
	void *arg;
	atomic_uint left; /* [atomic: release by the called, acquire by the caller] CPUs to come */
};

struct ipi_request {
	struct ipi_request *next; /* [const] once it is pushed */
	struct ipi_call *call;
};

/* One interrupt for each push, although one for a mailbox that was empty would do: then a CPU
 * would depend on another sender, who may be slow, to send it. */
static void post(struct cpu *c, struct ipi_request *r)
{
	r->next = atomic_load_explicit(&c->ipi_mailbox, memory_order_relaxed);
	/* release: with the exchange in serve() */
	while (!atomic_compare_exchange_weak_explicit(&c->ipi_mailbox, &r->next, r,
						      memory_order_release, memory_order_relaxed))
		;
	mach_ipi(c->id);
}

/* Do what lies in this CPU's mailbox. Interrupts off. */
static void serve(struct cpu *c)
{
	struct ipi_request *r, *next;

	if (!atomic_load_explicit(&c->ipi_mailbox, memory_order_relaxed))
		return;
	/* acquire: with the push in post() */
	r = atomic_exchange_explicit(&c->ipi_mailbox, NULL, memory_order_acquire);
	for (; r; r = next) {
		struct ipi_call *call = r->call;

		next = r->next;
		call->fn(call->arg);
		/* release: with the load in wait() */
		atomic_fetch_sub_explicit(&call->left, 1, memory_order_release);
	}
}

static void wait(struct ipi_call *call)
{
	/* acquire: with the decrement in serve() */
	while (atomic_load_explicit(&call->left, memory_order_acquire)) {
		unsigned long irq = arch_irq_save();

		serve(cpu_self());
		stop_if_asked(NULL);
		arch_irq_restore(irq);
		arch_relax();
	}
}

void ipi_call(unsigned cpu, void (*fn)(void *arg), void *arg)
{
	struct ipi_call call = { .fn = fn, .arg = arg, .left = 1 };
	struct ipi_request request = { .call = &call };
	unsigned long irq = arch_irq_save();

	TERN_CHECK(cpu < cpu_count(), "ipi: no CPU %u", cpu);
	if (cpu == cpu_self()->id) {
		fn(arg);
		arch_irq_restore(irq);
		return;
	}
	post(&cpus[cpu], &request);
	arch_irq_restore(irq);
	wait(&call);
}

void ipi_call_others(void (*fn)(void *arg), void *arg)
{
	struct ipi_call call = { .fn = fn, .arg = arg };
	struct ipi_request request[TERN_MAX_CPUS];
	unsigned long irq = arch_irq_save();
	unsigned self = cpu_self()->id;
	unsigned count = cpu_count();

	/* A CPU that is coming up is not counted yet. relaxed: the first post() publishes it. */
	atomic_store_explicit(&call.left, count - (self < count), memory_order_relaxed);
	for (unsigned i = 0; i < count; i++) {
		if (i == self)
			continue;
		request[i].call = &call;
		post(&cpus[i], &request[i]);
	}
	arch_irq_restore(irq);
	wait(&call);
}

void ipi_kick(unsigned cpu)
{
	mach_ipi(cpu);
}

void ipi_interrupt(void)
{
	struct cpu *c = cpu_self();

	TERN_ASSERT(!arch_irq_enabled());
	c->ipis++;
	serve(c);
	stop_if_asked(c->frame);
	runq_look();
}
