/* SPDX-License-Identifier: MIT */
/* entry.S - from the loader, or from PSCI, to C.
 *
 * Job      Image header; EL2 to EL1; MMU and caches on; a stack, a trap stack, the vectors.
 * Rule     Nothing is written while the MMU is off, and the first tables are constants of the
 *          image, which the loader has cleaned to the point of coherency. So no cache line can
 *          be stale when the caches come on, and nothing has to be invalidated but the
 *          instruction cache and the TLB.
 * Tables   The first ones map the image alone, readable, writable and executable, in 2 MiB
 *          blocks that belong to address space 1. The final ones (boot/vm.c) are global and used
 *          with address space 0: a TLB cannot hold two answers for one address while a CPU
 *          changes over.
 * Stacks   C runs on SP_EL0; SP_EL1 is for exceptions (vectors.S). */
#include "boot/aarch64/asm.h"
#include "boot/aarch64/link.h"
#include "boot/aarch64/mach_cpu.h"
#include "boot/aarch64/sysreg.h"

#define EL2 2
#define SPSR_EL1T_MASKED 0x3c4

/* Little-endian, no traps, MMU off; and with it on: caches, and alignment checked. */
#define SCTLR_OFF 0x30d00800
#define SCTLR_ON  (SCTLR_OFF | 1 << 12 | 1 << 3 | 1 << 2 | 1 << 1 | 1 << 0)
/* 48 bits below, nothing above; walks are cached, write-back, inner shareable. */
#define TCR_BASE  (16 << 0 | 1 << 8 | 1 << 10 | 3 << 12 | 16 << 16 | 1 << 23)
/* The CPU itself makes a page with DBM writable when it writes there. */
#define TCR_HA_HD (3 << 39)
/* The most that TCR_EL1.IPS may say with a 4 KiB granule: 48 bits. */
#define IPS_MAX   5

#define TABLE       3
#define FIRST_BLOCK 0xf01 /* normal memory, inner shareable, accessed, not global */
#define BLOCK_SIZE  0x200000

#define ENTRY_STACK_SIZE 16384
#define PL011_VIRT       0x09000000

/* --- the header that makes a Linux Image ------------------------------------------- */
	.section .boot.header, "ax", %progbits
	.global	image_entry
image_entry:
	b	primary_entry
	.long	0
	.quad	0				/* text_offset: as near to RAM's start as can be */
	.quad	image_end - image_entry		/* with .bss, so that the loader keeps off it */
	.quad	2				/* little-endian, 4 KiB pages */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

/* --- the boot CPU ------------------------------------------------------------------ */
/* x0 = FDT. Kept until C: x20 = FDT, x21 = counter at the first instruction, x22 = level. */
func primary_entry, .boot.text
	mrs	x21, cntvct_el0
	msr	daifset, #0xf
	mov	x20, x0
	mrs	x22, CurrentEL
	lsr	x22, x22, #2
	adr	x0, image_entry
	ldr	x1, =IMAGE_BASE
	cmp	x0, x1
	adr	x1, wrong_place
	b.ne	say_and_stop
	cmp	x22, #EL2
	adr	x1, wrong_level
	b.hi	say_and_stop
	b.lo	1f
	mrs	x21, cntpct_el0			/* the virtual one, once its offset is 0 */
1:	bl	drop_to_el1
	bl	enable_mmu

	addr_of	x0, bss_start			/* both are aligned to 128 */
	addr_of	x1, bss_end
2:	.rept	8
	stp	xzr, xzr, [x0], #16
	.endr
	cmp	x0, x1
	b.lo	2b

	addr_of	x0, cpus
	msr	tpidr_el1, x0
	addr_of	x0, trap_vectors
	msr	vbar_el1, x0
	addr_of	x0, entry_trap_stack_top
	addr_of	x1, entry_trap_stack_bottom
	bl	trap_set_stack
	addr_of	x0, entry_stack_top
	mov	sp, x0
	mov	x0, x20
	mov	x1, x22
	mov	x2, x21
	mov	x29, xzr
	bl	start_aarch64
	b	.
endfunc primary_entry

/* x1 = text. The device tree cannot be read yet, so this knows only the UART of the one board
 * on which a wrong loader is likely. */
func say_and_stop, .boot.text
	ldr	x0, =PL011_VIRT
1:	ldrb	w2, [x1], #1
	cbz	w2, 3f
