/* SPDX-License-Identifier: MIT */
/* stats.c - the heap in numbers: the public calls that add up what CPUs count.
 *
 * Job      Sum the counters of all caches; add what their spans say that was not counted yet.
 * Below    heap (all caches, the centrals), mheap (pages and records).
 * Locks    mheap(80), for a copy of its numbers.   Context: any but NMIs.
 * Reads    other CPUs' caches, by relaxed atomics, and spans that may be given up meanwhile:
 *          records stay readable for ever, so the worst is a number that is off by what moves.
 * Go       runtime/mstats.go. Go stops the world or flushes caches for exact numbers; here what
 *          is in a cache is exact where it is. */
#include <tern/stack.h>
#include <tern/stats.h>

#include "lib/bits.h"
#include "mm/heap.h"
#include "mm/remap.h"
#include "mm/scavenge.h"

TERN_STATIC_ASSERT((int)TERN_OBJECTS_SCAN == (int)TERN_KIND_SCAN &&
			   (int)TERN_OBJECTS_NOSCAN == (int)TERN_KIND_NOSCAN &&
			   (int)TERN_OBJECTS_TYPED == (int)TERN_KIND_TYPED &&
			   (int)TERN_OBJECTS_MANUAL == (int)TERN_KIND_MANUAL &&
			   (int)TERN_OBJECTS_ALL == (int)TERN_KINDS,
		   "the public kinds are the heap's");

struct counts {
	uint64_t mallocs, frees, malloc_bytes, free_bytes, spans;
};

