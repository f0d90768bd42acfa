/* SPDX-License-Identifier: MIT */
/* trap.h - the frame that vectors.S stores, and the interrupt vectors. */
#ifndef BOOT_X86_64_TRAP_H
#define BOOT_X86_64_TRAP_H

#define VECTOR_TIMER    0x40
#define VECTOR_IPI      0x41
#define VECTOR_SPURIOUS 0xff

#ifndef __ASSEMBLY__
#include <stdint.h>

#include "boot/x86_64/mach_cpu.h"

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss; /* by the CPU */
};

/* The IDT, and a GDT and TSS for the boot CPU whose fault stack lies in the image: from here on
 * exceptions are reported. */
void trap_init_early(void);
/* This CPU's own GDT, TSS and fault stacks. False when out of memory. */
bool trap_init_cpu(struct mach_cpu *m, unsigned id);
/* called by vectors.S */
void trap_dispatch(struct trap_frame *f);
/* For provoke.c: divide errors find no handler any more. */
void trap_drop_divide_gate(void);
/* The next NMI means that the machine goes down. */
void trap_stop_by_nmi(void);
#endif

#endif
