/* SPDX-License-Identifier: MIT */
/* debug_sites.c - traces, each kept once.
 *
 * Job      Give a trace a number of 32 bits, so that an object can keep two of them.
 * Owns     records of the heap with the traces; they never go.
 * Locks    mheap(80) to put one in; none to find it: what is in a bucket never changes.
 * Context  as the calls that lead here; debug builds only. */
#include "mm/debug.h"

#if TERN_DEBUG

#include "mm/mheap.h"

static struct tern_site *site(const struct tern_sites *t, uint32_t number)
{
	uint32_t i = number - 1;

	return atomic_load_explicit(&t->chunk[i / TERN_SITE_CHUNK], memory_order_relaxed) +
	       i % TERN_SITE_CHUNK;
}

static uint32_t bucket_of(const struct tern_trace *trace)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < TERN_TRACE_DEPTH; i++)
		hash = (hash ^ trace->ret[i]) * 0x9e3779b97f4a7c15ull;
	return (uint32_t)(hash >> 40) % TERN_SITE_BUCKETS;
}

static bool same(const struct tern_trace *a, const struct tern_trace *b)
{
	for (unsigned i = 0; i < TERN_TRACE_DEPTH; i++)
		if (a->ret[i] != b->ret[i])
			return false;
	return true;
}

static uint32_t look_for(const struct tern_sites *t, const struct tern_trace *trace)
{
	uint32_t n = atomic_load_explicit(&t->bucket[bucket_of(trace)], memory_order_acquire);

	while (n && !same(&site(t, n)->trace, trace))
		n = site(t, n)->next;
	return n;
}

static bool have_room_locked(struct tern_sites *t, struct tern_mheap *h)
{
	const size_t size = TERN_SITE_CHUNK * sizeof(struct tern_site);
	struct tern_site *chunk;

	if (t->n % TERN_SITE_CHUNK)
		return true;
	if (t->n == TERN_SITES_MAX || !tern_mheap_records_locked(h, size + TERN_CACHE_LINE))
		return false;
	chunk = tern_meta_alloc(&h->meta, size, sizeof(uint64_t));
	atomic_store_explicit(&t->chunk[t->n / TERN_SITE_CHUNK], chunk, memory_order_relaxed);
	return chunk;
}

static uint32_t put_in_locked(struct tern_sites *t, const struct tern_trace *trace)
{
	_Atomic uint32_t *bucket = &t->bucket[bucket_of(trace)];
	uint32_t number = ++t->n;

	*site(t, number) = (struct tern_site){
		.trace = *trace,
		.next = atomic_load_explicit(bucket, memory_order_relaxed),
	};
	atomic_store_explicit(bucket, number, memory_order_release);
	return number;
}

/* The last quarter is for traces without their outer half: there are fewer of these. */
static void cut_locked(const struct tern_sites *t, struct tern_trace *trace)
{
	if (t->n >= TERN_SITES_MAX / 4 * 3)
		for (unsigned i = TERN_TRACE_DEPTH / 2; i < TERN_TRACE_DEPTH; i++)
			trace->ret[i] = 0;
}

uint32_t tern_sites_number(struct tern_sites *t, struct tern_mheap *h, struct tern_trace trace)
{
	uint32_t number = look_for(t, &trace);
	unsigned long irq;

	if (number)
		return number;
	irq = tern_lock_irqsave(&h->lock);
	cut_locked(t, &trace);
	/* Another CPU may have come first. */
	number = look_for(t, &trace);
	if (!number && have_room_locked(t, h))
		number = put_in_locked(t, &trace);
	tern_unlock_irqrestore(&h->lock, irq);
	return number;
}

struct tern_trace tern_sites_trace(const struct tern_sites *t, uint32_t number)
{
	return number ? site(t, number)->trace : (struct tern_trace){ { 0 } };
}

#endif
