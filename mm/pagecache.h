/* SPDX-License-Identifier: MIT */
/* pagecache.h - up to 64 free pages for one CPU, so that taking one needs no lock.
 *
 * The pages lie in one aligned window of 64; for the page allocator they are taken. Locks: none;
 * the CPU that owns the cache uses it with interrupts off. Go: runtime/mpagecache.go. */
#ifndef MM_PAGECACHE_H
#define MM_PAGECACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/bits.h"
#include "lib/compiler.h"
#include "mm/page.h"

#define TERN_PAGECACHE_PAGES 64u

struct tern_pagecache {
	uint64_t base;         /* page number of the window, a multiple of 64 */
	_Atomic uint64_t free; /* bit i: page base + i is free, and here; others may count them */
	uint64_t other;        /* another window, in which pages were freed lately ... */
	unsigned nother;       /* ... so many one after another */
	unsigned most;         /* pages that freeing may bring the cache to */
};

static inline uint64_t tern_pagecache_bits(const struct tern_pagecache *c)
{
	return atomic_load_explicit(&c->free, memory_order_relaxed);
}

static inline void tern_pagecache_set(struct tern_pagecache *c, uint64_t base, uint64_t free)
{
	c->base = base;
	atomic_store_explicit(&c->free, free, memory_order_relaxed);
}

/* The lowest run of n pages, 0 < n <= 64; TERN_NO_PAGE if there is none. */
static inline uint64_t tern_pagecache_take(struct tern_pagecache *c, unsigned n)
{
	uint64_t free = tern_pagecache_bits(c), runs = runs_of_bits(free, n);
	unsigned i;

	if (!runs)
		return TERN_NO_PAGE;
	i = (unsigned)__builtin_ctzll(runs);
	tern_pagecache_set(c, c->base, free & ~bits_at(i, n));
	return c->base + i;
}

/* The run of n pages, 0 < n <= 64, as bits of the window from base on; 0 unless all of it lies there, or if
 * there is no window. */
static inline uint64_t tern_pagecache_bits_of(uint64_t base, uint64_t page, unsigned n)
{
	uint64_t i = page - base;

	if (i > TERN_PAGECACHE_PAGES - n || !base)
		return 0;
	return likely(n == 1) ? 1ull << i : bits_at(i, n);
}

/* False, and nothing done, unless the run of n pages, 0 < n <= 64, lies in the window, and there is room. */
static inline bool tern_pagecache_put(struct tern_pagecache *c, uint64_t page, unsigned n)
{
	uint64_t free = tern_pagecache_bits(c), bits = tern_pagecache_bits_of(c->base, page, n);

	if (!bits || (c->most < TERN_PAGECACHE_PAGES && count_bits(free) + n > c->most))
		return false;
	tern_pagecache_set(c, c->base, free | bits);
	return true;
}

#endif
