/* SPDX-License-Identifier: MIT */
/* mheap.h - the pages of a heap: from regions that a kernel hands over to spans that are in use.
 *
 * mheap.c has the pages, mheap_grow.c makes more of them, mheap_span.c makes spans of them. */
#ifndef MM_MHEAP_H
#define MM_MHEAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tern/type.h>

#include "lib/compiler.h"
#include "lib/lock.h"
#include "mm/arena.h"
#include "mm/fixalloc.h"
#include "mm/meta.h"
#include "mm/mspan.h"
#include "mm/pagealloc.h"
#include "mm/pagecache.h"
#include "mm/region.h"
#include "mm/special.h"

/* How far the sweep is: see sweep.c. */
struct tern_sweep_place {
	struct tern_arena *arena; /* [atomic: relaxed, for who only asks] NULL: at the end */
	unsigned word;            /* of page_in_use */
};

struct tern_sweep {
	struct tern_lock lock;
	struct tern_sweep_place next;      /* [lock] */
	struct tern_sweep_place next_dead; /* [lock] */
	uint32_t busy;                     /* [lock] pieces that were handed out and are not done */
	/* [atomic: relaxed] what sweeping freed, in all, and pages of the spans that were swept */
	_Atomic uint64_t nobjects, nbytes, npages;
};

/* Large objects that serve as chunks of user arenas. [atomic: relaxed] */
struct tern_chunk_counts {
	_Atomic uint64_t
		bytes[TERN_CHUNK_QUARANTINE + 1]; /* by enum tern_chunk; the first says nothing */
	_Atomic uint64_t held; /* found marked, and so kept, in quarantine: by each cycle */
};

/* What is large and begins as zeros: in .bss, the image of a kernel does not grow by it. */
struct tern_mheap_tables {
	struct tern_arena_map arenas;
	struct tern_fixalloc records[TERN_SPAN_FORMS];
};

struct tern_mheap {
	struct tern_lock lock;
	struct tern_regions regions; /* [lock] */
	struct tern_meta meta;       /* [lock] */
	struct tern_pagealloc pages; /* [lock] */
	uint64_t nmeta;              /* [lock] pages that hold records */
	uint64_t records_end;        /* [lock] more go below this page */
	uint64_t nreserve;           /* [lock] pages that only who runs out of memory may have */
	bool zero_unknown;           /* [lock] some page's arena has no record of what is zero */
	_Atomic uint32_t open;       /* [atomic: relaxed] CPUs for which the reserve is open */
	_Atomic uint32_t growing; /* [atomic: release by who grew, acquire by who waits] CPUs that
				   * have taken a piece and not made pages of it yet, or that are
				   * releasing free pages */
	/* [atomic: changed in the stopped world; relaxed] spans of another number were not swept since
	 * the last cycle: struct tern_mspan */
	_Atomic uint32_t sweepgen;
	/* [atomic: relaxed] bytes of collected objects, as if all slots that CPUs have ready were in
	 * use */
	_Atomic uint64_t live;
	/* [atomic: changed in the stopped world; relaxed] Objects are marked while the program runs: new
	 * ones are black, and no collected span goes away */
	atomic_bool marking;
	/* [atomic: relaxed] spans that are made from now on are scanned as a whole: gc/mark_span.c */
	atomic_bool scans_spans;
	struct tern_sweep sweep;
	struct tern_chunk_counts chunks;
	struct tern_specials specials;
	struct tern_arena_map *arenas; /* [const] */
	struct tern_fixalloc *records; /* [const; lock for what is in it] of spans, by form */
};

struct tern_mheap_stats {
	uint64_t waiting; /* bytes in regions that were not touched yet */
	uint64_t free, used, meta;
	uint64_t released; /* of the free ones, by the machine beneath */
	uint64_t longest_free;
};

/* In pages. */
struct tern_mheap_usage {
	uint64_t retained; /* that the machine beneath must hold: all but the released ones */
	uint64_t peak;     /* the most that were in use since the peak was set anew */
};

