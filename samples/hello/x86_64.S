/* SPDX-License-Identifier: MIT */
/* x86_64.S - a PC: entry by PVH (qemu -kernel), COM1, QEMU's exit device.
 *
 * Entered in 32-bit protected mode, paging and interrupts off, .bss clear. C runs in 64-bit mode
 * with the lower 1 GiB mapped one to one, on a stack of 16 KiB. */

#define PVH_NOTE_ENTRY 18

#define CR0_ON   0x80000011 /* paging, protected mode, and the bit that is always 1 */
#define CR4_PAE  0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

#define CODE       0x00af9b000000ffff /* 64-bit, ring 0 */
#define SEL_CODE   8
#define TABLE      0x03
#define BLOCK      0x83 /* present, writable, 2 MiB */
#define BLOCK_SIZE 0x200000
#define BLOCKS_END 0x40000000

#define COM1        0x3f8
#define LINE_STATUS (COM1 + 5)
#define ROOM        0x20
#define EXIT_PORT   0x501
#define EXIT_PASS   0x10 /* QEMU makes 33 of it, and 35 of the next */

	.section .note.Xen, "a", @note
	.balign	4
	.long	4, 4, PVH_NOTE_ENTRY
	.asciz	"Xen"
	.long	_start

	.text
	.global	_start, serial_put, leave
	.code32
_start:
	movl	$level3 + TABLE, level4
	movl	$level2 + TABLE, level3
	movl	$level2, %edi
	movl	$BLOCK, %eax
1:	movl	%eax, (%edi)
	addl	$8, %edi
	addl	$BLOCK_SIZE, %eax
	cmpl	$BLOCKS_END + BLOCK, %eax
	jne	1b
	movl	$level4, %eax
	movl	%eax, %cr3
	movl	$CR4_PAE, %eax
	movl	%eax, %cr4
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	$CR0_ON, %eax
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$SEL_CODE, $1f

	.code64
1:	xorl	%eax, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$stack_top, %esp
	xorl	%ebp, %ebp
	call	kernel_main

/* void serial_put(char c) */
serial_put:
	movl	$LINE_STATUS, %edx
1:	inb	%dx, %al
	testb	$ROOM, %al
	jz	1b
	movl	$COM1, %edx
	movl	%edi, %eax
	outb	%al, %dx
	ret

/* void leave(int status): 0 passed, 1 failed */
leave:
	leal	EXIT_PASS(%rdi), %eax
	movl	$EXIT_PORT, %edx
	outb	%al, %dx
1:	hlt
	jmp	1b

	.section .rodata
	.balign	8
gdt:
	.quad	0, CODE
gdt_pointer:
	.short	gdt_pointer - gdt - 1
	.long	gdt

	.bss
	.balign	4096
level4:
	.skip	4096
level3:
	.skip	4096
level2:
	.skip	4096
	.skip	16384
stack_top:
