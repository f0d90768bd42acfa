/* SPDX-License-Identifier: MIT */
/* mheap_grow.c - more pages for a heap, from the regions that the kernel handed over.
 *
 * Job      Take pieces from regions as they are needed, up to an arena's border at a time; have
 *          them mapped; make pages of them.
 * Growing  is done in steps, as mapping is the kernel's business and may take its locks and wait
 *          for other CPUs: take a piece (lock), map it (no lock), make pages of it (lock). Who
 *          finds nothing free meanwhile waits for that, if interrupts are on; with interrupts off
 *          nobody waits for another CPU here.
 * Records  are made in the first pages of pieces, once these are mapped, or in free pages. Such
 *          pages are owned, and taken for good, so that a region that overlaps them later does no
 *          harm.
 * Locks    mheap(80), for a step.   Context: threads and interrupts off; not interrupt handlers.
 * Go       runtime/mheap.go grow(); regions stand in for the address space hints. */
#include <tern/port.h>

#include "arch/arch.h"
#include "lib/assert.h"
#include "mm/mheap.h"

/* Records come from few pieces, so that they do not lie between runs: each has room for what
 * is waiting now, and some more. The chunks, arenas and tables of so many pages take a page. */
#define META_SHARE 896
#define META_MIN   2
/* While less than this is left for records, and those of a new piece, growing feeds them first. */
#define META_LOW TERN_PAGEALLOC_RECORDS_MAX

static bool map(struct tern_piece p)
{
	return tern_port_map(tern_page_addr(p.first), (size_t)p.n << TERN_PAGE_SHIFT);
}

static uint32_t meta_pages(uint64_t waiting)
{
	uint64_t n = waiting / META_SHARE + META_MIN;

	return n < PALLOC_CHUNK_PAGES ? (uint32_t)n : PALLOC_CHUNK_PAGES;
}

/* Make room for records of the first pages of a mapped piece that nobody has yet, `most` of them.
 * Returns which; none if there is no such page. */
static struct tern_piece feed_locked(struct tern_mheap *h, struct tern_piece p, uint32_t most)
{
	struct tern_piece fresh = tern_pagealloc_first_fresh(&h->pages, p.first, p.n, most);
	size_t fail_after = h->meta.fail_after;
	uint64_t given;

	if (fresh.n == 0)
		return fresh;
	tern_meta_feed(&h->meta, tern_page_addr(fresh.first), (size_t)fresh.n << TERN_PAGE_SHIFT);
	/* From here on the pages hold records, so that there is no way back: what their own chunk
	 * takes fits into one page. Tests refuse records elsewhere. */
	h->meta.fail_after = SIZE_MAX;
	TERN_CHECK(tern_pagealloc_give(&h->pages, fresh.first, fresh.n, &given),
		   "mheap: the records of a chunk do not fit into 0x%llx bytes",
		   (unsigned long long)fresh.n << TERN_PAGE_SHIFT);
	h->meta.fail_after = fail_after;
	tern_pagealloc_take_at(&h->pages, fresh.first, fresh.n);
	tern_pagealloc_keep(&h->pages, fresh.first, fresh.n);
	h->nmeta += fresh.n;
	return fresh;
}

/* No room for a record of the region: its own first pages become room. */
static bool add_from_itself_locked(struct tern_mheap *h, struct tern_piece piece,
				   struct tern_piece head, bool zeroed)
{
	struct tern_piece fresh = feed_locked(h, head, (uint32_t)head.n);

	if (fresh.n == 0)
		return false;
	if (fresh.first == piece.first) {
		piece.first += fresh.n;
		piece.n -= fresh.n;
	}
	return tern_regions_add(&h->regions, piece, zeroed, &h->meta);
}

bool tern_mheap_add(struct tern_mheap *h, struct tern_piece piece, bool zeroed)
{
	struct tern_piece head = piece;
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool added = tern_regions_add(&h->regions, piece, zeroed, &h->meta);

	head.n = meta_pages(h->regions.npages + piece.n);
	tern_unlock_irqrestore(&h->lock, irq);
	if (head.n > piece.n)
		head.n = piece.n;
	if (added || !map(head))
		return added;
	irq = tern_lock_irqsave(&h->lock);
	added = add_from_itself_locked(h, piece, head, zeroed);
	tern_unlock_irqrestore(&h->lock, irq);
	return added;
}

static void make_pages_locked(struct tern_mheap *h, struct tern_piece p)
{
	uint32_t most = meta_pages(h->regions.npages + p.n);
	uint64_t done;

	h->records_end = p.first + p.n;
	if (h->meta.end - h->meta.next < META_LOW + (p.n / META_SHARE << TERN_PAGE_SHIFT))
		feed_locked(h, p, most);
	while (!tern_pagealloc_give(&h->pages, p.first, p.n, &done)) {
		p.first += done;
		p.n -= done;
		/* A huge piece, and the room is used up: it goes on from its own pages. */
		if (feed_locked(h, p, most).n == 0)
			return;
	}
}

/* Without a record of an arena nobody knows what in it is zero: then nothing is. */
static void note_given_locked(struct tern_mheap *h, struct tern_piece p, bool zeroed)
{
	while (p.n) {
		uint64_t n = TERN_ARENA_PAGES - p.first % TERN_ARENA_PAGES;

		if (n > p.n)
			n = p.n;
		if (tern_mheap_tables_locked(h, p.first, 1))
			tern_arena_given(h->arenas, p.first, n, zeroed);
		else
			h->zero_unknown = true;
		p.first += n;
		p.n -= n;
	}
}

static bool grow(struct tern_mheap *h, uint64_t n)
{
	struct tern_piece p;
	bool zeroed;
	unsigned long irq = tern_lock_irqsave(&h->lock);

	p = tern_regions_take(&h->regions, n, TERN_ARENA_PAGES, &zeroed);
	if (p.n)
		atomic_fetch_add_explicit(&h->growing, 1, memory_order_relaxed);
	tern_unlock_irqrestore(&h->lock, irq);
	if (p.n == 0)
		return false;
	if (map(p)) {
		irq = tern_lock_irqsave(&h->lock);
		make_pages_locked(h, p);
		note_given_locked(h, p, zeroed);
		tern_unlock_irqrestore(&h->lock, irq);
	}
	/* release: with wait_for_growth(), after which the pages are there */
	atomic_fetch_sub_explicit(&h->growing, 1, memory_order_release);
	return true;
}

/* True if another CPU was growing the heap and is done now. */
static bool wait_for_growth(struct tern_mheap *h)
{
	unsigned before = atomic_load_explicit(&h->growing, memory_order_acquire);

	if (before == 0 || !tern_port_irq_enabled())
		return false;
	while (atomic_load_explicit(&h->growing, memory_order_acquire) >= before)
		arch_relax();
	return true;
}

bool tern_mheap_grow(struct tern_mheap *h, uint64_t n)
{
	return grow(h, n) || wait_for_growth(h);
}

void tern_mheap_want(struct tern_mheap *h, uint64_t n)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	uint64_t nfree = h->pages.nfree;

	tern_unlock_irqrestore(&h->lock, irq);
	if (nfree < n)
		tern_mheap_grow(h, n);
}
