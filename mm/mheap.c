/* SPDX-License-Identifier: MIT */
/* mheap.c - the pages of a heap: taking runs and giving them back.
 *
 * Job      Give out the lowest run that fits, single pages from a CPU's own cache; keep a reserve
 *          for who runs out of memory; see that the tables that describe pages are there before
 *          pages are used.
 * Above    mheap_span.c, pages.c.   Below  pagealloc, pagecache, arena.
 * Locks    mheap(80).   Context: threads, interrupts off and interrupt handlers; not NMIs.
 * Holds    I-MHP-1 a page is in at most one of: a run in use, a free run, a cache, the records.
 *          I-MHP-2 pages.nowned = free + being released + in use + cached + nmeta.
 *          I-MHP-3 every page in use, or in a cache, has a table.
 * Go       runtime/mheap.go, mpagecache.go. */
#include "mm/mheap.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mm/debug.h"

/* A cache holds this share of the pages that nobody uses at most: when memory is short, none is hidden. */
#define CACHE_SHARE 64
/* Runs freed in one other window before the cache moves there. */
#define MOVE_AFTER 4
/* Records are cut from this many pages at a time, if the heap has that many to spare. Those of debug
 * builds are larger. */
#define RECORD_PAGES (TERN_DEBUG ? 64 : 16)
#define RECORD_SHARE (TERN_DEBUG ? 8 : 64)

const struct tern_lock_class tern_mheap_class = {
	.name = "mheap", .rank = 80, .irq = true, .protects = "which pages of a heap are free"
};

void tern_mheap_init(struct tern_mheap *h, struct tern_mheap_tables *tables)
{
	memset(tables, 0, sizeof(*tables));
	*h = (struct tern_mheap)TERN_MHEAP_INIT(*h, *tables);
}

static size_t room_locked(const struct tern_mheap *h)
{
	return h->meta.end - h->meta.next;
}

/* From the top of the newest pages down, as all else comes from the bottom up: records never move, and
 * single pages of them between runs would cut free memory to pieces. */
static uint64_t take_records_locked(struct tern_mheap *h, uint64_t n)
{
	uint64_t first = h->records_end - n;

	if (n > h->records_end || !tern_pagealloc_take_at(&h->pages, first, n))
		return tern_pagealloc_take(&h->pages, n);
	h->records_end = first;
	return first;
}

bool tern_mheap_records_locked(struct tern_mheap *h, size_t bytes)
{
	uint64_t need = (bytes + TERN_PAGE_SIZE - 1) >> TERN_PAGE_SHIFT, n = need, first;

	if (room_locked(h) >= bytes)
		return true;
	if (h->meta.fail_after == 0)
		return false;
	if (n < h->pages.nfree / RECORD_SHARE)
		n = h->pages.nfree / RECORD_SHARE;
	if (n > RECORD_PAGES && n > need)
		n = need > RECORD_PAGES ? need : RECORD_PAGES;
	first = take_records_locked(h, n);
	if (first == TERN_NO_PAGE && n > need)
		first = take_records_locked(h, n = need);
	if (first == TERN_NO_PAGE)
		return false;
	tern_pagealloc_keep(&h->pages, first, n);
	tern_meta_feed(&h->meta, tern_page_addr(first), n << TERN_PAGE_SHIFT);
	h->nmeta += n;
	return true;
}

void *tern_mheap_lasting(struct tern_mheap *h, size_t size)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	void *p = NULL;

	if (tern_mheap_records_locked(h, size + TERN_CACHE_LINE))
		p = tern_meta_alloc(&h->meta, size, TERN_CACHE_LINE);
	tern_unlock_irqrestore(&h->lock, irq);
	return p;
}

bool tern_mheap_tables_locked(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	uint64_t page = align_down(first, ARENA_TABLE_PAGES);
	size_t missing;

	for (; page < first + n; page += ARENA_TABLE_PAGES)
		while ((missing = tern_arena_missing(h->arenas, page)))
			if (!tern_mheap_records_locked(h, missing) ||
			    !tern_arena_make(h->arenas, &h->meta, page))
				return false;
	return true;
}

