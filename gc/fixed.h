/* SPDX-License-Identifier: MIT */
/* fixed.h - arithmetic for controllers: it saturates, and has no floating point.
 *
 * A tern_fixed has 32 bits before the point and 32 behind it. Nothing here wraps, divides by zero or
 * can be anything but a number: what is too large is the largest, n/0 is the largest, 0/0 is 0. A
 * kernel does not save floating-point registers, and Inf and NaN do not exist. Pure. */
#ifndef GC_FIXED_H
#define GC_FIXED_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t tern_fixed;
#define TERN_FIXED_ONE ((tern_fixed)1 << 32)

static inline uint64_t tern_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t tern_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t tern_add_sat(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t tern_sub_sat(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* a * b / d, rounded down, of a product of 128 bits. */
uint64_t tern_mul_div(uint64_t a, uint64_t b, uint64_t d);

static inline tern_fixed tern_fixed_ratio(uint64_t n, uint64_t d)
{
	return tern_mul_div(n, TERN_FIXED_ONE, d);
}

/* n * f, rounded down. */
static inline uint64_t tern_fixed_mul(uint64_t n, tern_fixed f)
{
	unsigned __int128 product = (unsigned __int128)n * f >> 32;

	return product >> 64 ? UINT64_MAX : (uint64_t)product;
}

#endif
