/* SPDX-License-Identifier: MIT */
/* switch.S - from one thread to another.
 *
 * What the C ABI preserves lies on the stack of a thread that does not run: from the lowest
 * address r15, r14, r13, r12, rbx, rbp, and the address to go on at. */
#include "boot/x86_64/asm.h"

/* void mach_switch(uintptr_t *save, uintptr_t to) */
func mach_switch
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
endfunc mach_switch

/* uintptr_t mach_thread_stack(uintptr_t top, void (*entry)(void *), void *arg) */
func mach_thread_stack
	leaq	-64(%rdi), %rax			/* thread_start finds the stack aligned */
	leaq	thread_start(%rip), %rcx
	movq	$0, (%rax)
	movq	$0, 8(%rax)
	movq	%rdx, 16(%rax)			/* r13 = arg */
	movq	%rsi, 24(%rax)			/* r12 = entry */
	movq	$0, 32(%rax)
	movq	$0, 40(%rax)			/* rbp: backtraces end here */
	movq	%rcx, 48(%rax)
	ret
endfunc mach_thread_stack

func thread_start
	movq	%r13, %rdi
	xorl	%ebp, %ebp
	subq	$8, %rsp
	call	*%r12
	ud2					/* entry does not return */
endfunc thread_start

/* void mach_call_on_stack(uintptr_t *save, uintptr_t top, void (*fn)(void *), void *arg) */
func mach_call_on_stack
	pushq	%rbp
	movq	%rsp, %rbp
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	movq	%rcx, %rdi
	call	*%rdx
	movq	%rbp, %rsp
	popq	%rbp
	ret
endfunc mach_call_on_stack
