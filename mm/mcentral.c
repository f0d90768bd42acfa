/* SPDX-License-Identifier: MIT */
/* mcentral.c - the spans of one class that no CPU owns.
 *
 * Job      Hand a CPU a span with a free slot; take back spans that it has used up; give spans
 *          without objects back to the heap, at once.
 * Above    mcache, malloc (remote frees).   Below  mheap (whole spans), spanset.
 * Owns     a span's place. It moves
 *              OWNED -> FULL       its owner gives it up, with no slot free
 *              OWNED -> LISTED     ... with a slot free: it is put into the list
 *              FULL -> LISTED      by the remote free that makes it worth while, or by the owner
 *                                  who sees that as he gives it up: exactly one of them lists it
 *              LISTED -> OWNED     by who takes it from the list
 *              LISTED -> EMPTY     by the remote free that leaves no object: pages go back. The
 *                                  record stays in the list until somebody takes it from there
 * Why      A span cannot be taken out of the middle of a lock-free list. Its pages, which are
 *          what matters, do not wait for that; a list with too many mere records is purged.
 * Swept    A span of collected objects is swept once after each cycle, by who claims its sweepgen
 *          first: nobody takes slots of it before, and its pages do not go before. Who finds it
 *          being swept waits, with interrupts off as the other has, for a few hundred instructions.
 *          One list serves swept and unswept spans: the sweepgen tells them apart, and a list of
 *          those that have no free slot would be read by nobody but the sweeper, who finds them by
 *          the arenas' bits (sweep.c).
 * Race     Who gives a full span up says so and then looks for remote frees; who frees sets the bit
 *          and then looks at the place. Both in the one order that all CPUs agree on (seq_cst),
 *          so at least one of them sees the other.
 *          Who frees the last object looks at the bits, and then changes the place only if it is
 *          still the one from before that look: nobody owned the span in between, so nobody took
 *          a slot of it. And he leaves a span that is not swept yet to who sweeps it, who says so
 *          first and then looks: again one of them sees the other.
 * Locks    none here; mheap(80) below.   Context: interrupts off; also from interrupt handlers.
 * Go       runtime/mcentral.go. Go's spans get free slots by sweeping alone; here any free may
 *          make a full span useful again. */
#include "mm/mcentral.h"

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/fault.h"
#include "mm/debug.h"
#include "mm/harden.h"
#include "mm/sample.h"
#include "mm/special.h"

#define PURGE_MIN 128u

static bool move(struct tern_mspan *s, uint32_t *place, enum tern_span_where where)
{
	uint32_t next = tern_span_place(where, *place);

	if (!atomic_compare_exchange_strong_explicit(&s->place, place, next, memory_order_seq_cst,
						     memory_order_seq_cst))
		return false;
	*place = next;
	return true;
}

/* A span with one free slot is no help to a CPU, which would be back at once: of one word of slots an
 * eighth has to be free. When memory is short, tern_mcentral_list_all() takes what there is. */
static bool worth_listing(uint64_t slots, uint64_t free)
{
	return count_bits(free) * 8 >= count_bits(slots);
}

static uint64_t remote_in(const struct tern_mspan *s, unsigned w)
{
	return atomic_load_explicit(&s->word[w].remote, memory_order_seq_cst);
}

static uint64_t free_in(const struct tern_mspan *s, unsigned w)
{
	return atomic_load_explicit(&s->word[w].free, memory_order_seq_cst) | remote_in(s, w);
}

static bool has_free(struct tern_mspan *s)
{
	for (unsigned w = 0; w < s->nwords; w++)
		if (free_in(s, w))
			return true;
	return false;
}

static bool has_enough_free(struct tern_mspan *s)
{
	for (unsigned w = 0; w < s->nwords; w++) {
		uint64_t free = free_in(s, w);

		if (free && worth_listing(tern_mspan_slots_in(s, w), free))
			return true;
	}
	return false;
}

