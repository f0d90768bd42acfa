/* SPDX-License-Identifier: MIT */
/* pool.h - objects that are used for a short time, again and again: Go's sync.Pool.
 *
 *	static void *new_buffer(void)
 *	{
 *		return tern_alloc_noscan(4096);
 *	}
 *	static struct tern_pool buffers = TERN_POOL_INIT(new_buffer);
 *	...
 *	char *b = tern_pool_get(&buffers);
 *	...
 *	tern_pool_put(&buffers, b);
 *
 * Each CPU has its own objects, and takes others' only when it has none. A pool does not keep what
 * nobody asks for: an object that lies in it over two cycles of the collector is dropped. Until then the
 * pool keeps it alive. Without a collector nothing is dropped. So what is put into a pool should be a
 * collected object: one of tern_malloc() would never be freed. */
#ifndef TERN_POOL_H
#define TERN_POOL_H

#include <tern/tern.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct tern_pool {
	void *(*new_fn)(
		void); /* makes an object when the pool has none; NULL: there is none then */
	void *shelf;   /* tern's */
};

/* clang-format off */
#define TERN_POOL_INIT(new_fn) { new_fn, NULL }
/* clang-format on */

/**
 * tern_pool_get - an object from the pool, any of those that were put there; else a new one
 *
 * NULL if there is none, and new_fn is NULL or returns NULL. new_fn is called with no lock held, in
 * the caller's context, and may use the pool. Context as tern_alloc(): interrupt handlers too, where
 * new_fn must be fit for it.
 */
void *tern_pool_get(struct tern_pool *pool);
/**
 * tern_pool_put - give an object to the pool; whoever gets it finds it as it is now
 * @p: NULL does nothing; nobody uses it any more, and it is not in the pool already
 *
 * When there is no memory to note it down, it is dropped: left to the collector. Context as
 * tern_alloc().
 */
void tern_pool_put(struct tern_pool *pool, void *p);
/**
 * tern_pool_destroy - before a pool's own memory ends: what is in it is dropped
 *
 * Nobody else uses the pool meanwhile. Afterwards it is empty, and may be used again. Threads, or
 * with interrupts off.
 */
void tern_pool_destroy(struct tern_pool *pool);

struct tern_pool_stats {
	uint64_t fresh;   /* objects that were put there since the last cycle */
	uint64_t old;     /* ... before: the next cycle drops them */
	uint64_t gets;    /* asked for, by CPUs that had put something there before */
	uint64_t reused;  /* of them, found in the pool */
	uint64_t dropped; /* by cycles, or for want of memory */
};

/**
 * tern_pool_stats - what is in a pool; while others use it, as it was at different moments
 */
void tern_pool_stats(const struct tern_pool *pool, struct tern_pool_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
