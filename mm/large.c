/* SPDX-License-Identifier: MIT */
/* large.c - the end of objects that have a span of their own.
 *
 * Job      Free one, for tern_free() and for the sweep. Know what it serves as.
 * Above    malloc, sweep.   Below  mheap, harden (margins), remap (pages elsewhere).
 * Locks    mheap(80), below.   Context: interrupts off; also interrupt handlers.
 * Race     The state decides who drops the object, and its record may be another span's as soon as that
 *          is done. So who sweeps says so first (sweepgen), and who frees waits for him. */
#include "mm/large.h"

#include "arch/arch.h"
#include "mm/harden.h"
#include "mm/heap.h"
#include "mm/remap.h"
#include "mm/special.h"

static uint32_t generation(const struct tern_mheap *h)
{
	return atomic_load_explicit(&h->sweepgen, memory_order_relaxed);
}

/* Move the span's sweepgen on from "not swept". False if somebody else has. */
static bool claim(struct tern_mspan *s, uint32_t gen, uint32_t to)
{
	uint32_t due = gen - 2;

	return atomic_compare_exchange_strong_explicit(&s->sweepgen, &due, to, memory_order_acq_rel,
						       memory_order_acquire);
}

static void count(enum tern_kind kind, size_t size)
{
	struct tern_mcache *c = tern_heap_cache();

	tern_mcache_count_any(c, &c->large[kind].frees, 1);
	tern_mcache_count_any(c, &c->large[kind].free_bytes, size);
}

void tern_large_set_chunk(struct tern_mheap *h, struct tern_mspan *s, enum tern_chunk to)
{
	_Atomic uint64_t *bytes = h->chunks.bytes;
	enum tern_chunk from = tern_mspan_chunk(s);

	atomic_store_explicit(&s->chunk, to, memory_order_relaxed);
	/* It is about to be closed: nobody is to watch its pages, which would open them. */
	if (to == TERN_CHUNK_QUARANTINE)
		tern_arenas_set_pointers(h->arenas, tern_page_of(s->base), s->npages, false);
	atomic_fetch_sub_explicit(&bytes[from], s->elemsize, memory_order_relaxed);
	atomic_fetch_add_explicit(&bytes[to], s->elemsize, memory_order_relaxed);
}

static void end_chunk(struct tern_mheap *h, struct tern_mspan *s)
{
	if (tern_mspan_chunk(s) == TERN_CHUNK_QUARANTINE)
		tern_port_protect(s->base, s->elemsize, true);
	tern_large_set_chunk(h, s, TERN_CHUNK_NONE);
}

bool tern_large_end(struct tern_mheap *h, struct tern_mspan *s)
{
	uint8_t state = TERN_SPAN_LARGE;

	if (!atomic_compare_exchange_strong_explicit(&s->state, &state, TERN_SPAN_DEAD,
						     memory_order_acq_rel, memory_order_relaxed))
		return false;
	if (tern_sample_any(s))
		tern_sample_freed(s, s->base);
	count(tern_spanclass_kind(s->spc), s->elemsize);
	if (tern_mspan_chunk(s) != TERN_CHUNK_NONE)
		end_chunk(h, s);
	return true;
}

static bool drop(struct tern_mheap *h, struct tern_pagecache *pages, struct tern_mspan *s)
{
	uintptr_t base = s->base;
	uint64_t npages = s->npages, margin = s->margin;
	struct tern_remap *remap = tern_mspan_remap(s);

	if (!tern_large_end(h, s))
		return false;
	if (remap)
		tern_remap_end(remap);
	else
		tern_mheap_free_pages_of(h, pages, base, npages);
	if (margin)
		tern_harden_free_margins(h, base, npages, margin);
	tern_mheap_free_record(h, s);
	return true;
}

/* Until nobody sweeps it, and nobody will. */
static void settle(struct tern_mheap *h, struct tern_mspan *s)
{
	uint32_t gen = generation(h);

	while (!claim(s, gen, gen) &&
	       atomic_load_explicit(&s->sweepgen, memory_order_acquire) == gen - 1 &&
	       atomic_load_explicit(&s->state, memory_order_relaxed) == TERN_SPAN_LARGE)
		arch_relax();
}

bool tern_large_drop(struct tern_mheap *h, struct tern_pagecache *pages, struct tern_mspan *s)
{
	size_t size = s->elemsize;

	if (!tern_spanclass_collected(s->spc))
		return drop(h, pages, s);
	settle(h, s);
	if (!drop(h, pages, s))
		return false;
	tern_heap_change_live(-size);
	return true;
}

bool tern_large_sweep(struct tern_mheap *h, struct tern_pagecache *pages, struct tern_mspan *s,
		      struct tern_swept *swept)
{
	uint32_t gen = generation(h), npages = s->npages;

	if (!claim(s, gen, gen - 1))
		return false;
	swept->npages += npages;
	atomic_store_explicit(&s->marked, false, memory_order_relaxed);
	if (unlikely(tern_special_any(s)))
		tern_special_sweep(h, s);
	tern_harden_sweep(s);
	if (atomic_exchange_explicit(&s->word[0].mark, 0, memory_order_relaxed)) {
		if (tern_mspan_chunk(s) == TERN_CHUNK_QUARANTINE)
			atomic_fetch_add_explicit(&h->chunks.held, 1, memory_order_relaxed);
		atomic_store_explicit(&s->sweepgen, gen, memory_order_release);
	} else if (drop(h, pages, s)) {
		swept->nobjects++;
		swept->nbytes += (uint64_t)npages << TERN_PAGE_SHIFT;
	}
	return true;
}
