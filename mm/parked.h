/* SPDX-License-Identifier: MIT */
/* parked.h - slots of others' spans that a CPU freed, and takes again before any others: see parked.c. */
#ifndef MM_PARKED_H
#define MM_PARKED_H

#include "mm/harden.h"
#include "mm/mcache.h"

#define TERN_PARKED_MAX 32u

struct tern_parked {
	unsigned n, most;
	struct tern_parked_slot {
		struct tern_mspan *span;
		unsigned slot;
	} slot[TERN_PARKED_MAX];
};

/* The CPU has a span of the class, and so gets a list for it, if there is memory. Interrupts are off. */
void tern_parked_begin(struct tern_mcache *c, size_t spc);
/* Half of the list goes back to its spans; NULL if there is none. Interrupts are off. */
struct tern_parked *tern_parked_make_room(struct tern_mcache *c, size_t manual);
/* The list for slots of the class, if they are parked as things are: with room for one more. NULL if not; c may
 * be tern_mcache_none. Interrupts are off. */
static TERN_INLINE struct tern_parked *tern_parked_list(struct tern_mcache *c, size_t spc)
{
	size_t manual = spc - TERN_SPANCLASSES_COLLECTED;
	struct tern_parked *k;

	if (manual >= TERN_PARKED_CLASSES || tern_sample_wanted() || unlikely(tern_hardening()))
		return NULL;
	k = c->parked[manual];
	return likely(k && k->n < k->most) ? k : tern_parked_make_room(c, manual);
}

/* Keep a slot whose parked bit the CPU has just set. */
static TERN_INLINE void tern_parked_put(struct tern_mcache *c, struct tern_parked *k,
					struct tern_mspan *s, unsigned slot)
{
	k->slot[k->n++] = (struct tern_parked_slot){ s, slot };
	atomic_store_explicit(&c->holds, true, memory_order_relaxed);
}

/* The slot of the class that was parked last; NULL if there is none. Interrupts are off. */
void *tern_parked_take(struct tern_mcache *c, size_t spc);
/* All of them go back to their spans. Interrupts are off. */
void tern_parked_release(struct tern_mcache *c);
/* Those of all CPUs, which stand. */
void tern_parked_release_all(void);

#endif
