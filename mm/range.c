/* SPDX-License-Identifier: MIT */
/* range.c - addresses apart from those of memory: see range.h.
 *
 * Job      Have the kernel reserve them; make the tables that lead from them to a span.
 * Above    growing.c, remap.c.   Below  the port, mheap.
 * Locks    mheap(80).   Context: threads. */
#include "mm/range.h"

#include <tern/port.h>

#include "lib/assert.h"
#include "mm/heap.h"

static bool make_tables_once(struct tern_range r)
{
	struct tern_mheap *h = &tern_heap.pages;
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool made = tern_mheap_tables_locked(h, tern_page_of(r.start), r.size >> TERN_PAGE_SHIFT);

	tern_unlock_irqrestore(&h->lock, irq);
	return made;
}

static bool make_tables(struct tern_range r)
{
	enum tern_search search = TERN_SEARCH_HEAP;

	while (!make_tables_once(r))
		if (!tern_heap_find_memory(&search, 1))
			return false;
	return true;
}

struct tern_range tern_range_reserve(size_t size)
{
	struct tern_range r = { (uintptr_t)tern_port_range_reserve(size), size };

	TERN_CHECK(is_aligned(r.start, TERN_PAGE_SIZE),
		   "tern_port_range_reserve: 0x%lx is not aligned to %lu", (unsigned long)r.start,
		   (unsigned long)TERN_PAGE_SIZE);
	if (r.start && !make_tables(r)) {
		tern_range_release(r);
		r.start = 0;
	}
	return r;
}

void tern_range_release(struct tern_range r)
{
	tern_port_range_release((void *)r.start, r.size);
}
