/* SPDX-License-Identifier: MIT */
/* mach_cpu.h - what a CPU has of its own that only boot/x86_64 knows: its GDT and its TSS, which
 * names the stacks that faults are taken on. */
#ifndef BOOT_X86_64_MACH_CPU_H
#define BOOT_X86_64_MACH_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/compiler.h"

/* Stacks of the interrupt stack table; numbers as a gate names them. */
enum ist {
	IST_NONE,
	IST_PAGE_FAULT,
	IST_DOUBLE_FAULT,
	IST_NMI,
	IST_MACHINE_CHECK,
	IST_INTERRUPT,
	IST_COUNT
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t ist[8]; /* [0] is reserved */
	uint64_t reserved1;
	uint16_t reserved2;
	uint16_t iomap;
} __attribute__((packed));

struct mach_cpu {
	uint64_t gdt[5]; /* null, code, data, and the TSS in two */
	struct tss tss;
	bool has_stacks; /* ist[] are this CPU's own */
	unsigned faults; /* [cpu] exceptions that were not recovered from */
};

#endif
