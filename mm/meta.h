/* SPDX-License-Identifier: MIT */
/* meta.h - memory for the heap's own records: never collected, never given back. */
#ifndef MM_META_H
#define MM_META_H

#include <stddef.h>
#include <stdint.h>

struct tern_meta {
	uintptr_t next, end; /* [owner's lock] what is left of the piece in use */
	size_t used, wasted; /* [owner's lock] bytes handed out; bytes lost to alignment and ends */
	size_t fail_after;   /* tests: this many allocations succeed, then none; SIZE_MAX: never */
};

/* clang-format off */
#define TERN_META_INIT { .fail_after = SIZE_MAX }
/* clang-format on */

/* Use [start, start + size) from now on; what was left of the piece before is given up. */
void tern_meta_feed(struct tern_meta *m, uintptr_t start, size_t size);
/* Cleared memory, or NULL when the piece has no room: the owner feeds and asks again. align is a
 * power of two. */
void *tern_meta_alloc(struct tern_meta *m, size_t size, size_t align);

#endif
