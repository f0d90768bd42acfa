/* SPDX-License-Identifier: MIT */
/* region.c - memory that the kernel has handed over and the heap has not touched yet.
 *
 * Job      Remember regions, any number, in any order, of any shape; give pieces of them out.
 * Owns     the records, from meta. Nothing in a region is read or written here.
 * Locks    the owner's.   Context: the owner's.
 * Holds    no region is empty; npages is the sum of all. Regions may overlap each other: who
 *          makes pages of a piece passes over those that he has (pagealloc.c). */
#include "mm/region.h"

#include "lib/assert.h"
#include "lib/bits.h"

/* The whole pages in [start, last] that lie in one half, whose first page is nobody's if it is at
 * address 0, and whose last page is nobody's if it ends at 2^64: no end and no address is 0. */
static struct tern_piece trim_to(uint64_t start, uint64_t last, uint64_t low, uint64_t high)
{
	uint64_t first, end;

	if (start < low)
		start = low;
	if (last > high)
		last = high;
	if (start > last)
		return (struct tern_piece){ 0, 0 };
	first = tern_page_of(start) + !is_aligned(start, TERN_PAGE_SIZE);
	end = tern_page_of(last) + is_aligned(last + 1, TERN_PAGE_SIZE);
	return (struct tern_piece){ first, first < end ? end - first : 0 };
}

bool tern_region_trim(uint64_t start, uint64_t size, struct tern_piece piece[2])
{
	piece[0] = piece[1] = (struct tern_piece){ 0, 0 };
	if (size == 0)
		return true;
	/* By the last byte, so that a region that ends at 2^64 does not wrap. */
	if (size - 1 > UINT64_MAX - start)
		return false;
	piece[0] = trim_to(start, start + (size - 1), TERN_PAGE_SIZE, TERN_HALF - 1);
	piece[1] = trim_to(start, start + (size - 1), -TERN_HALF, -TERN_PAGE_SIZE - 1);
	return true;
}

static struct tern_region *new_record(struct tern_regions *r, struct tern_meta *meta)
{
	struct tern_region *region = r->spare;

	if (!region)
		return tern_meta_alloc(meta, sizeof(*region), sizeof(uint64_t));
	r->spare = region->next;
	return region;
}

bool tern_regions_add(struct tern_regions *r, struct tern_piece piece, bool zeroed,
		      struct tern_meta *meta)
{
	struct tern_region *region;

	if (piece.n == 0)
		return true;
	if (r->tail && r->tail->end == piece.first && r->tail->zeroed == zeroed) {
		r->tail->end += piece.n;
		r->npages += piece.n;
		return true;
	}
	region = new_record(r, meta);
	if (!region)
		return false;
	*region = (struct tern_region){ .first = piece.first,
					.end = piece.first + piece.n,
					.zeroed = zeroed };
	if (r->tail)
		r->tail->next = region;
	else
		r->head = region;
	r->tail = region;
	r->npages += piece.n;
	return true;
}

/* The link that leads to the first region with n pages, or to the first. */
static struct tern_region **find(struct tern_regions *r, uint64_t n, struct tern_region **before)
{
	struct tern_region *last = NULL;

	*before = NULL;
	for (struct tern_region **link = &r->head; *link; link = &(*link)->next) {
		if ((*link)->end - (*link)->first >= n) {
			*before = last;
			return link;
		}
		last = *link;
	}
	return &r->head;
}

struct tern_piece tern_regions_take(struct tern_regions *r, uint64_t n, uint64_t border,
				    bool *zeroed)
{
	struct tern_region *before, **link = find(r, n, &before), *region = *link;
	struct tern_piece piece;
	uint64_t stop;

	TERN_ASSERT(is_pow2(border));
	if (!region)
		return (struct tern_piece){ 0, 0 };
	*zeroed = region->zeroed;
	stop = align_up(region->first + 1, border);
	if (stop < region->first + n)
		stop = region->first + n;
	if (stop > region->end)
		stop = region->end;
	piece = (struct tern_piece){ region->first, stop - region->first };
	region->first = stop;
	r->npages -= piece.n;
	if (region->first == region->end) {
		*link = region->next;
		if (r->tail == region)
			r->tail = before;
		region->next = r->spare;
		r->spare = region;
	}
	return piece;
}
