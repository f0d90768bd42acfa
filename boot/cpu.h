/* SPDX-License-Identifier: MIT */
/* cpu.h - what each CPU has of its own, and the list of CPUs.
 *
 * cpu_self() reads the CPU's base register (GS on x86_64, TPIDR_EL1 on aarch64); the answer
 * holds only while the caller cannot be moved: interrupts off, preemption off, or pinned. */
#ifndef BOOT_CPU_H
#define BOOT_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tern/config.h>

#include "boot/runq.h"
#include "boot/thread.h"
#include "boot/timer.h"
#include "lib/list.h"
#include "lib/lock.h"

struct ipi_request;
struct mach_cpu; /* boot/ARCH/mach_cpu.h */

enum cpu_state { CPU_ABSENT, CPU_STARTING, CPU_ONLINE, CPU_FAILED, CPU_STOPPED };

struct cpu {
	struct cpu *self;              /* [const] first: assembly reads it by the base register */
	unsigned id;                   /* [const] index in cpus[] */
	uint64_t hw_id;                /* [const] APIC id or MPIDR */
	_Atomic(enum cpu_state) state; /* [atomic: release by the CPU, acquire by all] */

	/* [cpu] only this CPU, interrupts off or preemption off */
	struct thread *current;
	struct thread *previous; /* who ran before, until thread.c is done with it */
	struct thread *idle;
	unsigned preempt_off;      /* > 0: thread_preempt_disable() is in force */
	bool resched;              /* a switch is due at the next chance */
	unsigned irq_depth;        /* > 0: in an interrupt handler */
	const void *frame;         /* then: the interrupt's */
	struct timer_queue timers; /* [cpu] interrupts off */
	struct list for_idle;      /* [cpu] interrupts off: who waits until nobody wants this CPU */
	uint64_t slice_end_ns;     /* UINT64_MAX: nobody waits for this CPU */
	uint64_t switched_ns;      /* when current began to run */

	struct run_queue runq; /* own lock */
	atomic_bool hungry;    /* [atomic: a hint, relaxed] idle, and nobody sent a thread */
	_Atomic(struct ipi_request *) ipi_mailbox; /* [atomic: see ipi.c] */
	atomic_bool stop_asked;                    /* [atomic: see stop.c] */
	uintptr_t stopped_sp; /* [cpu; others in the stopped world] 0: not stopped */

	/* counters for the monitor; written by this CPU only, read by any */
	uint64_t irqs, ipis, ticks, switches;

	uintptr_t idle_stack_top; /* [const] also the stack it starts on */
	struct mach_cpu *mach;    /* [const] boot/ARCH's own */
};

extern struct cpu cpus[TERN_MAX_CPUS];

/* CPUs that came up. Ids 0 .. cpu_count() - 1 are all online once boot is over. */
unsigned cpu_count(void);
/* Start all CPUs in `machine`; those that do not answer are reported and left out. */
void cpu_start_all(void);
/* Where a started CPU arrives. */
_Noreturn void cpu_entry(struct cpu *c);
/* Where another CPU ends when the machine goes down for a fault; see mach_stop_others(). */
_Noreturn void cpu_stopped(void);

#if defined(__x86_64__)
#include "boot/x86_64/cpu_self.h"
#elif defined(__aarch64__)
#include "boot/aarch64/cpu_self.h"
#endif

#endif
