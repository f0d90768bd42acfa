/* SPDX-License-Identifier: MIT */
/* pallocbits.c - which pages of one 4 MiB chunk are taken: see pallocbits.h.
 *
 * Everything here goes run by run: the next free page, then the next taken one after it, each by
 * counting zeros in a word. A chunk with few holes costs few steps, whatever its size.
 * Go: runtime/mpallocbits.go, which finds runs within a word by shifting; here one loop serves
 * all lengths, and summaries are not packed. */
#include "mm/pallocbits.h"

#include "lib/assert.h"
#include "lib/bits.h"

#define WORDS (PALLOC_CHUNK_PAGES / 64)

/* First page at or after i whose bit, xored with flip, is set; PALLOC_CHUNK_PAGES if none. */
static uint32_t next_bit(const struct pallocbits *b, uint32_t i, uint64_t flip)
{
	uint64_t word;

	if (i >= PALLOC_CHUNK_PAGES)
		return PALLOC_CHUNK_PAGES;
	word = (b->word[i / 64] ^ flip) >> (i % 64);
	if (word)
		return i + (uint32_t)__builtin_ctzll(word);
	for (uint32_t w = i / 64 + 1; w < WORDS; w++)
		if ((word = b->word[w] ^ flip))
			return w * 64 + (uint32_t)__builtin_ctzll(word);
	return PALLOC_CHUNK_PAGES;
}

static uint32_t next_taken(const struct pallocbits *b, uint32_t i)
{
	return next_bit(b, i, 0);
}

static uint32_t next_free(const struct pallocbits *b, uint32_t i)
{
	return next_bit(b, i, ~0ull);
}

struct pallocsum tern_pallocbits_summarize(const struct pallocbits *b)
{
	struct pallocsum s = { .start = next_taken(b, 0) };
	uint32_t i = s.start;

	s.max = s.end = s.start;
	while ((i = next_free(b, i)) < PALLOC_CHUNK_PAGES) {
		uint32_t run = next_taken(b, i) - i;

		if (run > s.max)
			s.max = run;
		i += run;
		s.end = i == PALLOC_CHUNK_PAGES ? run : 0;
	}
	if (b->word[WORDS - 1] >> 63)
		s.end = 0;
	return s;
}

/* First page of the free run that page i is in. */
static uint32_t run_start(const struct pallocbits *b, uint32_t i)
{
	uint32_t w = i / 64;
	/* The taken pages below i, of which the highest ends the run. */
	uint64_t below = b->word[w] & ((1ull << i % 64) - 1);

	while (!below && w > 0)
		below = b->word[--w];
	return below ? w * 64 + 64 - (uint32_t)__builtin_clzll(below) : 0;
}

struct pallocsum tern_pallocbits_sum_with_run(const struct pallocbits *b, struct pallocsum before,
					      uint32_t i, uint32_t n)
{
	uint32_t start = run_start(b, i), end = next_taken(b, i + n);

	if (start == 0)
		before.start = end;
	if (end == PALLOC_CHUNK_PAGES)
		before.end = end - start;
	if (end - start > before.max)
		before.max = end - start;
	return before;
}

struct pallocsum tern_pallocsum_join(struct pallocsum left, uint64_t left_pages,
				     struct pallocsum right, uint64_t right_pages)
{
	struct pallocsum s = left;
	uint32_t middle = left.end + right.start;

	if (left.start == left_pages)
		s.start = (uint32_t)left_pages + right.start;
	s.end = right.end == right_pages ? (uint32_t)right_pages + left.end : right.end;
	if (right.max > s.max)
		s.max = right.max;
	if (middle > s.max)
		s.max = middle;
	return s;
}

uint32_t tern_pallocbits_find(const struct pallocbits *b, uint32_t n, uint32_t from)
{
	TERN_ASSERT(n > 0 && n <= PALLOC_CHUNK_PAGES);
	for (uint32_t i = from; (i = next_free(b, i)) + n <= PALLOC_CHUNK_PAGES;) {
		uint32_t end = next_taken(b, i);

		if (end - i >= n)
			return i;
		i = end;
	}
	return PALLOC_NONE;
}

uint32_t tern_pallocbits_find_aligned(const struct pallocbits *b, uint32_t n, uint32_t align)
{
	uint32_t i = 0;

	while ((i = tern_pallocbits_find(b, n, i)) != PALLOC_NONE) {
		uint32_t up = (i + align - 1) & ~(align - 1);

		if (up == i)
			return i;
		i = up;
	}
	return PALLOC_NONE;
}

