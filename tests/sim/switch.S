/* SPDX-License-Identifier: MIT */
/* switch.S - from one fiber to another: what the ABI preserves goes to the stack that is left.
 *
 * void sim_switch(uintptr_t *save, uintptr_t load)
 * The stack pointer that is left goes to *save. A fiber that has not begun has zeros there for
 * registers, and sim_begin for where to return to; sched.c lays it out. */
#if defined(__x86_64__)
	.text
	.global	sim_switch
	.type	sim_switch, @function
sim_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	sim_switch, . - sim_switch
	.section .note.GNU-stack, "", @progbits
#elif defined(__aarch64__)
	.text
	.balign	4
	.global	sim_switch
	.type	sim_switch, %function
sim_switch:
	sub	sp, sp, #160
	stp	x19, x20, [sp]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #160
	ret
	.size	sim_switch, . - sim_switch
	.section .note.GNU-stack, "", %progbits
#else
#error "the simulation runs on x86_64 and aarch64"
#endif
