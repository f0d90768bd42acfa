/* SPDX-License-Identifier: MIT */
/* bench_malloc.c - what objects cost, in instructions, the loop that asks for them included.
 *
 * Collected objects are freed by tern_free() between rounds, so that the slots which are measured are
 * recycled ones and have to be cleared; without a collector nothing else frees them. */
#include <tern/tern.h>

#include "boot/machine.h"
#include "tests/test.h"

#define MANY 16384u

static void *objects[MANY] TERN_UNCLEARED;
static volatile size_t size_of_object; /* not known to the compiler */

typedef void *(*alloc_fn)(size_t size);

static uint64_t take_fn(alloc_fn alloc, size_t size)
{
	uint64_t start;

	size_of_object = size;
	size = size_of_object;
	start = mach_clock_ns();
	for (unsigned i = 0; i < MANY; i++)
		objects[i] = alloc(size);
	return (mach_clock_ns() - start) / MANY;
}

static uint64_t give(void)
{
	uint64_t start = mach_clock_ns();

	for (unsigned i = 0; i < MANY; i++)
		tern_free(objects[i]);
	return (mach_clock_ns() - start) / MANY;
}

/* The second round: spans and tables are there, slots were used. */
static uint64_t recycled(alloc_fn alloc, size_t size)
{
	uint64_t cost;

	take_fn(alloc, size);
	give();
	cost = take_fn(alloc, size);
	give();
	return cost;
}

#define CONST_ROUND(size)                                                                          \
	({                                                                                         \
		uint64_t start_ = mach_clock_ns();                                                 \
		for (unsigned i_ = 0; i_ < MANY; i_++)                                             \
			objects[i_] = tern_alloc_noscan(size);                                     \
		(mach_clock_ns() - start_) / MANY;                                                 \
	})

BENCH(alloc)
{
	uint64_t n16, n64;

	recycled(tern_alloc_noscan, 16);
	n16 = CONST_ROUND(16);
	give();
	recycled(tern_alloc_noscan, 64);
	n64 = CONST_ROUND(64);
	give();
	bench_row("alloc.const.n16", n16, "instructions");
	bench_row("alloc.const.n64", n64, "instructions");
	bench_row("alloc.fn.n16", recycled(tern_alloc_noscan, 16), "instructions");
	bench_row("alloc.fn.n64", recycled(tern_alloc_noscan, 64), "instructions");
	bench_row("alloc.fn.n256", recycled(tern_alloc_noscan, 256), "instructions");
	bench_row("alloc.fn.n1024", recycled(tern_alloc_noscan, 1024), "instructions");
	bench_row("alloc.fn.s64", recycled(tern_alloc, 64), "instructions");
	bench_row("alloc.tiny.n8", take_fn(tern_alloc_noscan, 8), "instructions");
	bench_row("malloc.64", recycled(tern_malloc, 64), "instructions");
	take_fn(tern_malloc, 64);
	bench_row("free.64", give(), "instructions");
}

BENCH(pair)
{
	uint64_t start;

	tern_free(tern_malloc(64));
	size_of_object = 64;
	start = mach_clock_ns();
	for (unsigned i = 0; i < MANY; i++)
		tern_free(tern_malloc(size_of_object));
	bench_row("pair.malloc.64", (mach_clock_ns() - start) / MANY, "instructions");
}
