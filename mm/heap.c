/* SPDX-License-Identifier: MIT */
/* heap.c - *the* heap: its parts together, and what happens when it runs out of memory.
 *
 * Job      Own the one heap of the public calls; make a CPU's cache when the CPU first allocates;
 *          find memory, in this order: grow, give this CPU's caches back, those of all CPUs, have
 *          the collector sweep or collect, list the spans with few free slots, ask the kernel's
 *          handler. An allocation asks each once, and none that can have nothing new; so it ends,
 *          whatever other CPUs do.
 * Locks    mheap(80).   Context: as the calls that lead here.
 * Reserve  Some pages are kept for the handler: while it runs, and on any CPU as long as one runs
 *          it, the heap may go down to its last page. */
#include "mm/heap.h"

#include <tern/tern.h>

#include "lib/assert.h"
#include "lib/irq.h"
#include "mm/gchook.h"
#include "mm/parked.h"
#include "mm/remap.h"
#include "mm/stack.h"

struct tern_heap tern_heap = {
	.cache = { [0 ... TERN_MAX_CPUS - 1] = &tern_mcache_none },
	.pages = TERN_MHEAP_INIT(tern_heap.pages, tern_tables.pages),
	.samples.lock = TERN_LOCK_INIT(&tern_samples_class),
};

struct tern_tables tern_tables;

static _Atomic(tern_oom_handler) oom_handler;
static atomic_bool in_handler[TERN_MAX_CPUS]; /* [atomic: relaxed] no handler within a handler */

struct tern_mcache *tern_heap_make_cache(void)
{
	struct tern_mcache *c = tern_heap_cache();

	if (c != &tern_mcache_none)
		return c;
	c = tern_mheap_lasting(&tern_heap.pages, sizeof(*c));
	if (!c)
		return NULL;
	tern_mcache_init(c);
	atomic_store_explicit(&tern_heap.cache[TERN_CPU_ID()], c, memory_order_release);
	return c;
}

static uint64_t free_bytes(void)
{
	struct tern_mheap_stats s;

	tern_mheap_stats(&tern_heap.pages, &s);
	return s.free;
}

/* What this CPU holds in its caches may be what is missing. True if there was something. */
static bool give_caches_back(void)
{
	bool more = tern_remap_finish();
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();
	uint64_t before = free_bytes();

	tern_debug_drain_own();
	tern_parked_release(c);
	if (c != &tern_mcache_none)
		tern_mcache_release_all(c, tern_tables.central, &tern_heap.pages);
	tern_stack_flush();
	more |= free_bytes() > before;
	tern_irq_restore(irq);
	return more;
}

static bool holds_something(const struct tern_mcache *c)
{
	return atomic_load_explicit(&c->holds, memory_order_acquire) ||
	       tern_pagecache_bits(&c->pages);
}

/* Not this CPU: what it held was given back. */
static bool others_hold_something(void)
{
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		if (holds_something(
			    atomic_load_explicit(&tern_heap.cache[i], memory_order_acquire)))
			return true;
	return false;
}

/* And what other CPUs hold, if the kernel can reach them. True if they held something: pages may have
 * become free, or slots of spans that are in lists now. */
static bool ask_other_cpus(void)
{
	if (!tern_port_irq_enabled() || !others_hold_something())
		return false;
	tern_port_drain_cpus();
	return true;
}

static uint64_t freed_by(const struct tern_mcache *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < TERN_SPANCLASSES; i++)
		n += atomic_load_explicit(&c->nfree[i], memory_order_acquire);
	return n;
}

/* Grows whenever a slot may have become free in a span that nobody owns. */
static uint64_t freed_slots(void)
{
	uint64_t n = freed_by(&tern_mcache_none);

	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		if (tern_heap_cache_of(i) != &tern_mcache_none)
			n += freed_by(tern_heap_cache_of(i));
	for (unsigned i = 0; i < TERN_SPANCLASSES; i++) {
		const struct tern_mcentral *c = &tern_tables.central[i];

		n += atomic_load_explicit(&c->nswept, memory_order_acquire);
		n += atomic_load_explicit(&c->nloose, memory_order_acquire);
	}
	return n;
}

/* List the spans with few free slots, which takes as long as the heap is large: not again before
 * there can be another. True in any case: somebody else may have listed what is wanted, or drained the
 * CPUs, after the allocation looked and before this search did. */
static bool list_spans(void)
{
	uint64_t now = freed_slots();

	/* acquire, release: who finds it so finds the spans in their lists */
	if (now != atomic_load_explicit(&tern_heap.listed_at, memory_order_acquire)) {
		tern_mcentral_list_all(tern_tables.central, &tern_heap.pages);
		atomic_store_explicit(&tern_heap.listed_at, now, memory_order_release);
	}
	return true;
}

static bool ask_handler(uint64_t n)
{
	tern_oom_handler handler = atomic_load_explicit(&oom_handler, memory_order_acquire);
	atomic_bool *busy = &in_handler[tern_port_cpu_id()];
	bool again;

	if (!handler || atomic_exchange_explicit(busy, true, memory_order_relaxed))
		return false;
	atomic_fetch_add_explicit(&tern_heap.pages.open, 1, memory_order_relaxed);
	again = handler((size_t)n << TERN_PAGE_SHIFT);
	atomic_fetch_sub_explicit(&tern_heap.pages.open, 1, memory_order_relaxed);
	atomic_store_explicit(busy, false, memory_order_relaxed);
	return again;
}

/* Look in one place. */
static bool look(enum tern_search place, uint64_t n)
{
	switch (place) {
	case TERN_SEARCH_HEAP:
		return tern_mheap_grow(&tern_heap.pages, n);
	case TERN_SEARCH_QUARANTINE:
		return tern_debug_drain();
	case TERN_SEARCH_CACHE:
		return give_caches_back();
	case TERN_SEARCH_CPUS:
		return ask_other_cpus();
	case TERN_SEARCH_SWEEP:
	case TERN_SEARCH_COLLECT:
		return tern_gchook_reclaim(n);
	case TERN_SEARCH_SPANS:
		return list_spans();
	case TERN_SEARCH_HANDLER:
		return ask_handler(n);
	}
	return false;
}

/* The next place. Growing ends by itself; what the handler frees may turn up anywhere. */
static enum tern_search after(enum tern_search place, bool found)
{
	if (place == TERN_SEARCH_HANDLER || (place == TERN_SEARCH_HEAP && found))
		return TERN_SEARCH_HEAP;
	if (place == TERN_SEARCH_SWEEP && !found)
		return TERN_SEARCH_SPANS;
	return place + 1;
}

bool tern_heap_find_memory(enum tern_search *search, uint64_t n)
{
	bool found = false, last = false;

	if (tern_port_in_interrupt())
		return tern_debug_drain();
	while (!found && !last) {
		last = *search == TERN_SEARCH_HANDLER;
		found = look(*search, n);
		*search = after(*search, found);
	}
	return found;
}

void tern_set_oom_handler(tern_oom_handler handler, size_t reserve)
{
	atomic_store_explicit(&oom_handler, handler, memory_order_release);
	tern_mheap_set_reserve(&tern_heap.pages, reserve >> TERN_PAGE_SHIFT);
}

void tern_cpu_offline(void)
{
	give_caches_back();
}
