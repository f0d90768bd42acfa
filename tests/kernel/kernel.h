/* SPDX-License-Identifier: MIT */
/* kernel.h - what the tests of the guest kernel share.
 *
 * These tests run in guests whose CPUs an emulator may put aside for long. So no test asks that
 * something happens soon: it waits until it happens, and gives up after HANG_NS, which only a
 * hang takes. Loops that provoke races run for RACE_NS, however often that is. */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include <stdatomic.h>

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"

#define MS      1000000ull
#define HANG_NS (60000 * MS)
#define RACE_NS (100 * MS)

/* Wait until cond holds; false if that hangs. */
#define WAIT_FOR(cond)                                                                             \
	({                                                                                         \
		uint64_t give_up_ = mach_clock_ns() + HANG_NS;                                     \
		bool holds_;                                                                       \
		while (!(holds_ = (cond)) && mach_clock_ns() < give_up_)                           \
			thread_sleep(MS);                                                          \
		holds_;                                                                            \
	})

/* The last CPU: another one than the boot CPU where there are several. */
static inline unsigned last_cpu(void)
{
	return cpu_count() - 1;
}

/* Where the caller is; no more than a hint if it may be moved. */
static inline unsigned this_cpu(void)
{
	unsigned long irq = arch_irq_save();
	unsigned id = cpu_self()->id;

	arch_irq_restore(irq);
	return id;
}

/* Use the CPU for that long, without giving it up. */
static inline void spin(uint64_t ns)
{
	uint64_t end_ns = mach_clock_ns() + ns;

	while (mach_clock_ns() < end_ns)
		arch_relax();
}

#endif