/* The bits of [i, i + n) that lie in word w of the chunk. */
static uint64_t mask_in(uint32_t w, uint32_t i, uint32_t n)
{
	uint32_t low = i > w * 64 ? i - w * 64 : 0;
	uint32_t high = i + n < (w + 1) * 64 ? i + n - w * 64 : 64;

	return (~0ull >> (64 - (high - low))) << low;
}

#define for_each_word(w, i, n) for (uint32_t w = (i) / 64; w <= ((i) + (n)-1) / 64; w++)

static void check_range(uint32_t i, uint32_t n)
{
	TERN_ASSERT(n > 0 && n <= PALLOC_CHUNK_PAGES && i <= PALLOC_CHUNK_PAGES - n);
	(void)i;
	(void)n;
}

uint32_t tern_pallocbits_give(struct pallocbits *taken, struct pallocbits *owned, uint32_t i,
			      uint32_t n)
{
	uint32_t count = 0;

	check_range(i, n);
	for_each_word(w, i, n)
	{
		uint64_t fresh = mask_in(w, i, n) & ~owned->word[w];

		owned->word[w] |= fresh;
		taken->word[w] &= ~fresh;
		count += count_bits(fresh);
	}
	return count;
}

void tern_pallocbits_take(struct pallocbits *b, uint32_t i, uint32_t n)
{
	check_range(i, n);
	for_each_word(w, i, n)
	{
		uint64_t mask = mask_in(w, i, n);

		TERN_ASSERT((b->word[w] & mask) == 0);
		b->word[w] |= mask;
	}
}

void tern_pallocbits_free(struct pallocbits *b, uint32_t i, uint32_t n)
{
	check_range(i, n);
	for_each_word(w, i, n)
	{
		uint64_t mask = mask_in(w, i, n);

		TERN_ASSERT((b->word[w] & mask) == mask);
		b->word[w] &= ~mask;
	}
}

bool tern_pallocbits_all_taken(const struct pallocbits *b, uint32_t i, uint32_t n)
{
	check_range(i, n);
	for_each_word(w, i, n)
	{
		uint64_t mask = mask_in(w, i, n);

		if ((b->word[w] & mask) != mask)
			return false;
	}
	return true;
}

bool tern_pallocbits_all_free(const struct pallocbits *b, uint32_t i, uint32_t n)
{
	check_range(i, n);
	for_each_word(w, i, n) if (b->word[w] & mask_in(w, i, n)) return false;
	return true;
}

uint32_t tern_pallocbits_count_taken(const struct pallocbits *b, uint32_t i, uint32_t n)
{
	uint32_t count = 0;

	check_range(i, n);
	for_each_word(w, i, n) count += count_bits(b->word[w] & mask_in(w, i, n));
	return count;
}

uint32_t tern_pallocbits_clear(struct pallocbits *b, uint32_t i, uint32_t n)
{
	uint32_t count = 0;

	check_range(i, n);
	for_each_word(w, i, n)
	{
		uint64_t set = b->word[w] & mask_in(w, i, n);

		if (set) {
			b->word[w] &= ~set;
			count += count_bits(set);
		}
	}
	return count;
}

static bool is_unreleased_group(const struct pallocbits *taken, const struct pallocbits *released,
				uint32_t group)
{
	uint32_t w = group * PALLOC_GROUP / 64, shift = group * PALLOC_GROUP % 64;

	return ((taken->word[w] | released->word[w]) >> shift & ((1u << PALLOC_GROUP) - 1)) == 0;
}

uint32_t tern_pallocbits_find_unreleased(const struct pallocbits *taken,
					 const struct pallocbits *released, uint32_t most,
					 uint32_t *i)
{
	uint32_t end = PALLOC_CHUNK_PAGES / PALLOC_GROUP, start;

	TERN_ASSERT(most > 0);
	while (end > 0 && !is_unreleased_group(taken, released, end - 1))
		end--;
	start = end;
	while (start > 0 && (end - start) * PALLOC_GROUP < most &&
	       is_unreleased_group(taken, released, start - 1))
		start--;
	*i = start * PALLOC_GROUP;
	return (end - start) * PALLOC_GROUP;
}
