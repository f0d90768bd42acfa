/* SPDX-License-Identifier: MIT */
/* harden.h - what malloc.c asks of the hardening options: see include/tern/safety.h. */
#ifndef MM_HARDEN_H
#define MM_HARDEN_H

#include <tern/safety.h>

#include "mm/mcache.h"

#define TERN_HARDEN_FILL ((unsigned)TERN_HARDEN_ZERO | (unsigned)TERN_HARDEN_JUNK)

extern _Atomic unsigned tern_harden_flags; /* [atomic: relaxed] */

static inline unsigned tern_hardening(void)
{
	return atomic_load_explicit(&tern_harden_flags, memory_order_relaxed);
}

/* The span that frees may find by a guess: none while they have something to fill. */
static inline struct tern_mspan *tern_harden_hot(struct tern_mspan *s)
{
	return tern_hardening() & TERN_HARDEN_FILL ? tern_mcache_none.hot : s;
}

/* Any free slot of the class's span, which has one; and the class stays off the fast path. Interrupts
 * are off. */
void *tern_harden_take(struct tern_mcache *c, size_t spc);
/* An object is about to be freed. */
void tern_harden_fill(const struct tern_mspan *s, uintptr_t addr);
/* What is not marked in a span is about to be swept. */
void tern_harden_fill_unmarked(const struct tern_mspan *s);
static inline void tern_harden_sweep(const struct tern_mspan *s)
{
	if (unlikely(tern_hardening() & TERN_HARDEN_SWEPT))
		tern_harden_fill_unmarked(s);
}

/* How many pages a large object gets before and behind it, for guards. */
uint64_t tern_harden_margin(uint64_t align);
/* Close the margins of a new object. No lock is held, and interrupts are as the caller of tern has
 * them. */
void tern_harden_guard(const struct tern_mspan *s);
/* Open the margins of [base, base + npages), whose pages are free already, and free them. */
void tern_harden_free_margins(struct tern_mheap *h, uintptr_t base, uint64_t npages,
			      uint64_t margin);

#endif
