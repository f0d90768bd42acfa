/* SPDX-License-Identifier: MIT */
/* mcache.h - one CPU's own spans, one of each class, and its own free pages. */
#ifndef MM_MCACHE_H
#define MM_MCACHE_H

#include "mm/mcentral.h"

/* What the fast path sees of a class. */
struct tern_slots {
	/* The word of the span's free bits that slots are taken from; with no span: a word that is
	 * always 0, so that nobody has to ask. */
	_Atomic uint64_t *word;
	uintptr_t base; /* of the word's first slot */
	struct tern_mspan *span;
	uint32_t elemsize;
	uint32_t nalloc; /* slots taken since the counts were last brought up to date */
};

/* Used by its CPU alone, with interrupts off: no lock, no atomic read-modify-write. */
struct tern_mcache {
	struct tern_slots slots[TERN_SPANCLASSES];
	struct tern_pagecache pages;
	uintptr_t tiny; /* the rest of a 16-byte block, for crumbs without pointers */
	unsigned tiny_left;
	/* [atomic: relaxed; written by the CPU alone] counts for statistics, by class */
	_Atomic uint64_t nmalloc[TERN_SPANCLASSES]; /* objects, as far as brought up to date */
	_Atomic uint64_t nfree[TERN_SPANCLASSES];
	_Atomic uint64_t large_malloc_bytes, large_free_bytes;
};

/* Stands in for the caches of CPUs that have none yet: never has a slot, owns no span. */
extern struct tern_mcache tern_mcache_none;

void tern_mcache_init(struct tern_mcache *c);

/* Counters have one writer, and readers anywhere. */
static inline void tern_mcache_count(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* A slot of the class, or NULL when the word is used up. */
static inline void *tern_mcache_take(struct tern_mcache *c, tern_spanclass spc)
{
	struct tern_slots *e = &c->slots[spc];
	uint64_t free = atomic_load_explicit(e->word, memory_order_relaxed);

	if (unlikely(free == 0))
		return NULL;
	atomic_store_explicit(e->word, free & (free - 1), memory_order_relaxed);
	e->nalloc++;
	return (void *)(e->base + (unsigned)__builtin_ctzll(free) * (uintptr_t)e->elemsize);
}

/* Give the class a word with a free slot: the next of its span, or of another from the central
 * list, or of a new one. False when there are no pages. */
bool tern_mcache_refill(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
			tern_spanclass spc);
/* Give every span up, and all pages: the CPU goes offline, or memory is short. */
void tern_mcache_release_all(struct tern_mcache *c, struct tern_mcentral *all,
			     struct tern_mheap *h);

#endif
