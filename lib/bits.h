/* SPDX-License-Identifier: MIT */
/* bits.h - words, powers of two, alignment. Pure. */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define KiB(n) ((uint64_t)(n) << 10)
#define MiB(n) ((uint64_t)(n) << 20)
#define GiB(n) ((uint64_t)(n) << 30)
#define TiB(n) ((uint64_t)(n) << 40)

static inline bool is_pow2(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* align is a power of two */
static inline uint64_t align_down(uint64_t n, uint64_t align)
{
	return n & ~(align - 1);
}

/* Wraps to 0 when there is no such number in 64 bits. */
static inline uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t n, uint64_t align)
{
	return (n & (align - 1)) == 0;
}

/* Without SSE or NEON a compiler has no instruction for it and would call its own library: bits are
 * added side by side, in pairs, nibbles and bytes, and the bytes by a multiplication. */
static inline unsigned count_bits(uint64_t word)
{
	word -= word >> 1 & 0x5555555555555555ull;
	word = (word & 0x3333333333333333ull) + (word >> 2 & 0x3333333333333333ull);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (unsigned)(word * 0x0101010101010101ull >> 56);
}

/* n bits from bit i on: 0 < n, i + n <= 64. */
static inline uint64_t bits_at(uint64_t i, uint64_t n)
{
	return ~0ull >> (64 - n) << i;
}

/* Is a bit set in one of eight words. */
static inline bool any_of_8(const uint64_t *w)
{
	return (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) != 0;
}

/* Bit i of what it returns: bits [i, i + n) of the word are set. 0 < n <= 64. */
static inline uint64_t runs_of_bits(uint64_t word, unsigned n)
{
	unsigned have = 1; /* so many are known to be */

	while (word && have < n) {
		unsigned more = have < n - have ? have : n - have;

		word &= word >> more;
		have += more;
	}
	return word;
}

#endif