/* Static heaps need no call before the first: TERN_MHEAP_INIT(name, tables), with cleared tables. */
extern const struct tern_lock_class tern_mheap_class, tern_sweep_class;
#define TERN_MHEAP_INIT(name, tables)                                                              \
	{                                                                                          \
		.lock = TERN_LOCK_INIT(&tern_mheap_class), .meta = TERN_META_INIT,                 \
		.sweep.lock = TERN_LOCK_INIT(&tern_sweep_class),                                   \
		.specials.lock = TERN_LOCK_INIT(&tern_special_class),                              \
		.pages = TERN_PAGEALLOC_INIT(&(name).meta), .arenas = &(tables).arenas,            \
		.records = (tables).records,                                                       \
	}
/* The same, and clears the tables. */
void tern_mheap_init(struct tern_mheap *h, struct tern_mheap_tables *tables);

/* Hand over a piece. False when there is no memory for a record of it, which takes a piece that is
 * all overlap. */
bool tern_mheap_add(struct tern_mheap *h, struct tern_piece piece, bool zeroed);
/* Make pages of one more piece of the regions, if possible of one with n pages; or wait while
 * another CPU does. False if there is nothing to be had. No lock is held, and interrupts are as the
 * caller of tern has them. */
bool tern_mheap_grow(struct tern_mheap *h, uint64_t n);
/* The same, unless n pages are free, somewhere. */
void tern_mheap_want(struct tern_mheap *h, uint64_t n);

/* Longer runs do not come from a cache. */
#define TERN_CACHED_RUN_MAX 16u

uint64_t tern_mheap_take_slow(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t n,
			      uint64_t align, uint64_t below);

/* n > 0 pages, aligned to `align` pages, below page `below`: the lowest there are. TERN_NO_PAGE when
 * there is no such run now. With a cache and n <= TERN_CACHED_RUN_MAX they come from there, and no lock
 * is taken if it has them; then interrupts are off. */
static TERN_INLINE uint64_t tern_mheap_take(struct tern_mheap *h, struct tern_pagecache *cache,
					    uint64_t n, uint64_t align, uint64_t below)
{
	uint64_t first = TERN_NO_PAGE;

	if (cache && n <= TERN_CACHED_RUN_MAX && align == 1 && below >= TERN_PAGES_END)
		first = tern_pagecache_take(cache, (unsigned)n);
	return likely(first != TERN_NO_PAGE) ? first
					     : tern_mheap_take_slow(h, cache, n, align, below);
}

/* Take exactly these; false, and nothing done, unless all are free. */
bool tern_mheap_take_at(struct tern_mheap *h, uint64_t first, uint64_t n);
/* Give back what was taken. */
void tern_mheap_free(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t first,
		     uint64_t n);
/* Give a cache's pages back. */
void tern_mheap_flush(struct tern_mheap *h, struct tern_pagecache *cache);
/* How many pages of the heap only a CPU that runs out of memory may have. */
void tern_mheap_set_reserve(struct tern_mheap *h, uint64_t npages);

static inline bool tern_mheap_marking(const struct tern_mheap *h, size_t spc)
{
	return unlikely(atomic_load_explicit(&h->marking, memory_order_relaxed)) &&
	       tern_spanclass_collected(spc) && !TERN_FAULT(NOT_MARKING);
}

/* What somebody freed by sweeping so many pages, and has not told the heap yet. */
struct tern_swept {
	uint64_t nobjects, nbytes, npages;
	/* Spans that are in no list any more, though addresses lead to them: tern_mheap_free_gone(). */
	struct tern_mspan *gone;
	/* So many of them, the first ones, and of their objects, all of one class, are not counted above:
	 * tern_mcentral_count_gone(). */
	struct tern_mcentral *gone_of;
	uint32_t gone_spans, gone_objects;
};

static inline void tern_mheap_count_swept(struct tern_mheap *h, const struct tern_swept *n)
{
	atomic_fetch_add_explicit(&h->sweep.nobjects, n->nobjects, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sweep.nbytes, n->nbytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sweep.npages, n->npages, memory_order_relaxed);
}

/* A span of slots, all free, owned by the caller; NULL when there are no pages. Interrupts off. */
struct tern_mspan *tern_mheap_span(struct tern_mheap *h, struct tern_pagecache *cache,
				   tern_spanclass spc);
