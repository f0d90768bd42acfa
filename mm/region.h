/* SPDX-License-Identifier: MIT */
/* region.h - memory that the kernel has handed over and the heap has not touched yet. */
#ifndef MM_REGION_H
#define MM_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/meta.h"
#include "mm/pagealloc.h"

struct tern_region {
	struct tern_region *next;
	uint64_t first, end; /* pages */
	bool zeroed;         /* all of it reads as zero */
};

/* First in, first out: what was handed over first is used first. */
struct tern_regions {
	struct tern_region *head, *tail;
	struct tern_region *spare; /* records that are empty */
	uint64_t npages;           /* in all regions */
};

/* The whole pages of [start, start + size) that can be addressed at all: those in the low half of the
 * address space, without page 0, and those in the high half, without the last. False when the end
 * lies past 2^64. */
bool tern_region_trim(uint64_t start, uint64_t size, struct tern_piece piece[2]);

/* O(1). False when there is no memory for a record. */
bool tern_regions_add(struct tern_regions *r, struct tern_piece piece, bool zeroed,
		      struct tern_meta *meta);

/* Take the beginning of the first region that has n pages, or of the first region at all: n pages,
 * or up to the next multiple of `border` pages if that is more, or what there is. */
struct tern_piece tern_regions_take(struct tern_regions *r, uint64_t n, uint64_t border,
				    bool *zeroed);

#endif
