/* SPDX-License-Identifier: MIT */
/* malloc.h - between malloc.c and realloc.c: what both know of objects. */
#ifndef MM_MALLOC_H
#define MM_MALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/bits.h"
#include "mm/debug.h"
#include "mm/mcache.h"

/* What crumbs share. */
#define TERN_TINY_BLOCK 16u
/* The largest size that has a class. */
#define TERN_SMALL_OBJECT_MAX (TERN_SMALL_MAX - TERN_DEBUG_REDZONE)

/* The object of size 0. */
extern char tern_zero_size[16];

static inline uint64_t tern_pages_for(size_t size)
{
	return (size >> TERN_PAGE_SHIFT) + !is_aligned(size, TERN_PAGE_SIZE);
}

/* The span of an object in use that begins at p; panics in the name of the call if there is none. */
struct tern_mspan *tern_span_of_object(const char *call, const void *p);
/* How much of its block a crumb may have, its own size being known to nobody; 0 if p is no crumb. */
size_t tern_crumb_room(const void *p);

/* Of an object that begins at p. */
static inline size_t tern_bytes_of(const struct tern_mspan *s, const void *p)
{
	return s->elemsize - tern_debug_rest(s, p);
}

/* A large object is there: it counts, its margins as a run of pages. Interrupts are off. */
void tern_count_large(struct tern_mcache *c, enum tern_kind kind, const struct tern_mspan *s);
/* The heap profile may want to know it. */
void tern_sample_if_wanted(struct tern_mspan *s, enum tern_kind kind);

#endif