static bool may_take_locked(const struct tern_mheap *h, uint64_t n)
{
	if (atomic_load_explicit(&h->open, memory_order_relaxed))
		return n <= h->pages.nfree;
	return n <= h->pages.nfree && h->pages.nfree - n >= h->nreserve;
}

static uint64_t take_locked(struct tern_mheap *h, uint64_t n, uint64_t align, uint64_t below)
{
	uint64_t first;

	if (!may_take_locked(h, n))
		return TERN_NO_PAGE;
	if (align == 1 && below >= TERN_PAGES_END)
		first = tern_pagealloc_take(&h->pages, n);
	else
		first = tern_pagealloc_take_where(&h->pages, n, align, below);
	if (first != TERN_NO_PAGE && !tern_mheap_tables_locked(h, first, n)) {
		tern_pagealloc_free(&h->pages, first, n);
		return TERN_NO_PAGE;
	}
	return first;
}

/* How many pages a cache may hold now. Memory that waits in regions is not short. */
static unsigned share_locked(const struct tern_mheap *h)
{
	uint64_t most = (h->pages.nfree + h->regions.npages) / CACHE_SHARE;

	return most < TERN_PAGECACHE_PAGES ? (unsigned)most : TERN_PAGECACHE_PAGES;
}

/* The lowest free pages of one window, and with them the run that is wanted if it is there. */
static void refill_locked(struct tern_mheap *h, struct tern_pagecache *cache)
{
	struct tern_pagecache found;

	cache->most = share_locked(h);
	if (cache->most == 0 || !may_take_locked(h, cache->most) ||
	    !tern_pagealloc_take_window(&h->pages, cache->most, &found))
		return;
	if (tern_mheap_tables_locked(h, found.base, TERN_PAGECACHE_PAGES))
		tern_pagecache_set(cache, found.base, tern_pagecache_bits(&found));
	else
		tern_pagealloc_free_window(&h->pages, &found);
}

static void flush_locked(struct tern_mheap *h, struct tern_pagecache *cache)
{
	if (tern_pagecache_bits(cache))
		tern_pagealloc_free_window(&h->pages, cache);
	tern_pagecache_set(cache, 0, 0);
}

/* Refill only what is used up: a window that has no run of this length still has shorter ones. */
static uint64_t take_cached_locked(struct tern_mheap *h, struct tern_pagecache *cache, unsigned n)
{
	if (!tern_pagecache_bits(cache))
		refill_locked(h, cache);
	return tern_pagecache_take(cache, n);
}

uint64_t tern_mheap_take_slow(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t n,
			      uint64_t align, uint64_t below)
{
	uint64_t first = TERN_NO_PAGE;
	unsigned long irq;

	TERN_ASSERT(n > 0);
	if (n > TERN_PAGES_END || align > TERN_PAGES_END)
		return TERN_NO_PAGE;
	irq = tern_lock_irqsave(&h->lock);
	if (cache && n <= TERN_CACHED_RUN_MAX && align == 1 && below >= TERN_PAGES_END)
		first = take_cached_locked(h, cache, (unsigned)n);
	if (first == TERN_NO_PAGE)
		first = take_locked(h, n, align, below);
	/* What the cache holds may be what is missing. */
	if (first == TERN_NO_PAGE && cache && tern_pagecache_bits(cache)) {
		flush_locked(h, cache);
		first = take_locked(h, n, align, below);
	}
	tern_unlock_irqrestore(&h->lock, irq);
	return first;
}

bool tern_mheap_take_at(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool taken = may_take_locked(h, n) && tern_pagealloc_take_at(&h->pages, first, n);

	if (taken && !tern_mheap_tables_locked(h, first, n)) {
		tern_pagealloc_free(&h->pages, first, n);
		taken = false;
	}
	tern_unlock_irqrestore(&h->lock, irq);
	return taken;
}

/* Who frees much frees it in the order of addresses, as sweeping does: when some runs in a row came from
 * one window, the cache moves there, and the next cost no lock and no search in the tree. */
