/* SPDX-License-Identifier: MIT */
/* bench_ipi.c - what it costs to call a function on another CPU and wait.
 *
 * ipi.call needs two CPUs; under -icount they take turns, and the clock counts the instructions
 * of both. On one CPU there is only ipi.self, the call without an interrupt. */
#include "boot/cpu.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "tests/test.h"

#define SAMPLES 51
/* Calls in one sample: aarch64's clock steps by 16 instructions. */
#define CALLS 32

static void nothing(void *arg)
{
	(void)arg;
}

static void sort(uint64_t *value, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		uint64_t v = value[i];
		unsigned k = i;

		for (; k > 0 && value[k - 1] > v; k--)
			value[k] = value[k - 1];
		value[k] = v;
	}
}

/* Median time of a call from the CPU that runs this. */
static uint64_t time_call(unsigned cpu)
{
	static uint64_t ns[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start_ns = mach_clock_ns();

		for (unsigned k = 0; k < CALLS; k++)
			ipi_call(cpu, nothing, NULL);
		ns[i] = mach_clock_ns() - start_ns;
	}
	sort(ns, SAMPLES);
	return ns[SAMPLES / 2] / CALLS;
}

BENCH(ipi)
{
	thread_pin(0);
	if (cpu_count() > 1)
		bench_row("ipi.call", time_call(1), "instructions");
	else
		bench_row("ipi.self", time_call(0), "instructions");
	thread_pin(THREAD_ANY_CPU);
}
