/* SPDX-License-Identifier: MIT */
/* sweep.c - through all spans of collected objects once after each cycle.
 *
 * Job      Hand out the spans that are in use, 64 pages at a time, to whoever sweeps: who allocates,
 *          a thread in the background, who wants all of it done. What that frees, how fast and
 *          when is theirs: see gc/sweep.c.
 * Above    mcache (one span wanted), gc/sweep.c.   Below  mcentral (spans of slots), large.
 * Owns     how far the sweep is.
 * Locks    sweep(72), for a few instructions; mheap(80) below it is taken without it.
 * Context  interrupts off, so that a piece is never left half done for long.
 * Holds    I-SWP-1 a span that is not swept is in a piece that was not handed out, or in one that is
 *          being swept. Arenas that are made meanwhile hold only new spans, which are swept.
 *          I-SWP-2 page_marks has no bit for a span that nothing is marked in; it is all zero when
 *          the sweep is done.
 * Go       runtime/mgcsweep.go sweepone, and mgcwork's reclaimer in mheap.go. Go keeps sets of spans to
 *          sweep; here the arenas' bits say where spans are. */
#include "mm/sweep.h"

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/lock.h"
#include "mm/large.h"

const struct tern_lock_class tern_sweep_class = {
	.name = "sweep", .rank = 72, .irq = true, .protects = "how far the sweep is"
};

#define WORDS (TERN_ARENA_PAGES / 64)

TERN_STATIC_ASSERT(TERN_PAGECACHE_PAGES == 64, "a word of an arena's bits is a window");

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

void tern_sweep_start(struct tern_mheap *h)
{
	struct tern_sweep *w = &h->sweep;
	struct tern_arena *newest = atomic_load_explicit(&h->arenas->newest, memory_order_acquire);

	w->next = w->next_dead = (struct tern_sweep_place){ .arena = newest };
	w->busy = 0;
	atomic_fetch_add_explicit(&h->sweepgen, 2, memory_order_relaxed);
}

/* Pages at which spans begin, in the next piece that has any; .arena is NULL at the end. */
struct piece {
	struct tern_arena *arena;
	unsigned word;
	uint64_t begins;
};

static uint64_t spans_in(const struct tern_sweep_place *at, bool dead)
{
	uint64_t begins = get(&at->arena->page_in_use[at->word]);

	return dead ? begins & ~get(&at->arena->page_marks[at->word]) : begins;
}

/* Spans that were marked may have been freed since: so who passes clears the marks where none begins. */
static struct piece next_locked(struct tern_sweep_place *at, bool dead)
{
	struct piece p = { 0 };

	while (at->arena && !p.begins) {
		p = (struct piece){ at->arena, at->word, spans_in(at, dead) };
		if (!dead && !p.begins)
			atomic_store_explicit(&at->arena->page_marks[at->word], 0,
					      memory_order_relaxed);
		if (++at->word == WORDS) {
			at->word = 0;
			__atomic_store_n(&at->arena, at->arena->next, __ATOMIC_RELAXED);
		}
	}
	return p.begins ? p : (struct piece){ 0 };
}

static struct piece take(struct tern_sweep *w, bool dead)
{
	struct piece p;

	tern_lock(&w->lock);
	p = next_locked(dead ? &w->next_dead : &w->next, dead);
	w->busy += p.arena != NULL;
	tern_unlock(&w->lock);
	return p;
}

static void done(struct tern_sweep *w, const struct piece *p, bool dead)
{
	if (!dead)
		atomic_store_explicit(&p->arena->page_marks[p->word], 0, memory_order_relaxed);
	tern_lock(&w->lock);
	w->busy--;
	tern_unlock(&w->lock);
}

static bool is_claimed(const struct tern_mheap *h, const struct tern_mspan *s)
{
	uint32_t gen = atomic_load_explicit(&h->sweepgen, memory_order_relaxed);

	/* acquire: what sweeping did to the objects and their specials */
	return atomic_load_explicit(&s->sweepgen, memory_order_acquire) == gen - 1 &&
	       atomic_load_explicit(&s->state, memory_order_acquire) != TERN_SPAN_DEAD;
}

