/* SPDX-License-Identifier: MIT */
/* heap.c - memory for *the* heap of the hosted tests, and CPUs: see tests/unit/heap.h. */
#include <sys/mman.h>

#include <tern/tern.h>

#include "boot/host/host.h"
#include "tests/host/faults.h"
#include "tests/unit/heap.h"

#define SIZE (256ul << 20)
#define CPUS 4

bool heap_for_tests(void)
{
	static bool have;
	void *p;

	if (have)
		return true;
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	have = p != MAP_FAILED && tern_add_zeroed_region((uintptr_t)p, SIZE) == TERN_OK;
	return have;
}

bool probe_byte(const void *addr, uint8_t *byte)
{
	if (host_faults(addr))
		return false;
	*byte = *(const uint8_t *)addr;
	return true;
}

unsigned cpus_for_tests(void)
{
	return CPUS;
}

void run_on_cpus(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg)
{
	host_on_cpus(n, fn, arg);
}
