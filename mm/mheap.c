/* SPDX-License-Identifier: MIT */
/* mheap.c - the pages of a heap.
 *
 * Job      Take pieces from regions as they are needed, up to an arena's border at a time; have
 *          them mapped; make pages of them; give runs out and take them back.
 * Above    pages.c (runs for anybody).   Below  region, pagealloc, meta.
 * Growing  is done in steps, as mapping is the kernel's business and may take its locks and wait
 *          for other CPUs: take a piece (lock), map it (no lock), make pages of it (lock). Who
 *          finds nothing free meanwhile waits for that, if interrupts are on; with interrupts off
 *          nobody waits for another CPU here.
 * Records  are made in the first pages of pieces, once these are mapped. Such pages are owned, and
 *          taken for good, so that a region that overlaps them later does no harm.
 * Locks    mheap(80).   Context: threads and interrupts off; not from NMIs.
 * Holds    I-MHP-1 a page is in at most one of: a run in use, a free run, the records.
 *          I-MHP-2 pages.nowned = free + in use + nmeta.
 * Go       runtime/mheap.go grow(); regions stand in for the address space hints. */
#include "mm/mheap.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "lib/assert.h"

/* Records come from few pieces, so that they do not lie between runs: each has room for what
 * is waiting now, at one page for 128 MiB, and some more. */
#define META_SHARE 16384
#define META_MIN   2
/* While less than this is left for records, growing feeds them first: what one new chunk may take,
 * with a node on every level. */
#define META_LOW 2048

const struct tern_lock_class tern_mheap_class = {
	.name = "mheap", .rank = 80, .irq = true, .protects = "which pages of a heap are free"
};

void tern_mheap_init(struct tern_mheap *h)
{
	*h = (struct tern_mheap)TERN_MHEAP_INIT(*h);
}

static bool map(struct tern_piece p)
{
	return tern_port_map((uintptr_t)p.first << TERN_PAGE_SHIFT, (size_t)p.n << TERN_PAGE_SHIFT);
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
	tern_meta_feed(&h->meta, (uintptr_t)fresh.first << TERN_PAGE_SHIFT,
		       (size_t)fresh.n << TERN_PAGE_SHIFT);
	/* From here on the pages hold records, so that there is no way back: what their own chunk
	 * takes fits into one page. Tests refuse records elsewhere. */
	h->meta.fail_after = SIZE_MAX;
	TERN_CHECK(tern_pagealloc_give(&h->pages, fresh.first, fresh.n, &given),
		   "mheap: the records of a chunk do not fit into 0x%llx bytes",
		   (unsigned long long)fresh.n << TERN_PAGE_SHIFT);
	h->meta.fail_after = fail_after;
	tern_pagealloc_keep(&h->pages, fresh.first, (uint32_t)fresh.n);
	h->nmeta += fresh.n;
	return fresh;
}

/* No room for a record of the region: its own first pages become room. */
static bool add_from_itself_locked(struct tern_mheap *h, struct tern_piece piece,
				   struct tern_piece head)
{
	struct tern_piece fresh = feed_locked(h, head, (uint32_t)head.n);

	if (fresh.n == 0)
		return false;
	if (fresh.first == piece.first) {
		piece.first += fresh.n;
		piece.n -= fresh.n;
	}
	return tern_regions_add(&h->regions, piece, &h->meta);
}

bool tern_mheap_add(struct tern_mheap *h, struct tern_piece piece)
{
	struct tern_piece head = piece;
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool added = tern_regions_add(&h->regions, piece, &h->meta);

	head.n = meta_pages(h->regions.npages + piece.n);
	tern_unlock_irqrestore(&h->lock, irq);
	if (head.n > piece.n)
		head.n = piece.n;
	if (added || !map(head))
		return added;
	irq = tern_lock_irqsave(&h->lock);
	added = add_from_itself_locked(h, piece, head);
	tern_unlock_irqrestore(&h->lock, irq);
	return added;
}

static void make_pages_locked(struct tern_mheap *h, struct tern_piece p)
{
	uint32_t most = meta_pages(h->regions.npages);
	uint64_t done;

	if (h->meta.end - h->meta.next < META_LOW)
		feed_locked(h, p, most);
	while (!tern_pagealloc_give(&h->pages, p.first, p.n, &done)) {
		p.first += done;
		p.n -= done;
		/* A huge piece, and the room is used up: it goes on from its own pages. */
		if (feed_locked(h, p, most).n == 0)
			return;
	}
}

/* Make pages of one more piece of the regions. False if there is none. */
static bool grow(struct tern_mheap *h, uint64_t n)
{
	struct tern_piece p;
	unsigned long irq = tern_lock_irqsave(&h->lock);

	p = tern_regions_take(&h->regions, n, TERN_ARENA_PAGES);
	if (p.n)
		atomic_fetch_add_explicit(&h->growing, 1, memory_order_relaxed);
	tern_unlock_irqrestore(&h->lock, irq);
	if (p.n == 0)
		return false;
	if (map(p)) {
		irq = tern_lock_irqsave(&h->lock);
		make_pages_locked(h, p);
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

static uint64_t try_take(struct tern_mheap *h, uint64_t n, uint64_t align, uint64_t below)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	uint64_t first = align == 1 && below >= TERN_PAGES_END
				 ? tern_pagealloc_take(&h->pages, n)
				 : tern_pagealloc_take_where(&h->pages, n, align, below);

	tern_unlock_irqrestore(&h->lock, irq);
	return first;
}

uint64_t tern_mheap_take(struct tern_mheap *h, uint64_t n, uint64_t align, uint64_t below)
{
	uint64_t first;

	TERN_ASSERT(n > 0);
	if (n > TERN_PAGES_END || align > TERN_PAGES_END)
		return TERN_NO_PAGE;
	while ((first = try_take(h, n, align, below)) == TERN_NO_PAGE)
		if (!grow(h, n + align - 1) && !wait_for_growth(h))
			return try_take(h, n, align, below);
	return first;
}

bool tern_mheap_free(struct tern_mheap *h, uint64_t first, uint64_t n)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool in_use = tern_pagealloc_is_taken(&h->pages, first, n);

	if (in_use)
		tern_pagealloc_free(&h->pages, first, n);
	tern_unlock_irqrestore(&h->lock, irq);
	return in_use;
}

static uint64_t bytes(uint64_t pages)
{
	return pages << TERN_PAGE_SHIFT;
}

void tern_mheap_stats(struct tern_mheap *h, struct tern_mheap_stats *s)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);

	s->waiting = bytes(h->regions.npages);
	s->free = bytes(h->pages.nfree);
	s->meta = bytes(h->nmeta);
	s->used = bytes(h->pages.nowned - h->pages.nfree - h->nmeta);
	s->longest_free = bytes(tern_pagealloc_longest(&h->pages));
	tern_unlock_irqrestore(&h->lock, irq);
}

bool tern_mheap_check(struct tern_mheap *h)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool good = tern_pagealloc_check(&h->pages) && h->pages.nowned >= h->pages.nfree + h->nmeta;

	tern_unlock_irqrestore(&h->lock, irq);
	return good;
}
