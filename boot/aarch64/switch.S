/* SPDX-License-Identifier: MIT */
/* switch.S - from one thread to another.
 *
 * What the C ABI preserves lies on the stack of a thread that does not run: x29 and x30 lowest,
 * then x19 .. x28. Both sides run on SP_EL0 with interrupts off. */
#include "boot/aarch64/asm.h"

#define SWITCH_SIZE 96

/* void mach_switch(uintptr_t *save, uintptr_t to) */
func mach_switch
	stp	x29, x30, [sp, #-SWITCH_SIZE]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #SWITCH_SIZE
	ret
endfunc mach_switch

/* uintptr_t mach_thread_stack(uintptr_t top, void (*entry)(void *), void *arg) */
func mach_thread_stack
	sub	x0, x0, #SWITCH_SIZE
	addr_of	x3, thread_start
	stp	xzr, x3, [x0]			/* no frame above: backtraces end here */
	stp	x1, x2, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	stp	xzr, xzr, [x0, #64]
	stp	xzr, xzr, [x0, #80]
	ret
endfunc mach_thread_stack

/* x19 = entry, x20 = arg */
func thread_start
	mov	x0, x20
	blr	x19
	brk	#0				/* entry does not return */
endfunc thread_start

/* void mach_call_on_stack(uintptr_t *save, uintptr_t top, void (*fn)(void *), void *arg) */
func mach_call_on_stack
	stp	x29, x30, [sp, #-16]!
	mov	x29, sp
	str	x29, [x0]
	mov	sp, x1
	mov	x0, x3
	blr	x2
	mov	sp, x29
	ldp	x29, x30, [sp], #16
	ret
endfunc mach_call_on_stack
