/* SPDX-License-Identifier: MIT */
/* pallocbits.c - which pages of one 4 MiB chunk are taken: see pallocbits.h.
 *
 * Words of 64 pages at a time, whatever holes they have: the runs within a word are found by shifting it
 * over itself, those that go over a border by what the words on both sides end with.
 * Go: runtime/mpallocbits.go; here one loop serves all lengths, and summaries are not packed. */
#include "mm/pallocbits.h"

#include "lib/assert.h"
#include "lib/bits.h"

#define WORDS (PALLOC_CHUNK_PAGES / 64)

/* First page at or after i that is taken; PALLOC_CHUNK_PAGES if none. */
static uint32_t next_taken(const struct pallocbits *b, uint32_t i)
{
	uint64_t word;

	if (i >= PALLOC_CHUNK_PAGES)
		return PALLOC_CHUNK_PAGES;
	word = b->word[i / 64] >> (i % 64);
	if (word)
		return i + (uint32_t)__builtin_ctzll(word);
	for (uint32_t w = i / 64 + 1; w < WORDS; w++)
		if ((word = b->word[w]))
			return w * 64 + (uint32_t)__builtin_ctzll(word);
	return PALLOC_CHUNK_PAGES;
}

/* Free pages at the beginning of a word, and at its end. */
static uint32_t free_first(uint64_t taken)
{
	return taken ? (uint32_t)__builtin_ctzll(taken) : 64;
}

static uint32_t free_last(uint64_t taken)
{
	return taken ? (uint32_t)__builtin_clzll(taken) : 64;
}

/* The longest run of free pages in a word, if it is longer than `max`; else that. */
static uint64_t longest_in(uint64_t taken, uint64_t max)
{
	if (max < 64)
		for (uint64_t runs = runs_of_bits(~taken, (unsigned)max + 1); runs;
		     runs &= runs >> 1)
			max++;
	return max;
}

struct pallocsum tern_pallocbits_summarize(const struct pallocbits *b)
{
	struct pallocsum s = { .start = next_taken(b, 0) };
	uint32_t run = 0; /* free pages that end where the word begins */

	for (uint32_t w = 0; w < WORDS; w++) {
		uint64_t taken = b->word[w];

		run += free_first(taken);
		if (run > s.max)
			s.max = run;
		if (!taken)
			continue;
		s.max = longest_in(taken, s.max);
		run = free_last(taken);
	}
	s.end = run;
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

struct pallocsum tern_pallocbits_sum_without_run(const struct pallocbits *b,
						 struct pallocsum before, uint32_t i, uint32_t n)
{
	uint32_t start = run_start(b, i), end = next_taken(b, i + n);

	/* The run was the longest; another may be as long. */
	if (end - start == before.max)
		return tern_pallocbits_summarize(b);
	if (start == 0)
		before.start = i;
	if (end == PALLOC_CHUNK_PAGES)
		before.end = end - (i + n);
	return before;
}

uint32_t tern_pallocbits_find(const struct pallocbits *b, uint32_t n, uint32_t from)
{
	uint64_t below = ~(~0ull << from % 64); /* what of the first word is out of reach */
	uint32_t run = 0;                       /* free pages that end where the word begins */

	TERN_ASSERT(n > 0 && n <= PALLOC_CHUNK_PAGES);
	for (uint32_t w = from / 64; w < WORDS; w++, below = 0) {
		uint64_t taken = b->word[w] | below, runs;

		if (run + free_first(taken) >= n)
			return w * 64 - run;
		runs = n <= 64 ? runs_of_bits(~taken, n) : 0;
		if (runs)
			return w * 64 + (uint32_t)__builtin_ctzll(runs);
		run = taken ? free_last(taken) : run + 64;
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

	return bits_at(low, high - low);
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
