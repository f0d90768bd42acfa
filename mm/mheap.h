/* SPDX-License-Identifier: MIT */
/* mheap.h - the pages of a heap: from regions that a kernel hands over to runs that are in use. */
#ifndef MM_MHEAP_H
#define MM_MHEAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/lock.h"
#include "mm/meta.h"
#include "mm/pagealloc.h"
#include "mm/region.h"

/* Memory is taken from regions up to the next multiple of this: an arena. */
#define TERN_ARENA_SIZE  ((uintptr_t)64 << 20)
#define TERN_ARENA_PAGES (TERN_ARENA_SIZE >> TERN_PAGE_SHIFT)

struct tern_mheap {
	struct tern_lock lock;
	struct tern_regions regions; /* [lock] */
	struct tern_meta meta;       /* [lock] */
	struct tern_pagealloc pages; /* [lock] */
	uint64_t nmeta;              /* [lock] pages that hold records */
	atomic_uint growing; /* [atomic: release by who grew, acquire by who waits] CPUs that
				      * have taken a piece and not made pages of it yet */
};

struct tern_mheap_stats {
	uint64_t waiting; /* bytes in regions that were not touched yet */
	uint64_t free, used, meta;
	uint64_t longest_free;
};

/* Static heaps need no call before the first: TERN_MHEAP_INIT(name). */
extern const struct tern_lock_class tern_mheap_class;
#define TERN_MHEAP_INIT(name)                                                                      \
	{                                                                                          \
		.lock = TERN_LOCK_INIT(&tern_mheap_class), .meta = TERN_META_INIT,                 \
		.pages = TERN_PAGEALLOC_INIT(&(name).meta),                                        \
	}
void tern_mheap_init(struct tern_mheap *h);
/* Hand over a piece. False when there is no memory for a record of it, which takes a piece that is
 * all overlap. */
bool tern_mheap_add(struct tern_mheap *h, struct tern_piece piece);
/* n pages, aligned to `align` pages, below page `below`: the lowest there are, and more from the
 * regions when those do not do. TERN_NO_PAGE when there is no such run. */
uint64_t tern_mheap_take(struct tern_mheap *h, uint64_t n, uint64_t align, uint64_t below);
/* False, and nothing done, if any of them is not in use. */
bool tern_mheap_free(struct tern_mheap *h, uint64_t first, uint64_t n);
void tern_mheap_stats(struct tern_mheap *h, struct tern_mheap_stats *s);
bool tern_mheap_check(struct tern_mheap *h);

#endif
