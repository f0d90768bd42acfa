/* SPDX-License-Identifier: MIT */
/* mark_span.c - the small objects of a span that are grey, scanned together.
 *
 * Job      The other way from grey to black, for spans with scanned bits (mm/mspan.h), of which there are
 *          some only if an option wants them: what makes an object grey queues its span, and not again
 *          while that waits. It waits behind all that were queued before, so more of its objects become
 *          grey meanwhile; then they are scanned in the order of their addresses.
 * Grey     mark, and no scanned bit, while its span is queued. New objects have both: mspan.c, blacken.
 * Few      grey objects do not gather: as long as there are but few in all, mark.c scans them one by one and
 *          leaves the bit, so some are scanned once more with their span.
 * Above    mark.c.   Below  work (the queue of spans), and mark.c for what is the same for all objects.
 * Owns     scanned bits and `queued` of spans while objects are marked. Sweeping clears the bits; when
 *          nothing is grey no span is queued.
 * Queued   none   whoever makes an object grey next queues the span, by that object's address
 *          one    one object was made grey since: it stands in the entry, the others need no look
 *          many   more were: they are looked for, by their bits
 * Order    Who marks sets the mark, then looks whether the span is queued; who scans takes the span off,
 *          then looks at the marks; all of it sequentially consistent. So one of the two sees the
 *          other: a grey object is never left in a span that nobody has queued. Two may come to scan the
 *          same span; who sets the scanned bit scans.
 * No room  for a span: its object goes the way of all others, mark.c.
 * Locks    none; workpool(70) below.   Context: as mark.c.
 * Go       runtime/mgcmark_greenteagc.go, where the bits lie in the span itself. */
#include "gc/mark_scan.h"
#include "lib/fault.h"

enum { NONE, ONE, MANY };

static uint64_t bit_of(unsigned slot)
{
	return 1ull << slot % 64;
}

static bool set_mark(struct tern_mspan *s, unsigned slot, bool parallel)
{
	_Atomic uint64_t *word = &s->word[slot / 64].mark;
	uint64_t bit = bit_of(slot), old;

	if (parallel) /* seq_cst: with who takes the span off */
		return !(atomic_fetch_or_explicit(word, bit, memory_order_seq_cst) & bit);
	old = atomic_load_explicit(word, memory_order_relaxed);
	atomic_store_explicit(word, old | bit, memory_order_relaxed);
	return true;
}

/* One more object is grey. Returns what the span was before. */
static unsigned advance(struct tern_mspan *s, bool parallel)
{
	uint8_t old = atomic_load_explicit(&s->queued, memory_order_seq_cst);

	if (!parallel && old != MANY)
		atomic_store_explicit(&s->queued, old + 1, memory_order_relaxed);
	while (parallel && old != MANY &&
	       !atomic_compare_exchange_weak_explicit(&s->queued, &old, old + 1,
						      memory_order_seq_cst, memory_order_seq_cst))
		;
	return old;
}

static unsigned take_off(struct tern_mspan *s, bool parallel)
{
	unsigned old;

	if (parallel) /* seq_cst: with who marks */
		return atomic_exchange_explicit(&s->queued, NONE, memory_order_seq_cst);
	old = atomic_load_explicit(&s->queued, memory_order_relaxed);
	atomic_store_explicit(&s->queued, NONE, memory_order_relaxed);
	return old;
}

static void queue_object(struct tern_mark_work *w, struct tern_mspan *s, uint64_t entry)
{
	if (!tern_work_put(&w->work, entry))
		tern_mark_overflow(w->marker, s);
}

/* Others may have relied on it. */
static TERN_NOINLINE void give_up(struct tern_mark_work *w, struct tern_mspan *s, uint64_t entry)
{
	if (take_off(s, w->work.parallel) == MANY)
		tern_mark_overflow(w->marker, s);
	queue_object(w, s, entry);
}

static void queue_span(struct tern_mark_work *w, struct tern_mspan *s, uint64_t entry)
{
	if (advance(s, w->work.parallel) == NONE && !tern_work_put_last(&w->work, entry))
		give_up(w, s, entry);
}

/* Those of the objects that are grey, and nobody else's from here on. */
static uint64_t claim(struct tern_mspan *s, unsigned i, uint64_t grey, bool parallel)
{
	_Atomic uint64_t *word = &tern_mspan_scanned(s)[i];
	uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

	grey &= ~old;
	if (!grey)
		return 0;
	if (parallel)
		return grey & ~atomic_fetch_or_explicit(word, grey, memory_order_relaxed);
	atomic_store_explicit(word, old | grey, memory_order_relaxed);
	return grey;
}

void tern_mark_span_shade(struct tern_mark_work *w, struct tern_mspan *s, unsigned slot)
{
	uint64_t entry;

	if (!set_mark(s, slot, w->work.parallel))
		return;
	count_mark(w, s);
	entry = entry_of_slot(s, slot);
	if (entry)
		queue_span(w, s, entry);
}

/* Of typed objects some have no pointers. */
static TERN_INLINE void scan_slot(struct tern_mark_work *w, struct tern_mspan *s, unsigned slot)
{
	uintptr_t obj = s->base + slot * s->elemsize;
	uint64_t mask;

	if (unlikely(may_be_key(s)) || s->elemsize > TERN_MASK16_MAX) {
		tern_mark_object(w, s, obj);
		return;
	}
	mask = small_mask(s, slot);
	if (likely(mask))
		scan_small(w, &w->marker->view, obj, mask);
}

static void scan_slots(struct tern_mark_work *w, struct tern_mspan *s, unsigned first,
		       uint64_t slots)
{
	const char *base = (const char *)s->base + first * s->elemsize;

	for (uint64_t bits = slots; bits; bits &= bits - 1)
		__builtin_prefetch(base + (unsigned)__builtin_ctzll(bits) * s->elemsize);
	for (; slots; slots &= slots - 1)
		scan_slot(w, s, first + (unsigned)__builtin_ctzll(slots));
}

static void scan_many(struct tern_mark_work *w, struct tern_mspan *s)
{
	for (unsigned i = 0; i < s->nwords; i++) {
		/* seq_cst: with who marks, and found the span queued; acquire: with blacken */
		uint64_t marks = atomic_load_explicit(&s->word[i].mark, memory_order_seq_cst);

		scan_slots(w, s, i * 64, claim(s, i, marks, w->work.parallel));
	}
}

static void scan_span(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj)
{
	unsigned slot;

	if (TERN_FAULT(SPAN_LOOKED_AT))
		scan_many(w, s);
	if (take_off(s, w->work.parallel) == MANY && !TERN_FAULT(SPAN_LOOKED_AT)) {
		scan_many(w, s);
		return;
	}
	slot = tern_mspan_slot(s, obj);
	if (claim(s, slot / 64, bit_of(slot), w->work.parallel))
		scan_slot(w, s, slot);
}

bool tern_mark_spans(struct tern_mark_work *w)
{
	uint64_t entry[BATCH];
	struct tern_mspan *span[BATCH];
	unsigned n = tern_work_take_first(&w->work, entry, BATCH);

	for (unsigned i = 0; i < n; i++) {
		span[i] = span_of(&w->marker->view, addr_of(entry[i]));
		__builtin_prefetch((const void *)addr_of(entry[i]));
		__builtin_prefetch(&span[i]->marked);
		__builtin_prefetch(&span[i]->word[1]);
	}
	for (unsigned i = 0; i < n; i++)
		scan_span(w, span[i], addr_of(entry[i]));
	tern_mark_noted(w);
	return n != 0;
}
