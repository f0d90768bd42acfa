/* SPDX-License-Identifier: MIT */
/* harden.c - options that make mistakes with memory less useful to who exploits them.
 *
 * Job      Fill what is freed, or swept; hand slots out in random order; close a page on either side of
 *          large objects.
 * Above    malloc.c, from its slow paths alone. A class whose word is the one that is always 0 comes
 *          here with every allocation; a CPU without a hot span comes here with every free.
 * Owns     the flags, each CPU's random numbers.   Not: the margins' pages, which are the span's.
 * Locks    none; mheap(80) below.   Context: tern.h.
 * Random   is a xorshift, seeded by the CPU's clock: it spreads, and is no secret from who can read
 *          memory. */
#include "mm/harden.h"

#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "lib/clear.h"
#include "lib/irq.h"
#include "lib/string.h"
#include "mm/debug.h"
#include "mm/heap.h"

#define JUNK 0xdd

_Atomic unsigned tern_harden_flags;
static _Atomic uint64_t guarded, unguarded;
static uint64_t rng[TERN_MAX_CPUS]; /* its CPU alone, interrupts off; 0: not seeded */

void tern_set_hardening(unsigned flags)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();

	atomic_store_explicit(&tern_harden_flags, flags, memory_order_relaxed);
	if (c != &tern_mcache_none) {
		c->hot = tern_mcache_none.hot;
		for (unsigned i = 0; i < TERN_SPANCLASSES; i++)
			c->slots[i].word = tern_mcache_none.slots[i].word;
	}
	tern_irq_restore(irq);
}

void tern_hardening_stats(struct tern_hardening_stats *stats)
{
	*stats = (struct tern_hardening_stats){
		.flags = tern_hardening(),
		.guarded = atomic_load_explicit(&guarded, memory_order_relaxed),
		.unguarded = atomic_load_explicit(&unguarded, memory_order_relaxed),
	};
}

/* --- slots ------------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
	uint64_t *x = &rng[TERN_CPU_ID()];

	if (!*x)
		*x = (arch_ticks() ^ (uintptr_t)x) * 0x9e3779b97f4a7c15ull | 1;
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint64_t free_in(struct tern_mspan *s, unsigned w)
{
	return atomic_load_explicit(&s->word[w].free, memory_order_relaxed);
}

/* Of the free bits at or behind a random word. */
static unsigned random_slot(struct tern_mspan *s)
{
	uint64_t r = next_random(), free;
	unsigned w = (unsigned)(r >> 8) % s->nwords;

	while (!(free = free_in(s, w)))
		w = (w + 1) % s->nwords;
	for (unsigned n = (unsigned)(r >> 40) % count_bits(free); n; n--)
		free &= free - 1;
	return w * 64 + (unsigned)__builtin_ctzll(free);
}

void *tern_harden_take(struct tern_mcache *c, size_t spc)
{
	struct tern_slots *e = &c->slots[spc];
	unsigned slot = random_slot(e->span), w = slot / 64;

	atomic_store_explicit(&e->span->word[w].free, free_in(e->span, w) & ~(1ull << slot % 64),
			      memory_order_relaxed);
	__atomic_store_n(&e->taken, e->taken + TERN_SLOTS_TAKEN, __ATOMIC_RELAXED);
	e->word = tern_mcache_none.slots[spc].word;
	return (void *)(e->span->base + slot * e->span->elemsize);
}

static void fill(uintptr_t addr, size_t size)
{
	if (tern_hardening() & TERN_HARDEN_ZERO)
		tern_clear((void *)addr, size);
	else
		memset((void *)addr, JUNK, size);
}

void tern_harden_fill(const struct tern_mspan *s, uintptr_t addr)
{
	if (s->spc != TERN_SPANCLASS_TINY)
		fill(addr, s->elemsize);
}

/* A user arena's chunk in quarantine is closed, or was filled when it was freed. */
void tern_harden_fill_unmarked(const struct tern_mspan *s)
{
	if (tern_mspan_chunk(s) == TERN_CHUNK_QUARANTINE && !s->magic)
		return;
	for (unsigned slot = 0; slot < s->nelems; slot++)
		if (tern_mspan_slot_in_use(s, slot) && !tern_mspan_slot_marked(s, slot)) {
			tern_debug_forget(s, s->base + slot * s->elemsize);
			fill(s->base + slot * s->elemsize, s->elemsize);
		}
}

/* --- guards ------------------------------------------------------------------------------ */

uint64_t tern_harden_margin(uint64_t align)
{
	return align == 1 && tern_hardening() & TERN_HARDEN_GUARDS ? 1 : 0;
}

static bool set_margins(uintptr_t base, size_t size, size_t margin, bool accessible)
{
	bool before = tern_port_protect(base - margin, margin, accessible);

	return tern_port_protect(base + size, margin, accessible) && before;
}

void tern_harden_guard(const struct tern_mspan *s)
{
	struct tern_arena_map *m = &tern_tables.pages.arenas;
	uint64_t first = tern_page_of(s->base);
	bool both = set_margins(s->base, s->elemsize, s->margin << TERN_PAGE_SHIFT, false);

	tern_arenas_set_span(m, first - s->margin, s->margin, &tern_mheap_closed);
	tern_arenas_set_span(m, first + s->npages, s->margin, &tern_mheap_closed);
	atomic_fetch_add_explicit(both ? &guarded : &unguarded, 1, memory_order_relaxed);
}

void tern_harden_free_margins(struct tern_mheap *h, uintptr_t base, uint64_t npages,
			      uint64_t margin)
{
	uint64_t first = tern_page_of(base);
	struct tern_mcache *c = tern_heap_cache();

	set_margins(base, npages << TERN_PAGE_SHIFT, margin << TERN_PAGE_SHIFT, true);
	tern_mcache_count_any(c, &c->run_free_pages, 2 * margin);
	tern_arenas_set_span(h->arenas, first - margin, margin, NULL);
	tern_arenas_set_span(h->arenas, first + npages, margin, NULL);
	tern_mheap_free(h, NULL, first - margin, margin);
	tern_mheap_free(h, NULL, first + npages, margin);
}
