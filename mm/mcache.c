/* SPDX-License-Identifier: MIT */
/* mcache.c - one CPU's own spans.
 *
 * Job      Have a word with free slots ready for each class that the CPU uses.
 * Above    malloc.   Below  mcentral (spans that nobody owns), mheap (new ones).
 * Owns     the spans in it: the CPU alone changes their free bits.
 * Locks    none here.   Context: its CPU, interrupts off; also interrupt handlers.
 * Holds    I-MCA-1 a slot's word is one of its span's, or the empty one.
 *          I-MCA-2 a span in a cache has that cache for its owner, and is in no list.
 * Counts   Taking a slot adds one to a counter beside the word. What was freed follows when the
 *          span is given up, from what is left in it: so freeing counts nothing.
 * Go       runtime/mcache.go. Go's cache takes objects from its span's allocCache; here the word
 *          of bits is the truth itself, and what this CPU frees is the next to be taken. */
#include "mm/mcache.h"

#include "lib/assert.h"
#include "lib/clear.h"
#include "lib/fault.h"
#include "mm/debug.h"
#include "mm/sweep.h"
#include "mm/typed.h"

/* Bytes in a word of slots. */
#define CLEARED_TOGETHER 4096u

static _Atomic uint64_t no_word;
static struct tern_mspan no_span; /* holds no address, as it has no bytes */

/* clang-format off */
#define NO_SLOTS { .word = &no_word }
/* clang-format on */
struct tern_mcache tern_mcache_none = {
	.slots = { [0 ... TERN_SPANCLASSES - 1] = NO_SLOTS },
	.hot = &no_span,
};

void tern_mcache_init(struct tern_mcache *c)
{
	_Static_assert(TERN_SPANCLASSES % 4 == 0, "four to a turn");
	for (struct tern_slots *e = c->slots; e < c->slots + TERN_SPANCLASSES; e += 4)
		e[0].word = e[1].word = e[2].word = e[3].word = &no_word;
	c->hot = &no_span;
}

/* Only the owner changes it, but statistics look. */
static void set_balance(struct tern_mspan *s, uint64_t balance)
{
	__atomic_store_n(&s->balance, balance, __ATOMIC_RELAXED);
}

/* release: with statistics, which look at the span */
static void set_span(struct tern_slots *e, struct tern_mspan *s)
{
	__atomic_store_n(&e->span, s, __ATOMIC_RELEASE);
}

static void count_taken(struct tern_mcache *c, tern_spanclass spc)
{
	struct tern_slots *e = &c->slots[spc];
	uint64_t n = tern_slots_taken(e);

	tern_mcache_count(&c->nmalloc[spc], n);
	tern_sample_count(c->sampler, spc, n * e->elemsize);
	set_balance(e->span, e->span->balance + n);
	tern_slots_set(e, 0, e->taken & TERN_SLOTS_DIRTY);
}

/* What others freed was counted by them. The free slots of a span that a CPU owns count as live: they
 * may be in use at any moment. */
static void collect(struct tern_mheap *h, struct tern_slots *e)
{
	struct tern_mspan *s = e->span;
	unsigned n = tern_mspan_collect(s);

	if (!n)
		return;
	tern_slots_set(e, tern_slots_taken(e), true);
	set_balance(s, s->balance - n);
	if (tern_spanclass_collected(s->spc))
		atomic_fetch_add_explicit(&h->live, n * s->elemsize, memory_order_relaxed);
}

/* Of the span of a class: what its owner and others did is counted, and what others freed is free. */
static void settle(struct tern_mcache *c, struct tern_mheap *h, tern_spanclass spc)
{
	tern_sample_show(c->sampler, spc);
	count_taken(c, spc);
	collect(h, &c->slots[spc]);
}

static uint64_t free_bytes(const struct tern_mspan *s, unsigned taken)
{
	if (!tern_spanclass_collected(s->spc))
		return 0;
	return (uint64_t)(s->nelems - taken) * s->elemsize;
}

/* Run by run. */
static void clear_free(const struct tern_slots *e, size_t size)
{
	uint64_t free = atomic_load_explicit(e->word, memory_order_relaxed), rest;

	for (; free; free = rest) {
		unsigned first = (unsigned)__builtin_ctzll(free), end;

		rest = free & (free + (1ull << first));
		end = 64 - (unsigned)__builtin_clzll(free ^ rest);
		tern_clear((void *)(e->base + first * size), (end - first) * size);
	}
}

/* The slots of a word are cleared together, if the program gets them cleared, they are not large, and
 * nobody looks for what was written into them after they were freed. */
static void make_ready(struct tern_slots *e, struct tern_mspan *s)
{
	bool together = !TERN_DEBUG && tern_spanclass_collected(s->spc) &&
			s->elemsize <= CLEARED_TOGETHER / 64;

	if (s->needzero && together)
		clear_free(e, s->elemsize);
	tern_slots_set(e, tern_slots_taken(e), s->needzero && !together);
}

