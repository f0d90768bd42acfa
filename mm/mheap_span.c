/* SPDX-License-Identifier: MIT */
/* mheap_span.c - spans in and out of a heap.
 *
 * Job      Pages and a record become a span that every address in it leads to, and back; large
 *          objects are spans of their own, as long as they need to be.
 * Above    mcentral (spans of slots), malloc.c (large objects), pages.c (runs).   Below  mheap.c.
 * Locks    mheap(80).   Context: interrupts off; also from interrupt handlers.
 * Holds    I-ARE-1; a record is free, or a span's, or in a list with its pages gone.
 * Go       runtime/mheap.go allocSpan, freeSpanLocked. */
#include "lib/assert.h"
#include "lib/compiler.h"
#include "mm/debug.h"
#include "mm/mheap.h"
#include "mm/typed.h"

#define NO_OBJECTS                                                                                 \
	{                                                                                          \
		.state = TERN_SPAN_PAGES, .spc = TERN_KIND_MANUAL * TERN_SIZECLASSES               \
	}
struct tern_mspan tern_mheap_run = NO_OBJECTS;
struct tern_mspan tern_mheap_closed = NO_OBJECTS;
struct tern_mspan tern_mheap_elsewhere = NO_OBJECTS;

/* Its form is for good: only spans of that form use the record again. */
static struct tern_mspan *make_record_locked(struct tern_mheap *h, unsigned form)
{
	size_t size = tern_mspan_form_size(form);
	struct tern_mspan *s = NULL;

	if (tern_mheap_records_locked(h, size + TERN_CACHE_LINE))
		s = tern_fixalloc_take(&h->records[form], &h->meta, size);
	if (s) {
		s->nwords = (uint8_t)tern_mspan_form_words(form);
		s->form = (uint8_t)form;
		s->scanned = (uint16_t)tern_mspan_form_scanned(form);
	}
	return s;
}

static struct tern_mspan *new_record(struct tern_mheap *h, unsigned form)
{
	struct tern_mspan *s;

	tern_lock(&h->lock);
	s = tern_fixalloc_again(&h->records[form]);
	if (!s)
		s = make_record_locked(h, form);
	tern_unlock(&h->lock);
	if (s)
		tern_debug_start_span(s);
	return s;
}

void tern_mheap_free_record(struct tern_mheap *h, struct tern_mspan *s)
{
	TERN_ASSERT(!tern_special_any(s));
	tern_lock(&h->lock);
	tern_fixalloc_free(&h->records[s->form], s);
	tern_unlock(&h->lock);
}

static bool need_zero(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	/* Asked in any case: it notes that the pages are used. */
	return tern_arenas_need_zero(h->arenas, first, n) || h->zero_unknown;
}

/* Pages of the span's, which it has or gets. */
static void set_pages(struct tern_mheap *h, uint64_t first, uint64_t n, struct tern_mspan *s)
{
	tern_arenas_set_span(h->arenas, first, n, s);
	if (tern_spanclass_collected(s->spc) && tern_spanclass_kind(s->spc) != TERN_KIND_NOSCAN)
		tern_arenas_set_pointers(h->arenas, first, n, true);
}

/* Last of all: whoever finds the span sees all of it. */
static void publish(struct tern_mheap *h, struct tern_mspan *s, enum tern_span_state state)
{
	uint64_t first = tern_page_of(s->base);

	s->needzero = need_zero(h, first, s->npages);
	atomic_store_explicit(&s->sweepgen,
			      atomic_load_explicit(&h->sweepgen, memory_order_relaxed),
			      memory_order_relaxed);
	/* release: with readers that come by way of an address that may be no object's */
	atomic_store_explicit(&s->state, state, memory_order_release);
	set_pages(h, first, s->npages, s);
	tern_arenas_set_in_use(h->arenas, first);
}

static unsigned form_of(const struct tern_mheap *h, enum tern_kind kind, unsigned c)
{
	if (atomic_load_explicit(&h->scans_spans, memory_order_relaxed))
		return tern_mspan_scanned_form(kind, c);
	return tern_mspan_form(kind, c);
}

struct tern_mspan *tern_mheap_span(struct tern_mheap *h, struct tern_pagecache *cache,
				   tern_spanclass spc)
{
	unsigned c = tern_spanclass_size(spc);
	struct tern_mspan *s = new_record(h, form_of(h, tern_spanclass_kind(spc), c));
	uint64_t first;

	if (!s)
		return NULL;
	first = tern_mheap_take(h, cache, tern_sizeclass_pages[c], 1, TERN_PAGES_END);
	if (first == TERN_NO_PAGE) {
		tern_mheap_free_record(h, s);
		return NULL;
	}
	tern_mspan_init_small(s, tern_page_addr(first), spc);
	publish(h, s, TERN_SPAN_SMALL);
	return s;
}

struct tern_mspan *tern_mheap_large(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t n,
				    uint64_t align, uint64_t margin, enum tern_kind kind,
				    const struct tern_type *type)
{
	struct tern_mspan *s;
	uint64_t first;

	if (n > UINT32_MAX)
		return NULL;
	s = new_record(h, tern_mspan_form(kind, 0));
	if (!s)
		return NULL;
	first = tern_mheap_take(h, cache, n + 2 * margin, align, TERN_PAGES_END);
	if (first == TERN_NO_PAGE) {
		tern_mheap_free_record(h, s);
		return NULL;
	}
	tern_mspan_init_large(s, tern_page_addr(first + margin), (uint32_t)n, kind);
	s->margin = (uint8_t)margin;
	if (tern_mheap_marking(h, s->spc))
		atomic_store_explicit(&s->word[0].mark, 1, memory_order_relaxed);
	if (type)
		tern_typed_set(s, 0, (uintptr_t)type);
	publish(h, s, TERN_SPAN_LARGE);
	return s;
}

