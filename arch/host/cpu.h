/* SPDX-License-Identifier: MIT */
/* cpu.h - a process in place of a processor: see arch/arch.h.
 *
 * A thread of the process plays a CPU. Its interrupt state is a flag, so that "interrupts are off
 * here" can be asserted on the host as well. Another thread interrupts it by saying that an interrupt
 * waits, and by a signal. The signal's handler takes the interrupt if the flag is on; else whoever
 * turns the flag on does. So does who waits for others, as some checkers hold signals back. */
#ifndef ARCH_HOST_CPU_H
#define ARCH_HOST_CPU_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

struct arch_host_irq {
	volatile bool off; /* [itself, and signals that come to it] */
	atomic_bool waits; /* [atomic: release by who interrupts it, acquire by itself] */
};
extern _Thread_local struct arch_host_irq arch_host_irq;
/* What an interrupt does, with interrupts off. [const] once somebody interrupts. */
extern void (*arch_host_irq_handler)(void);

/* Take those that wait; interrupts are on. */
void arch_host_take_irq(void);

/* The flag alone, between all that stands before and after it. */
static inline void arch_host_irq_set(bool off)
{
	atomic_signal_fence(memory_order_seq_cst);
	arch_host_irq.off = off;
	atomic_signal_fence(memory_order_seq_cst);
}

/* Interrupts are on: one that waits is taken now. */
static inline void arch_host_poll(void)
{
	if (__builtin_expect(atomic_load_explicit(&arch_host_irq.waits, memory_order_relaxed), 0))
		arch_host_take_irq();
}

static inline unsigned long arch_irq_save(void)
{
	unsigned long off = arch_host_irq.off;

	arch_host_irq_set(true);
	return off;
}

static inline void arch_irq_restore(unsigned long off)
{
	arch_host_irq_set(off);
	if (!off)
		arch_host_poll();
}

static inline void arch_irq_enable(void)
{
	arch_irq_restore(false);
}

static inline void arch_irq_disable(void)
{
	arch_host_irq_set(true);
}

static inline bool arch_irq_enabled(void)
{
	return !arch_host_irq.off;
}

/* The one that is waited for may not have a core at all. */
static inline void arch_relax(void)
{
	sched_yield();
	if (!arch_host_irq.off)
		arch_host_poll();
}

static inline uint64_t arch_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define ARCH_CLEAR_MIN 256u

static inline void arch_clear(void *p, size_t size)
{
	memset(p, 0, size);
}

#endif
