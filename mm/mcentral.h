/* SPDX-License-Identifier: MIT */
/* mcentral.h - the spans of one class that no CPU owns. */
#ifndef MM_MCENTRAL_H
#define MM_MCENTRAL_H

#include "lib/compiler.h"
#include "mm/mheap.h"
#include "mm/spanset.h"

struct tern_mcentral {
	struct tern_spanset partial;
	_Atomic uint64_t nswept;   /* [atomic: relaxed] objects that sweeping freed */
	_Atomic uint64_t nloose;   /* [atomic: release] spans that got a free slot, unlisted */
	_Atomic uint32_t nspans;   /* [atomic: relaxed] spans of the class, owned ones too */
	_Atomic uint32_t nempty;   /* [atomic: relaxed] records in it whose pages are gone, about */
	_Atomic uint32_t purge_at; /* [atomic: relaxed] so many are too many */
} TERN_ALIGNED(TERN_CACHE_LINE);

/* A span with a free slot, owned by the caller; NULL if there is none. Interrupts off. */
struct tern_mspan *tern_mcentral_take(struct tern_mcentral *c, struct tern_mheap *h);
/* Give a span up, whose owner has just made free what others freed; of its slots so many are taken.
 * Interrupts off. */
void tern_mcentral_give(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
			struct tern_mspan *s, unsigned taken);
/* Sweep a span of slots that the last cycle marked, unless somebody else does. True if it was done
 * here, and added to what was swept. Interrupts off. */
bool tern_mcentral_sweep(struct tern_mcentral *all, struct tern_mheap *h,
			 struct tern_pagecache *pages, struct tern_mspan *s,
			 struct tern_swept *swept);
/* Before who sweeps gives spans that are gone back to the heap. */
void tern_mcentral_count_gone(struct tern_swept *swept);
void tern_mcentral_freed_slow(struct tern_mcentral *all, struct tern_mheap *h,
			      struct tern_pagecache *pages, struct tern_mspan *s, uint32_t place,
			      uint64_t slots, uint64_t free);
/* A slot was freed remotely. all: the centrals, by class; slots: those that its word of bits has. By now
 * the span may be gone, and its record another's. */
static TERN_INLINE void tern_mcentral_freed(struct tern_mcentral *all, struct tern_mheap *h,
					    struct tern_pagecache *pages, struct tern_mspan *s,
					    uint64_t slots, const struct tern_span_word *word)
{
	/* seq_cst: see mcentral.c. What is free comes after it: the owner moves bits from one word to the
	 * other, and says afterwards that he has given the span up. */
	uint32_t place = atomic_load_explicit(&s->place, memory_order_seq_cst);
	uint64_t free = atomic_load_explicit(&word->free, memory_order_relaxed) |
			atomic_load_explicit(&word->remote, memory_order_relaxed);

	if (unlikely(tern_span_where(place) == TERN_SPAN_FULL || free == slots))
		tern_mcentral_freed_slow(all, h, pages, s, place, slots, free);
}
/* Memory is short: list every span that has a free slot, however few. */
void tern_mcentral_list_all(struct tern_mcentral *all, struct tern_mheap *h);

#endif