static uint64_t get(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* Two numbers that were not read at the same time. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Slots that are not free for the span's owner. Goes by the class: the record may be changing. */
static unsigned taken_in(const struct tern_mspan *s, unsigned c)
{
	unsigned taken = tern_sizeclass_nelems[c];

	for (unsigned w = 0; w < tern_mspan_words(c); w++)
		taken -= count_bits(get(&s->word[w].free));
	return taken;
}

/* Slots that are free, and not to be seen: see sample.c. */
static unsigned hidden_of(const struct tern_mcache *c, tern_spanclass spc)
{
	const struct tern_sampler *m = __atomic_load_n(&c->sampler, __ATOMIC_ACQUIRE);

	return m ? count_bits(get(&m->of[spc].hidden)) : 0;
}

/* What a CPU did in the span that it owns, and did not count yet: see mcache.c. */
static void add_owned(struct counts *n, const struct tern_mcache *c, tern_spanclass spc)
{
	const struct tern_slots *e = &c->slots[spc];
	const struct tern_mspan *s = __atomic_load_n(&e->span, __ATOMIC_ACQUIRE);
	uint64_t fresh, balance, taken;

	if (!s)
		return;
	taken = less(taken_in(s, tern_spanclass_size(spc)), hidden_of(c, spc));
	fresh = tern_slots_taken(e);
	balance = __atomic_load_n(&s->balance, __ATOMIC_RELAXED);
	n->mallocs += fresh;
	n->frees += less(balance + fresh, taken);
}

/* The caches of all CPUs; those that have none share the last. */
static const struct tern_mcache *cache_at(unsigned i)
{
	const struct tern_mcache *c = i < TERN_MAX_CPUS ? tern_heap_cache_of(i) : NULL;

	return c == &tern_mcache_none ? NULL : c ? c : &tern_mcache_none;
}

static struct counts count_small(tern_spanclass spc)
{
	size_t size = tern_sizeclass_size[tern_spanclass_size(spc)];
	struct counts n = { 0 };

	for (unsigned i = 0; i <= TERN_MAX_CPUS; i++) {
		const struct tern_mcache *c = cache_at(i);

		if (!c)
			continue;
		n.mallocs += get(&c->nmalloc[spc]);
		n.frees += get(&c->nfree[spc]);
		add_owned(&n, c, spc);
	}
	n.frees += get(&tern_tables.central[spc].nswept);
	n.malloc_bytes = n.mallocs * size;
	n.free_bytes = n.frees * size;
	n.spans = atomic_load_explicit(&tern_tables.central[spc].nspans, memory_order_relaxed);
	return n;
}

static struct counts count_large(enum tern_kind kind)
{
	struct counts n = { 0 };

	for (unsigned i = 0; i <= TERN_MAX_CPUS; i++) {
		const struct tern_mcache *c = cache_at(i);

		if (!c)
			continue;
		n.mallocs += get(&c->large[kind].mallocs);
		n.frees += get(&c->large[kind].frees);
		n.malloc_bytes += get(&c->large[kind].malloc_bytes);
		n.free_bytes += get(&c->large[kind].free_bytes);
	}
	n.spans = less(n.mallocs, n.frees);
	return n;
}

static void add(struct counts *sum, struct counts n)
{
	sum->mallocs += n.mallocs;
	sum->frees += n.frees;
	sum->malloc_bytes += n.malloc_bytes;
	sum->free_bytes += n.free_bytes;
	sum->spans += n.spans;
}

static struct counts count_kind(unsigned c, enum tern_kind kind)
{
	struct counts n = c ? count_small(tern_spanclass_of(kind, c)) : count_large(kind);

	if (c == TERN_TINY_SIZECLASS && kind == TERN_KIND_NOSCAN)
		add(&n, count_small(TERN_SPANCLASS_TINY));
	return n;
}

static struct counts count_class(unsigned c, enum tern_objects kind)
{
	struct counts sum = { 0 };

	if (kind != TERN_OBJECTS_ALL)
		return count_kind(c, (enum tern_kind)kind);
	for (unsigned k = 0; k < TERN_KINDS; k++)
		add(&sum, count_kind(c, (enum tern_kind)k));
	return sum;
}

bool tern_class_stats(unsigned c, enum tern_objects kind, struct tern_class_stats *stats)
{
	struct counts n;
	uint64_t slots;

	if (c >= TERN_SIZECLASSES || (unsigned)kind > TERN_OBJECTS_ALL)
		return false;
	n = count_class(c, kind);
	*stats = (struct tern_class_stats){
		.size = tern_sizeclass_size[c],
		.mallocs = n.mallocs,
		.frees = n.frees,
		.live = less(n.mallocs, n.frees),
		.live_bytes = less(n.malloc_bytes, n.free_bytes),
		.spans = n.spans,
	};
	stats->span_bytes = stats->live_bytes;
	if (c == 0)
		return true;
	slots = n.spans * tern_sizeclass_nelems[c];
	stats->span_bytes = n.spans * tern_sizeclass_pages[c] << TERN_PAGE_SHIFT;
	stats->slot_free = less(slots, stats->live) * stats->size;
	stats->slot_rest = stats->span_bytes - slots * stats->size;
	return true;
}

/* --- all of it --------------------------------------------------------------------------- */

static void add_objects(struct tern_heap_stats *s)
{
	struct tern_class_stats row;

	for (unsigned c = 0; c < TERN_SIZECLASSES; c++) {
		struct counts n = count_class(c, TERN_OBJECTS_ALL);

		s->mallocs += n.mallocs;
		s->frees += n.frees;
		s->malloc_bytes += n.malloc_bytes;
		s->free_bytes += n.free_bytes;
	}
	s->live = less(s->mallocs, s->frees);
	s->live_bytes = less(s->malloc_bytes, s->free_bytes);
	for (unsigned c = 0; tern_class_stats(c, TERN_OBJECTS_ALL, &row); c++) {
		*(c ? &s->small : &s->large) += row.span_bytes;
		s->slot_free += row.slot_free;
		s->slot_rest += row.slot_rest;
	}
	s->large += tern_remap_ended_bytes();
}

static void add_caches(struct tern_heap_stats *s)
{
	uint64_t taken = 0, freed = 0, cached = 0;
	struct tern_stack_stats stacks;

	for (unsigned i = 0; i <= TERN_MAX_CPUS; i++) {
		const struct tern_mcache *c = cache_at(i);

		if (!c)
			continue;
		taken += get(&c->run_malloc_pages);
		freed += get(&c->run_free_pages);
		cached += count_bits(tern_pagecache_bits(&c->pages));
		s->crumbs += get(&c->ncrumbs);
		s->caches += i < TERN_MAX_CPUS ? sizeof(*c) : 0;
	}
	tern_stack_stats(&stacks);
	s->stacks = stacks.inuse + stacks.cached;
	s->runs = less(taken, freed) << TERN_PAGE_SHIFT;
	s->cached = cached << TERN_PAGE_SHIFT;
}

static void add_pages_locked(struct tern_heap_stats *s, const struct tern_mheap *h)
{
	s->waiting = h->regions.npages << TERN_PAGE_SHIFT;
	s->grown = h->pages.nowned << TERN_PAGE_SHIFT;
	s->free = (h->pages.nfree + h->pages.nreleasing) << TERN_PAGE_SHIFT;
	s->released = h->pages.nreleased << TERN_PAGE_SHIFT;
	s->limit = atomic_load_explicit(&tern_scavenger.limit, memory_order_relaxed)
		   << TERN_PAGE_SHIFT;
	s->records = h->nmeta << TERN_PAGE_SHIFT;
	s->longest_free = tern_pagealloc_longest(&h->pages) << TERN_PAGE_SHIFT;
	s->reserve = h->nreserve << TERN_PAGE_SHIFT;
	for (unsigned form = 0; form < TERN_SPAN_FORMS; form++) {
		s->spans_used += h->records[form].used * tern_mspan_form_size(form);
		s->spans_all += h->records[form].all * tern_mspan_form_size(form);
	}
	s->tables = less(h->meta.used, s->spans_all + s->caches);
	s->records_left = less(s->records, h->meta.used);
}

void tern_heap_stats(struct tern_heap_stats *stats)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct tern_heap_stats s = { 0 };
	unsigned long irq;

	add_objects(&s);
	add_caches(&s);
	irq = tern_lock_irqsave(&h->lock);
	add_pages_locked(&s, h);
	tern_unlock_irqrestore(&h->lock, irq);
	*stats = s;
}
