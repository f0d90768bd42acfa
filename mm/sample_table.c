/* SPDX-License-Identifier: MIT */
/* sample_table.c - samples of allocations, by where they were made.
 *
 * Job      Add up what samples stand for, by trace and size; know which objects are samples, so that
 *          their end can be counted.
 * Owns     sites and places, which never go; a record for each sample that is in use, found by its span.
 * Locks    samples(77), for all changes; mheap(80) below it. Sites and places are read without it.
 *          Context: interrupts off; not NMIs.
 * Memory   of the heap's records. The heads of the lists are pages, taken once.
 * Go       runtime/mprof.go. Go's buckets are these sites; its samples end by specials. */
#include "mm/sample_table.h"

#include <tern/tern.h>

#include "lib/string.h"
#include "mm/heap.h"

#define HEADS 512u

struct sample {
	struct tern_fixrecord link; /* while it is free */
	struct sample *next;        /* [lock] */
	struct tern_mspan *span;
	uintptr_t addr;
	struct tern_sample_site *site;
	uint64_t bytes;
};

struct tern_sample_heads {
	_Atomic(struct tern_sample_site *) site[HEADS];   /* [atomic: release, acquire] */
	_Atomic(struct tern_sample_place *) place[HEADS]; /* likewise */
	struct sample *sample[HEADS];                     /* [lock] */
};

const struct tern_lock_class tern_samples_class = {
	.name = "samples", .rank = 77, .irq = true, .protects = "samples for the heap profile"
};
static struct tern_sample_table *const all = &tern_heap.samples;

static struct tern_sample_heads *heads(void)
{
	return atomic_load_explicit(&all->heads, memory_order_acquire);
}

bool tern_sample_table_make(void)
{
	struct tern_sample_heads *h = heads() ? NULL : tern_pages_alloc(sizeof(*h), 0, 0),
				 *none = NULL;

	if (h) {
		memset(h, 0, sizeof(*h));
		if (!atomic_compare_exchange_strong_explicit(
			    &all->heads, &none, h, memory_order_release, memory_order_relaxed))
			tern_pages_free(h, sizeof(*h));
	}
	return heads();
}

static unsigned head_of(uint64_t key)
{
	return (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 55);
}
TERN_STATIC_ASSERT(HEADS == 1u << (64 - 55), "a hash is a head's number");

static void *new_record_locked(size_t size)
{
	struct tern_mheap *h = &tern_heap.pages;
	void *r = NULL;

	tern_lock(&h->lock);
	if (tern_mheap_records_locked(h, size))
		r = tern_meta_alloc(&h->meta, size, sizeof(uint64_t));
	tern_unlock(&h->lock);
	return r;
}

/* --- sites ----------------------------------------------------------------------------------- */

static bool add_place_locked(struct tern_sample_heads *h, uintptr_t addr)
{
	_Atomic(struct tern_sample_place *) *head = &h->place[head_of(addr)];
	struct tern_sample_place *p = atomic_load_explicit(head, memory_order_relaxed), *fresh;

	while (p && p->addr != addr)
		p = p->next;
	if (p)
		return true;
	fresh = new_record_locked(sizeof(*fresh));
	if (!fresh)
		return false;
	fresh->addr = addr;
	fresh->next = atomic_load_explicit(head, memory_order_relaxed);
	atomic_store_explicit(head, fresh, memory_order_release);
	return true;
}

static uint64_t hash_of(const struct tern_trace *trace, uint64_t size)
{
	uint64_t hash = size;

	for (unsigned i = 0; i < TERN_TRACE_DEPTH; i++)
		hash = (hash ^ trace->ret[i]) * 0x9e3779b97f4a7c15ull;
	return hash;
}

static bool is_of(const struct tern_sample_site *s, const struct tern_trace *trace, uint64_t size,
		  bool manual)
{
	return s->size == size && s->manual == manual &&
	       memcmp(&s->trace, trace, sizeof(*trace)) == 0;
}

static struct tern_sample_site *make_site_locked(struct tern_sample_heads *h,
						 const struct tern_trace *trace, uint64_t size,
						 bool manual)
{
	_Atomic(struct tern_sample_site *) *head = &h->site[head_of(hash_of(trace, size))];
	struct tern_sample_site *s;

	for (unsigned i = 0; i < TERN_TRACE_DEPTH && trace->ret[i]; i++)
		if (!add_place_locked(h, trace->ret[i]))
			return NULL;
	s = new_record_locked(sizeof(*s));
	if (!s)
		return NULL;
	s->trace = *trace;
	s->size = size;
	s->manual = manual;
	s->next = atomic_load_explicit(head, memory_order_relaxed);
	atomic_store_explicit(head, s, memory_order_release);
	return s;
}