static uint32_t generation(const struct tern_mheap *h)
{
	return atomic_load_explicit(&h->sweepgen, memory_order_relaxed);
}

static bool is_swept(const struct tern_mheap *h, const struct tern_mspan *s, tern_spanclass spc)
{
	return !tern_spanclass_collected(spc) ||
	       atomic_load_explicit(&s->sweepgen, memory_order_seq_cst) == generation(h);
}

/* To sweep a span is up to who claims it: false if somebody has. */
static bool claim(const struct tern_mheap *h, struct tern_mspan *s)
{
	uint32_t gen = generation(h), due = gen - 2;

	return atomic_compare_exchange_strong_explicit(
		       &s->sweepgen, &due, gen - 1, memory_order_seq_cst, memory_order_relaxed) ||
	       TERN_FAULT(SWEEP_TWICE);
}

static void end_claim(const struct tern_mheap *h, struct tern_mspan *s)
{
	atomic_store_explicit(&s->sweepgen, generation(h), memory_order_seq_cst);
}

/* n objects of so many spans that are like this one. */
static void count_swept(struct tern_mcentral *c, const struct tern_mspan *s, uint64_t nspans,
			uint64_t n, struct tern_swept *swept)
{
	swept->nobjects += n;
	swept->nbytes += n * s->elemsize;
	swept->npages += nspans * s->npages;
	if (n)
		atomic_fetch_add_explicit(&c->nswept, n, memory_order_relaxed);
}

void tern_mcentral_count_gone(struct tern_swept *swept)
{
	struct tern_mcentral *c = swept->gone_of;

	if (!c)
		return;
	count_swept(c, swept->gone, swept->gone_spans, swept->gone_objects, swept);
	atomic_fetch_sub_explicit(&c->nspans, swept->gone_spans, memory_order_relaxed);
	swept->gone_spans = swept->gone_objects = 0;
}

/* Neighbours are alike, mostly: those of one class are counted together. */
static TERN_INLINE void add_gone(struct tern_mcentral *c, struct tern_mspan *s, unsigned n,
				 struct tern_swept *swept)
{
	if (unlikely(swept->gone_of != c)) {
		tern_mcentral_count_gone(swept);
		swept->gone_of = c;
	}
	swept->gone_spans++;
	swept->gone_objects += n;
	atomic_store_explicit(&s->next, swept->gone, memory_order_relaxed);
	swept->gone = s;
}

/* Free what was not marked. The caller has claimed the span, which may be gone afterwards. */
static TERN_INLINE void sweep_slots(struct tern_mcentral *c, struct tern_mheap *h,
				    struct tern_mspan *s, struct tern_swept *swept)
{
	if (unlikely(tern_special_any(s)))
		tern_special_sweep(h, s);
	if (tern_sample_any(s))
		tern_sample_swept(s);
	tern_harden_sweep(s);
	count_swept(c, s, 1, tern_mspan_sweep(s), swept);
	end_claim(h, s);
}

/* Its owner may take slots when it is swept. */
static void be_swept(struct tern_mcentral *c, struct tern_mheap *h, struct tern_mspan *s)
{
	struct tern_swept swept = { 0 };

	if (is_swept(h, s, s->spc))
		return;
	if (claim(h, s))
		sweep_slots(c, h, s, &swept);
	while (!is_swept(h, s, s->spc))
		arch_relax();
	tern_mheap_count_swept(h, &swept);
}

/* Own a span that was taken from the list. False if only its record was left. */
static bool own(struct tern_mcentral *c, struct tern_mheap *h, struct tern_mspan *s)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_acquire);

	while (tern_span_where(place) == TERN_SPAN_LISTED)
		if (move(s, &place, TERN_SPAN_OWNED))
			return true;
	TERN_ASSERT(tern_span_where(place) == TERN_SPAN_EMPTY);
	atomic_fetch_sub_explicit(&c->nempty, 1, memory_order_relaxed);
	tern_mheap_free_record(h, s);
	return false;
}

