/* SPDX-License-Identifier: MIT */
/* spill.S - registers to the stack: see arch/arch.h.
 *
 * What the ABI lets a function change lies on the stack already if it is still wanted: the caller
 * stored it. What it preserves are x19 .. x29, and d8 .. d15 where programs use them: a compiler may
 * park a pointer there. */

#ifdef TERN_HOSTED
#define SPILL_SIZE 160
#else
#define SPILL_SIZE 96
#endif

/* void arch_spill(void (*fn)(uintptr_t sp, void *arg), void *arg) */
	.section .text.arch_spill, "ax", %progbits
	.balign	4
	.global	arch_spill
	.hidden	arch_spill
	.type	arch_spill, %function
arch_spill:
	stp	x29, x30, [sp, #-SPILL_SIZE]!
	mov	x29, sp
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
#ifdef TERN_HOSTED
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
#endif
	mov	x9, x0
	mov	x0, sp
	blr	x9				/* arg is in x1 */
	ldp	x29, x30, [sp], #SPILL_SIZE	/* fn has preserved the others */
	ret
	.size	arch_spill, . - arch_spill

	.section .note.GNU-stack, "", %progbits
