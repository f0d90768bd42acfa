/* SPDX-License-Identifier: MIT */
/* arch.h - what the library asks of a processor; the only header of arch/ that others include.
 *
 * Each arch/ARCH/cpu.h gives, as static inline functions:
 *
 *   unsigned long arch_irq_save(void)          interrupts off on this CPU; returns the old state
 *   void          arch_irq_restore(state)      back to what arch_irq_save() returned
 *   void          arch_irq_enable(void)        on, whatever they were
 *   void          arch_irq_disable(void)       off, whatever they were
 *   bool          arch_irq_enabled(void)
 *   void          arch_relax(void)             in a loop that waits for another CPU
 *   uint64_t      arch_ticks(void)             the free-running counter, ordered after what
 *                                              stands before it in the program
 *   void          arch_clear(p, size)          set to zero, in the best way for much, which is from
 *                                              ARCH_CLEAR_MIN bytes on: p and size are multiples of
 *                                              8; ordinary, cached memory
 *
 * and arch/ARCH/spill.S gives arch_spill(), below.
 *
 * Locks: none. Context: any. On the host interrupts are a flag of the thread, so that code which
 * relies on "off" can be checked for it. The guest kernel's machine code (page tables, traps,
 * interrupt controllers, other CPUs) is not the library's business: it lives in boot/ARCH. */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#if defined(TERN_SIMULATED)
#include "arch/sim/cpu.h"
#elif defined(TERN_HOSTED)
#include "arch/host/cpu.h"
#elif defined(__x86_64__)
#include "arch/x86_64/cpu.h"
#elif defined(__aarch64__)
#include "arch/aarch64/cpu.h"
#else
#error "tern runs on x86_64 and aarch64"
#endif

/* Call fn with all registers that may hold a pointer of the caller, or of whoever called that, stored
 * on the stack at sp or above: its stack from sp on shows everything. */
void arch_spill(void (*fn)(uintptr_t sp, void *arg), void *arg);

#endif
