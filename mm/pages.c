/* SPDX-License-Identifier: MIT */
/* pages.c - regions and runs of pages, for anybody: the public calls on *the* heap.
 *
 * Job      Turn bytes into pages, refuse what cannot be meant, and hand on to mheap.
 * Owns     the heap.   Below  mheap.
 * Locks    mheap's.   Context: see include/tern/tern.h. */
#include <tern/tern.h>

#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/mheap.h"

#define ALIGN_MAX GiB(1)

TERN_STATIC_ASSERT(TERN_HEAP_PAGE == TERN_PAGE_SIZE, "the public page is the heap's");

static struct tern_mheap the_heap = TERN_MHEAP_INIT(the_heap);

enum tern_result tern_add_region(uintptr_t start, size_t size)
{
	struct tern_piece piece;

	if (!tern_region_trim(start, size, &piece))
		return TERN_EINVAL;
	return tern_mheap_add(&the_heap, piece) ? TERN_OK : TERN_ENOMEM;
}

static uint64_t pages_of(size_t size)
{
	return (size >> TERN_PAGE_SHIFT) + !is_aligned(size, TERN_PAGE_SIZE);
}

void *tern_pages_alloc(size_t size, size_t align, uintptr_t below)
{
	uint64_t end = below ? below >> TERN_PAGE_SHIFT : TERN_PAGES_END;
	uint64_t first;

	if (align == 0)
		align = TERN_PAGE_SIZE;
	if (size == 0 || !is_pow2(align) || align > ALIGN_MAX)
		return NULL;
	first = tern_mheap_take(&the_heap, pages_of(size), pages_of(align), end);
	return first == TERN_NO_PAGE ? NULL : (void *)((uintptr_t)first << TERN_PAGE_SHIFT);
}

void tern_pages_free(void *start, size_t size)
{
	uintptr_t addr = (uintptr_t)start;

	if (!start)
		return;
	TERN_CHECK(is_aligned(addr, TERN_PAGE_SIZE) && size > 0 &&
			   tern_mheap_free(&the_heap, addr >> TERN_PAGE_SHIFT, pages_of(size)),
		   "tern_pages_free: 0x%lx, %zu bytes: not all of it is in use",
		   (unsigned long)addr, size);
}

void tern_page_stats(struct tern_page_stats *stats)
{
	struct tern_mheap_stats s;

	tern_mheap_stats(&the_heap, &s);
	*stats = (struct tern_page_stats){
		.waiting = s.waiting,
		.free = s.free,
		.used = s.used,
		.records = s.meta,
		.longest_free = s.longest_free,
	};
}
