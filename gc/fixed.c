/* SPDX-License-Identifier: MIT */
/* fixed.c - division of 128 bits by 64, without the compiler's library: a kernel does not link it.
 *
 * Nearly all products have 64 bits, and are divided by one instruction. Pure. */
#include "gc/fixed.h"

#include "lib/compiler.h"

/* Bit by bit, as on paper. high < d, so the quotient has 64 bits. */
static uint64_t divide_wide(uint64_t high, uint64_t low, uint64_t d)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		bool carry = high >> 63;

		high = high << 1 | low >> 63;
		low <<= 1;
		if (carry || high >= d) {
			high -= d;
			low |= 1;
		}
	}
	return low;
}

uint64_t tern_mul_div(uint64_t a, uint64_t b, uint64_t d)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;

	if (unlikely(high >= d))
		return product == 0 ? 0 : UINT64_MAX;
	return high == 0 ? low / d : divide_wide(high, low, d);
}
