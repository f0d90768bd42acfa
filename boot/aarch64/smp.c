/* SPDX-License-Identifier: MIT */
/* smp.c - which CPUs there are, starting them, and reaching them.
 *
 * Job      Put the CPUs in order, start them through PSCI, send them SGIs.
 * Memory   A CPU that starts reads its struct mach_cpu with the MMU and caches on (entry.S), so
 *          nothing has to be cleaned for it; a barrier stands between the stores and the call.
 * Context  at boot, but for mach_ipi() and mach_stop_others(): any.
 * Limits   There is no interrupt that cannot be masked: a CPU that holds interrupts off when the
 *          machine stops goes on until it lets them in. Its output is dropped (console.c). */
#include <tern/tern.h>

#include "boot/aarch64/board.h"
#include "boot/aarch64/mach_cpu.h"
#include "boot/aarch64/sysreg.h"
#include "boot/aarch64/trap.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/stack.h"
#include "boot/start.h"
#include "boot/vm.h"
#include "lib/assert.h"
#include "lib/log.h"
#include "lib/string.h"

#define OFFSET_IS(member, offset)                                                                  \
	TERN_STATIC_ASSERT(offsetof(struct mach_cpu, member) == (offset), "entry.S knows it")
OFFSET_IS(cpu, MACH_CPU_SELF);
OFFSET_IS(root, MACH_CPU_ROOT);
OFFSET_IS(idle_top, MACH_CPU_IDLE_TOP);
OFFSET_IS(trap_top, MACH_CPU_TRAP_TOP);
OFFSET_IS(trap_bottom, MACH_CPU_TRAP_BOTTOM);

/* The device tree's CPUs in its order, but for the one that reads this, which is the first. */
static void list_cpus(void)
{
	uint64_t self = read_sysreg(mpidr_el1) & MPIDR_AFFINITY;
	bool found = false;

	machine.ncpus = 1;
	machine.hw_id[0] = self;
	for (unsigned i = 0; i < board.ncpus; i++) {
		if (board.mpidr[i] == self)
			found = true;
		else if (machine.ncpus < TERN_MAX_CPUS)
			machine.hw_id[machine.ncpus++] = board.mpidr[i];
	}
	if (!found)
		boot_fail("the device tree does not name the CPU that runs, MPIDR 0x%llx",
			  (unsigned long long)self);
	machine.ncpus_ignored = board.ncpus_ignored;
}

void smp_discover(void)
{
	static const char *const method[] = { "none", "PSCI by hvc", "PSCI by smc" };

	list_cpus();
	tern_str_copy(machine.starter, sizeof(machine.starter), method[board.psci]);
	if (board.psci == PSCI_NONE && machine.ncpus > 1) {
		log_warn("no PSCI: %u CPUs cannot be started", machine.ncpus - 1);
		machine.ncpus = 1;
	}
}

/* Find the CPU's struct mach_cpu and give it a trap stack. False when out of memory. */
static bool prepare(struct cpu *c)
{
	static struct mach_cpu mach_cpus[TERN_MAX_CPUS];
	struct mach_cpu *m = &mach_cpus[c->id];
	char owner[STACK_OWNER_MAX];
	struct stack trap;

	if (c->mach) /* the CPU that was to have this id was refused */
		return true;
	tern_snprintf(owner, sizeof(owner), "CPU %u's trap handler", c->id);
	if (!stack_alloc(&trap, STACK_TRAP, owner))
		return false;
	m->cpu = c;
	m->root = vm_root();
	m->idle_top = c->idle_stack_top;
	m->trap_top = trap.top;
	m->trap_bottom = trap.bottom;
	c->mach = m;
	return true;
}

/* The boot CPU gets here without a struct mach_cpu, the others are prepared before they start. */
void mach_cpu_init(struct cpu *c)
{
	if (!c->mach) {
		if (!prepare(c))
			boot_fail("no memory for CPU %u's trap stack", c->id);
		trap_set_stack(c->mach->trap_top, c->mach->trap_bottom);
	}
	gic_cpu_init(c);
	timer_cpu_init();
	asm volatile("msr daifclr, #4" : : : "memory"); /* SErrors are told of at once */
}

/* PSCI hands the second argument to the entry in x0. */
bool mach_cpu_start(struct cpu *c)
{
	int64_t status;

	if (!prepare(c))
		return false;
	asm volatile("dsb ish" : : : "memory");
	status = psci_call(board.psci_cpu_on, c->hw_id, (uintptr_t)secondary_entry,
			   (uintptr_t)c->mach);
	if (status != 0)
		log_warn("CPU %u: PSCI CPU_ON says %lld", c->id, (long long)status);
	return status == 0;
}

void mach_ipi(unsigned cpu)
{
	gic_send(&cpus[cpu], SGI_IPI);
}

void mach_stop_others(void)
{
	if (cpu_count() > 1)
		gic_send_others(SGI_STOP);
}
