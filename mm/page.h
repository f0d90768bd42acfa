/* SPDX-License-Identifier: MIT */
/* page.h - pages and their numbers. Pure.
 *
 * A page has 8 KiB. Pages are numbered over both halves of a 64-bit address space that a processor
 * can address, [2^64 - 2^48, 2^64) and [0, 2^48), in this order and without the hole between them:
 * so a kernel may live in either half, and a number has 36 bits. */
#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <stdint.h>

#define TERN_PAGE_SHIFT 13
#define TERN_PAGE_SIZE  ((uintptr_t)1 << TERN_PAGE_SHIFT)
/* Both halves together. */
#define TERN_ADDR_BITS 49
#define TERN_HALF      ((uint64_t)1 << (TERN_ADDR_BITS - 1))
/* One past the last page number. */
#define TERN_PAGES_END ((uint64_t)1 << (TERN_ADDR_BITS - TERN_PAGE_SHIFT))
#define TERN_NO_PAGE   UINT64_MAX

struct tern_piece {
	uint64_t first, n; /* pages; n = 0: none */
};

/* Of an address in the hole: TERN_PAGES_END or more. */
static inline uint64_t tern_page_of(uintptr_t addr)
{
	return (addr + TERN_HALF) >> TERN_PAGE_SHIFT;
}

static inline uintptr_t tern_page_addr(uint64_t page)
{
	return (uintptr_t)(page << TERN_PAGE_SHIFT) - TERN_HALF;
}

#endif