void tern_mheap_retract(struct tern_mheap *h, uintptr_t base, uint64_t npages)
{
	tern_arenas_end_span(h->arenas, tern_page_of(base), npages);
}

void tern_mheap_free_pages_of(struct tern_mheap *h, struct tern_pagecache *cache, uintptr_t base,
			      uint64_t npages)
{
	tern_mheap_retract(h, base, npages);
	tern_mheap_free(h, cache, tern_page_of(base), npages);
}

static struct tern_mspan *next_of(const struct tern_mspan *s)
{
	return atomic_load_explicit(&s->next, memory_order_relaxed);
}

/* Neighbours are alike, mostly. */
static void free_records_locked(struct tern_mheap *h, struct tern_mspan *gone)
{
	while (gone) {
		struct tern_mspan *last = gone, *next;
		size_t n = 1;

		for (; (next = next_of(last)) && next->form == gone->form; n++)
			last = next;
		tern_fixalloc_free_list(&h->records[gone->form], gone, last, n);
		gone = next;
	}
}

void tern_mheap_free_gone(struct tern_mheap *h, struct tern_mspan *gone,
			  struct tern_pagecache *window)
{
	uint64_t base = window->base, begins = 0, pages = 0, bits;

	if (tern_pagecache_bits(window) == 0 && !gone)
		return;
	for (struct tern_mspan *s = gone; s; s = next_of(s)) {
		bits = tern_pagecache_bits_of(base, tern_page_of(s->base), s->npages);
		pages |= bits;
		begins |= bits & -bits;
		if (!bits)
			tern_mheap_free_pages_of(h, NULL, s->base, s->npages);
	}
	if (pages) {
		tern_arenas_end_spans(h->arenas, base, begins, pages);
		tern_pagecache_set(window, base, tern_pagecache_bits(window) | pages);
	}
	tern_lock(&h->lock);
	free_records_locked(h, gone);
	tern_unlock(&h->lock);
	if (tern_pagecache_bits(window))
		tern_mheap_flush(h, window);
}

struct tern_mspan *tern_mheap_new_remapped(struct tern_mheap *h)
{
	return new_record(h, tern_mspan_form(TERN_KIND_MANUAL, 0));
}

void tern_mheap_publish_remapped(struct tern_mheap *h, struct tern_mspan *s, uintptr_t base,
				 uint64_t npages, struct tern_remap *remap)
{
	tern_mspan_init_large(s, base, (uint32_t)npages, TERN_KIND_MANUAL);
	s->remap = remap;
	publish(h, s, TERN_SPAN_LARGE);
}

void tern_mheap_resize_remapped(struct tern_mheap *h, struct tern_mspan *s, uint64_t n)
{
	uint64_t first = tern_page_of(s->base), old = s->npages;

	if (n > old)
		tern_arenas_set_span(h->arenas, first + old, n - old, s);
	s->npages = (uint32_t)n;
	s->elemsize = (size_t)n << TERN_PAGE_SHIFT;
	if (n < old)
		tern_arenas_set_span(h->arenas, first + n, old - n, NULL);
}

bool tern_mheap_resize(struct tern_mheap *h, struct tern_mspan *s, uint64_t n)
{
	uint64_t first = tern_page_of(s->base), old = s->npages;

	TERN_ASSERT(n > 0);
	/* A margin stays where it is. */
	if (s->margin || n > UINT32_MAX ||
	    (n > old && !tern_mheap_take_at(h, first + old, n - old)))
		return false;
	if (n > old) {
		s->needzero |= need_zero(h, first + old, n - old);
		set_pages(h, first + old, n - old, s);
	}
	s->npages = (uint32_t)n;
	s->elemsize = (size_t)n << TERN_PAGE_SHIFT;
	if (n < old) {
		tern_arenas_set_pointers(h->arenas, first + n, old - n, false);
		tern_arenas_set_span(h->arenas, first + n, old - n, NULL);
		tern_mheap_free(h, NULL, first + n, old - n);
	}
	return true;
}

void tern_mheap_set_run(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	tern_arenas_use(h->arenas, first, n, &tern_mheap_run);
}

void tern_mheap_set_closed(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	tern_arenas_use(h->arenas, first, n, &tern_mheap_closed);
}

void tern_mheap_set_elsewhere(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	tern_arenas_use(h->arenas, first, n, &tern_mheap_elsewhere);
}

bool tern_mheap_unset_run(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	/* Under the lock: of two who free the same run at once, one is told. */
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool run = n > 0 && first < TERN_PAGES_END && n <= TERN_PAGES_END - first &&
		   tern_arenas_all_in(h->arenas, first, n, &tern_mheap_run);

	if (run)
		tern_arenas_set_span(h->arenas, first, n, NULL);
	tern_unlock_irqrestore(&h->lock, irq);
	return run;
}

void tern_mheap_free_run(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	TERN_ASSERT(tern_arenas_all_in(h->arenas, first, n, &tern_mheap_run));
	tern_arenas_set_span(h->arenas, first, n, NULL);
	tern_mheap_free(h, NULL, first, n);
}
