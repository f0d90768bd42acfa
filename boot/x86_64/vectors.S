/* SPDX-License-Identifier: MIT */
/* vectors.S - exceptions and interrupts, from the IDT's gate to C and back; and the instructions
 * that are allowed to fault.
 *
 * Each vector has a stub of STUB_SIZE bytes that makes the frame uniform (an error code, the
 * vector) and goes on in trap_common. Faults whose gate names an IST stack have their frame there.
 * An interrupt's goes on to the interrupted thread's stack, so that the thread may be switched away
 * from inside it; but it is begun on an IST stack too: a thread's stack may lack a page, and an
 * interrupt whose delivery faults is lost. */
#include "boot/x86_64/asm.h"
#include "boot/x86_64/trap_stubs.h"

/* Vectors for which the CPU pushes an error code: 8, 10-14, 17, 21, 29, 30. */
#define HAS_ERROR_CODE 0x60227d00

	.section .text.trap, "ax", @progbits
	.global	trap_stubs
	.hidden	trap_stubs
	.balign	STUB_SIZE
trap_stubs:
	.set	vector, 0
	.rept	256
	.balign	STUB_SIZE
	.if	vector > 31
	pushq	$0
	.elseif	!((HAS_ERROR_CODE >> vector) & 1)
	pushq	$0
	.endif
	pushq	$vector
	.if	vector > 31
	jmp	trap_interrupt
	.else
	jmp	trap_common
	.endif
	.set	vector, vector + 1
	.endr

/* Copy the frame, aligned as the CPU would. A store that faults is done again when the stack has
 * grown. Interrupts are off, so that this stack is nobody else's. */
func trap_interrupt, .text.trap
	pushq	%rax
	pushq	%rcx
	movq	56(%rsp), %rax			/* the thread's rsp */
	andq	$-16, %rax
	.irp	offset, 64, 56, 48, 40, 32, 24, 16
	movq	\offset(%rsp), %rcx
	movq	%rcx, (\offset - 72)(%rax)
	.endr
	movq	8(%rsp), %rcx
	movq	%rcx, -64(%rax)			/* its rax */
	movq	(%rsp), %rcx
	leaq	-64(%rax), %rsp
	popq	%rax
	jmp	trap_common
endfunc trap_interrupt

func trap_common, .text.trap
	pushq	%rax
	pushq	%rbx
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rbp
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	cld
	movq	%rsp, %rdi
	call	trap_dispatch
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rbp
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rbx
	popq	%rax
	addq	$16, %rsp
	iretq
endfunc trap_common

/* An exception between recover_start and recover_end makes the function return false
 * (trap_dispatch()). So what stands there are leaves that use no stack. */
	.section .text.recover, "ax", @progbits
	.global	recover_start, recover_end, recover_failed
	.hidden	recover_start, recover_end, recover_failed
recover_start:

/* bool mach_probe_read(uintptr_t addr, unsigned size, uint64_t *value) */
func mach_probe_read, .text.recover
	testb	$1, %sil
	jnz	1f
	testb	$2, %sil
	jnz	2f
	testb	$4, %sil
	jnz	4f
	movq	(%rdi), %rax
	jmp	probe_value
1:	movzbl	(%rdi), %eax
	jmp	probe_value
2:	movzwl	(%rdi), %eax
	jmp	probe_value
4:	movl	(%rdi), %eax
	jmp	probe_value
endfunc mach_probe_read

/* bool mach_probe_write(uintptr_t addr, unsigned size, uint64_t value) */
func mach_probe_write, .text.recover
	testb	$1, %sil
	jnz	1f
	testb	$2, %sil
	jnz	2f
	testb	$4, %sil
	jnz	4f
	movq	%rdx, (%rdi)
	jmp	recover_good
1:	movb	%dl, (%rdi)
	jmp	recover_good
2:	movw	%dx, (%rdi)
	jmp	recover_good
4:	movl	%edx, (%rdi)
	jmp	recover_good
endfunc mach_probe_write

recover_end:

func probe_value, .text.recover
	movq	%rax, (%rdx)
endfunc probe_value
func recover_good, .text.recover
	movl	$1, %eax
	ret
endfunc recover_good
func recover_failed, .text.recover
	xorl	%eax, %eax
	ret
endfunc recover_failed
