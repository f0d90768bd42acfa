/* SPDX-License-Identifier: MIT */
/* test_memory.c - memcpy, memmove, memset, memcmp of lib/memory.c, against bytes.
 *
 * Every alignment of both sides with every size around the steps of a word and of the unrolled
 * loop, and what lies beside. In a guest these are the functions that the compiler calls. A
 * process keeps its C library's, and has ours under other names. */
#include <stdint.h>

#ifdef TERN_HOSTED
#define memcpy  ours_memcpy
#define memmove ours_memmove
#define memset  ours_memset
#define memcmp  ours_memcmp
#include "lib/memory.c"
#endif

#include "tests/test.h"

#define ALIGNS 8
#define SIZES  72
/* Bytes on either side that must stay. */
#define MARGIN 16
#define ROOM   (MARGIN + ALIGNS + SIZES + MARGIN)
/* How far apart two sides that overlap are, at most. */
#define FAR 20

static unsigned char source[ROOM], target[ROOM], want[ROOM];

/* Not by the functions that are tested. */
static void copy_bytes(volatile unsigned char *to, const unsigned char *from, size_t n)
{
	while (n--)
		*to++ = *from++;
}

static size_t first_difference(const unsigned char *a, const unsigned char *b)
{
	size_t i = 0;

	while (i < ROOM && a[i] == b[i])
		i++;
	return i;
}

static void fill(struct test *t)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < ROOM; i++, bits >>= 16) {
		if (i % 4 == 0)
			bits = test_random(t);
		source[i] = (unsigned char)bits;
		target[i] = want[i] = (unsigned char)(bits >> 8);
	}
}

#define for_each_shape(to, from, size)                                                             \
	for (size_t to = MARGIN; to < MARGIN + ALIGNS; to++)                                       \
		for (size_t from = MARGIN; from < MARGIN + ALIGNS; from++)                         \
			for (size_t size = 0; size < SIZES; size++)

TEST(memory, memcpy_copies)
{
	for_each_shape(to, from, size)
	{
		fill(t);
		copy_bytes(want + to, source + from, size);
		REQUIRE(memcpy(target + to, source + from, size) == target + to);
		REQUIRE(first_difference(target, want) == ROOM);
	}
}

TEST(memory, memmove_copies_what_overlaps)
{
	for (size_t from = MARGIN + FAR; from < MARGIN + FAR + ALIGNS; from++)
		for (size_t to = from - FAR; to <= from + FAR; to++)
			for (size_t size = 0; size < 2 * FAR; size++) {
				fill(t);
				copy_bytes(want + to, target + from, size);
				REQUIRE(memmove(target + to, target + from, size) == target + to);
				REQUIRE(first_difference(target, want) == ROOM);
			}
}

TEST(memory, memset_fills)
{
	for (size_t to = MARGIN; to < MARGIN + ALIGNS; to++)
		for (size_t size = 0; size < SIZES; size++) {
			int byte = (int)test_random(t);

			fill(t);
			for (size_t i = 0; i < size; i++)
				want[to + i] = (unsigned char)byte;
			REQUIRE(memset(target + to, byte, size) == target + to);
			REQUIRE(first_difference(target, want) == ROOM);
		}
}

static int sign(int n)
{
	return n > 0 ? 1 : n < 0 ? -1 : 0;
}

/* Equal, then with one byte that differs, and beyond it others that must not count. */
TEST(memory, memcmp_tells_the_first_difference)
{
	for_each_shape(to, from, size)
	{
		size_t at = size ? test_random_below(t, size) : 0;
		int expect;

		fill(t);
		copy_bytes(target + to, source + from, size);
		REQUIRE(memcmp(target + to, source + from, size) == 0);
		for (size_t i = at; i < size; i++)
			target[to + i] = (unsigned char)test_random(t);
		expect = 0;
		for (size_t i = size; i-- > at;)
			if (target[to + i] != source[from + i])
				expect = target[to + i] > source[from + i] ? 1 : -1;
		REQUIRE(sign(memcmp(target + to, source + from, size)) == expect);
	}
}

/* Compilers call these for structures; a size that only a large copy has. */
TEST(memory, a_page_is_copied_and_compared)
{
	static unsigned char a[4096 + 8], b[4096 + 8];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = (unsigned char)test_random(t);
	EXPECT_EQ(memcmp(a, a, 4095), 0);
	for (size_t shift = 0; shift < 8; shift++) {
		memset(b, 0, sizeof(b));
		memcpy(b + shift, a, 4096);
		EXPECT_EQ(memcmp(b + shift, a, 4096), 0);
		b[shift + 4095] ^= 1;
		EXPECT(memcmp(b + shift, a, 4096) != 0);
		EXPECT_EQ(memcmp(b + shift, a, 4095), 0);
	}
}
