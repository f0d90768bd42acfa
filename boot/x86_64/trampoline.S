/* SPDX-License-Identifier: MIT */
/* trampoline.S - where another CPU starts: from real mode to C.
 *
 * smp.c copies this to a page below 1 MiB, whose number is the start-up interrupt's vector; what
 * differs from CPU to CPU lies on the page behind it. The page is one to one in the kernel's
 * tables, readable and executable, so the CPU goes from real mode to 64-bit mode in one step. */
#include "boot/x86_64/regs.h"
#include "boot/x86_64/trampoline.h"

	.section .rodata.trampoline, "a", @progbits
	.balign	16
	.global	trampoline_start, trampoline_64, trampoline_gdt, trampoline_end
	.hidden	trampoline_start, trampoline_64, trampoline_gdt, trampoline_end
	.code16
trampoline_start:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	TRAMPOLINE_GDT
	movl	TRAMPOLINE_ROOT, %eax
	movl	%eax, %cr3
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$MSR_EFER, %ecx
	xorl	%edx, %edx
	movl	$(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl	$CR0_KERNEL, %eax
	movl	%eax, %cr0
	ljmpl	*TRAMPOLINE_FAR

	.code64
trampoline_64:
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	leaq	trampoline_start(%rip), %rbx
	movq	TRAMPOLINE_STACK(%rbx), %rsp
	movq	TRAMPOLINE_CPU(%rbx), %rdi
	jmp	*TRAMPOLINE_ENTRY(%rbx)

	.balign	8
trampoline_gdt:
	.quad	0, DESC_CODE, DESC_DATA
trampoline_end:
