/* SPDX-License-Identifier: MIT */
/* smp.c - which CPUs there are, starting them, and reaching them.
 *
 * Job      Read ACPI; start a CPU by INIT and two start-up interrupts on a trampoline below
 *          1 MiB; send interrupts to CPUs.
 * Owns     the two trampoline pages, taken from the map when the first CPU is started: one CPU
 *          starts at a time, so one set of parameters is enough.
 * Context  at boot, but for mach_ipi() and mach_stop_others(): any. */
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/acpi.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/memmap.h"
#include "boot/physmem.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "boot/x86_64/apic.h"
#include "boot/x86_64/machine.h"
#include "boot/x86_64/mach_cpu.h"
#include "boot/x86_64/regs.h"
#include "boot/x86_64/trampoline.h"
#include "boot/x86_64/trap.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "lib/string.h"

/* Intel's MultiProcessor Specification: 10 ms after INIT, 200 us after each start-up. */
#define AFTER_INIT_NS    10000000u
#define AFTER_STARTUP_NS 200000u
#define LOW_MEMORY_END   0xa0000u

void secondary_entry(struct cpu *c);

static struct mach_cpu mach_cpus[TERN_MAX_CPUS];

static const void *view_mapped(const struct physmem *pm, uint64_t addr, size_t len)
{
	(void)pm;
	if (addr < PAGE_SIZE || !vm_map_identity(addr, len, VM_READ))
		return NULL;
	return (const void *)(uintptr_t)addr;
}

static void describe_platform(void)
{
	struct {
		uint32_t words[12];
		char end;
	} brand = { .end = '\0' };
	const char *text = (const char *)brand.words;

	for (unsigned i = 0; i < 3 && cpuid(0x80000000).eax >= 0x80000004; i++) {
		struct cpuid c = cpuid(0x80000002 + i);

		memcpy(brand.words + 4 * i, &c, sizeof(c));
	}
	while (*text == ' ')
		text++;
	tern_str_copy(machine.platform, sizeof(machine.platform), *text ? text : "x86_64");
}

/* The table's CPUs in its order, but for the one that reads this, which is the first. */
static void list_cpus(const struct acpi_info *acpi)
{
	uint32_t self = apic_id();

	machine.ncpus = 1;
	machine.hw_id[0] = self;
	for (unsigned i = 0; i < acpi->ncpus; i++) {
		if (acpi->apic_id[i] == self)
			continue;
		if (machine.ncpus == TERN_MAX_CPUS)
			machine.ncpus_ignored++;
		else
			machine.hw_id[machine.ncpus++] = acpi->apic_id[i];
	}
	machine.ncpus_ignored += acpi->ncpus_ignored;
	tern_str_copy(machine.starter, sizeof(machine.starter), "INIT/SIPI");
}

static void read_acpi(const struct boot_info *info, struct acpi_info *acpi)
{
	const struct physmem pm = { .view = view_mapped };
	uint64_t rsdp = info->rsdp ? info->rsdp : acpi_find_rsdp(&pm);
	struct boot_error e;

	memset(acpi, 0, sizeof(*acpi));
	if (rsdp == 0)
		log_warn("no ACPI: only the CPU that runs is known");
	else if (!acpi_parse(&pm, rsdp, acpi, &e))
		boot_fail("%s", e.text);
}

void mach_discover(const struct boot_info *info)
{
	static struct acpi_info acpi;

	machine.arch = "x86_64";
	describe_platform();
	read_acpi(info, &acpi);
	apic_discover(acpi.lapic_base);
	apic_init_cpu();
	list_cpus(&acpi);
	timer_discover(&acpi);
	exit_discover(&acpi);
}

void mach_cpu_init(struct cpu *c)
{
	c->mach = &mach_cpus[c->id];
	if (!trap_init_cpu(c->mach, c->id))
		boot_fail("no memory for CPU %u's fault stacks", c->id);
	apic_init_cpu();
	timer_init_cpu();
}

/* --- starting a CPU ---------------------------------------------------------------------- */

static uintptr_t make_trampoline(void)
{
	size_t size = (size_t)(trampoline_end - trampoline_start);
	uint64_t page;

	if (!memmap_take(&boot_info.map, TRAMPOLINE_SIZE, PAGE_SIZE, PAGE_SIZE, LOW_MEMORY_END,
			 &page) ||
	    !vm_map_identity(page, TRAMPOLINE_SIZE, VM_READ | VM_WRITE))
		return 0;
	memcpy((void *)page, trampoline_start, size);
	return vm_map_identity(page, PAGE_SIZE, VM_READ | VM_EXEC) ? page : 0;
}

static void wait_ns(uint64_t ns)
{
	uint64_t end = mach_clock_ns() + ns;

	while (mach_clock_ns() < end)
		arch_relax();
}

static void send_startup(uint32_t id, uintptr_t page)
{
	apic_send(id, APIC_INIT);
	wait_ns(AFTER_INIT_NS);
	for (int i = 0; i < 2; i++) {
		apic_send(id, APIC_STARTUP | (uint32_t)(page / PAGE_SIZE));
		wait_ns(AFTER_STARTUP_NS);
	}
}

bool mach_cpu_start(struct cpu *c)
{
	static uintptr_t page;
	struct trampoline *t;

	if (!page)
		page = make_trampoline();
	if (!page) {
		log_warn("no memory below 1 MiB to start CPUs from");
		return false;
	}
	t = (struct trampoline *)(page + PAGE_SIZE);
	*t = (struct trampoline){
		.root = vm_root(),
		.far_offset = (uint32_t)(page + (uintptr_t)(trampoline_64 - trampoline_start)),
		.far_selector = SEL_CODE,
		.gdt_limit = 3 * 8 - 1,
		.gdt_base = (uint32_t)(page + (uintptr_t)(trampoline_gdt - trampoline_start)),
		.stack = c->idle_stack_top,
		.cpu = c,
		.entry = (uintptr_t)secondary_entry,
	};
	send_startup((uint32_t)c->hw_id, page);
	return true;
}

void mach_ipi(unsigned cpu)
{
	apic_send((uint32_t)cpus[cpu].hw_id, APIC_FIXED | VECTOR_IPI);
}

void mach_stop_others(void)
{
	trap_stop_by_nmi();
	if (cpus[0].mach)
		apic_send_others(APIC_NMI);
}
