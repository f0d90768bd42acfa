/* SPDX-License-Identifier: MIT */
/* mach_cpu.h - what a CPU has of its own that only boot/aarch64 knows.
 *
 * The first fields are what secondary_entry (entry.S) needs to get from PSCI into C; assembly
 * reads them by the offsets below. */
#ifndef BOOT_AARCH64_MACH_CPU_H
#define BOOT_AARCH64_MACH_CPU_H

#define MACH_CPU_SELF        0
#define MACH_CPU_ROOT        8
#define MACH_CPU_IDLE_TOP    16
#define MACH_CPU_TRAP_TOP    24
#define MACH_CPU_TRAP_BOTTOM 32

#ifndef __ASSEMBLY__
#include <stdint.h>

struct cpu;

struct mach_cpu {
	struct cpu *cpu;       /* [const] */
	uint64_t root;         /* [const] page tables to use */
	uintptr_t idle_top;    /* [const] stack to enter C on */
	uintptr_t trap_top;    /* [const] stack that exceptions start on */
	uintptr_t trap_bottom; /* [const] */
	uint64_t sgi_target;   /* [const] how the GIC is told that an SGI is for this CPU */
};
#endif

#endif
