/* SPDX-License-Identifier: MIT */
/* gic.c - the interrupt controller: GICv2 and GICv3.
 *
 * Job      Private interrupts only: two SGIs (IPI, stop) and the timer's PPI, all of one
 *          priority. What the firmware left enabled is silenced.
 * Owns     the distributor, this CPU's redistributor (v3), this CPU's interface.
 * Maps     a page of each, as all the registers in use lie on few pages; redistributors are found
 *          by their affinity, one page after the other.
 * Locks    none: the distributor is written once, by the boot CPU. Context: gic_init() and
 *          gic_cpu_init() at boot with interrupts off, the rest any. */
#include <tern/tern.h>

#include "boot/aarch64/board.h"
#include "boot/aarch64/mach_cpu.h"
#include "boot/aarch64/sysreg.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "lib/bits.h"

/* Distributor; the ones for interrupts 0-31 are each CPU's own, v3 has them elsewhere. */
#define GICD_CTLR        0x000
#define GICD_TYPER       0x004
#define GICD_ICENABLER   0x180
#define GICD_ITARGETSR   0x800
#define GICD_SGIR        0xf00
#define GICD_CTLR_V2_ON  1u
#define GICD_CTLR_V3_ON  (1u << 0 | 1u << 1 | 1u << 4) /* groups 1, routing by affinity */
#define GICD_CTLR_RWP    (1u << 31)
#define GICD_SGIR_OTHERS (1u << 24)

/* From the base of what holds a CPU's interrupts 0-31: the distributor (v2), the second 64 KiB
 * of the redistributor (v3). */
#define PRIV_IGROUPR    0x080
#define PRIV_ISENABLER  0x100
#define PRIV_ICENABLER  0x180
#define PRIV_IPRIORITYR 0x400

#define GICC_CTLR 0x00
#define GICC_PMR  0x04
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10

#define GICR_CTLR         0x00
#define GICR_TYPER        0x08
#define GICR_WAKER        0x14
#define GICR_SGI_BASE     0x10000
#define GICR_TYPER_VLPI   (1u << 1)
#define GICR_TYPER_LAST   (1u << 4)
#define GICR_CTLR_RWP     (1u << 3)
#define GICR_WAKER_SLEEP  (1u << 1)
#define GICR_WAKER_ASLEEP (1u << 2)

#define ICC_SGI1R_OTHERS (1ull << 40)

#define ID_MASK       0xffffff
#define ID_MASK_V2    0x3ff
#define PRIORITY      0xa0a0a0a0u
#define PRIORITY_MASK 0xf0
/* How often a bit that hardware changes by itself is read before it is given up. */
#define PATIENCE 1000000u

static bool is_v3(void)
{
	return board.gic_version == 3;
}

static void map_page(uint64_t base)
{
	uint64_t word;

	if (!board_is_device(base) ||
	    !vm_map_identity(base, PAGE_SIZE, VM_READ | VM_WRITE | VM_DEVICE) ||
	    !mach_probe_read(base, 4, &word))
		boot_fail("no GIC answers at 0x%llx", (unsigned long long)base);
}

static void wait_clear(uintptr_t reg, uint32_t bits)
{
	for (unsigned i = 0; i < PATIENCE; i++)
		if (!(mmio_read32(reg) & bits))
			return;
	boot_fail("the GIC's register at 0x%lx stays 0x%x", (unsigned long)reg, mmio_read32(reg));
}

void gic_init(void)
{
	unsigned blocks;

	tern_snprintf(machine.irqchip, sizeof(machine.irqchip), "GICv%u at 0x%llx",
		      board.gic_version, (unsigned long long)board.gicd_base);
	map_page(board.gicd_base);
	if (!is_v3())
		map_page(board.gicc_base);
	mmio_write32(board.gicd_base + GICD_CTLR, 0);
	/* Interrupts 32 and up, 32 to a register. */
	blocks = (mmio_read32(board.gicd_base + GICD_TYPER) & 31) + 1;
	for (unsigned i = 1; i < blocks; i++)
		mmio_write32(board.gicd_base + GICD_ICENABLER + 4 * i, UINT32_MAX);
	mmio_write32(board.gicd_base + GICD_CTLR, is_v3() ? GICD_CTLR_V3_ON : GICD_CTLR_V2_ON);
	if (is_v3())
		wait_clear(board.gicd_base + GICD_CTLR, GICD_CTLR_RWP);
}

/* Interrupts 0-31 of this CPU. Group 1 is v3's for interrupts that are no FIQ. A v2 with two
 * worlds ignores what we say here; one without delivers group 0, the only one that we enable. */
static void init_private(uintptr_t base)
{
	mmio_write32(base + PRIV_ICENABLER, UINT32_MAX);
	mmio_write32(base + PRIV_IGROUPR, is_v3() ? UINT32_MAX : 0);
	for (unsigned i = 0; i < 32; i += 4)
		mmio_write32(base + PRIV_IPRIORITYR + i, PRIORITY);
	mmio_write32(base + PRIV_ISENABLER,
		     1u << SGI_IPI | 1u << SGI_STOP | 1u << board.timer_ppi_virt);
}