/* What a record says of itself, which may be becoming another span's. It is true if the place has
 * not changed since before it was read. Then what those who freed did with their objects and with
 * the record comes before what the next users of both do: acquire, with the release of who freed. And of
 * two who free the last two objects at once, one sees both: seq_cst. */
struct look {
	uintptr_t base;
	uint32_t npages;
	tern_spanclass spc;
	bool empty;
};

static bool looks_empty(const struct tern_mspan *s)
{
	unsigned left = __atomic_load_n(&s->nelems, __ATOMIC_RELAXED), w = 0;

	for (; left > 64; w++, left -= 64)
		if (~free_in(s, w))
			return false;
	return free_in(s, w) == ~0ull >> (64 - left);
}

static struct look look_at(const struct tern_mspan *s)
{
	return (struct look){
		.empty = looks_empty(s),
		.base = __atomic_load_n(&s->base, __ATOMIC_RELAXED),
		.npages = __atomic_load_n(&s->npages, __ATOMIC_RELAXED),
		.spc = __atomic_load_n(&s->spc, __ATOMIC_RELAXED),
	};
}

/* Give the pages of a listed span back if no slot is in use, as seen since the place was read. */
static bool drop_if_empty(struct tern_mcentral *c, struct tern_mheap *h,
			  struct tern_pagecache *pages, struct tern_mspan *s, uint32_t place,
			  const struct look *seen)
{
	if (!seen->empty || tern_mheap_marking(h, seen->spc) || !is_swept(h, s, seen->spc) ||
	    !move(s, &place, TERN_SPAN_EMPTY))
		return false;
	tern_mheap_free_pages_of(h, pages, seen->base, seen->npages);
	atomic_fetch_sub_explicit(&c->nspans, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->nempty, 1, memory_order_relaxed);
	return true;
}

/* List a span that has free slots. Who freed its last object while it was still owned left that to
 * the owner: so he looks again. */
static void list(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
		 struct tern_mspan *s)
{
	uint32_t place = tern_span_place(TERN_SPAN_LISTED,
					 atomic_load_explicit(&s->place, memory_order_relaxed));
	struct look seen;

	atomic_store_explicit(&s->place, place, memory_order_seq_cst);
	tern_spanset_push(&c->partial, s);
	seen = look_at(s);
	drop_if_empty(c, h, pages, s, place, &seen);
}

/* The caller owns the span, and no slot is in use. */
static void drop(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
		 struct tern_mspan *s)
{
	tern_debug_end_span(s);
	atomic_fetch_sub_explicit(&c->nspans, 1, memory_order_relaxed);
	tern_mheap_free_pages_of(h, pages, s->base, s->npages);
	tern_mheap_free_record(h, s);
}

/* A full span has free slots after all, and perhaps nothing else. */
static void list_full(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
		      struct tern_mspan *s)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_seq_cst);
	struct look seen;

	if (tern_span_where(place) != TERN_SPAN_FULL || !move(s, &place, TERN_SPAN_LISTED))
		return;
	tern_spanset_push(&c->partial, s);
	seen = look_at(s);
	drop_if_empty(c, h, pages, s, place, &seen);
}

/* The caller owns the span, and found no slot free. */
static void be_full(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
		    struct tern_mspan *s)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_relaxed);

	atomic_store_explicit(&s->place, tern_span_place(TERN_SPAN_FULL, place),
			      memory_order_seq_cst);
	if (!has_free(s))
		return;
	if (has_enough_free(s))
		list_full(c, h, pages, s);
	else
		atomic_fetch_add_explicit(&c->nloose, 1, memory_order_release);
}

struct tern_mspan *tern_mcentral_take(struct tern_mcentral *c, struct tern_mheap *h)
{
	struct tern_mspan *s;

	while ((s = tern_spanset_pop(&c->partial))) {
		if (!own(c, h, s))
			continue;
		if (!TERN_FAULT(TAKE_UNSWEPT))
			be_swept(c, h, s);
		tern_mspan_collect(s);
		if (tern_mspan_next_word(s) < s->nwords)
			return s;
		be_full(c, h, NULL, s);
	}
	return NULL;
}

