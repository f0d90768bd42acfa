/* SPDX-License-Identifier: MIT */
/* fixalloc.c - records of one size.
 *
 * Job      Give a record, the one that came back last if there is any.
 * Owns     its free records.   Below  meta.
 * Locks    the owner's.   Context: the owner's.
 * Go       runtime/mfixalloc.go. */
#include "mm/fixalloc.h"

#include "lib/assert.h"

void *tern_fixalloc_take(struct tern_fixalloc *f, struct tern_meta *meta, size_t size)
{
	struct tern_fixrecord *r = tern_fixalloc_again(f);

	TERN_ASSERT(size >= sizeof(*r));
	if (r)
		return r;
	r = tern_meta_alloc(meta, size, sizeof(uint64_t));
	if (!r)
		return NULL;
	f->all++;
	f->used++;
	return r;
}

void *tern_fixalloc_again(struct tern_fixalloc *f)
{
	struct tern_fixrecord *r = f->free;

	if (!r)
		return NULL;
	f->free = atomic_load_explicit(&r->next, memory_order_relaxed);
	f->used++;
	return r;
}

void tern_fixalloc_free_list(struct tern_fixalloc *f, void *first, void *last, size_t n)
{
	struct tern_fixrecord *r = last;

	TERN_ASSERT(f->used >= n);
	atomic_store_explicit(&r->next, f->free, memory_order_relaxed);
	f->free = first;
	f->used -= n;
}

void tern_fixalloc_free(struct tern_fixalloc *f, void *record)
{
	tern_fixalloc_free_list(f, record, record, 1);
}
