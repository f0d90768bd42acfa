/* SPDX-License-Identifier: MIT */
/* cpu.h - a process in place of a processor: see arch/arch.h.
 *
 * A thread of the process plays a CPU. Its interrupt state is a flag that nothing interrupts, so
 * that "interrupts are off here" can be asserted on the host as well. */
#ifndef ARCH_HOST_CPU_H
#define ARCH_HOST_CPU_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

extern _Thread_local bool arch_host_irq_off;

static inline unsigned long arch_irq_save(void)
{
	unsigned long off = arch_host_irq_off;

	arch_host_irq_off = true;
	return off;
}

static inline void arch_irq_restore(unsigned long off)
{
	arch_host_irq_off = off;
}

static inline void arch_irq_enable(void)
{
	arch_host_irq_off = false;
}

static inline void arch_irq_disable(void)
{
	arch_host_irq_off = true;
}

static inline bool arch_irq_enabled(void)
{
	return !arch_host_irq_off;
}

/* The one that is waited for may not have a core at all. */
static inline void arch_relax(void)
{
	sched_yield();
}

static inline uint64_t arch_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void arch_clear(void *p, size_t size)
{
	memset(p, 0, size);
}

#endif
