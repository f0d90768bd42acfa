/* SPDX-License-Identifier: MIT */
/* cpu.h - aarch64 (EL1) as the library needs it: see arch/arch.h. */
#ifndef ARCH_AARCH64_CPU_H
#define ARCH_AARCH64_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define DAIF_I (1ul << 7)

static inline unsigned long arch_irq_save(void)
{
	unsigned long daif;

	__asm__ volatile("mrs %0, daif; msr daifset, #2" : "=r"(daif) : : "memory");
	return daif;
}

static inline void arch_irq_restore(unsigned long daif)
{
	__asm__ volatile("msr daif, %0" : : "r"(daif) : "memory");
}

static inline void arch_irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void arch_irq_disable(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

static inline bool arch_irq_enabled(void)
{
	unsigned long daif;

	__asm__ volatile("mrs %0, daif" : "=r"(daif));
	return !(daif & DAIF_I);
}

static inline void arch_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* The virtual counter; ISB keeps it from being read early. */
static inline uint64_t arch_ticks(void)
{
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

#endif