2:	ldr	w3, [x0, #0x18]
	tbnz	w3, #5, 2b			/* FR.TXFF */
	str	w2, [x0]
	b	1b
3:	wfi
	b	3b
endfunc say_and_stop
wrong_place:
	.ascii	"tern: cannot boot: not loaded at 0x40200000, where the image is linked\r\n"
	.asciz	"tern: verdict fail\r\n"
wrong_level:
	.ascii	"tern: cannot boot: entered at EL3, want EL1 or EL2\r\n"
	.asciz	"tern: verdict fail\r\n"
	.balign	4

/* --- another CPU, started by PSCI -------------------------------------------------- */
/* x0 = its struct mach_cpu. */
func secondary_entry, .boot.text
	msr	daifset, #0xf
	mov	x20, x0
	bl	drop_to_el1
	bl	enable_mmu
	addr_of	x0, trap_vectors
	msr	vbar_el1, x0
	ldr	x0, [x20, #MACH_CPU_SELF]
	msr	tpidr_el1, x0
	ldr	x0, [x20, #MACH_CPU_ROOT]
	bl	mach_vm_enable
	ldp	x0, x1, [x20, #MACH_CPU_TRAP_TOP]
	bl	trap_set_stack
	ldr	x0, [x20, #MACH_CPU_IDLE_TOP]
	mov	sp, x0
	ldr	x0, [x20, #MACH_CPU_SELF]
	mov	x29, xzr
	bl	cpu_entry
	b	.
endfunc secondary_entry

/* --- steps of both ----------------------------------------------------------------- */
/* Return to the caller at EL1, on SP_EL0, all interrupts masked. Changes x0, x1. */
func drop_to_el1, .boot.text
	mrs	x0, CurrentEL
	cmp	x0, #EL2 << 2
	b.eq	1f
	msr	spsel, #0
	ret
1:	mov	x0, #1 << 31			/* EL1 is AArch64; nothing is trapped to EL2 */
	msr	hcr_el2, x0
	isb
	mov	x0, #3				/* EL1 reads the physical counter and timer */
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr
	mov	x0, #0x33ff			/* only the bits that must be 1: no traps */
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mrs	x0, midr_el1
	msr	vpidr_el2, x0
	mrs	x0, mpidr_el1
	msr	vmpidr_el2, x0
	mrs	x0, id_aa64pfr0_el1
	ubfx	x0, x0, #24, #4			/* GIC system registers */
	cbz	x0, 2f
	mrs	x0, ICC_SRE_EL2
	mov	x1, #9				/* SRE; EL1 may use its own */
	orr	x0, x0, x1
	msr	ICC_SRE_EL2, x0
	isb
	mrs	x0, ICC_SRE_EL2
	tbz	x0, #0, 2f			/* a GICv2 after all */
	msr	ICH_HCR_EL2, xzr
2:	ldr	x0, =SCTLR_OFF
	msr	sctlr_el1, x0
	mov	x0, #SPSR_EL1T_MASKED
	msr	spsr_el2, x0
	msr	elr_el2, x30
	eret
endfunc drop_to_el1

/* On with the first tables. Changes x0, x1, x2. */
func enable_mmu, .boot.text
	ldr	x0, =MAIR_VALUE
	msr	mair_el1, x0
	ldr	x0, =TCR_BASE
	mrs	x1, id_aa64mmfr0_el1
	and	x1, x1, #0xf			/* PARange */
	mov	x2, #IPS_MAX
	cmp	x1, x2
	csel	x1, x1, x2, lo
	bfi	x0, x1, #32, #3
	mrs	x1, id_aa64mmfr1_el1
	and	x1, x1, #0xf			/* HAFDBS */
	cmp	x1, #2
	b.lo	1f
	orr	x0, x0, #TCR_HA_HD
1:	msr	tcr_el1, x0
	addr_of	x0, early_root
	mov	x1, #1 << 48			/* address space 1 */
	orr	x0, x0, x1
	msr	ttbr0_el1, x0
	msr	cpacr_el1, xzr			/* no one uses the floating point registers */
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x0, =SCTLR_ON
	msr	sctlr_el1, x0
	isb
	ret
endfunc enable_mmu

/* void mach_vm_enable(uint64_t root): address space 0, whose entries are all global. */
func mach_vm_enable
	dsb	ishst				/* the tables were written before */
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	ret
endfunc mach_vm_enable

/* --- the first tables -------------------------------------------------------------- */
	.section .data.early_tables, "aw", %progbits
	.balign	4096
	.global	early_root
	.hidden	early_root
early_root:
	.quad	early_level2 + TABLE
	.fill	511, 8, 0
early_level2:
	.fill	IMAGE_BASE >> 30, 8, 0
	.quad	early_level1 + TABLE
	.fill	511 - (IMAGE_BASE >> 30), 8, 0
early_level1:
	.fill	(IMAGE_BASE >> 21) & 511, 8, 0
	.set	block, IMAGE_BASE
	.rept	(IMAGE_LIMIT - IMAGE_BASE) / BLOCK_SIZE
	.quad	block + FIRST_BLOCK
	.set	block, block + BLOCK_SIZE
	.endr
	.fill	512 - ((IMAGE_LIMIT >> 21) & 511), 8, 0

	.section .bss.uncleared, "aw", %nobits
	.balign	16
	.skip	ENTRY_STACK_SIZE
entry_stack_top:
/* Of the boot CPU until it has its own; then of any CPU that used up its own. */
	.global	entry_trap_stack_top
	.hidden	entry_trap_stack_top
entry_trap_stack_bottom:
	.skip	ENTRY_STACK_SIZE
entry_trap_stack_top:
