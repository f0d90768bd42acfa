/* SPDX-License-Identifier: MIT */
/* bench_malloc.c - what objects cost, in instructions, the loop that asks for them included.
 *
 * Collected objects are freed by tern_free() between rounds, so that the slots which are measured are
 * recycled ones and have to be cleared; without a collector nothing else frees them. */
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "lib/bits.h"
#include "tests/bench/typed.h"
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

static void *new_p16(size_t size)
{
	(void)size;
	return tern_new(&two_pointers);
}

static void *new_p64(size_t size)
{
	(void)size;
	return tern_new(&two_pointers_of_64);
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
	bench_row("alloc.typed.p16", recycled(new_p16, 16), "instructions");
	bench_row("alloc.typed.p64", recycled(new_p64, 64), "instructions");
	bench_row("alloc.tiny.n8", take_fn(tern_alloc_noscan, 8), "instructions");
	bench_row("malloc.64", recycled(tern_malloc, 64), "instructions");
	take_fn(tern_malloc, 64);
	bench_row("free.64", give(), "instructions");
}

/* The first allocation of all: growing, records, tables, this CPU's cache. Only in a boot that has
 * not used the heap yet. */
BENCH(heap)
{
	struct tern_page_stats stats;
	uint64_t start = mach_clock_ns();
	void *p = tern_malloc(64);
	uint64_t cost = mach_clock_ns() - start;

	tern_page_stats(&stats);
	if (stats.used <= 2 * TERN_HEAP_PAGE)
		bench_row("heap.init", cost, "instructions");
	tern_free(p);
}

/* What the heap itself needs for 1 GiB that is full of objects of mixed sizes: half of the bytes in
 * objects up to 256 bytes, half in larger ones. */
BENCH(metadata)
{
	static const size_t sizes[] = { 32, 4096, 64, 1024, 128, 16384, 256, 512 };
	struct tern_page_stats stats;
	void *all = NULL, **p;
	size_t bytes = 0;

	for (unsigned i = 0; bytes < 1ul << 30; i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		for (size_t n = 0; n < 65536; n += size, bytes += size) {
			if (!(p = tern_malloc(size)))
				return;
			*p = all;
			all = p;
		}
	}
	tern_page_stats(&stats);
	bench_row("mem.metadata.permille", stats.records * 1000 / stats.used, "permille");
	for (; (p = all); tern_free(p))
		all = *p;
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

/* Allocated on CPU 0, freed on CPU 1. One thread goes from one to the other, so that nobody spins. */
BENCH(remote)
{
	uint64_t start, cost;

	if (cpu_count() < 2)
		return;
	for (int round = 0; round < 2; round++) {
		thread_pin(0);
		cost = take_fn(tern_malloc, 64);
		thread_pin(1);
		start = mach_clock_ns();
		for (unsigned i = 0; i < MANY; i++)
			tern_free(objects[i]);
		cost += (mach_clock_ns() - start) / MANY;
	}
	thread_pin(THREAD_ANY_CPU);
	bench_row("pair.remote.64", cost, "instructions");
}

#define GROWN_MIN MiB(1)
#define GROWN_MAX MiB(64)

#define TRIES 1024u

/* The page at `end` is somebody's, and so are free ones below it. Where no page has that address, some
 * are. */
static unsigned take_pages_to(char *end, unsigned n)
{
	for (unsigned i = 0; i < TRIES; i++)
		if ((objects[n++] = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0)) == end)
			break;
	return n;
}

/* By doubling, and never in place while it has its own pages' addresses. */
static uint64_t cost_of_growing(void)
{
	char *p = tern_malloc(GROWN_MIN), *q = p;
	uint64_t cost = 0, start;
	unsigned n = 0;

	for (size_t size = GROWN_MIN; q && size < GROWN_MAX; size *= 2) {
		p = q;
		n = take_pages_to(p + size, n);
		start = mach_clock_ns();
		q = tern_realloc(p, size * 2);
		cost += mach_clock_ns() - start;
	}
	tern_free(q ? q : p);
	while (n)
		tern_pages_free(objects[--n], TERN_HEAP_PAGE);
	return q ? cost : 0;
}

/* With interrupts off nothing is mapped anew, so that all is copied. The heap has grown before, and has
 * tables. */
BENCH(realloc)
{
	uint64_t copied;
	unsigned long irq;

	tern_free(tern_malloc(3 * GROWN_MAX));
	cost_of_growing();
	bench_row("realloc.large", cost_of_growing(), "instructions");
	irq = arch_irq_save();
	copied = cost_of_growing();
	arch_irq_restore(irq);
	bench_row("realloc.large.copied", copied, "instructions");
}
