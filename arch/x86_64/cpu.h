/* SPDX-License-Identifier: MIT */
/* cpu.h - x86_64 as the library needs it: see arch/arch.h. */
#ifndef ARCH_X86_64_CPU_H
#define ARCH_X86_64_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFLAGS_IF (1ul << 9)

static inline unsigned long arch_irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void arch_irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void arch_irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void arch_irq_restore(unsigned long flags)
{
	if (flags & RFLAGS_IF)
		arch_irq_enable();
	else
		arch_irq_disable();
}

static inline bool arch_irq_enabled(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return flags & RFLAGS_IF;
}

static inline void arch_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* LFENCE waits for what stands before; RDTSC alone may be early. */
static inline uint64_t arch_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* A string instruction takes long to begin, and then clears two words in the time of one store. Vectors are
 * not ours. */
#define ARCH_CLEAR_MIN 768u

static inline void arch_clear(void *p, size_t size)
{
	size /= 8;
	__asm__ volatile("rep stosq" : "+D"(p), "+c"(size) : "a"(0ul) : "memory");
}

#endif
