/* SPDX-License-Identifier: MIT */
/* heap.h - a whole heap, and the one that the public calls use. */
#ifndef MM_HEAP_H
#define MM_HEAP_H

#include <tern/config.h>
#include <tern/port.h>

#include "mm/debug.h"
#include "mm/mcache.h"
#include "mm/sample_table.h"

struct tern_heap {
	struct tern_mcache *_Atomic cache[TERN_MAX_CPUS]; /* [atomic: release; the CPU itself
							   * relaxed] written once, by it */
	struct tern_mheap pages;
	struct tern_sample_table samples;
	struct tern_debug debug;
	/* [atomic: release by who has listed all spans, acquire] how many slots had been freed in
	 * spans without an owner when that began */
	_Atomic uint64_t listed_at;
};

extern struct tern_heap tern_heap;

/* See struct tern_mheap_tables. */
struct tern_tables {
	struct tern_mcentral central[TERN_SPANCLASSES];
	struct tern_mheap_tables pages;
};

extern struct tern_tables tern_tables;

/* As tern_arena_span(). */
static inline struct tern_mspan *tern_heap_span(uintptr_t addr)
{
	return tern_arena_span(&tern_tables.pages.arenas, addr);
}

/* Another CPU's. acquire: its beginnings are seen. */
static inline struct tern_mcache *tern_heap_cache_of(unsigned cpu)
{
	return atomic_load_explicit(&tern_heap.cache[cpu], memory_order_acquire);
}

/* The cache of the CPU that runs this, with interrupts off; tern_mcache_none if it has none yet. */
static inline struct tern_mcache *tern_heap_cache(void)
{
	return atomic_load_explicit(&tern_heap.cache[TERN_CPU_ID()], memory_order_relaxed);
}

/* The same, and made if there is none; NULL when there is no memory for it. */
struct tern_mcache *tern_heap_make_cache(void);

/* Collected objects came, or went: so many bytes, as a difference. */
static inline void tern_heap_change_live(size_t bytes)
{
	atomic_fetch_add_explicit(&tern_heap.pages.live, bytes, memory_order_relaxed);
}

/* Where one allocation may still look for memory. Begins as TERN_SEARCH_HEAP. */
enum tern_search {
	TERN_SEARCH_HEAP,       /* nowhere has been looked */
	TERN_SEARCH_QUARANTINE, /* of debug builds */
	TERN_SEARCH_CACHE,      /* of this CPU */
	TERN_SEARCH_CPUS,       /* all others */
	TERN_SEARCH_SWEEP,      /* the collector, which sweeps, or collects if all is swept */
	TERN_SEARCH_COLLECT,    /* and again, if it found anything */
	TERN_SEARCH_SPANS,      /* those that no list has */
	TERN_SEARCH_HANDLER,
};

/* An allocation of n pages found nothing: make more memory, or ask the kernel to. True if it is
 * worth another try, with the same search; no place is asked twice unless the kernel's handler has
 * helped, so that the search ends whatever other CPUs do. No lock is held, and interrupts are as the
 * caller of tern has them. */
bool tern_heap_find_memory(enum tern_search *search, uint64_t n);

#endif
