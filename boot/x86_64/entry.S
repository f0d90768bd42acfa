/* SPDX-License-Identifier: MIT */
/* entry.S - from the loader to C: 32-bit protected mode to 64-bit mode.
 *
 * Loaders  PVH enters at pvh_entry with ebx = start info; Multiboot2 at multiboot2_entry with
 *          eax = magic, ebx = information. Both leave paging off and flat segments, and have
 *          cleared .bss, as ELF asks.
 * Tables   The first ones map the lower 4 GiB one to one, in 2 MiB blocks, writable and
 *          executable; boot/vm.c replaces them.
 * Failing  A CPU without 64-bit mode or no-execute pages is told of on the first serial port. */
#include "boot/x86_64/asm.h"
#include "boot/x86_64/regs.h"

#define HEADER_MAGIC   0xe85250d6
#define PVH_NOTE_ENTRY 18

#define BLOCK      0x83 /* present, writable, 2 MiB */
#define TABLE      0x03
#define BLOCK_SIZE 0x200000

	.section .boot.header, "a", @progbits
	.balign	8
header:
	.long	HEADER_MAGIC, 0, header_end - header
	.long	-(HEADER_MAGIC + (header_end - header))
	.short	6, 0				/* modules on page boundaries */
	.long	8
	.short	0, 0
	.long	8
header_end:

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, PVH_NOTE_ENTRY
	.asciz	"Xen"
	.long	pvh_entry

	.code32
func pvh_entry, .boot.text
	xorl	%eax, %eax			/* not the magic; and on into the next */
endfunc pvh_entry
func multiboot2_entry, .boot.text
	cli
	cld
	movl	$entry_stack_top, %esp
	movl	%eax, %ebp
	movl	%ebx, %esi
	rdtsc
	pushl	%edx
	pushl	%eax
	movl	$0x80000000, %eax
	cpuid
	cmpl	$0x80000001, %eax
	jb	too_old
	movl	$0x80000001, %eax
	cpuid
	andl	$(CPUID_EXT_EDX_LONG_MODE | CPUID_EXT_EDX_NX), %edx
	cmpl	$(CPUID_EXT_EDX_LONG_MODE | CPUID_EXT_EDX_NX), %edx
	jne	too_old

	movl	$BLOCK, %eax
	movl	$early_level1, %edi
1:	movl	%eax, (%edi)
	addl	$BLOCK_SIZE, %eax
	addl	$8, %edi
	cmpl	$early_tables_end, %edi
	jne	1b
	movl	$(early_level1 + TABLE), %eax
	movl	$early_level2, %edi
2:	movl	%eax, (%edi)
	addl	$4096, %eax
	addl	$8, %edi
	cmpl	$(early_level2 + 4 * 8), %edi
	jne	2b
	movl	$(early_level2 + TABLE), early_root

	movl	$early_root, %eax
	movl	%eax, %cr3
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$(EFER_LME | EFER_NXE), %eax
	wrmsr
	movl	$CR0_KERNEL, %eax
	movl	%eax, %cr0
	lgdt	boot_gdt_pointer
	ljmp	$SEL_CODE, $enter_64
endfunc multiboot2_entry

func too_old, .boot.text
	movl	$too_old_text, %esi
1:	lodsb
	testb	%al, %al
	jz	3f
	movb	%al, %bl
	movl	$(SERIAL_PORT + 5), %edx
2:	inb	%dx, %al
	testb	$0x20, %al
	jz	2b
	movl	$SERIAL_PORT, %edx
	movb	%bl, %al
	outb	%al, %dx
	jmp	1b
3:	movl	$DEBUG_EXIT_PORT, %edx
	movb	$DEBUG_EXIT_FAIL, %al
	outb	%al, %dx
4:	hlt
	jmp	4b
too_old_text:
	.asciz	"tern: cannot boot: the CPU has no 64-bit mode with no-execute pages\r\ntern: verdict fail\r\n"
endfunc too_old

	.code64
/* ebp = magic, esi = information, on the stack: the TSC. */
func enter_64, .boot.text
	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%eax, %fs
	movl	%eax, %gs
	leaq	cpus(%rip), %rax
	movq	%rax, %rdx
	shrq	$32, %rdx
	movl	$MSR_GS_BASE, %ecx
	wrmsr
	movl	%esp, %esp			/* the upper half is anything yet */
	popq	%rdx				/* both halves at once */
	movl	%ebp, %edi
	movl	%esi, %esi
	xorl	%ebp, %ebp
	call	start_x86_64
	ud2
endfunc enter_64

/* rdi = its struct cpu; on its own stack and on the kernel's tables. */
func secondary_entry
	movq	%rdi, %rax
	movq	%rdi, %rdx
	shrq	$32, %rdx
	movl	$MSR_GS_BASE, %ecx
	wrmsr
	xorl	%ebp, %ebp
	call	cpu_entry
	ud2
endfunc secondary_entry

	.section .rodata.boot_gdt, "a", @progbits
	.balign	8
boot_gdt:
	.quad	0, DESC_CODE, DESC_DATA
boot_gdt_pointer:
	.short	boot_gdt_pointer - boot_gdt - 1
	.long	boot_gdt, 0

	.section .bss.early_tables, "aw", @nobits
	.balign	4096
early_root:
	.skip	4096
early_level2:
	.skip	4096
early_level1:
	.skip	4 * 4096
early_tables_end:

	.section .bss.entry_stack, "aw", @nobits
	.balign	16
	.skip	16384
entry_stack_top:
