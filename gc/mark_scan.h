/* SPDX-License-Identifier: MIT */
/* mark_scan.h - between mark.c and mark_span.c: entries of queues, and the words of small objects.
 *
 * An entry is an object's address, and below it a mask with a bit for each word that may hold a pointer. */
#ifndef GC_MARK_SCAN_H
#define GC_MARK_SCAN_H

#include "gc/mark.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/typed.h"

#define MASK_BITS 16
#define BATCH     8u /* entries that are taken together, and fetched */

TERN_STATIC_ASSERT(TERN_MASK16_MAX == MASK_BITS * sizeof(uintptr_t),
		   "a mask covers a small object");
/* Of an object's address the lowest three bits are 0, and those above TERN_ADDR_BITS say nothing new. */
#define ADDR_SHIFT (64 - TERN_ADDR_BITS)

TERN_STATIC_ASSERT(ADDR_SHIFT + 3 >= MASK_BITS, "an entry is an address and a mask");

/* In mark.c: make what was noted grey. */
void tern_mark_noted(struct tern_mark_work *w);
/* Scan an object that is no part of another: its words, and what it is the key to. */
void tern_mark_object(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj);
/* No object of the span was marked before. */
void tern_mark_note_first(struct tern_marker *m, struct tern_mspan *s);
/* All that is marked in the span is to be scanned again when all else is done. */
void tern_mark_overflow(struct tern_marker *m, struct tern_mspan *s);

static TERN_INLINE uint64_t entry_of(uintptr_t at, uint64_t mask)
{
	return (uint64_t)at << ADDR_SHIFT | mask;
}

static TERN_INLINE uintptr_t addr_of(uint64_t entry)
{
	return (uintptr_t)((int64_t)entry >> ADDR_SHIFT) & ~(uintptr_t)7;
}

static TERN_INLINE uint64_t mask_in(uint64_t entry)
{
	return entry & ((1u << MASK_BITS) - 1);
}

/* In a span in which some are. */
static TERN_INLINE bool may_be_key(const struct tern_mspan *s)
{
	return tern_mspan_marking(s) & TERN_MARK_KEYS;
}

/* The words of an object of at most TERN_MASK16_MAX bytes that may hold pointers. */
static TERN_INLINE uint64_t small_mask(const struct tern_mspan *s, unsigned slot)
{
	if (tern_spanclass_kind(s->spc) == TERN_KIND_TYPED)
		return tern_typed_get(s, slot);
	return (1ull << s->elemsize / sizeof(uintptr_t)) - 1;
}

/* To be queued; 0: a typed object without pointers, which is black at once. */
static TERN_INLINE uint64_t entry_of_slot(const struct tern_mspan *s, unsigned slot)
{
	uintptr_t at = s->base + slot * s->elemsize;
	uint64_t mask;

	if (s->elemsize > TERN_MASK16_MAX || unlikely(may_be_key(s)))
		return entry_of(at, 0);
	mask = small_mask(s, slot);
	return mask ? entry_of(at, mask) : 0;
}

static TERN_INLINE void count_mark(struct tern_mark_work *w, struct tern_mspan *s)
{
	if (unlikely(!atomic_load_explicit(&s->marked, memory_order_relaxed)))
		tern_mark_note_first(w->marker, s);
	w->work.marked_objects++;
	w->work.marked_bytes += s->elemsize;
}

/* Of an address that is within reach. Tables that are made while the program runs are of objects that
 * are black. */
static TERN_INLINE struct tern_mspan *span_of(const struct tern_mark_view *v, uintptr_t addr)
{
	uint64_t page = (addr - v->low) >> TERN_PAGE_SHIFT;

	if (unlikely(!v->tables))
		return tern_arena_span(v->arenas, addr);
	return tern_arena_slot_span(&v->tables[page / ARENA_TABLE_PAGES], page);
}

/* To be shaded soon, if it is in a span. Returns where the next one goes. */
static TERN_INLINE struct tern_mark_place *note(const struct tern_mark_view *v, uintptr_t word,
						struct tern_mark_place *to)
{
	struct tern_mspan *s;

	if (word - v->low > v->reach || !(s = span_of(v, word)))
		return to;
	__builtin_prefetch(&s->marked);
	__builtin_prefetch(&s->word[1]);
	*to = (struct tern_mark_place){ word, s };
	return to + 1;
}

/* Pointers come first in most types, and all words may be some where there is no type. Each is read
 * once: the program may be writing. */
TERN_NO_SANITIZE static TERN_INLINE void scan_small(struct tern_mark_work *w,
						    const struct tern_mark_view *v, uintptr_t obj,
						    uint64_t mask)
{
	const uintptr_t *words = (const uintptr_t *)obj, *at = words;
	struct tern_mark_place *to;

	if (unlikely(w->to > &w->noted[TERN_MARK_NOTED - MASK_BITS]))
		tern_mark_noted(w);
	to = w->to;
	if (likely(!(mask & (mask + 1))))
		do
			to = note(v, *at++, to);
		while (mask >>= 1);
	else
		for (; mask; mask &= mask - 1) {
			at = words + __builtin_ctzll(mask);
			to = note(v, *at++, to);
		}
	w->work.scanned_bytes += (uintptr_t)at - obj;
	w->to = to;
}

/* In mark_span.c: make an object grey that was white, in a span with scanned bits. */
void tern_mark_span_shade(struct tern_mark_work *w, struct tern_mspan *s, unsigned slot);
/* Scan some of the spans that were queued first. False if there is none. */
bool tern_mark_spans(struct tern_mark_work *w);

#endif
