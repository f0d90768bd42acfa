/* SPDX-License-Identifier: MIT */
/* test_harden_kernel.c - guards of large objects by the guest kernel's page tables: every CPU faults
 * on them, they come back when the object is freed, and with interrupts off nothing is closed. */
#include <tern/safety.h>
#include <tern/tern.h>

#include "boot/ipi.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define LARGE (5u * TERN_HEAP_PAGE)

static atomic_uint readers;

static void read_there(void *arg)
{
	uint64_t value;

	if (mach_probe_read((uintptr_t)arg, 1, &value))
		atomic_fetch_add(&readers, 1);
}

static unsigned cpus_that_read(const char *addr)
{
	atomic_store(&readers, 0);
	thread_preempt_disable();
	read_there((void *)addr);
	ipi_call_others(read_there, (void *)addr);
	thread_preempt_enable();
	return atomic_load(&readers);
}

static bool can_guard(void)
{
	struct tern_hardening_stats before, after;

	tern_hardening_stats(&before);
	tern_set_hardening(TERN_HARDEN_GUARDS);
	tern_free(tern_malloc(LARGE));
	tern_set_hardening(0);
	tern_hardening_stats(&after);
	return after.guarded > before.guarded;
}

TEST(harden_kernel, every_cpu_faults_on_guards)
{
	char *p;

	if (!can_guard())
		SKIP("the command line does not say guards");
	tern_set_hardening(TERN_HARDEN_GUARDS);
	p = tern_malloc(LARGE);
	tern_set_hardening(0);
	REQUIRE(p);
	EXPECT_EQ(cpus_that_read(p - 1), 0);
	EXPECT_EQ(cpus_that_read(p - TERN_HEAP_PAGE), 0);
	EXPECT_EQ(cpus_that_read(p + LARGE), 0);
	EXPECT_EQ(cpus_that_read(p + LARGE + TERN_HEAP_PAGE - 1), 0);
	EXPECT_EQ(cpus_that_read(p), cpu_count());
	EXPECT_EQ(cpus_that_read(p + LARGE - 1), cpu_count());
	tern_free(p);
	/* Debug builds keep it until then. */
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
	EXPECT_EQ(cpus_that_read(p - 1), cpu_count());
	EXPECT_EQ(cpus_that_read(p + LARGE), cpu_count());
}

/* Then others cannot be told: the object is had all the same. */
TEST(harden_kernel, nothing_is_closed_with_interrupts_off)
{
	struct tern_hardening_stats before, after;
	unsigned long irq = arch_irq_save();
	char *p;

	tern_hardening_stats(&before);
	tern_set_hardening(TERN_HARDEN_GUARDS);
	p = tern_malloc(LARGE);
	tern_set_hardening(0);
	arch_irq_restore(irq);
	REQUIRE(p);
	tern_hardening_stats(&after);
	EXPECT_EQ(after.unguarded, before.unguarded + 1);
	EXPECT_EQ(cpus_that_read(p - 1), cpu_count());
	tern_free(p);
}
