/* SPDX-License-Identifier: MIT */
/* cpu.c - the list of CPUs, and bringing them up.
 *
 * Job      Start the CPUs that the machine names, one after the other, and give each that answers
 *          the next id; name those that do not. Ids stay dense: 0 .. cpu_count() - 1.
 * Owns     cpus[], and who is online.
 * Locks    none: the boot CPU alone starts others. A CPU that answers and the boot CPU that gives
 *          it up race for its state by compare and swap, so that exactly one of them wins.
 * Context  cpu_start_all() in thread 0; cpu_entry() on the new CPU, interrupts off. */
#include "boot/cpu.h"

#include "arch/arch.h"
#include "boot/machine.h"
#include "lib/assert.h"
#include "lib/log.h"

TERN_STATIC_ASSERT(offsetof(struct cpu, id) == 8, "boot/ARCH/tern_config.h reads it there");

/* No speed is asked for: an emulator may not run a CPU for long. */
#define START_TIMEOUT_NS 5000000000ull

struct cpu cpus[TERN_MAX_CPUS] = { [0] = { .self = &cpus[0] } };

/* [atomic: release by the boot CPU when one more has come up, acquire by readers] */
static atomic_uint count = 1;

unsigned cpu_count(void)
{
	return atomic_load_explicit(&count, memory_order_acquire);
}

static bool wait_online(struct cpu *c)
{
	uint64_t give_up_ns = mach_clock_ns() + START_TIMEOUT_NS;
	enum cpu_state starting = CPU_STARTING;

	while (mach_clock_ns() < give_up_ns) {
		/* acquire: with cpu_entry() */
		if (atomic_load_explicit(&c->state, memory_order_acquire) == CPU_ONLINE)
			return true;
		arch_relax();
	}
	/* It may still come, and then finds that it is not wanted any more. */
	return !atomic_compare_exchange_strong_explicit(&c->state, &starting, CPU_FAILED,
							memory_order_acquire, memory_order_acquire);
}

static bool start(struct cpu *c, uint64_t hw_id)
{
	unsigned id = c - cpus;

	c->self = c;
	c->id = id;
	c->hw_id = hw_id;
	if (!c->idle && !thread_make_idle(c)) {
		log_error("no memory for CPU %u's idle stack: it is left out", id);
		return false;
	}
	/* relaxed: starting a CPU orders what it reads */
	atomic_store_explicit(&c->state, CPU_STARTING, memory_order_relaxed);
	if (mach_cpu_start(c))
		return true;
	atomic_store_explicit(&c->state, CPU_ABSENT, memory_order_relaxed);
	log_error("CPU with id 0x%llx cannot be started: it is left out",
		  (unsigned long long)hw_id);
	return false;
}

void cpu_start_all(void)
{
	unsigned n = 1;

	for (unsigned i = 1; i < machine.ncpus; i++) {
		if (!start(&cpus[n], machine.hw_id[i]))
			continue;
		if (!wait_online(&cpus[n])) {
			/* Its struct cpu cannot be given to another: it may come late. */
			log_error("CPU with id 0x%llx does not answer: left out with the rest",
				  (unsigned long long)machine.hw_id[i]);
			return;
		}
		n++;
		/* release: with cpu_count() */
		atomic_store_explicit(&count, n, memory_order_release);
	}
}

_Noreturn void cpu_entry(struct cpu *c)
{
	enum cpu_state starting = CPU_STARTING;

	mach_cpu_init(c);
	thread_init_cpu(c);
	/* release: with the load in wait_online() */
	if (!atomic_compare_exchange_strong_explicit(&c->state, &starting, CPU_ONLINE,
						     memory_order_release, memory_order_relaxed))
		cpu_stopped();
	thread_idle_loop();
}

_Noreturn void cpu_stopped(void)
{
	arch_irq_disable();
	atomic_store_explicit(&cpu_self()->state, CPU_STOPPED, memory_order_relaxed);
	for (;;)
		arch_relax();
}
