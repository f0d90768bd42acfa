/* SPDX-License-Identifier: MIT */
/* mcentral.h - the spans of one class that no CPU owns. */
#ifndef MM_MCENTRAL_H
#define MM_MCENTRAL_H

#include "lib/compiler.h"
#include "mm/mheap.h"
#include "mm/spanset.h"

struct tern_mcentral {
	struct tern_spanset partial;
	_Atomic uint32_t nspans;   /* [atomic: relaxed] spans of the class, owned ones too */
	_Atomic uint32_t nempty;   /* [atomic: relaxed] records in it whose pages are gone, about */
	_Atomic uint32_t purge_at; /* [atomic: relaxed] so many are too many */
} TERN_ALIGNED(TERN_CACHE_LINE);

/* A span with a free slot, owned by the caller; NULL if there is none. Interrupts off. */
struct tern_mspan *tern_mcentral_take(struct tern_mcentral *c, struct tern_mheap *h);
/* Give a span up. Interrupts off. */
void tern_mcentral_give(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
			struct tern_mspan *s);
/* A slot was freed remotely; `all`: the centrals, by class. `last` if its word has no slot in use any
 * more. By now the span may be gone, and its record another's. */
void tern_mcentral_freed(struct tern_mcentral *all, struct tern_mheap *h,
			 struct tern_pagecache *pages, struct tern_mspan *s, bool last);

#endif
