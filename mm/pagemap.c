/* SPDX-License-Identifier: MIT */
/* pagemap.c - what each page of the heap is, in order.
 *
 * Job      tern_pages_walk(): go from chunk to chunk; copy a chunk's bits; ask the tables to which
 *          span each page belongs; join neighbours that are alike.
 * Below    heap, pagealloc (the bits), arena (the tables).
 * Locks    mheap(80), to find and copy one chunk.   Context: any but NMIs. */
#include <tern/stats.h>

#include "mm/guard.h"
#include "mm/heap.h"

struct walk {
	void (*visit)(const struct tern_page_span *span, void *arg);
	void *arg;
	struct tern_page_span span; /* not reported yet; size 0: none */
};

static void report(struct walk *w)
{
	if (w->span.size && w->span.state != TERN_PAGE_ABSENT)
		w->visit(&w->span, w->arg);
	w->span.size = 0;
}

static void add_page(struct walk *w, uint64_t page, enum tern_page_state state)
{
	uintptr_t addr = tern_page_addr(page);

	if (w->span.size && (w->span.state != state || w->span.start + w->span.size != addr))
		report(w);
	if (!w->span.size)
		w->span = (struct tern_page_span){ .start = addr, .state = state };
	w->span.size += TERN_PAGE_SIZE;
}

/* Of a page that the page allocator has given out. */
static enum tern_page_state state_of_taken(uint64_t page)
{
	struct tern_mspan *s = tern_heap_span(tern_page_addr(page));

	if (!s)
		return TERN_PAGE_CACHED;
	/* acquire: see mspan.h */
	switch ((enum tern_span_state)atomic_load_explicit(&s->state, memory_order_acquire)) {
	case TERN_SPAN_SMALL:
		return TERN_PAGE_SMALL;
	case TERN_SPAN_LARGE:
		return TERN_PAGE_LARGE;
	case TERN_SPAN_PAGES:
		if (s == &tern_mheap_elsewhere)
			return TERN_PAGE_LARGE;
		return s == &tern_mheap_run || s == &tern_mheap_closed || tern_guard_owns(s)
			       ? TERN_PAGE_RUN
			       : TERN_PAGE_STACK;
	case TERN_SPAN_DEAD:
		break;
	}
	return TERN_PAGE_CACHED;
}

static bool has(const struct pallocbits *b, uint64_t page)
{
	return b->word[page % PALLOC_CHUNK_PAGES / 64] >> page % 64 & 1;
}

static enum tern_page_state state_of(const struct tern_pagechunk *c, uint64_t page)
{
	if (!has(&c->owned, page))
		return TERN_PAGE_ABSENT;
	if (has(&c->kept, page))
		return TERN_PAGE_RECORDS;
	return has(&c->taken, page) ? state_of_taken(page) : TERN_PAGE_FREE;
}

/* The first chunk that ends above a page: a copy. False if there is none. */
static bool next_chunk(uint64_t *page, struct tern_pagechunk *copy)
{
	struct tern_mheap *h = &tern_heap.pages;
	unsigned long irq = tern_lock_irqsave(&h->lock);
	const struct tern_pagechunk *c = tern_pagealloc_next_chunk(&h->pages, page);

	if (c)
		*copy = *c;
	tern_unlock_irqrestore(&h->lock, irq);
	return c;
}

/* Pages [page, last]. */
static void walk(struct walk *w, uint64_t page, uint64_t last)
{
	struct tern_pagechunk c;

	while (page <= last && next_chunk(&page, &c)) {
		uint64_t end = page | (PALLOC_CHUNK_PAGES - 1);

		for (; page <= end && page <= last; page++)
			add_page(w, page, state_of(&c, page));
	}
}

void tern_pages_walk(uintptr_t first, uintptr_t last,
		     void (*visit)(const struct tern_page_span *span, void *arg), void *arg)
{
	const uintptr_t low_last = TERN_HALF - 1, high_first = -(uintptr_t)TERN_HALF;
	struct walk w = { .visit = visit, .arg = arg };

	/* The high half's pages have the lower numbers. */
	if (first <= last && first <= low_last)
		walk(&w, tern_page_of(first), tern_page_of(last < low_last ? last : low_last));
	if (first <= last && last >= high_first)
		walk(&w, tern_page_of(first > high_first ? first : high_first), tern_page_of(last));
	report(&w);
}
