/* SPDX-License-Identifier: MIT */
/* memory.c - memcpy, memmove, memset, memcmp, for kernels that have none.
 *
 * Weak, and in an object of its own: a kernel's own take precedence, and the object is not even
 * linked then. Words of 8 bytes where both sides are aligned alike, four to a turn: no string
 * instructions, whose cost differs wildly between machines, and no unaligned access. Built with
 * -fno-builtin, without which a compiler turns these loops into calls of themselves. */
#include <stdint.h>

#include "lib/compiler.h"
#include "lib/string.h"

#define WORD sizeof(uint64_t)

/* May alias anything: these are raw bytes. */
typedef uint64_t __attribute__((may_alias)) word_t;

static bool words_fit(uintptr_t a, uintptr_t b)
{
	return (a ^ b) % WORD == 0;
}

static TERN_NOINLINE void *copy_up(void *to, const void *from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if (words_fit((uintptr_t)d, (uintptr_t)s)) {
		for (; n && (uintptr_t)d % WORD; n--)
			*d++ = *s++;
		for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
			const word_t *sw = (const word_t *)s;
			word_t *dw = (word_t *)d;
			uint64_t a = sw[0], b = sw[1], c = sw[2], e = sw[3];

			dw[0] = a;
			dw[1] = b;
			dw[2] = c;
			dw[3] = e;
		}
		for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
			*(word_t *)d = *(const word_t *)s;
	}
	while (n--)
		*d++ = *s++;
	return to;
}

static void *copy_down(void *to, const void *from, size_t n)
{
	unsigned char *d = (unsigned char *)to + n;
	const unsigned char *s = (const unsigned char *)from + n;

	if (words_fit((uintptr_t)d, (uintptr_t)s)) {
		for (; n && (uintptr_t)d % WORD; n--)
			*--d = *--s;
		for (; n >= WORD; n -= WORD) {
			d -= WORD;
			s -= WORD;
			*(word_t *)d = *(const word_t *)s;
		}
	}
	while (n--)
		*--d = *--s;
	return to;
}

TERN_WEAK void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	return copy_up(to, from, n);
}

TERN_WEAK void *memmove(void *to, const void *from, size_t n)
{
	return (uintptr_t)to - (uintptr_t)from < n ? copy_down(to, from, n) : copy_up(to, from, n);
}

TERN_WEAK void *memset(void *to, int byte, size_t n)
{
	uint64_t word = (unsigned char)byte * 0x0101010101010101ull;
	unsigned char *d = to;

	for (; n && (uintptr_t)d % WORD; n--)
		*d++ = (unsigned char)byte;
	for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD) {
		word_t *dw = (word_t *)d;

		dw[0] = word;
		dw[1] = word;
		dw[2] = word;
		dw[3] = word;
	}
	for (; n >= WORD; n -= WORD, d += WORD)
		*(word_t *)d = word;
	while (n--)
		*d++ = (unsigned char)byte;
	return to;
}

TERN_WEAK int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	if (words_fit((uintptr_t)x, (uintptr_t)y) && (uintptr_t)x % WORD == 0)
		for (; n >= WORD && *(const word_t *)x == *(const word_t *)y; n -= WORD) {
			x += WORD;
			y += WORD;
		}
	/* What is left, or the word that differs, whose first byte decides. */
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}
