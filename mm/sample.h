/* SPDX-License-Identifier: MIT */
/* sample.h - one allocation in many is remembered, for the heap profile: see sample.c. */
#ifndef MM_SAMPLE_H
#define MM_SAMPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"
#include "mm/mspan.h"

struct tern_mcache;

/* A class on one CPU. Used by the CPU alone, with interrupts off. */
struct tern_sample_class {
	bool begun;
	int64_t left; /* bytes from the next slot's start to the one that is the next sample */
	struct tern_span_word *word; /* from which slots are hidden */
	_Atomic uint64_t hidden;     /* [atomic: relaxed] which */
};

struct tern_sampler {
	uint64_t random;
	struct tern_sample_class
		of[TERN_SPANCLASSES]; /* large objects: as the class of their kind */
};

extern _Atomic uint64_t tern_sample_interval; /* [atomic: relaxed] bytes; 0: no samples */

static inline bool tern_sample_wanted(void)
{
	return unlikely(atomic_load_explicit(&tern_sample_interval, memory_order_relaxed) != 0);
}

/* --- mcache.c: a CPU's cache, interrupts off; no sampler: NULL ---------------------------------- */

/* So many bytes of a class were taken since the last call. */
static inline void tern_sample_count(struct tern_sampler *m, size_t spc, uint64_t bytes)
{
	if (unlikely(m))
		m->of[spc].left -= (int64_t)bytes;
}
/* Slots of a class that were hidden are to be had again. */
void tern_sample_show_slots(struct tern_sample_class *k);
static inline void tern_sample_show(struct tern_sampler *m, size_t spc)
{
	if (unlikely(m) && m->of[spc].hidden)
		tern_sample_show_slots(&m->of[spc]);
}

/* --- malloc.c: interrupts off ------------------------------------------------------------------- */

/* A cache was refilled, and the next slot is about to be taken: what it stands for in bytes if it is a
 * sample, else 0. */
uint64_t tern_sample_refilled(struct tern_mcache *c, size_t spc);
/* Likewise, of a large object. */
uint64_t tern_sample_large(struct tern_mcache *c, enum tern_kind kind, size_t size);
/* Remember an object that is a sample. The trace begins with the caller's caller. */
void tern_sample_add(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr, uint64_t bytes);

/* --- the end of a sample ------------------------------------------------------------------------ */

static inline bool tern_sample_any(const struct tern_mspan *s)
{
	return unlikely(atomic_load_explicit(&s->sampled, memory_order_relaxed));
}
/* The object at addr is about to be freed. Interrupts off, no lock held. */
void tern_sample_freed(struct tern_mspan *s, uintptr_t addr);
/* The span is about to be swept. Likewise. */
void tern_sample_swept(struct tern_mspan *s);

#endif
