/* SPDX-License-Identifier: MIT */
/* vectors.S - exceptions and interrupts, from the vector to C and back.
 *
 * Stacks   Threads run on SP_EL0. An exception starts on SP_EL1, this CPU's trap stack, and
 *          stays there: so a fault is reported from a good stack, also if the thread's is used
 *          up. An interrupt stores its frame on the interrupted thread's stack and goes on there
 *          (PSTATE.SP = 0), so that the thread may be switched away from inside it.
 * Nested   An exception on the trap stack goes on below it if there is room, else on the stack
 *          that entry.S began with.
 * Scratch  Nothing runs at EL0, so its two thread registers are free: TPIDRRO_EL0 is the bottom
 *          of this CPU's trap stack, TPIDR_EL0 holds a register for a few instructions. */
#include "boot/aarch64/asm.h"
#include "boot/aarch64/trap.h"

/* x0 and x1 are stored. */
.macro store_x2_to_x29
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
.endm

.macro vector number
	.balign	128
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	w1, #\number
	b	exception
.endm

/* From EL1 on SP_EL1: there may be no room for one frame more. */
.macro vector_nested number
	.balign	128
	msr	tpidr_el0, x0
	mrs	x0, tpidrro_el0
	sub	x0, sp, x0
	sub	x0, x0, #FRAME_SIZE
	tbnz	x0, #63, trap_stack_full
	mrs	x0, tpidr_el0
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	w1, #\number
	b	exception
.endm

	.section .text.trap, "ax", %progbits
	.balign	2048
	.global	trap_vectors
	.hidden	trap_vectors
trap_vectors:
	vector	TRAP_FROM_EL1T + TRAP_SYNC
	.balign	128
	b	interrupt
	vector	TRAP_FROM_EL1T + TRAP_FIQ
	vector	TRAP_FROM_EL1T + TRAP_SERROR
	.irp	kind, TRAP_SYNC, TRAP_IRQ, TRAP_FIQ, TRAP_SERROR
	vector_nested TRAP_FROM_EL1H + \kind
	.endr
	.irp	origin, TRAP_FROM_LOWER, TRAP_FROM_LOWER + 4
	.irp	kind, TRAP_SYNC, TRAP_IRQ, TRAP_FIQ, TRAP_SERROR
	vector	\origin + \kind
	.endr
	.endr
	.balign	128

/* x0 lies in TPIDR_EL0. With a bottom of 0 this does not happen a second time. */
func trap_stack_full, .text.trap
	addr_of	x0, entry_trap_stack_top
	mov	sp, x0
	msr	tpidrro_el0, xzr
	mrs	x0, tpidr_el0
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	w1, #TRAP_OVERFLOW
	b	exception
endfunc trap_stack_full

/* On SP_EL1; x0 and x1 are stored, w1 = vector. */
func exception, .text.trap
	store_x2_to_x29
	str	x30, [sp, #240]
	mrs	x2, sp_el0
	add	x3, sp, #FRAME_SIZE
	mrs	x5, spsr_el1
	tst	x5, #1				/* M[0]: it ran on SP_EL1 */
	csel	x2, x3, x2, ne
	mrs	x4, elr_el1
	stp	x2, x4, [sp, #FRAME_SP]
	mrs	x6, esr_el1
	stp	x5, x6, [sp, #FRAME_PSTATE]
	mrs	x7, far_el1
	str	x7, [sp, #FRAME_FAR]
	stp	x29, x4, [sp, #FRAME_RECORD]
	add	x29, sp, #FRAME_RECORD
	mov	x0, sp
	bl	trap_exception
	b	resume
endfunc exception

/* The thread's stack is touched first at both ends of the frame, as it may lack a page: an abort there
 * arrives on SP_EL1, and what it overwrites lies above. If it is fatal, trap_exception() finds the
 * thread's x0, x1 and pc there. Later stores may abort as well, when another CPU changes page tables
 * meanwhile; so pc and PSTATE stay there until all of these are done. */
func interrupt, .text.trap
	sub	sp, sp, #32
	stp	x0, x1, [sp]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #16]
	mrs	x0, sp_el0
	.global	trap_interrupt_probe, trap_interrupt_probed
	.hidden	trap_interrupt_probe, trap_interrupt_probed
trap_interrupt_probe:
	str	xzr, [x0, #-8]
	sub	x0, x0, #FRAME_SIZE
	str	xzr, [x0]
trap_interrupt_probed:
	ldp	x0, x1, [sp]
	msr	spsel, #0
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	store_x2_to_x29
	str	x30, [sp, #240]
	msr	spsel, #1
	ldp	x30, x2, [sp, #16]
	msr	spsel, #0
	add	x1, sp, #FRAME_SIZE
	stp	x1, x30, [sp, #FRAME_SP]
	str	x2, [sp, #FRAME_PSTATE]
	stp	x29, x30, [sp, #FRAME_RECORD]
	add	x29, sp, #FRAME_RECORD
	msr	spsel, #1
	add	sp, sp, #32
	msr	spsel, #0
	msr	daifclr, #4			/* the thread that it ends in may be a new one */
	mov	x0, sp
	bl	trap_interrupt
	b	resume_thread
endfunc interrupt

/* x0 and x1 are for the caller. */
.macro load_x2_to_x30
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldr	x30, [sp, #240]
.endm

/* Back to what the frame at SP says, on the trap stack. */
func resume, .text.trap
	ldp	x0, x1, [sp, #FRAME_PC]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	load_x2_to_x30
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret
endfunc resume

/* The same on a thread's stack; interrupts are masked. A load from there may abort, as in interrupt(): so
 * ELR and SPSR are set when all is loaded, and the last of it comes from the trap stack. */
func resume_thread, .text.trap
	ldp	x0, x1, [sp]
	ldp	x2, x3, [sp, #FRAME_PC]
	msr	spsel, #1
	sub	sp, sp, #32
	stp	x0, x1, [sp]
	stp	x2, x3, [sp, #16]
	msr	spsel, #0
	load_x2_to_x30
	add	sp, sp, #FRAME_SIZE
	msr	spsel, #1
	ldp	x0, x1, [sp, #16]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	ldp	x0, x1, [sp], #32
	eret
endfunc resume_thread

/* void trap_set_stack(uintptr_t top, uintptr_t bottom): the caller runs on SP_EL0. */
func trap_set_stack
	msr	tpidrro_el0, x1
	msr	spsel, #1
	mov	sp, x0
	msr	spsel, #0
	ret
endfunc trap_set_stack
