/* SPDX-License-Identifier: MIT */
/* tsc.c - how fast the TSC and the local APIC's timer run: told by the CPU, or measured.
 *
 * How      A reference of known frequency is read until its value changes; TSC reads before the
 *          last old value and after the first new one bracket the edge. Between two edges the
 *          reference's ticks are exact, and the TSC's are known up to half the brackets. The
 *          window grows until that is under ERROR_GOAL_PPM: some twenty microseconds where
 *          reading a port is quick, a few milliseconds where a busy host interrupts us.
 * Sources  CPUID if it says; ACPI PM timer; HPET; PIT. Each runs at a frequency that is fixed or
 *          that it tells, so nothing is guessed.
 * Context  the boot CPU, once, interrupts off. */
#include "boot/x86_64/tsc.h"

#include <stdbool.h>

#include "arch/arch.h"
#include "boot/acpi.h"
#include "boot/memmap.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "boot/x86_64/apic.h"
#include "boot/x86_64/regs.h"

#define ERROR_GOAL_PPM 976
#define PPM            1000000u
/* Of the reference: stop growing the window, and take what there is. */
#define WINDOW_MAX_MS 40
/* Reads without a change after which a reference does not run. */
#define DEAD_READS 2000000u
/* The first edge is the tightest of some, as both ends count alike. */
#define FIRST_EDGES 4

#define PM_TIMER_HZ 3579545u
#define PIT_HZ      1193182u

#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND   0x43
#define PIT_GATE      0x61
#define PIT_LOAD_2    0xb0 /* channel 2, low byte then high, mode 0 */
#define PIT_LATCH_2   0x80
#define GATE_ON       0x01
#define GATE_SPEAKER  0x02

#define HPET_ID         0x00
#define HPET_PERIOD_FS  0x04
#define HPET_CONFIG     0x10
#define HPET_COUNTER    0xf0
#define HPET_RUN        1u
#define HPET_PERIOD_MAX 100000000u /* by its specification */
#define FS_PER_S        1000000000000000ull

struct reference {
	const char *name;
	uint64_t hz;
	uint32_t mask; /* the counter's width */
	uint32_t (*read)(void);
};

struct edge {
	uint64_t before, after; /* TSC */
	uint32_t ticks, apic;
};

static uint16_t pm_port;
static uintptr_t hpet;

static uint32_t read_pm_timer(void)
{
	return inl(pm_port);
}

static uint32_t read_hpet(void)
{
	return mmio_read32(hpet + HPET_COUNTER);
}

static uint32_t read_pit(void)
{
	uint32_t low;

	outb(PIT_COMMAND, PIT_LATCH_2);
	low = inb(PIT_CHANNEL_2);
	return 0xffff - (low | (uint32_t)inb(PIT_CHANNEL_2) << 8);
}

static bool use_pm_timer(const struct acpi_info *acpi, struct reference *r)
{
	pm_port = (uint16_t)acpi->pm_timer_port;
	*r = (struct reference){ "ACPI PM timer", PM_TIMER_HZ, 0xffffff, read_pm_timer };
	return pm_port != 0;
}

static bool use_hpet(const struct acpi_info *acpi, struct reference *r)
{
	uint32_t period_fs;

	hpet = acpi->hpet_base;
	if (!hpet || !vm_map_identity(hpet, PAGE_SIZE, VM_READ | VM_WRITE | VM_DEVICE))
		return false;
	period_fs = mmio_read32(hpet + HPET_PERIOD_FS);
	if (period_fs == 0 || period_fs > HPET_PERIOD_MAX)
		return false;
	mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | HPET_RUN);
	*r = (struct reference){ "HPET", FS_PER_S / period_fs, UINT32_MAX, read_hpet };
	return true;
}

/* Count down once from the largest number; it lasts 55 ms. */
static bool use_pit(const struct acpi_info *acpi, struct reference *r)
{
	(void)acpi;
	outb(PIT_GATE, (inb(PIT_GATE) & ~GATE_SPEAKER) | GATE_ON);
	outb(PIT_COMMAND, PIT_LOAD_2);
	outb(PIT_CHANNEL_2, 0xff);
	outb(PIT_CHANNEL_2, 0xff);
	*r = (struct reference){ "PIT", PIT_HZ, 0xffff, read_pit };
	return true;
}

static bool next_edge(const struct reference *r, struct edge *e)
{
	uint64_t before = arch_ticks();
	uint32_t old = r->read();

	for (unsigned i = 0; i < DEAD_READS; i++) {
		uint64_t middle = arch_ticks();
		uint32_t now = r->read();

		if (now != old) {
			*e = (struct edge){ before, arch_ticks(), now, apic_timer_count() };
			return true;
		}
		before = middle;
	}
	return false;
}

static uint64_t width(const struct edge *e)
{
	return e->after - e->before;
}

static uint64_t middle(const struct edge *e)
{
	return e->before + width(e) / 2;
}

static bool first_edge(const struct reference *r, struct edge *best)
{
	struct edge e;

	if (!next_edge(r, best))
		return false;
	for (unsigned i = 1; i < FIRST_EDGES; i++)
		if (next_edge(r, &e) && width(&e) < width(best))
			*best = e;
	return true;
}

static bool measure(const struct reference *r, struct tsc_rate *rate)
{
	uint64_t window = r->hz * WINDOW_MAX_MS / 1000;
	struct edge first, last;
	uint64_t ticks, tsc, ppm;

	if (!first_edge(r, &first))
		return false;
	do {
		if (!next_edge(r, &last))
			return false;
		ticks = (last.ticks - first.ticks) & r->mask;
		tsc = middle(&last) - middle(&first);
		ppm = (width(&first) + width(&last)) * PPM / 2 / tsc;
	} while (ppm > ERROR_GOAL_PPM && ticks < window);
	rate->tsc_hz = tsc * r->hz / ticks;
	rate->apic_hz = (uint64_t)(first.apic - last.apic) * r->hz / ticks;
	rate->error_ppm = (unsigned)ppm + 1;
	rate->from = r->name;
	return true;
}

/* Leaf 0x15: the TSC's ratio to a crystal, and the crystal's frequency, which also drives the
 * APIC. Leaf 0x40000010: what hypervisors tell, in kHz. Either must say all of it. */
static bool ask_cpu(struct tsc_rate *rate)
{
	struct cpuid c;

	rate->error_ppm = 0;
	rate->from = "CPUID";
	if (cpuid(0).eax >= 0x15) {
		c = cpuid(0x15);
		if (c.eax && c.ebx && c.ecx) {
			rate->tsc_hz = (uint64_t)c.ecx * c.ebx / c.eax;
			rate->apic_hz = c.ecx;
			return true;
		}
	}
	if (!(cpuid(1).ecx & CPUID_1_ECX_HYPERVISOR) || cpuid(0x40000000).eax < 0x40000010)
		return false;
	c = cpuid(0x40000010);
	rate->tsc_hz = (uint64_t)c.eax * 1000;
	rate->apic_hz = (uint64_t)c.ebx * 1000;
	return c.eax && c.ebx;
}

void tsc_measure(const struct acpi_info *acpi, struct tsc_rate *rate)
{
	static bool (*const sources[])(const struct acpi_info *,
				       struct reference *) = { use_pm_timer, use_hpet, use_pit };
	struct reference r;

	if (ask_cpu(rate))
		return;
	apic_timer_set(UINT32_MAX);
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++) {
		if (!sources[i](acpi, &r) || !measure(&r, rate))
			continue;
		apic_timer_set(0);
		return;
	}
	boot_fail("no clock to measure the TSC against: no PM timer, HPET or PIT runs");
}
