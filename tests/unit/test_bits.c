/* SPDX-License-Identifier: MIT */
/* test_bits.c - powers of two and alignment, up to the ends of 64 bits. */
#include "lib/bits.h"

#include "tests/test.h"

TEST(bits, units)
{
	EXPECT_EQ(KiB(3), 3072);
	EXPECT_EQ(MiB(1), 1048576);
	EXPECT_EQ(GiB(4), 0x100000000);
	EXPECT_EQ(TiB(1), 0x10000000000);
}

TEST(bits, powers_of_two)
{
	EXPECT(!is_pow2(0));
	for (unsigned i = 0; i < 64; i++) {
		uint64_t p = 1ull << i;

		EXPECT(is_pow2(p));
		EXPECT(i == 0 || !is_pow2(p | 1));
		EXPECT(i < 2 || !is_pow2(p - 1));
	}
}

TEST(bits, alignment)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t align = 1ull << i;

		EXPECT_EQ(align_up(0, align), 0);
		EXPECT_EQ(align_up(1, align), align);
		EXPECT_EQ(align_up(align, align), align);
		EXPECT_EQ(align_down(align, align), align);
		EXPECT_EQ(align_down(align - 1, align), 0);
		EXPECT_EQ(align_down(UINT64_MAX, align), UINT64_MAX - (align - 1));
		EXPECT(is_aligned(0, align) && is_aligned(align, align));
		EXPECT(i == 0 || !is_aligned(align + 1, align));
	}
	EXPECT_EQ(align_up(0x1001, 0x1000), 0x2000);
	EXPECT_EQ(align_down(0x1fff, 0x1000), 0x1000);
}

TEST(bits, align_up_wraps_to_zero)
{
	EXPECT_EQ(align_up(UINT64_MAX, 2), 0);
	EXPECT_EQ(align_up((1ull << 63) + 1, 1ull << 63), 0);
	EXPECT_EQ(align_up(UINT64_MAX, 1), UINT64_MAX);
}

TEST(bits, runs_are_what_counting_finds)
{
	for (int round = 0; round < 1000; round++) {
		uint64_t word = test_random(t) & (round % 2 ? ~0ull : test_random(t));
		unsigned n = 1 + (unsigned)test_random_below(t, round % 3 ? 64 : 6), ones = 0;
		uint64_t want = 0;

		word = round % 5 ? word | ~0ull << test_random_below(t, 64) : ~0ull;
		for (unsigned i = 64; i-- > 0;) {
			ones = word >> i & 1 ? ones + 1 : 0;
			if (ones >= n)
				want |= 1ull << i;
		}
		REQUIRE(runs_of_bits(word, n) == want);
	}
}