/* True if the span has a free slot. */
static bool aim(struct tern_slots *e, struct tern_mspan *s)
{
	unsigned w = tern_mspan_next_word(s);

	if (w == s->nwords)
		return false;
	e->word = &s->word[w].free;
	e->base = s->base + (uintptr_t)w * 64 * s->elemsize;
	if (tern_spanclass_kind(s->spc) == TERN_KIND_TYPED)
		s->entries = tern_typed_entry(s, w * 64);
	make_ready(e, s);
	return true;
}

/* The span is settled. */
static void let_go(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
		   tern_spanclass spc)
{
	struct tern_mspan *s = c->slots[spc].span;
	unsigned taken = tern_mspan_taken(s);

	tern_mcache_count(&c->nfree[spc], s->balance - taken);
	if (taken < s->nelems)
		atomic_fetch_sub_explicit(&h->live, free_bytes(s, taken), memory_order_relaxed);
	if (!TERN_FAULT(STALE_WORD))
		c->slots[spc].word = &no_word;
	set_span(&c->slots[spc], NULL);
	if (c->hot == s)
		c->hot = &no_span;
	tern_mcentral_give(&all[spc], h, &c->pages, s, taken);
}

static void give_up(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
		    tern_spanclass spc)
{
	settle(c, h, spc);
	let_go(c, all, h, spc);
}

static struct tern_mspan *new_span(struct tern_mcentral *c, struct tern_mheap *h,
				   struct tern_pagecache *pages, tern_spanclass spc)
{
	struct tern_mspan *s = tern_mheap_span(h, pages, spc);

	if (s)
		atomic_fetch_add_explicit(&c->nspans, 1, memory_order_relaxed);
	return s;
}

/* From the central list; if that is empty, and the last cycle is not swept yet, sweep a little, which may find
 * one or free pages, before taking new ones. */
static struct tern_mspan *take_swept(struct tern_mcentral *all, struct tern_mheap *h,
				     tern_spanclass spc)
{
	struct tern_mspan *s = tern_mcentral_take(&all[spc], h);

	if (!s && tern_spanclass_collected(spc) && tern_sweep_some(h, all))
		s = tern_mcentral_take(&all[spc], h);
	return s;
}

void tern_mcache_owe(struct tern_mcache *c, tern_spanclass spc, size_t owed)
{
	if (!tern_spanclass_collected(spc))
		return;
	__atomic_store_n(&c->owed[spc], (uint32_t)owed, __ATOMIC_RELAXED);
	if (unlikely(owed))
		c->slots[spc].word = &no_word;
}

/* A class that has a span but no word gets the one back that it had. False if that is used up. */
static bool take_up(struct tern_slots *e)
{
	struct tern_mspan *s = e->span;

	if (e->word != &no_word)
		return false;
	e->word = &s->word[tern_mspan_slot(s, e->base) / 64].free;
	return atomic_load_explicit(e->word, memory_order_relaxed) != 0;
}

bool tern_mcache_next(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
		      tern_spanclass spc)
{
	struct tern_slots *e = &c->slots[spc];

	if (!e->span)
		return false;
	settle(c, h, spc);
	if (take_up(e) || aim(e, e->span))
		return true;
	let_go(c, all, h, spc);
	return false;
}

bool tern_mcache_refill(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h,
			tern_spanclass spc)
{
	struct tern_slots *e = &c->slots[spc];
	struct tern_mspan *s;
	unsigned taken;

	if (tern_mcache_next(c, all, h, spc))
		return true;
	atomic_store_explicit(&c->holds, true, memory_order_relaxed);
	s = take_swept(all, h, spc);
	if (!s)
		s = new_span(&all[spc], h, &c->pages, spc);
	if (!s)
		return false;
	/* Crumbs are not freed one by one: who tries does not get past the owner. */
	atomic_store_explicit(&s->owner, spc == TERN_SPANCLASS_TINY ? NULL : c,
			      memory_order_relaxed);
	if (tern_mheap_marking(h, spc)) {
		tern_mspan_blacken(s);
		/* with the loads of free bits in gc/mark.c: who sees a slot taken sees that it is
		 * black, and that the span is owned */
		atomic_thread_fence(memory_order_release);
	}
	taken = tern_mspan_taken(s);
	set_balance(s, taken);
	atomic_fetch_add_explicit(&h->live, free_bytes(s, taken), memory_order_relaxed);
	tern_slots_begin(e, s->elemsize, 0, false);
	set_span(e, s);
	return aim(e, s);
}

void tern_mcache_release_collected(struct tern_mcache *c, struct tern_mcentral *all,
				   struct tern_mheap *h)
{
	/* In each pause: most have none. */
	for (unsigned i = 0; tern_spanclass_collected(i); i++)
		if (c->slots[i].span)
			give_up(c, all, h, (tern_spanclass)i);
	c->tiny = c->tiny_end = 0;
}

void tern_mcache_release_all(struct tern_mcache *c, struct tern_mcentral *all, struct tern_mheap *h)
{
	for (unsigned i = 0; i < TERN_SPANCLASSES; i++)
		if (c->slots[i].span)
			give_up(c, all, h, (tern_spanclass)i);
	c->tiny = c->tiny_end = 0;
	/* release: who sees it finds the spans in their lists */
	atomic_store_explicit(&c->holds, false, memory_order_release);
	tern_mheap_flush(h, &c->pages);
}
