/* SPDX-License-Identifier: MIT */
/* bench_pages.c - what the page calls cost, a page at a time, on a heap that has grown already. */
#include <tern/tern.h>

#include "boot/machine.h"
#include "lib/bits.h"
#include "lib/compiler.h"
#include "mm/pagealloc.h"
#include "tests/test.h"

#define MANY 4096

static void *pages[MANY] TERN_UNCLEARED;

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

#define RUN   16u
#define STEPS 64u

/* Memory of a size, every other run of 16 pages free; the one run that is wanted lies at the end. */
static uint64_t fragmented(struct tern_pagealloc *p, struct tern_meta *meta, uint64_t npages)
{
	uint64_t given, start, first = 1ull << 20;

	*p = (struct tern_pagealloc)TERN_PAGEALLOC_INIT(meta);
	if (!tern_pagealloc_give(p, first, npages, &given))
		return 0;
	tern_pagealloc_take_at(p, first, npages - 2 * RUN);
	for (uint64_t i = 0; i + 2 * RUN < npages - 2 * RUN; i += 2 * RUN)
		tern_pagealloc_free(p, first + i, RUN);
	start = mach_clock_ns();
	for (unsigned i = 0; i < STEPS; i++)
		tern_pagealloc_free(p, tern_pagealloc_take(p, 2 * RUN), 2 * RUN);
	return (mach_clock_ns() - start) / STEPS;
}

/* The page numbers of up to 64 GiB; nobody touches the memory. A take and a free together. */
BENCH(fragmented)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} sizes[] = {
		{ "pages.fragmented.64M", MiB(64) },
		{ "pages.fragmented.1G", GiB(1) },
		{ "pages.fragmented.8G", GiB(8) },
		{ "pages.fragmented.64G", GiB(64) },
	};
	static struct tern_pagealloc p;
	void *records = tern_pages_alloc(MiB(8), 0, 0);

	for (unsigned i = 0; records && i < ARRAY_SIZE(sizes); i++) {
		struct tern_meta meta = TERN_META_INIT;

		tern_meta_feed(&meta, (uintptr_t)records, MiB(8));
		bench_row(sizes[i].name, fragmented(&p, &meta, sizes[i].bytes / TERN_HEAP_PAGE),
			  "instructions");
	}
	tern_pages_free(records, records ? MiB(8) : 0);
}
