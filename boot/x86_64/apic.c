/* SPDX-License-Identifier: MIT */
/* apic.c - this CPU's local APIC: interrupts between CPUs and the raw timer.
 *
 * x2APIC is used where the CPU has it (32-bit ids, no memory), else the xAPIC's page. Registers
 * have the same numbers in both: offset 0x10 * n, MSR 0x800 + n.
 * Locks    none: a CPU only speaks to its own APIC. Sending takes two stores in xAPIC mode, so
 *          interrupts are off between them.
 * Context  any. */
#include "boot/x86_64/apic.h"

#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "boot/x86_64/regs.h"
#include "boot/x86_64/trap.h"

enum reg {
	REG_ID = 0x02,
	REG_TPR = 0x08,
	REG_EOI = 0x0b,
	REG_SPURIOUS = 0x0f,
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_LINT0 = 0x35,
	REG_TIMER_INITIAL = 0x38,
	REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
};

#define BASE_X2APIC  (1u << 10)
#define BASE_ENABLE  (1u << 11)
#define BASE_ADDRESS 0x000ffffffffff000ull

#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED      (1u << 16)
#define LVT_DEADLINE    (2u << 17)
#define DIVIDE_BY_1     0xbu
#define ICR_PENDING     (1u << 12)
#define ICR_OTHERS      (3u << 18)

#define PIC_MASK_1 0x21
#define PIC_MASK_2 0xa1

static bool x2apic;
static uintptr_t page; /* xAPIC */
static uint32_t timer_mode;

static uint32_t read_reg(enum reg r)
{
	return x2apic ? (uint32_t)read_msr(MSR_X2APIC + r) : mmio_read32(page + 0x10 * r);
}

static void write_reg(enum reg r, uint32_t value)
{
	if (x2apic)
		write_msr(MSR_X2APIC + r, value);
	else
		mmio_write32(page + 0x10 * r, value);
}

void apic_discover(uint64_t base)
{
	uint64_t msr = read_msr(MSR_APIC_BASE);

	x2apic = cpuid(1).ecx & CPUID_1_ECX_X2APIC;
	if (x2apic) {
		tern_snprintf(machine.irqchip, sizeof(machine.irqchip), "x2APIC");
		return;
	}
	page = base ? base : msr & BASE_ADDRESS;
	if (!vm_map_identity(page, PAGE_SIZE, VM_READ | VM_WRITE | VM_DEVICE))
		boot_fail("cannot map the local APIC at 0x%llx", (unsigned long long)page);
	tern_snprintf(machine.irqchip, sizeof(machine.irqchip), "xAPIC at 0x%llx",
		      (unsigned long long)page);
}

void apic_init_cpu(void)
{
	uint64_t base = read_msr(MSR_APIC_BASE) | BASE_ENABLE;

	/* The PICs of old are still there, and would be heard through LINT0. */
	outb(PIC_MASK_1, 0xff);
	outb(PIC_MASK_2, 0xff);
	write_msr(MSR_APIC_BASE, base);
	if (x2apic)
		write_msr(MSR_APIC_BASE, base | BASE_X2APIC);
	write_reg(REG_LVT_LINT0, LVT_MASKED);
	write_reg(REG_TPR, 0);
	write_reg(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	write_reg(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	write_reg(REG_LVT_TIMER, timer_mode | VECTOR_TIMER);
}

uint32_t apic_id(void)
{
	return x2apic ? read_reg(REG_ID) : read_reg(REG_ID) >> 24;
}

void apic_end_of_interrupt(void)
{
	write_reg(REG_EOI, 0);
}

/* What was stored before must be seen by the CPU that is interrupted: a store to the xAPIC's
 * page waits for it, a WRMSR to the x2APIC does not. */
static void send_x2(uint32_t id, uint32_t what)
{
	__asm__ volatile("mfence; lfence" : : : "memory");
	write_msr(MSR_X2APIC + REG_ICR, (uint64_t)id << 32 | what);
}

static void send_x(uint32_t id, uint32_t what)
{
	unsigned long irq = arch_irq_save();

	while (read_reg(REG_ICR) & ICR_PENDING)
		arch_relax();
	write_reg(REG_ICR_HIGH, id << 24);
	write_reg(REG_ICR, what);
	arch_irq_restore(irq);
}

void apic_send(uint32_t id, uint32_t what)
{
	if (x2apic)
		send_x2(id, what);
	else
		send_x(id, what);
}

void apic_send_others(uint32_t what)
{
	apic_send(0, what | ICR_OTHERS);
}

void apic_timer_set(uint32_t count)
{
	write_reg(REG_TIMER_INITIAL, count);
}

uint32_t apic_timer_count(void)
{
	return read_reg(REG_TIMER_CURRENT);
}

void apic_timer_use_deadline(void)
{
	timer_mode = LVT_DEADLINE;
	write_reg(REG_LVT_TIMER, timer_mode | VECTOR_TIMER);
	/* The mode must be set before a deadline is written. */
	__asm__ volatile("mfence; lfence" : : : "memory");
}
