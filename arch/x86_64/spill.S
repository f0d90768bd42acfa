/* SPDX-License-Identifier: MIT */
/* spill.S - registers to the stack: see arch/arch.h.
 *
 * What the ABI lets a function change lies on the stack already if it is still wanted: the caller
 * stored it. What it preserves are rbx, rbp and r12 .. r15. */

/* void arch_spill(void (*fn)(uintptr_t sp, void *arg), void *arg) */
	.section .text.arch_spill, "ax", @progbits
	.global	arch_spill
	.hidden	arch_spill
	.type	arch_spill, @function
arch_spill:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$8, %rsp
	movq	%rdi, %rax
	movq	%rsp, %rdi			/* arg is in rsi */
	call	*%rax
	leave					/* fn has preserved the others */
	ret
	.size	arch_spill, . - arch_spill

	.section .note.GNU-stack, "", @progbits
