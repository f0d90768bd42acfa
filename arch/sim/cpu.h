/* SPDX-License-Identifier: MIT */
/* cpu.h - a simulated processor: see arch/arch.h, and docs/testing.md for who simulates.
 *
 * All that a processor does is a function of the simulator's, which may have another processor go on
 * there. Beside these, the compiler tells it of each atomic access. */
#ifndef ARCH_SIM_CPU_H
#define ARCH_SIM_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

unsigned long arch_irq_save(void);
void arch_irq_restore(unsigned long off);
void arch_irq_enable(void);
void arch_irq_disable(void);
bool arch_irq_enabled(void);
void arch_relax(void);
uint64_t arch_ticks(void);

#define ARCH_CLEAR_MIN 256u

static inline void arch_clear(void *p, size_t size)
{
	memset(p, 0, size);
}

#endif
