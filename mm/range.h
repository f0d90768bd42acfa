/* SPDX-License-Identifier: MIT */
/* range.h - addresses apart from those of memory, with tables that lead from them to spans. */
#ifndef MM_RANGE_H
#define MM_RANGE_H

#include <stddef.h>
#include <stdint.h>

struct tern_range {
	uintptr_t start; /* 0: none */
	size_t size;     /* whole pages */
};

/* Nothing is committed in it, and no span is there. start = 0 when there is no room, or no memory for
 * tables. Threads. */
struct tern_range tern_range_reserve(size_t size);
void tern_range_release(struct tern_range range);

#endif