static struct tern_sample_site *site_locked(struct tern_sample_heads *h,
					    const struct tern_trace *trace, uint64_t size,
					    bool manual)
{
	struct tern_sample_site *s =
		atomic_load_explicit(&h->site[head_of(hash_of(trace, size))], memory_order_relaxed);

	while (s && !is_of(s, trace, size, manual))
		s = s->next;
	return s ? s : make_site_locked(h, trace, size, manual);
}

static void count(_Atomic uint64_t *sum, uint64_t by)
{
	atomic_fetch_add_explicit(sum, by, memory_order_relaxed);
}

/* --- samples --------------------------------------------------------------------------------- */

static struct sample **samples_of(struct tern_sample_heads *h, const struct tern_mspan *s)
{
	return &h->sample[head_of((uintptr_t)s)];
}

static struct sample *take_sample_locked(void)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct sample *r = NULL;

	tern_lock(&h->lock);
	if (all->records.free || tern_mheap_records_locked(h, sizeof(*r)))
		r = tern_fixalloc_take(&all->records, &h->meta, sizeof(*r));
	tern_unlock(&h->lock);
	return r;
}

static void free_sample_locked(struct sample *r)
{
	struct tern_mheap *h = &tern_heap.pages;

	tern_lock(&h->lock);
	tern_fixalloc_free(&all->records, r);
	tern_unlock(&h->lock);
}

static bool add_locked(struct tern_sample_heads *h, const struct tern_trace *trace,
		       struct tern_mspan *s, uintptr_t addr, uint64_t bytes)
{
	struct tern_sample_site *site =
		site_locked(h, trace, s->elemsize, !tern_spanclass_collected(s->spc));
	struct sample *r = site ? take_sample_locked() : NULL;

	if (!r)
		return false;
	r->span = s;
	r->addr = addr;
	r->site = site;
	r->bytes = bytes;
	r->next = *samples_of(h, s);
	*samples_of(h, s) = r;
	atomic_store_explicit(&s->sampled, true, memory_order_relaxed);
	count(&site->alloc_bytes, bytes);
	count(&site->inuse_bytes, bytes);
	return true;
}

bool tern_sample_table_add(const struct tern_trace *trace, struct tern_mspan *s, uintptr_t addr,
			   uint64_t bytes)
{
	struct tern_sample_heads *h = heads();
	bool done = false;

	if (h) {
		tern_lock(&all->lock);
		done = add_locked(h, trace, s, addr, bytes);
		tern_unlock(&all->lock);
	}
	if (!done)
		count(&all->lost, 1);
	return done;
}

void tern_sample_table_end(struct tern_mspan *s,
			   bool (*ends)(const struct tern_mspan *s, uintptr_t addr, uintptr_t arg),
			   uintptr_t arg)
{
	struct sample **at, *r;
	bool more = false;

	tern_lock(&all->lock);
	for (at = samples_of(heads(), s); (r = *at);) {
		if (r->span != s || !ends(s, r->addr, arg)) {
			more |= r->span == s;
			at = &r->next;
			continue;
		}
		*at = r->next;
		count(&r->site->inuse_bytes, -r->bytes);
		free_sample_locked(r);
	}
	if (!more)
		atomic_store_explicit(&s->sampled, false, memory_order_relaxed);
	tern_unlock(&all->lock);
}

/* --- all of it ------------------------------------------------------------------------------- */

void tern_sample_sites(void (*fn)(void *arg, const struct tern_sample_site *s), void *arg)
{
	struct tern_sample_heads *h = heads();

	for (unsigned i = 0; h && i < HEADS; i++)
		for (struct tern_sample_site *s =
			     atomic_load_explicit(&h->site[i], memory_order_acquire);
		     s; s = s->next)
			fn(arg, s);
}

void tern_sample_places(void (*fn)(void *arg, const struct tern_sample_place *p), void *arg)
{
	struct tern_sample_heads *h = heads();

	for (unsigned i = 0; h && i < HEADS; i++)
		for (struct tern_sample_place *p =
			     atomic_load_explicit(&h->place[i], memory_order_acquire);
		     p; p = p->next)
			fn(arg, p);
}

uint64_t tern_samples_lost(void)
{
	return atomic_load_explicit(&all->lost, memory_order_relaxed);
}
