/* SPDX-License-Identifier: MIT */
/* pages.c - regions and runs of pages, for anybody: the public calls on *the* heap.
 *
 * Job      Turn bytes into pages, refuse what cannot be meant, and hand on to mheap.
 * Below    mheap, heap.
 * Locks    mheap's.   Context: see include/tern/tern.h. */
#include <tern/tern.h>

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/scavenge.h"

#define ALIGN_MAX GiB(1)

TERN_STATIC_ASSERT(TERN_HEAP_PAGE == TERN_PAGE_SIZE, "the public page is the heap's");

static enum tern_result add(uintptr_t start, size_t size, bool zeroed)
{
	struct tern_piece piece[2];

	if (!tern_region_trim(start, size, piece))
		return TERN_EINVAL;
	for (unsigned i = 0; i < ARRAY_SIZE(piece); i++)
		if (!tern_mheap_add(&tern_heap.pages, piece[i], zeroed))
			return TERN_ENOMEM;
	return TERN_OK;
}

enum tern_result tern_add_region(uintptr_t start, size_t size)
{
	return add(start, size, false);
}

enum tern_result tern_add_zeroed_region(uintptr_t start, size_t size)
{
	return add(start, size, true);
}

static uint64_t pages_of(size_t size)
{
	return (size >> TERN_PAGE_SHIFT) + !is_aligned(size, TERN_PAGE_SIZE);
}

/* Interrupts are off. */
static TERN_INLINE void begin_run(struct tern_mcache *c, uint64_t first, uint64_t n)
{
	tern_mheap_set_run(&tern_heap.pages, first, n);
	tern_mcache_count(&c->run_malloc_pages, n);
}

static uint64_t take_run(uint64_t n, uint64_t align, uint64_t below)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_make_cache();
	uint64_t first =
		c ? tern_mheap_take(&tern_heap.pages, &c->pages, n, align, below) : TERN_NO_PAGE;

	if (first != TERN_NO_PAGE)
		begin_run(c, first, n);
	tern_irq_restore(irq);
	return first;
}

static TERN_NOINLINE void *alloc_slow(size_t size, size_t align, uintptr_t below)
{
	uint64_t end = below ? tern_page_of(below) : TERN_PAGES_END;
	uint64_t n = pages_of(size), first;
	enum tern_search search = TERN_SEARCH_HEAP;

	if (align == 0)
		align = TERN_PAGE_SIZE;
	if (size == 0 || !is_pow2(align) || align > ALIGN_MAX)
		return NULL;
	tern_heap_make_room(n);
	do
		first = take_run(n, pages_of(align), end);
	while (first == TERN_NO_PAGE && tern_heap_find_memory(&search, n + pages_of(align) - 1));
	return first == TERN_NO_PAGE ? NULL : (void *)tern_page_addr(first);
}

/* Most want a page, or a few, wherever they are; most CPUs have some. */
void *tern_pages_alloc(size_t size, size_t align, uintptr_t below)
{
	uint64_t n = pages_of(size), first;
	unsigned long irq;
	struct tern_mcache *c;

	if (size == 0 || n > TERN_CACHED_RUN_MAX || align || below)
		return alloc_slow(size, align, below);
	tern_heap_make_room(n);
	irq = tern_irq_save();
	c = tern_heap_cache();
	first = tern_pagecache_take(&c->pages, (unsigned)n);
	if (likely(first != TERN_NO_PAGE))
		begin_run(c, first, n);
	tern_irq_restore(irq);
	return likely(first != TERN_NO_PAGE) ? (void *)tern_page_addr(first)
					     : alloc_slow(size, align, below);
}

static bool free_run(uintptr_t addr, uint64_t n)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();
	uint64_t first = tern_page_of(addr);
	bool run = is_aligned(addr, TERN_PAGE_SIZE) &&
		   tern_mheap_unset_run(&tern_heap.pages, first, n);

	if (run) {
		tern_mcache_count_any(c, &c->run_free_pages, n);
		tern_mheap_free(&tern_heap.pages, c == &tern_mcache_none ? NULL : &c->pages, first,
				n);
	}
	tern_irq_restore(irq);
	return run;
}

void tern_pages_free(void *start, size_t size)
{
	uintptr_t addr = (uintptr_t)start;

	if (!start)
		return;
	TERN_CHECK(free_run(addr, pages_of(size)),
		   "tern_pages_free: 0x%lx, %zu bytes: not all of it is in use",
		   (unsigned long)addr, size);
}

/* Pages that lie in the CPUs' caches are free, for all that anybody sees. */
static uint64_t cached_bytes(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		n += count_bits(tern_pagecache_bits(&tern_heap_cache_of(i)->pages));
	return n << TERN_PAGE_SHIFT;
}

void tern_page_stats(struct tern_page_stats *stats)
{
	struct tern_mheap_stats s;
	uint64_t cached = cached_bytes();

	tern_mheap_stats(&tern_heap.pages, &s);
	*stats = (struct tern_page_stats){
		.waiting = s.waiting,
		.free = s.free + cached,
		.released = s.released,
		.used = s.used - cached,
		.records = s.meta,
		.longest_free = s.longest_free,
	};
}
