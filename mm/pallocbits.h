/* SPDX-License-Identifier: MIT */
/* pallocbits.h - which pages of one 4 MiB chunk are taken: 512 bits, and pure functions on them.
 *
 * A set bit is a page that is taken. A summary says of any run of pages how many free ones stand
 * at its start, how many at its end, and how long its longest free run is: from the summaries of
 * neighbours that of the whole follows, without a look at the bits. Locks: the owner's. */
#ifndef MM_PALLOCBITS_H
#define MM_PALLOCBITS_H

#include <stdbool.h>
#include <stdint.h>

#define PALLOC_CHUNK_PAGES 512u
#define PALLOC_NONE        UINT32_MAX
/* What is given back to the machine is whole groups of pages, 64 KiB each. */
#define PALLOC_GROUP 8u

struct pallocbits {
	uint64_t word[PALLOC_CHUNK_PAGES / 64];
};

struct pallocsum {
	uint64_t start, max, end; /* in pages; start, end <= max; all equal if all is free */
};

struct pallocsum tern_pallocbits_summarize(const struct pallocbits *b);
/* The same after pages [i, i + n) were freed, or taken, from the summary before. */
struct pallocsum tern_pallocbits_sum_with_run(const struct pallocbits *b, struct pallocsum before,
					      uint32_t i, uint32_t n);
struct pallocsum tern_pallocbits_sum_without_run(const struct pallocbits *b,
						 struct pallocsum before, uint32_t i, uint32_t n);

/* Lowest run of n free pages that starts at or after `from`; PALLOC_NONE if there is none.
 * 0 < n <= PALLOC_CHUNK_PAGES. */
uint32_t tern_pallocbits_find(const struct pallocbits *b, uint32_t n, uint32_t from);
/* The same, but the run starts at a multiple of align (a power of two) counted from page 0. */
uint32_t tern_pallocbits_find_aligned(const struct pallocbits *b, uint32_t n, uint32_t align);

/* Mark [i, i + n) as owned, and what of it was not owned before as free; returns how many those
 * are. */
uint32_t tern_pallocbits_give(struct pallocbits *taken, struct pallocbits *owned, uint32_t i,
			      uint32_t n);
/* Take or free pages [i, i + n). */
void tern_pallocbits_take(struct pallocbits *b, uint32_t i, uint32_t n);
void tern_pallocbits_free(struct pallocbits *b, uint32_t i, uint32_t n);
/* True if all, or if none, of [i, i + n) are taken. */
bool tern_pallocbits_all_taken(const struct pallocbits *b, uint32_t i, uint32_t n);
bool tern_pallocbits_all_free(const struct pallocbits *b, uint32_t i, uint32_t n);
/* Clear [i, i + n); returns how many of them were set. */
uint32_t tern_pallocbits_clear(struct pallocbits *b, uint32_t i, uint32_t n);
uint32_t tern_pallocbits_count_taken(const struct pallocbits *b, uint32_t i, uint32_t n);

/* The highest run of whole groups that are free and not released, no longer than `most` pages are,
 * rounded up to groups. Returns its length, 0 if there is none, and where it begins in *i. */
uint32_t tern_pallocbits_find_unreleased(const struct pallocbits *taken,
					 const struct pallocbits *released, uint32_t most,
					 uint32_t *i);

#endif
