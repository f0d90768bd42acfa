/* SPDX-License-Identifier: MIT */
/* sizeclass.c - the table of size classes: see sizeclass.h.
 *
 * Go: runtime/sizeclasses.go; the rules are the same in spirit, and the table is our own. */
#include "mm/sizeclass.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/page.h"
#include "mm/sizeclass_table.h"

TERN_STATIC_ASSERT(SIZECLASS_COUNT == TERN_SIZECLASSES, "the header and the table agree");
TERN_STATIC_ASSERT(SIZECLASS_MAX_SIZE == TERN_SMALL_MAX, "the header and the table agree");

unsigned tern_sizeclass_aligned(size_t size, size_t align)
{
	/* Spans begin at pages: a slot is aligned as its size is, and no better than a page. */
	if (size > TERN_SMALL_MAX || align > TERN_PAGE_SIZE)
		return 0;
	for (unsigned c = (unsigned)tern_sizeclass_of(size); c < TERN_SIZECLASSES; c++)
		if (is_aligned(tern_sizeclass_size[c], align))
			return c;
	return 0;
}
