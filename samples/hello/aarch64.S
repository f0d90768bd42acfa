/* SPDX-License-Identifier: MIT */
/* aarch64.S - QEMU's virt board: entry as an ELF file (qemu -kernel), its PL011, semihosting.
 *
 * Entered at EL1 or EL2, MMU and interrupts off, .bss clear. tern's locks need exclusive loads and stores,
 * and these need cached memory, so the MMU goes on: 1 GiB of devices and 1 GiB of RAM, one to one.
 * Nothing is written before that: no cache line can be stale. C runs on a stack of 16 KiB. */

#define MAIR  0x04ff		/* type 0: normal memory, write-back; type 1: device */
#define TCR   0x803520		/* addresses of 32 bits, walks are cached; no upper half */
#define SCTLR 0x30d01805	/* the bits that are always 1, and caches and MMU on */

#define DEVICE 0x60000000000405 /* a block, accessed, type 1, never executed */
#define NORMAL 0x701		/* a block, accessed, type 0, inner shareable */
#define RAM    0x40000000

#define EL2       0x8
#define HCR_RW    0x80000000	/* EL1 is 64-bit */
#define SPSR_EL1H 0x3c5		/* EL1 on its own stack, interrupts off */

#define PL011      0x09000000
#define FLAGS      0x18
#define FLAGS_FULL 5

#define SYS_EXIT         0x18
#define APPLICATION_EXIT 0x20026

	.text
	.global	_start, serial_put, leave
_start:
	mrs	x0, CurrentEL
	cmp	x0, #EL2
	b.ne	1f
	ldr	x0, =HCR_RW
	msr	hcr_el2, x0
	ldr	x0, =SPSR_EL1H
	msr	spsr_el2, x0
	adr	x0, 1f
	msr	elr_el2, x0
	eret
1:	ldr	x0, =MAIR
	msr	mair_el1, x0
	ldr	x0, =TCR
	msr	tcr_el1, x0
	ldr	x0, =level1
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x0, =SCTLR
	msr	sctlr_el1, x0
	isb
	ldr	x0, =stack_top
	mov	sp, x0
	mov	x29, xzr
	bl	kernel_main

/* void serial_put(char c) */
serial_put:
	ldr	x1, =PL011
1:	ldr	w2, [x1, #FLAGS]
	tbnz	w2, #FLAGS_FULL, 1b
	str	w0, [x1]
	ret

/* void leave(int status): 0 passed, 1 failed */
leave:
	mov	w1, w0
	ldr	x0, =APPLICATION_EXIT
	stp	x0, x1, [sp, #-16]!
	mov	x1, sp
	mov	w0, #SYS_EXIT
	hlt	#0xf000
1:	wfi
	b	1b

	.section .rodata
	.balign	64
level1:
	.quad	DEVICE, RAM + NORMAL, 0, 0

	.bss
	.balign	16
	.skip	16384
stack_top:
