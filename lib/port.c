/* SPDX-License-Identifier: MIT */
/* port.c - weak defaults of what a kernel may leave out: a correct port for one CPU.
 * include/tern/port.h has the contract. */
#include <tern/port.h>

#include "arch/arch.h"
#include "lib/compiler.h"

TERN_WEAK unsigned tern_port_cpu_id(void)
{
	return 0;
}

TERN_WEAK unsigned long tern_port_irq_save(void)
{
	return arch_irq_save();
}

TERN_WEAK void tern_port_irq_restore(unsigned long state)
{
	arch_irq_restore(state);
}

TERN_WEAK bool tern_port_irq_enabled(void)
{
	return arch_irq_enabled();
}

TERN_WEAK bool tern_port_in_interrupt(void)
{
	return false;
}

TERN_WEAK void tern_port_drain_cpus(void)
{
}

TERN_WEAK uint64_t tern_port_clock_ns(void)
{
	return 0;
}

TERN_WEAK bool tern_port_map(uintptr_t start, size_t size)
{
	(void)start;
	(void)size;
	return true;
}

TERN_WEAK bool tern_port_release(uintptr_t start, size_t size)
{
	(void)start;
	(void)size;
	return false;
}

TERN_WEAK void *tern_port_range_reserve(size_t size)
{
	(void)size;
	return NULL;
}

TERN_WEAK void tern_port_range_release(void *start, size_t size)
{
	(void)start;
	(void)size;
}

TERN_WEAK bool tern_port_range_commit(uintptr_t at, const void *pages, size_t size)
{
	(void)at;
	(void)pages;
	(void)size;
	return false;
}

TERN_WEAK void tern_port_range_uncommit(uintptr_t at, size_t size)
{
	(void)at;
	(void)size;
}

TERN_WEAK bool tern_port_protect(uintptr_t start, size_t size, bool accessible)
{
	(void)start;
	(void)size;
	(void)accessible;
	return false;
}

TERN_WEAK unsigned tern_port_stop_cpus(void)
{
	return 0;
}

TERN_WEAK void tern_port_wake_background(void)
{
}