static void init_v2(struct cpu *c)
{
	/* Reads as the reader's own bit; as 0 where there is but one CPU. */
	uint8_t self = mmio_read32(board.gicd_base + GICD_ITARGETSR);

	c->mach->sgi_target = self ? self : 1;
	init_private(board.gicd_base);
	mmio_write32(board.gicc_base + GICC_PMR, PRIORITY_MASK);
	mmio_write32(board.gicc_base + GICC_CTLR, 1);
}

/* TYPER has the affinity in its upper half, 8 bits a level. */
static uint64_t typer_mpidr(uint64_t typer)
{
	return (typer >> 32 & 0xffffff) | (typer >> 56) << 32;
}

static uint64_t frame_size(uint64_t typer)
{
	if (board.gicr_stride)
		return board.gicr_stride;
	return (typer & GICR_TYPER_VLPI) ? 4 * KiB(64) : 2 * KiB(64);
}

/* This CPU's frame in a region, 0 if it is in another. */
static uintptr_t find_in_region(uint64_t base, uint64_t size, uint64_t mpidr)
{
	uint64_t end = base + size, typer;

	for (uint64_t at = base; end - at >= 2 * KiB(64); at += frame_size(typer)) {
		map_page(at);
		typer = mmio_read64(at + GICR_TYPER);
		if (typer_mpidr(typer) == mpidr)
			return at;
		if (typer & GICR_TYPER_LAST || end - at < frame_size(typer))
			break;
	}
	return 0;
}

static uintptr_t find_redistributor(uint64_t mpidr)
{
	for (unsigned i = 0; i < board.gicr_regions; i++) {
		uintptr_t at = find_in_region(board.gicr[i].base, board.gicr[i].size, mpidr);

		if (at)
			return at;
	}
	boot_fail("no GIC redistributor for the CPU with MPIDR 0x%llx", (unsigned long long)mpidr);
}

static void init_interface_v3(void)
{
	write_sysreg(ICC_SRE_EL1, read_sysreg(ICC_SRE_EL1) | 1);
	isb();
	if (!(read_sysreg(ICC_SRE_EL1) & 1))
		boot_fail("GICv3 whose system registers are locked");
	write_sysreg(ICC_PMR_EL1, PRIORITY_MASK);
	write_sysreg(ICC_BPR1_EL1, 0);
	write_sysreg(ICC_CTLR_EL1, 0);
	write_sysreg(ICC_IGRPEN1_EL1, 1);
	isb();
}

static void init_v3(struct cpu *c)
{
	uint64_t mpidr = c->hw_id;
	uintptr_t at = find_redistributor(mpidr);

	/* Affinities 3, 2, 1, then the sixteens and the one within them. */
	c->mach->sgi_target = (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 |
			      (mpidr >> 8 & 0xff) << 16 | (mpidr >> 4 & 0xf) << 44 |
			      1ull << (mpidr & 0xf);
	mmio_write32(at + GICR_WAKER, mmio_read32(at + GICR_WAKER) & ~GICR_WAKER_SLEEP);
	wait_clear(at + GICR_WAKER, GICR_WAKER_ASLEEP);
	map_page(at + GICR_SGI_BASE);
	init_private(at + GICR_SGI_BASE);
	wait_clear(at + GICR_CTLR, GICR_CTLR_RWP);
	init_interface_v3();
}

void gic_cpu_init(struct cpu *c)
{
	if (is_v3())
		init_v3(c);
	else
		init_v2(c);
}

uint32_t gic_begin(unsigned *id)
{
	uint32_t token;

	if (is_v3()) {
		token = read_sysreg(ICC_IAR1_EL1);
		*id = token & ID_MASK;
	} else {
		/* With the sender of an SGI above the id; the end wants both. */
		token = mmio_read32(board.gicc_base + GICC_IAR);
		*id = token & ID_MASK_V2;
	}
	return token;
}

/* What the handler wrote to the timer is done before the interrupt may come again. */
void gic_end(uint32_t token)
{
	isb();
	if (is_v3()) {
		write_sysreg(ICC_EOIR1_EL1, token);
		isb();
	} else {
		mmio_write32(board.gicc_base + GICC_EOIR, token);
	}
}

/* What this CPU wrote before is seen by a CPU that takes the SGI. */
static void send(uint64_t v3, uint32_t v2)
{
	asm volatile("dsb ishst" : : : "memory");
	if (is_v3()) {
		write_sysreg(ICC_SGI1R_EL1, v3);
		isb();
	} else {
		mmio_write32(board.gicd_base + GICD_SGIR, v2);
	}
}

void gic_send(const struct cpu *c, enum sgi sgi)
{
	send(c->mach->sgi_target | (uint64_t)sgi << 24, c->mach->sgi_target << 16 | sgi);
}

void gic_send_others(enum sgi sgi)
{
	send(ICC_SGI1R_OTHERS | (uint64_t)sgi << 24, GICD_SGIR_OTHERS | sgi);
}
