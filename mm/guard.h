/* SPDX-License-Identifier: MIT */
/* guard.h - what malloc.c asks of the pool of guarded objects: see include/tern/safety.h. */
#ifndef MM_GUARD_H
#define MM_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/compiler.h"
#include "mm/mspan.h"

/* The margin of spans that stand for objects in the pool; no large object's is that wide. */
#define TERN_GUARD_MARGIN 0xff

extern _Atomic unsigned tern_guard_interval; /* [atomic: relaxed] 0: nothing is sampled */

/* An object for a slot of a class, if one is due and there is room. No lock is held. */
void *tern_guard_sample(size_t spc, bool zero);
static inline void *tern_guard_take(size_t spc, bool zero)
{
	if (likely(!atomic_load_explicit(&tern_guard_interval, memory_order_relaxed)))
		return NULL;
	return tern_guard_sample(spc, zero);
}

static inline bool tern_guard_owns(const struct tern_mspan *s)
{
	return s->magic == 0 && s->margin == TERN_GUARD_MARGIN;
}

/* The end of an object in the pool; interrupts as the caller of tern has them. */
void tern_guard_free(uintptr_t addr);
/* Panics with what is known of the address, if it lies in the pool. */
void tern_guard_bad_free(const char *call, uintptr_t addr);

#endif