/* A large object of n pages, aligned to `align` pages unless it has a margin: so many pages before
 * and behind it are taken too, and lead nowhere yet. A typed one has a type. Interrupts off. */
struct tern_mspan *tern_mheap_large(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t n,
				    uint64_t align, uint64_t margin, enum tern_kind kind,
				    const struct tern_type *type);
/* A record for a large manual object at addresses that are not its pages': nothing leads to it yet. NULL
 * when there is no memory. Interrupts off. */
struct tern_mspan *tern_mheap_new_remapped(struct tern_mheap *h);
void tern_mheap_publish_remapped(struct tern_mheap *h, struct tern_mspan *s, uintptr_t base,
				 uint64_t npages, struct tern_remap *remap);
/* It has n pages from now on: no more addresses than these lead to it. */
void tern_mheap_resize_remapped(struct tern_mheap *h, struct tern_mspan *s, uint64_t n);
/* Its record stays; no address leads to it. */
void tern_mheap_retract(struct tern_mheap *h, uintptr_t base, uint64_t npages);
/* A span's pages go back; its record stays, for who still has it in a list. */
void tern_mheap_free_pages_of(struct tern_mheap *h, struct tern_pagecache *cache, uintptr_t base,
			      uint64_t npages);
/* And its record. */
void tern_mheap_free_record(struct tern_mheap *h, struct tern_mspan *s);
/* Pages and records of what is gone, many spans of one window at a time, with what the window has already.
 * Interrupts off. */
void tern_mheap_free_gone(struct tern_mheap *h, struct tern_mspan *gone,
			  struct tern_pagecache *window);
/* A large object grows or shrinks where it is. False if it cannot. */
bool tern_mheap_resize(struct tern_mheap *h, struct tern_mspan *s, uint64_t n);
/* Pages that were taken are a run for somebody, as opposed to a span of objects: they all lead to
 * this one span. Unset: false, and nothing done, unless all of them do. */
extern struct tern_mspan tern_mheap_run;
/* What the pages lead to that nobody else may reach: guards, and lists of remapped objects' pages. */
extern struct tern_mspan tern_mheap_closed;
/* What the pages of remapped objects lead to. */
extern struct tern_mspan tern_mheap_elsewhere;
void tern_mheap_set_run(struct tern_mheap *h, uint64_t first, uint64_t n);
void tern_mheap_set_closed(struct tern_mheap *h, uint64_t first, uint64_t n);
void tern_mheap_set_elsewhere(struct tern_mheap *h, uint64_t first, uint64_t n);
bool tern_mheap_unset_run(struct tern_mheap *h, uint64_t first, uint64_t n);
/* The caller's run goes back, which nobody else knows of. */
void tern_mheap_free_run(struct tern_mheap *h, uint64_t first, uint64_t n);

/* For the scavenger: about `most` free pages that the machine beneath may have; n = 0 if there are
 * none. Whoever finds nothing free waits until they are put back, released or not. */
struct tern_piece tern_mheap_take_unreleased(struct tern_mheap *h, uint64_t most);
void tern_mheap_put_back(struct tern_mheap *h, struct tern_piece run, bool released);
struct tern_mheap_usage tern_mheap_usage(struct tern_mheap *h);
/* The peak is what is in use now. Returns what it was. */
uint64_t tern_mheap_new_peak(struct tern_mheap *h);

void tern_mheap_stats(struct tern_mheap *h, struct tern_mheap_stats *s);
bool tern_mheap_check(struct tern_mheap *h);

/* Memory that stays for ever, cleared and on cache lines of its own; NULL when there is none. Interrupts as you
 * like. */
void *tern_mheap_lasting(struct tern_mheap *h, size_t size);

/* Between the files of mheap: room for records, of n bytes in one piece, from free pages. */
bool tern_mheap_records_locked(struct tern_mheap *h, size_t bytes);
/* All tables for these pages; false when there is no room. */
bool tern_mheap_tables_locked(struct tern_mheap *h, uint64_t first, uint64_t n);

#endif
