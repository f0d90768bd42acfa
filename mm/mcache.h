/* SPDX-License-Identifier: MIT */
/* mcache.h - one CPU's own spans, one of each class, and its own free pages. */
#ifndef MM_MCACHE_H
#define MM_MCACHE_H

#include "lib/assert.h"
#include "mm/mcentral.h"
#include "mm/sample.h"

/* What the fast path sees of a class. */
struct tern_slots {
	/* The word of the span's free bits that slots are taken from; with no span: a word that is
	 * always 0, so that nobody has to ask. */
	_Atomic uint64_t *word;
	uintptr_t base;          /* of the word's first slot */
	struct tern_mspan *span; /* [atomic: release; the CPU itself reads it plainly] */
	union {
		/* [atomic: relaxed, likewise] slots taken since the counts were last brought up to
		 * date, in units of TERN_SLOTS_TAKEN; below them TERN_SLOTS_DIRTY, and the size */
		uint64_t taken;
		uint16_t elemsize;
	};
};
TERN_STATIC_ASSERT(sizeof(struct tern_slots) == TERN_FINE_UNIT * sizeof(uint64_t),
		   "the table of classes tells where their slots are");
#define TERN_SLOTS_TAKEN (1ull << 17)
/* Of collected objects: a free slot of the word may hold something else than zeros. */
#define TERN_SLOTS_DIRTY (1ull << 16)
TERN_STATIC_ASSERT(TERN_SMALL_MAX < TERN_SLOTS_DIRTY, "a small size fits below that");

/* Classes whose slots are parked: of up to 1 KiB. */
#define TERN_PARKED_CLASSES 33u
struct tern_parked;

/* Large objects of a kind: how many, and the bytes of their spans. One that is resized where it is
 * changes the bytes only. */
struct tern_large_counts {
	_Atomic uint64_t mallocs, frees, malloc_bytes, free_bytes;
};

/* Used by its CPU alone, with interrupts off: no lock, no atomic read-modify-write. */
struct tern_mcache {
	struct tern_slots slots[TERN_SPANCLASSES];
	struct tern_mspan *hot; /* a span in the cache, or one without slots: freed to last */
	struct tern_pagecache pages;
	struct tern_sampler *sampler; /* [atomic: release; the CPU itself plainly] NULL: none yet */
	atomic_bool holds; /* [atomic: release when it ends, acquire] spans or pages, for others */
	/* [atomic: relaxed] what its collector wants to have paid for a class's span: while it is not 0 the
	 * class has no word */
	uint32_t owed[TERN_SPANCLASSES_COLLECTED];
	uintptr_t tiny, tiny_end; /* the rest of a 16-byte block, for crumbs without pointers */
	struct tern_parked *parked[TERN_PARKED_CLASSES]; /* NULL: none yet */
	/* [atomic: relaxed; written by the CPU alone] counts for statistics, by class */
	_Atomic uint64_t nmalloc[TERN_SPANCLASSES]; /* objects, as far as brought up to date */
	_Atomic uint64_t nfree[TERN_SPANCLASSES];
	_Atomic uint64_t ncrumbs; /* ... that shared a block with those before them */
	struct tern_large_counts large[TERN_KINDS];
	_Atomic uint64_t run_malloc_pages, run_free_pages;
};

/* Stands in for the caches of CPUs that have none yet: never has a slot, owns no span. */
extern struct tern_mcache tern_mcache_none;

/* Of cleared memory. */
void tern_mcache_init(struct tern_mcache *c);

/* Counters have one writer, and readers anywhere. But for those of tern_mcache_none: */
static inline void tern_mcache_count(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Of a cache that may be tern_mcache_none, which CPUs without a cache share. */
static inline void tern_mcache_count_any(struct tern_mcache *c, _Atomic uint64_t *count, uint64_t n)
{
	if (unlikely(c == &tern_mcache_none))
		atomic_fetch_add_explicit(count, n, memory_order_relaxed);
	else
		tern_mcache_count(count, n);
}

/* So many of a size have been taken, and the slots are dirty, or not: in one store, as statistics look. */
static inline void tern_slots_begin(struct tern_slots *e, uint64_t size, uint64_t taken, bool dirty)
{
	taken = taken * TERN_SLOTS_TAKEN + dirty * TERN_SLOTS_DIRTY + size;
	__atomic_store_n(&e->taken, taken, __ATOMIC_RELAXED);
}

static inline void tern_slots_set(struct tern_slots *e, uint64_t taken, bool dirty)
{
	tern_slots_begin(e, e->elemsize, taken, dirty);
}

static inline uint64_t tern_slots_taken(const struct tern_slots *e)
{
	return __atomic_load_n(&e->taken, __ATOMIC_RELAXED) / TERN_SLOTS_TAKEN;
}

/* A slot of the class, its place in the word, and whether the slots are dirty; NULL when the word is
 * used up. */
static TERN_INLINE void *tern_mcache_take(struct tern_slots *e, size_t *place, bool *dirty)
{
	uint64_t free = atomic_load_explicit(e->word, memory_order_relaxed), taken;
	unsigned slot;
	void *p;

	if (unlikely(free == 0))
		return NULL;
	atomic_store_explicit(e->word, free & (free - 1), memory_order_relaxed);
	taken = e->taken;
	__atomic_store_n(&e->taken, taken + TERN_SLOTS_TAKEN, __ATOMIC_RELAXED);
	slot = (unsigned)__builtin_ctzll(free);
	*place = slot;
	*dirty = taken & TERN_SLOTS_DIRTY;
	p = (void *)(e->base + (unsigned)(uint16_t)taken * slot);
	if (!p)
		__builtin_unreachable(); /* or who calls this would test it once more */
	return p;
}

/* Give the class the word again that it had, if it was put aside as something is owed, and else the lowest
 * with a free slot of the span that it has. False if there is none: then the span is given up. */
bool tern_mcache_next(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
		      tern_spanclass spc);
/* The same, or of another span from the central list, or of a new one. False when there are no
 * pages. */
bool tern_mcache_refill(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
			tern_spanclass spc);
/* So much is owed for the class's span: as long as that is not 0, who takes a slot comes by
 * tern_mcache_next() each time. */
void tern_mcache_owe(struct tern_mcache *c, tern_spanclass spc, size_t owed);
/* Give the spans of collected objects up: the collector looks at them next. */
void tern_mcache_release_collected(struct tern_mcache *c, struct tern_mcentral *all,
				   struct tern_mheap *h);
/* Give every span up, and all pages: the CPU goes offline, or memory is short. */
void tern_mcache_release_all(struct tern_mcache *c, struct tern_mcentral *all,
			     struct tern_mheap *h);

#endif
