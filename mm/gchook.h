/* SPDX-License-Identifier: MIT */
/* gchook.h - the one door that leads up from the allocator to the collector.
 *
 * The allocator knows that objects of some kinds may be marked and swept, and how; it does not know
 * when, and works without anybody who does. Whoever collects gives these functions, once. */
#ifndef MM_GCHOOK_H
#define MM_GCHOOK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"

struct tern_gchooks {
	/* Collected memory is about to be taken from the heap, so many bytes at a time, of which each
	 * object has so many: not for each object. May collect. No lock is held; interrupts and context
	 * are those of the call into tern, so they may be off. Returns what they cost beyond what was
	 * paid now, 0 if that was all. */
	size_t (*allocating)(size_t bytes, size_t each);
	/* Pay a part of that, before each of them until it is 0. Returns what is left. Likewise. */
	size_t (*paying)(size_t owed, size_t each);
	/* There is no memory for n pages: try to make some. Likewise. True if some was made. */
	bool (*reclaim)(uint64_t npages);
	/* What may be pointers was copied into a new object. */
	void (*filled)(const void *object, size_t size);
};

/* [atomic: release by who sets it, acquire] NULL: nobody collects */
extern const struct tern_gchooks *_Atomic tern_gchooks;

static inline size_t tern_gchook_allocating(size_t bytes, size_t each)
{
	const struct tern_gchooks *h = atomic_load_explicit(&tern_gchooks, memory_order_acquire);

	return unlikely(h) ? h->allocating(bytes, each) : 0;
}

static inline size_t tern_gchook_paying(size_t owed, size_t each)
{
	const struct tern_gchooks *h = atomic_load_explicit(&tern_gchooks, memory_order_acquire);

	return h ? h->paying(owed, each) : 0;
}

static inline void tern_gchook_filled(const void *object, size_t size)
{
	const struct tern_gchooks *h = atomic_load_explicit(&tern_gchooks, memory_order_acquire);

	if (unlikely(h))
		h->filled(object, size);
}

static inline bool tern_gchook_reclaim(uint64_t npages)
{
	const struct tern_gchooks *h = atomic_load_explicit(&tern_gchooks, memory_order_acquire);

	return h && h->reclaim(npages);
}

#endif
