/* SPDX-License-Identifier: MIT */
/* bench_pages.c - what the page calls cost, a page at a time, on a heap that has grown already. */
#include <tern/tern.h>

#include "boot/machine.h"
#include "tests/test.h"

#define MANY 4096

static void *pages[MANY];

/* The machine's clock counts instructions under -icount: a nanosecond each. */
static uint64_t take(unsigned n)
{
	uint64_t start = mach_clock_ns();

	for (unsigned i = 0; i < n; i++)
		pages[i] = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
	return (mach_clock_ns() - start) / n;
}

static void give(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		tern_pages_free(pages[i], TERN_HEAP_PAGE);
}

BENCH(pages)
{
	uint64_t start;

	take(MANY);
	give(MANY);
	bench_row("pages.alloc.1", take(MANY), "instructions");
	start = mach_clock_ns();
	give(MANY);
	bench_row("pages.free.1", (mach_clock_ns() - start) / MANY, "instructions");
}
