/* SPDX-License-Identifier: MIT */
/* realloc.c - objects that change their size.
 *
 * Job      Leave an object where it is if it fits; a large one takes pages behind it or gives some back, or
 *          has its pages mapped where there is room (remap.c); else make another one, and copy.
 * Above    tern.h.   Below  malloc.c, which makes and frees.
 * Locks    mheap(80), below.   Context: tern.h.
 * Go       has no realloc. */
#include <tern/tern.h>

#include "lib/assert.h"
#include "lib/compiler.h"
#include "lib/irq.h"
#include "lib/string.h"
#include "mm/debug.h"
#include "mm/gchook.h"
#include "mm/heap.h"
#include "mm/large.h"
#include "mm/malloc.h"
#include "mm/remap.h"
#include "mm/special.h"
#include "mm/typed.h"

static void count_resized(struct tern_mcache *c, const struct tern_mspan *s, size_t old)
{
	struct tern_large_counts *n = &c->large[tern_spanclass_kind(s->spc)];

	if (s->elemsize > old)
		tern_mcache_count_any(c, &n->malloc_bytes, s->elemsize - old);
	else
		tern_mcache_count_any(c, &n->free_bytes, old - s->elemsize);
	if (tern_spanclass_collected(s->spc))
		tern_heap_change_live(s->elemsize - old);
}

/* Who marks adds its size up when he comes to it, and what is new beside him comes on top: so he comes to
 * it first, if he has not. */
static bool resize_and_count(struct tern_mspan *s, uint64_t n)
{
	unsigned long irq = tern_irq_save();
	size_t old = s->elemsize;
	bool resized;

	if (tern_mheap_marking(&tern_heap.pages, s->spc))
		tern_gchook_filled(&s->base, sizeof(s->base));
	resized = tern_mheap_resize(&tern_heap.pages, s, n);
	if (resized)
		count_resized(tern_heap_cache(), s, old);
	tern_irq_restore(irq);
	return resized;
}

static bool resize_remapped(struct tern_mspan *s, uint64_t n)
{
	size_t old = s->elemsize;
	unsigned long irq;

	if (!tern_remap_resize(s, n))
		return false;
	irq = tern_irq_save();
	count_resized(tern_heap_cache(), s, old);
	tern_irq_restore(irq);
	return true;
}

static bool resize_large(struct tern_mspan *s, size_t size)
{
	uint64_t n = tern_pages_for(size);
	size_t old = s->elemsize;

	if (n == s->npages || (n < s->npages && tern_mheap_marking(&tern_heap.pages, s->spc)))
		return true;
	if (!(tern_mspan_remap(s) ? resize_remapped(s, n) : resize_and_count(s, n)))
		return false;
	if (unlikely(tern_special_any(s)))
		tern_special_cut(&tern_heap.pages, s);
	/* A collector may take what it finds there for pointers. */
	if (s->elemsize > old && tern_spanclass_kind(s->spc) != TERN_KIND_MANUAL) {
		memset((void *)(s->base + old), 0, s->elemsize - old);
		s->needzero = false;
	}
	return true;
}

/* What the bytes will hold, nobody said. */
static void forget_type(struct tern_mspan *s, const void *p)
{
	if (tern_spanclass_kind(s->spc) == TERN_KIND_TYPED)
		tern_typed_forget(s, tern_mspan_slot(s, (uintptr_t)p));
}

/* A small object stays where it is unless it would waste more than half of it. */
static bool resize(struct tern_mspan *s, size_t size)
{
	if (s->magic == 0)
		return size > TERN_SMALL_OBJECT_MAX && size <= PTRDIFF_MAX && resize_large(s, size);
	return size <= s->elemsize - TERN_DEBUG_REDZONE &&
	       (size > s->elemsize / 2 || s->elemsize <= TERN_TINY_BLOCK);
}

/* An object of its own, however small: no crumb, and not the one of size 0. */
static void *take_kind(enum tern_kind kind, size_t size)
{
	switch (kind) {
	case TERN_KIND_SCAN:
	case TERN_KIND_TYPED:
		return tern_alloc(size ? size : 1);
	case TERN_KIND_NOSCAN:
		return tern_alloc_noscan(size < TERN_TINY_BLOCK ? TERN_TINY_BLOCK : size);
	default:
		return tern_malloc(size);
	}
}

static void copy(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	tern_gchook_filled(to, size);
}

/* Another object with what it shares with the one at p, which has `old` bytes. */
static void *copy_of(const void *p, size_t old, enum tern_kind kind, size_t size)
{
	void *q = take_kind(kind, size);

	if (q)
		copy(q, p, old < size ? old : size);
	return q;
}

/* The object with its pages at other addresses, where it may grow; NULL if that cannot be. */
static void *remap(struct tern_mspan *s, size_t old, size_t size)
{
	struct tern_mspan *to;
	unsigned long irq;

	if (size <= old || size > PTRDIFF_MAX || !tern_remap_suits(s))
		return NULL;
	to = tern_remap_move(s, tern_pages_for(size));
	if (!to)
		return NULL;
	irq = tern_irq_save();
	tern_count_large(tern_heap_cache(), TERN_KIND_MANUAL, to);
	tern_irq_restore(irq);
	tern_sample_if_wanted(to, TERN_KIND_MANUAL);
	tern_debug_moved((void *)to->base, old, size);
	return (void *)to->base;
}

void *tern_realloc(void *p, size_t size)
{
	struct tern_mspan *s;
	size_t old;
	void *q;

	if (!p || p == tern_zero_size)
		return tern_malloc(size);
	if (tern_crumb_room(p))
		return copy_of(p, tern_crumb_room(p), TERN_KIND_NOSCAN, size);
	s = tern_span_of_object("tern_realloc", p);
	tern_debug_check("tern_realloc", s, p);
	old = tern_bytes_of(s, p);
	if (resize(s, size)) {
		tern_debug_resized(s, p, old, size);
		forget_type(s, p);
		return p;
	}
	q = remap(s, old, size);
	if (q)
		return q;
	q = copy_of(p, tern_bytes_of(s, p), tern_spanclass_kind(s->spc), size);
	if (q)
		tern_free(p);
	return q;
}

void *tern_renew_array(void *p, const struct tern_type *type, size_t n)
{
	void *q = tern_new_array(type, n);
	size_t old;

	if (!q || !p || p == tern_zero_size)
		return q;
	old = tern_crumb_room(p) ? tern_crumb_room(p)
				 : tern_bytes_of(tern_span_of_object("tern_renew_array", p), p);
	copy(q, p, old < n * type->size ? old : n * type->size);
	tern_free(p);
	return q;
}
