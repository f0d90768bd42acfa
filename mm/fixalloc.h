/* SPDX-License-Identifier: MIT */
/* fixalloc.h - records of one size, that come and go; from meta, never given back to it. */
#ifndef MM_FIXALLOC_H
#define MM_FIXALLOC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/meta.h"

/* The first word of a record is a link, here and perhaps in its owner's lists: always an atomic
 * one, as lock-free lists look at it through stale pointers. */
struct tern_fixrecord {
	_Atomic(struct tern_fixrecord *) next;
};

struct tern_fixalloc {
	struct tern_fixrecord *free; /* [owner's lock] */
	size_t used, all;            /* [owner's lock] records */
};

/* Aligned to 8; NULL when meta has none. A new record is clear; one that was freed is as it was left,
 * as it may still be looked at. Size must be the same in every call on one allocator. */
void *tern_fixalloc_take(struct tern_fixalloc *f, struct tern_meta *meta, size_t size);
/* One that was freed; NULL if there is none. */
void *tern_fixalloc_again(struct tern_fixalloc *f);
/* The record stays readable for ever: who holds a stale pointer reads a record, and not chaos. */
void tern_fixalloc_free(struct tern_fixalloc *f, void *record);
/* n of them, of which each is the link of the one before. */
void tern_fixalloc_free_list(struct tern_fixalloc *f, void *first, void *last, size_t n);

#endif