static bool move_cache_locked(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t first)
{
	uint64_t window = align_down(first, TERN_PAGECACHE_PAGES);

	if (cache->other != window) {
		cache->other = window;
		cache->nother = 0;
	}
	if (++cache->nother < MOVE_AFTER || share_locked(h) < TERN_PAGECACHE_PAGES)
		return false;
	flush_locked(h, cache);
	tern_pagecache_set(cache, window, 0);
	cache->most = TERN_PAGECACHE_PAGES;
	return true;
}

void tern_mheap_free(struct tern_mheap *h, struct tern_pagecache *cache, uint64_t first, uint64_t n)
{
	bool cached = cache && n <= TERN_CACHED_RUN_MAX;
	unsigned long irq;

	if (cached && tern_pagecache_put(cache, first, (unsigned)n))
		return;
	irq = tern_lock_irqsave(&h->lock);
	if (!cached || !move_cache_locked(h, cache, first) ||
	    !tern_pagecache_put(cache, first, (unsigned)n))
		tern_pagealloc_free(&h->pages, first, n);
	tern_unlock_irqrestore(&h->lock, irq);
}

void tern_mheap_flush(struct tern_mheap *h, struct tern_pagecache *cache)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);

	flush_locked(h, cache);
	tern_unlock_irqrestore(&h->lock, irq);
}

void tern_mheap_set_reserve(struct tern_mheap *h, uint64_t npages)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);

	h->nreserve = npages;
	tern_unlock_irqrestore(&h->lock, irq);
}

struct tern_piece tern_mheap_take_unreleased(struct tern_mheap *h, uint64_t most)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	struct tern_piece run = tern_pagealloc_take_unreleased(&h->pages, most);

	/* Pages that were in a cache may never have been used. What they read as from now on, nobody
	 * knows. */
	if (run.n && !h->zero_unknown)
		tern_arenas_need_zero(h->arenas, run.first, run.n);
	if (run.n)
		atomic_fetch_add_explicit(&h->growing, 1, memory_order_relaxed);
	tern_unlock_irqrestore(&h->lock, irq);
	return run;
}

void tern_mheap_put_back(struct tern_mheap *h, struct tern_piece run, bool released)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);

	tern_pagealloc_put_back(&h->pages, run, released);
	tern_unlock_irqrestore(&h->lock, irq);
	/* release: with wait_for_growth(), after which the pages are there */
	atomic_fetch_sub_explicit(&h->growing, 1, memory_order_release);
}

struct tern_mheap_usage tern_mheap_usage(struct tern_mheap *h)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	struct tern_mheap_usage u = { .retained = h->pages.nowned - h->pages.nreleased,
				      .peak = h->pages.peak };

	tern_unlock_irqrestore(&h->lock, irq);
	return u;
}

uint64_t tern_mheap_new_peak(struct tern_mheap *h)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	uint64_t peak = h->pages.peak;

	h->pages.peak = tern_pagealloc_in_use(&h->pages);
	tern_unlock_irqrestore(&h->lock, irq);
	return peak;
}

static uint64_t bytes(uint64_t pages)
{
	return pages << TERN_PAGE_SHIFT;
}

void tern_mheap_stats(struct tern_mheap *h, struct tern_mheap_stats *s)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);

	s->waiting = bytes(h->regions.npages);
	s->free = bytes(h->pages.nfree + h->pages.nreleasing);
	s->released = bytes(h->pages.nreleased);
	s->meta = bytes(h->nmeta);
	s->used = bytes(tern_pagealloc_in_use(&h->pages) - h->nmeta);
	s->longest_free = bytes(tern_pagealloc_longest(&h->pages));
	tern_unlock_irqrestore(&h->lock, irq);
}

bool tern_mheap_check(struct tern_mheap *h)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool good = tern_pagealloc_check(&h->pages) && tern_pagealloc_in_use(&h->pages) >= h->nmeta;

	tern_unlock_irqrestore(&h->lock, irq);
	return good;
}
