/* SPDX-License-Identifier: MIT */
/* stats.h - what the heap holds, for whoever watches it.
 *
 * Counts are kept by each CPU and added up when asked for: asking stops nobody, and costs some
 * microseconds for each CPU. In a quiet moment, when no CPU is in a call of the heap and what
 * they did is visible here, all numbers are exact. Else what CPUs do meanwhile may be counted in
 * part. docs/statistics.md says which number is which of Go's. */
#ifndef TERN_STATS_H
#define TERN_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The public door: everything else of the library is built hidden. */
#pragma GCC visibility push(default)

/* Sizes in bytes. Small objects count as large as their slots, large ones as their pages. */
struct tern_heap_stats {
	/* Objects. live = mallocs - frees; live_bytes = malloc_bytes - free_bytes */
	uint64_t mallocs, frees, live;
	uint64_t malloc_bytes, free_bytes, live_bytes;
	/* Objects below 16 bytes without pointers that found room in a block begun before: the
	 * block is what is counted above */
	uint64_t crumbs;

	/* Where memory is. small + large + runs + stacks + cached + free + records = grown */
	uint64_t waiting; /* handed over, and not looked at yet: not in grown */
	uint64_t grown;
	uint64_t small;  /* spans of slots */
	uint64_t large;  /* spans of one object */
	uint64_t runs;   /* tern_pages_alloc() */
	uint64_t stacks; /* tern_stack_alloc(): taken, or kept for the next */
	uint64_t cached; /* free, kept by a CPU for itself */
	uint64_t free;
	uint64_t records; /* the heap's own */
	uint64_t longest_free;
	uint64_t reserve;  /* of what is free: only for who runs out of memory */
	uint64_t released; /* of what is free: the machine beneath need not hold it */
	uint64_t limit;    /* tern_set_memory_limit() in whole pages; 0: none */

	/* Spans of slots. live bytes + slot_free + slot_rest = small */
	uint64_t slot_free; /* slots without an object */
	uint64_t slot_rest; /* too little for a slot, at the ends of spans */

	/* The heap's own. spans_all + caches + tables + records_left = records */
	uint64_t spans_used, spans_all; /* records of spans; all: with those that wait for use */
	uint64_t caches;                /* what CPUs have of their own */
	uint64_t tables;       /* from addresses to spans; of free pages, of regions, of stacks */
	uint64_t records_left; /* for records to come, or lost to alignment */
};

/**
 * tern_heap_stats - all of the heap in numbers
 *
 * Context as tern_pages_alloc(), and interrupt handlers.
 */
void tern_heap_stats(struct tern_heap_stats *stats);

/* What may be done with an object: who makes it decides. */
enum tern_objects {
	TERN_OBJECTS_SCAN,   /* tern_alloc() */
	TERN_OBJECTS_NOSCAN, /* tern_alloc_noscan() */
	TERN_OBJECTS_TYPED,  /* tern_new() and tern_new_array() */
	TERN_OBJECTS_MANUAL, /* tern_malloc() and its kin */
	TERN_OBJECTS_ALL,
};

struct tern_class_stats {
	uint64_t size; /* of a slot; 0: large objects, each a span of its own size */
	uint64_t mallocs, frees, live;
	uint64_t live_bytes;
	uint64_t spans;
	uint64_t span_bytes; /* live_bytes + slot_free + slot_rest */
	uint64_t slot_free;
	uint64_t slot_rest;
};

/**
 * tern_class_stats - objects of one size class, of one kind or of all
 * @size_class: counts up from 0, which stands for large objects
 *
 * False, and nothing written, past the last class. Blocks for crumbs count among the noscan
 * objects of their size. Context as tern_heap_stats().
 */
bool tern_class_stats(unsigned size_class, enum tern_objects kind, struct tern_class_stats *stats);

/* What a page is. */
enum tern_page_state {
	TERN_PAGE_ABSENT, /* not the heap's */
	TERN_PAGE_FREE,
	TERN_PAGE_CACHED, /* free, kept by a CPU; or on the way from one state to another */
	TERN_PAGE_SMALL,
	TERN_PAGE_LARGE,
	TERN_PAGE_RUN,
	TERN_PAGE_STACK,
	TERN_PAGE_RECORDS,
	TERN_PAGE_STATES,
};

struct tern_page_span {
	uintptr_t start;
	size_t size; /* bytes */
	enum tern_page_state state;
};

/**
 * tern_pages_walk - call a function for every stretch of pages in one state, by address
 * @first, @last: walk the pages from the one that holds `first` to the one that holds `last`
 *
 * Absent pages are passed over; neighbours of one state are one stretch. What was not grown into
 * yet is absent. Linear in the pages of the heap; a lock is held for 512 of them at a time, and
 * none while the function runs: it may call the heap. Context as tern_heap_stats().
 */
void tern_pages_walk(uintptr_t first, uintptr_t last,
		     void (*visit)(const struct tern_page_span *span, void *arg), void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
