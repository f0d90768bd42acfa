/* SPDX-License-Identifier: MIT */
/* pagealloc.h - which pages of the address space are free, and runs of them.
 *
 * Pages go by their numbers (page.h). Pages that were never given are taken. */
#ifndef MM_PAGEALLOC_H
#define MM_PAGEALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/meta.h"
#include "mm/page.h"
#include "mm/pagecache.h"
#include "mm/pallocbits.h"

#define PAGEALLOC_FAN_SHIFT 3
#define PAGEALLOC_FAN       (1u << PAGEALLOC_FAN_SHIFT)
#define PAGEALLOC_LEVELS    9 /* of nodes, at most: then one has the whole address space below it */

struct tern_pagechunk {
	struct pallocbits taken;
	struct pallocbits owned; /* was given to the heap at all */
	struct pallocbits kept;  /* taken for good: it holds the heap's own records */
	/* Free, and the machine beneath need not hold it: it was released, or never used. */
	struct pallocbits released;
};

/* Eight children: nodes, or on the lowest level chunks. One that is absent has no free page. */
struct tern_pagenode {
	struct pallocsum sum[PAGEALLOC_FAN];
	uint64_t loose; /* bit i: child i may have pages to release */
	union {
		struct tern_pagenode *node[PAGEALLOC_FAN];
		struct tern_pagechunk *chunk[PAGEALLOC_FAN];
	};
};

struct tern_pagealloc {
	struct tern_meta *meta;
	struct tern_pagenode *top; /* NULL: nothing was given */
	unsigned level;            /* the top's: so many levels of nodes are below it */
	uint64_t first;            /* the first page below it */
	struct pallocsum sum;      /* of all of them */
	uint64_t nowned;           /* pages that were given */
	uint64_t nfree;
	uint64_t nreleased;  /* of the free ones */
	uint64_t nreleasing; /* taken by tern_pagealloc_take_unreleased(), and not back yet */
	uint64_t peak;       /* the most pages in use since its owner set it */
};

/* clang-format off */
#define TERN_PAGEALLOC_INIT(meta_) { .meta = (meta_) }
/* clang-format on */
/* What records one chunk may take, at most: where there was no page above and below it. */
#define TERN_PAGEALLOC_RECORDS_MAX                                                                 \
	(2 * PAGEALLOC_LEVELS * sizeof(struct tern_pagenode) + sizeof(struct tern_pagechunk))

/* Give pages [first, first + n) to the allocator; those that it has already are passed over. False
 * when there is no memory for records; then a beginning of the range may have been given, and
 * *given says how many pages of it are done with. */
bool tern_pagealloc_give(struct tern_pagealloc *p, uint64_t first, uint64_t n, uint64_t *given);

/* Take the lowest run of n free pages. TERN_NO_PAGE if there is none. n > 0. */
uint64_t tern_pagealloc_take(struct tern_pagealloc *p, uint64_t n);
/* The same, starting at a multiple of align pages (a power of two), and ending at or below page
 * `below`. */
uint64_t tern_pagealloc_take_where(struct tern_pagealloc *p, uint64_t n, uint64_t align,
				   uint64_t below);
/* Take exactly these; false, and nothing done, unless all are free. */
bool tern_pagealloc_take_at(struct tern_pagealloc *p, uint64_t first, uint64_t n);
/* Free pages, any part of what was taken. All must be owned and taken. */
void tern_pagealloc_free(struct tern_pagealloc *p, uint64_t first, uint64_t n);

/* The first pages of [first, first + n) that were never given: at most `most`, in one chunk. */
struct tern_piece tern_pagealloc_first_fresh(const struct tern_pagealloc *p, uint64_t first,
					     uint64_t n, uint32_t most);
/* Pages that are taken are so for good. */
void tern_pagealloc_keep(struct tern_pagealloc *p, uint64_t first, uint64_t n);

/* Take up to `most` free pages, the lowest there are, that lie in one aligned window of 64. False if
 * nothing is free. */
bool tern_pagealloc_take_window(struct tern_pagealloc *p, unsigned most, struct tern_pagecache *c);
/* Free what a window holds; it holds something. */
void tern_pagealloc_free_window(struct tern_pagealloc *p, const struct tern_pagecache *c);

/* The chunk that holds a page or, if there is none, the next, whose first page it is then; NULL at the
 * end. */
const struct tern_pagechunk *tern_pagealloc_next_chunk(const struct tern_pagealloc *p,
						       uint64_t *page);
/* Take the highest run of free pages that are not released: whole groups of one chunk, `most` pages
 * rounded up to groups, or fewer. n = 0 if there is none. They are not in use meanwhile: give them
 * back by tern_pagealloc_put_back(). */
struct tern_piece tern_pagealloc_take_unreleased(struct tern_pagealloc *p, uint64_t most);
void tern_pagealloc_put_back(struct tern_pagealloc *p, struct tern_piece run, bool released);

static inline uint64_t tern_pagealloc_longest(const struct tern_pagealloc *p)
{
	return p->sum.max;
}

/* Pages that are taken for any use, with those that are kept. */
static inline uint64_t tern_pagealloc_in_use(const struct tern_pagealloc *p)
{
	return p->nowned - p->nfree - p->nreleasing;
}

/* True if all of [first, first + n) is taken, and not for good: what may be freed. */
bool tern_pagealloc_is_taken(const struct tern_pagealloc *p, uint64_t first, uint64_t n);
/* The invariants, all of them: summaries as rebuilt from the bits, and counts. */
bool tern_pagealloc_check(const struct tern_pagealloc *p);

#endif
