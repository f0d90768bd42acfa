/* SPDX-License-Identifier: MIT */
/* heap.c - the heap has the machine's memory, and the machine has CPUs: see tests/unit/heap.h. */
#include "tests/unit/heap.h"

#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "lib/assert.h"

#define MAX_CPUS 8

struct run {
	unsigned cpu;
	void (*fn)(unsigned cpu, void *arg);
	void *arg;
	struct thread *thread;
};

bool heap_for_tests(void)
{
	return true;
}

bool probe_byte(const void *addr, uint8_t *byte)
{
	uint64_t value = 0;
	bool done = mach_probe_read((uintptr_t)addr, 1, &value);

	*byte = (uint8_t)value;
	return done;
}

unsigned cpus_for_tests(void)
{
	return cpu_count() < MAX_CPUS ? cpu_count() : MAX_CPUS;
}

static void run(void *arg)
{
	struct run *r = arg;

	r->fn(r->cpu, r->arg);
}

void run_on_cpus(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg)
{
	struct run runs[MAX_CPUS];

	TERN_CHECK(n <= cpus_for_tests(), "run_on_cpus: %u of %u", n, cpus_for_tests());
	for (unsigned i = 0; i < n; i++) {
		runs[i] = (struct run){ .cpu = i, .fn = fn, .arg = arg };
		runs[i].thread = thread_create_on(i, "test", run, &runs[i]);
		TERN_CHECK(runs[i].thread, "run_on_cpus: no memory for a thread");
	}
	for (unsigned i = 0; i < n; i++)
		thread_join(runs[i].thread);
}
