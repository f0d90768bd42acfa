/* SPDX-License-Identifier: MIT */
/* cpu.c - the few words that a thread of a process has for a processor's state: see cpu.h.
 *
 * Owns     the calling thread's interrupt flag, which starts on: a process is not a boot path; and
 *          whether an interrupt waits, which others say.
 * Memory   waiting (release by who interrupts) with the exchange here: the handler sees what was
 *          written before.
 * Locks    none.   Context: threads, and the signal handler that stands for an interrupt. */
#include "arch/arch.h"

_Thread_local struct arch_host_irq arch_host_irq;
void (*arch_host_irq_handler)(void);

/* One that comes while the handler runs finds the flag off, and is seen by the loop. */
void arch_host_take_irq(void)
{
	while (atomic_exchange_explicit(&arch_host_irq.waits, false, memory_order_acquire)) {
		arch_irq_disable();
		arch_host_irq_handler();
		arch_host_irq_set(false);
	}
}
