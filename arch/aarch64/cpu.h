/* SPDX-License-Identifier: MIT */
/* cpu.h - aarch64 (EL1) as the library needs it: see arch/arch.h. */
#ifndef ARCH_AARCH64_CPU_H
#define ARCH_AARCH64_CPU_H

#include <stdbool.h>
#include <stddef.h>
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

/* DC ZVA clears a block, of 64 bytes on all CPUs that matter here, without reading it. Where it is
 * off, or blocks are of another size, pairs of words do. Whether it is costs as much as a few of them. */
#define ARCH_CLEAR_MIN 512u

static inline void arch_clear(void *p, size_t size)
{
	char *c = (char *)p, *end = c + size;
	unsigned long zva;

	__asm__ volatile("mrs %0, dczid_el0" : "=r"(zva));
	if (zva == 4) {
		for (; c < end && (uintptr_t)c % 64; c += 8)
			*(uint64_t __attribute__((may_alias)) *)c = 0;
		for (; end - c >= 64; c += 64)
			__asm__ volatile("dc zva, %0" : : "r"(c) : "memory");
	}
	for (; end - c >= 16; c += 16)
		__asm__ volatile("stp xzr, xzr, [%0]" : : "r"(c) : "memory");
	if (c < end)
		*(uint64_t __attribute__((may_alias)) *)c = 0;
}

#endif