void tern_mcentral_give(struct tern_mcentral *c, struct tern_mheap *h, struct tern_pagecache *pages,
			struct tern_mspan *s, unsigned taken)
{
	TERN_VERIFY(tern_mspan_check(s));
	atomic_store_explicit(&s->owner, NULL, memory_order_relaxed);
	if (taken == s->nelems)
		be_full(c, h, pages, s);
	else if (taken > 0 || tern_mheap_marking(h, s->spc))
		list(c, h, pages, s);
	else
		drop(c, h, pages, s);
}

/* Sort mere records out of the list. As they are found again and again if the list is long, the
 * next purge comes when there are as many of them as there are spans now. */
static void purge(struct tern_mcentral *c, struct tern_mheap *h)
{
	struct tern_mspan *s = tern_spanset_take_all(&c->partial), *next;
	uint32_t kept = 0;

	for (; s; s = next) {
		next = atomic_load_explicit(&s->next, memory_order_relaxed);
		if (!own(c, h, s))
			continue;
		be_swept(c, h, s);
		tern_mspan_collect(s);
		if (tern_mspan_next_word(s) < s->nwords)
			list(c, h, NULL, s);
		else
			be_full(c, h, NULL, s);
		kept++;
	}
	atomic_store_explicit(&c->purge_at, kept > PURGE_MIN ? kept : PURGE_MIN,
			      memory_order_relaxed);
}

/* The place is from before the look: if it moves, nobody owned the span in between. */
static void freed_last(struct tern_mcentral *all, struct tern_mheap *h,
		       struct tern_pagecache *pages, struct tern_mspan *s, uint32_t place)
{
	struct look seen = look_at(s);
	struct tern_mcentral *c = &all[seen.spc];
	uint32_t limit = atomic_load_explicit(&c->purge_at, memory_order_relaxed);

	if (drop_if_empty(c, h, pages, s, place, &seen) &&
	    atomic_load_explicit(&c->nempty, memory_order_relaxed) > (limit ? limit : PURGE_MIN))
		purge(c, h);
}

void tern_mcentral_freed_slow(struct tern_mcentral *all, struct tern_mheap *h,
			      struct tern_pagecache *pages, struct tern_mspan *s, uint32_t place,
			      uint64_t slots, uint64_t free)
{
	if (tern_span_where(place) == TERN_SPAN_FULL && worth_listing(slots, free) &&
	    move(s, &place, TERN_SPAN_LISTED))
		tern_spanset_push(&all[s->spc].partial, s);
	if (free == slots && tern_span_where(place) == TERN_SPAN_LISTED)
		freed_last(all, h, pages, s, place);
}

/* A full span that was swept: list it, or give it back whole. The look comes after the place was read:
 * nobody owned it in between. */
static void place_swept(struct tern_mcentral *c, struct tern_mcentral *all, struct tern_mheap *h,
			struct tern_pagecache *pages, struct tern_mspan *s)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_seq_cst);
	struct look seen = look_at(s);

	if (tern_span_where(place) == TERN_SPAN_LISTED)
		freed_last(all, h, pages, s, place);
	if (tern_span_where(place) != TERN_SPAN_FULL)
		return;
	/* A move that fails tells the new place: no second one must go on from there. */
	if (!seen.empty) {
		if (has_enough_free(s) && move(s, &place, TERN_SPAN_LISTED))
			tern_spanset_push(&c->partial, s);
	} else if (move(s, &place, TERN_SPAN_OWNED)) {
		tern_mspan_collect(s);
		drop(c, h, pages, s);
	}
}

/* The rest of a sweep, for who has claimed the span. */
static TERN_NOINLINE bool sweep_claimed(struct tern_mcentral *all, struct tern_mheap *h,
					struct tern_pagecache *pages, struct tern_mspan *s,
					struct tern_swept *swept)
{
	struct tern_mcentral *c = &all[s->spc];
	uint64_t before = swept->nobjects;

