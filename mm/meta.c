/* SPDX-License-Identifier: MIT */
/* meta.c - memory for the heap's own records, apart from the objects that they describe.
 *
 * Job      Cut pieces into records, in the order in which they are asked for.
 * Owns     the piece it was fed last.   Not: where pieces come from (its owner knows).
 * Locks    the owner's.   Context: the owner's.
 * Holds    next <= end; used + wasted = all that was fed and is no longer free.
 * Go       runtime/malloc.go persistentalloc; there is one piece here, not one for each P. */
#include "mm/meta.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/clear.h"
#include "lib/string.h"

void tern_meta_feed(struct tern_meta *m, uintptr_t start, size_t size)
{
	TERN_ASSERT(size <= UINTPTR_MAX - start);
	m->wasted += m->end - m->next;
	m->next = start;
	m->end = start + size;
}

void *tern_meta_alloc(struct tern_meta *m, size_t size, size_t align)
{
	uintptr_t at = align_up(m->next, align);

	TERN_ASSERT(is_pow2(align));
	if (m->fail_after == 0 || at < m->next || at > m->end || m->end - at < size)
		return NULL;
	if (m->fail_after != SIZE_MAX)
		m->fail_after--;
	m->wasted += at - m->next;
	m->used += size;
	m->next = at + size;
	/* Records are of whole words, which are cleared as objects are. */
	if (unlikely(size == 0 || !is_aligned(at | size, sizeof(uint64_t))))
		return memset((void *)at, 0, size);
	tern_clear((void *)at, size);
	return (void *)at;
}