static TERN_NOINLINE void wait_for_claimed(const struct tern_mheap *h, const struct tern_mspan *s)
{
	while (is_claimed(h, s))
		arch_relax();
}

/* A record may be another span's by now, which is swept then: so what is read of it before it is
 * claimed is only a guess. Who has claimed it is in no piece if he wants slots of it: so it is waited
 * for, with interrupts off as his are, or the sweep would be done before he is. */
static void sweep(struct tern_mheap *h, struct tern_mcentral *all, struct tern_pagecache *pages,
		  struct tern_mspan *s, struct tern_swept *swept)
{
	/* acquire: with who made the record */
	if (atomic_load_explicit(&s->state, memory_order_acquire) == TERN_SPAN_DEAD)
		return;
	if (!tern_spanclass_collected(__atomic_load_n(&s->spc, __ATOMIC_RELAXED)))
		return;
	if (!(__atomic_load_n(&s->magic, __ATOMIC_RELAXED)
		      ? tern_mcentral_sweep(all, h, pages, s, swept)
		      : tern_large_sweep(h, pages, s, swept)))
		wait_for_claimed(h, s);
}

static void end(struct tern_mheap *h, struct tern_swept *swept, struct tern_pagecache *freed)
{
	tern_mcentral_count_gone(swept);
	tern_mheap_free_gone(h, swept->gone, freed);
	tern_mheap_count_swept(h, swept);
}

/* What comes free in a piece goes back together: it is a window of pages. */
static uint64_t sweep_piece(struct tern_mheap *h, struct tern_mcentral *all, bool dead)
{
	const struct tern_sweep_place *next = dead ? &h->sweep.next_dead : &h->sweep.next;
	struct tern_pagecache freed = { .most = TERN_PAGECACHE_PAGES };
	const struct tern_arena_table *table;
	struct tern_swept swept = { 0 };
	struct piece p = { 0 };

	/* Asked by each who wants a span: mostly the sweep is at its end, where it stays until the
	 * next cycle. */
	if (__atomic_load_n(&next->arena, __ATOMIC_RELAXED))
		p = take(&h->sweep, dead);
	if (!p.arena)
		return 0;
	freed.base = p.arena->first_page + p.word * TERN_PAGECACHE_PAGES;
	table = tern_arena_page_table(p.arena, freed.base);
	for (uint64_t bits = p.begins; bits; bits &= bits - 1) {
		struct tern_mspan *s =
			tern_arena_table_span(table, freed.base + (unsigned)__builtin_ctzll(bits));

		if (s)
			sweep(h, all, &freed, s, &swept);
	}
	end(h, &swept, &freed);
	done(&h->sweep, &p, dead);
	return 1 + swept.npages; /* something was handed out, whatever it held */
}

uint64_t tern_sweep_some(struct tern_mheap *h, struct tern_mcentral *all)
{
	return sweep_piece(h, all, false);
}

uint64_t tern_sweep_dead(struct tern_mheap *h, struct tern_mcentral *all)
{
	return sweep_piece(h, all, true);
}

/* The span is asked for anew each time: it may be swept away. */
void tern_sweep_at(struct tern_mheap *h, struct tern_mcentral *all, struct tern_pagecache *pages,
		   uintptr_t addr)
{
	uint32_t gen = atomic_load_explicit(&h->sweepgen, memory_order_relaxed);
	struct tern_pagecache freed = { 0 };
	struct tern_swept swept = { 0 };
	struct tern_mspan *s;

	/* acquire: what sweeping did to the object and its specials */
	while ((s = tern_arena_span(h->arenas, addr)) &&
	       tern_spanclass_collected(__atomic_load_n(&s->spc, __ATOMIC_RELAXED)) &&
	       atomic_load_explicit(&s->sweepgen, memory_order_acquire) != gen) {
		sweep(h, all, pages, s, &swept);
		arch_relax();
	}
	if (swept.npages || swept.gone)
		end(h, &swept, &freed);
}

bool tern_sweep_is_done(struct tern_mheap *h)
{
	struct tern_sweep *w = &h->sweep;
	unsigned long irq = tern_lock_irqsave(&w->lock);
	bool is = !w->next.arena && !w->busy;

	tern_unlock_irqrestore(&w->lock, irq);
	return is;
}
