/* SPDX-License-Identifier: MIT */
/* trap.h - what an exception leaves on the stack; shared by vectors.S and trap.c. */
#ifndef BOOT_AARCH64_TRAP_H
#define BOOT_AARCH64_TRAP_H

/* Vectors: four origins (EL1 on SP_EL0, EL1 on SP_EL1, EL0, EL0 in AArch32) of four kinds. */
#define TRAP_SYNC       0
#define TRAP_IRQ        1
#define TRAP_FIQ        2
#define TRAP_SERROR     3
#define TRAP_FROM_EL1T  0
#define TRAP_FROM_EL1H  4
#define TRAP_FROM_LOWER 8
/* Not a vector: the trap stack itself was used up. */
#define TRAP_OVERFLOW 16

#define FRAME_SP     248
#define FRAME_PC     256
#define FRAME_PSTATE 264
#define FRAME_ESR    272
#define FRAME_FAR    280
#define FRAME_RECORD 288
#define FRAME_SIZE   304

#ifndef __ASSEMBLY__
#include <stdint.h>

struct trap_frame {
	uint64_t x[31];
	uint64_t sp; /* before the exception */
	uint64_t pc, pstate;
	uint64_t esr, far;  /* not of an interrupt */
	uint64_t record[2]; /* x29 and pc, so that a backtrace can walk through the frame */
};

/* vectors.S: use this trap stack on this CPU from now on. */
void trap_set_stack(uintptr_t top, uintptr_t bottom);
/* From vectors.S. */
void trap_exception(struct trap_frame *f, unsigned vector);
void trap_interrupt(const struct trap_frame *f);
#endif

#endif