	sweep_slots(c, h, s, swept);
	/* Nothing is new of most spans, unless who freed the last object left that to who sweeps. */
	if (swept->nobjects != before || looks_empty(s))
		place_swept(c, all, h, pages, s);
	return true;
}

/* Nothing but its pages has to be given back, if all that is in it dies. */
static TERN_INLINE bool is_plain(struct tern_mspan *s, uint32_t place)
{
	return tern_span_where(place) == TERN_SPAN_FULL && !tern_special_any(s) &&
	       !tern_sample_any(s) && !tern_hardening();
}

/* Its n objects are dead: it goes as it is, with others. False if it is not where it was. */
static TERN_INLINE bool drop_dead(struct tern_mcentral *all, struct tern_mheap *h,
				  struct tern_mspan *s, struct tern_swept *swept, uint32_t place,
				  unsigned n)
{
	struct tern_mcentral *c = &all[s->spc];

	if (!move(s, &place, TERN_SPAN_OWNED))
		return false;
	end_claim(h, s);
	tern_debug_end_span(s);
	add_gone(c, s, n, swept);
	return true;
}

/* A slot is free, or one is marked after all. */
static TERN_NOINLINE bool sweep_mixed(struct tern_mcentral *all, struct tern_mheap *h,
				      struct tern_pagecache *pages, struct tern_mspan *s,
				      struct tern_swept *swept)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_seq_cst);
	unsigned n;

	return (is_plain(s, place) && tern_mspan_is_dead(s, &n) &&
		drop_dead(all, h, s, swept, place, n)) ||
	       sweep_claimed(all, h, pages, s, swept);
}

static TERN_NOINLINE bool sweep_unmarked(struct tern_mcentral *all, struct tern_mheap *h,
					 struct tern_pagecache *pages, struct tern_mspan *s,
					 struct tern_swept *swept)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_seq_cst);

	if (!tern_mspan_is_dead_and_full(s))
		return sweep_mixed(all, h, pages, s, swept);
	return (is_plain(s, place) && drop_dead(all, h, s, swept, place, s->nelems)) ||
	       sweep_claimed(all, h, pages, s, swept);
}

bool tern_mcentral_sweep(struct tern_mcentral *all, struct tern_mheap *h,
			 struct tern_pagecache *pages, struct tern_mspan *s,
			 struct tern_swept *swept)
{
	if (!claim(h, s))
		return false;
	if (likely(atomic_load_explicit(&s->marked, memory_order_relaxed)))
		return sweep_claimed(all, h, pages, s, swept);
	return sweep_unmarked(all, h, pages, s, swept);
}

/* The span at a page where one begins, as far as anybody can tell without a lock. */
static void list_if_free(struct tern_mcentral *all, struct tern_mspan *s)
{
	uint32_t place;

	/* Of what it says of itself, only its place can be asked: a large object's is OWNED. */
	if (!s || s == &tern_mheap_run)
		return;
	place = atomic_load_explicit(&s->place, memory_order_seq_cst);
	if (tern_span_where(place) == TERN_SPAN_FULL && has_free(s) &&
	    move(s, &place, TERN_SPAN_LISTED))
		tern_spanset_push(&all[s->spc].partial, s);
}

/* Who comes by no pointer to an object sees what is in tables and records only under the lock, with
 * which they were made. */
static bool next_span(struct tern_mheap *h, uint64_t *page, struct tern_mspan **s)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool found = tern_arenas_next_in_use(h->arenas, page);

	if (found)
		*s = tern_arena_span(h->arenas, tern_page_addr(*page));
	tern_unlock_irqrestore(&h->lock, irq);
	return found;
}

void tern_mcentral_list_all(struct tern_mcentral *all, struct tern_mheap *h)
{
	struct tern_mspan *s;

	for (uint64_t page = 0; next_span(h, &page, &s); page++)
		list_if_free(all, s);
}
