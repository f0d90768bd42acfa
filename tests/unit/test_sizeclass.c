/* SPDX-License-Identifier: MIT */
/* test_sizeclass.c - the table of size classes against a linear search, for every size there is, and
 * the division by multiplication for every offset of every class. */
#include "lib/bits.h"
#include "mm/mspan.h"
#include "mm/page.h"
#include "tests/test.h"

static uint64_t span_bytes(unsigned c)
{
	return (uint64_t)tern_sizeclass_pages[c] << TERN_PAGE_SHIFT;
}

/* The smallest class that is large enough and aligned. */
static unsigned search(size_t size, size_t align)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++)
		if (tern_sizeclass_size[c] >= size && tern_sizeclass_size[c] % align == 0)
			return c;
	return 0;
}

TEST(sizeclass, every_size_has_the_smallest_class_that_fits)
{
	for (size_t size = 0; size <= TERN_SMALL_MAX; size++)
		if (!EXPECT_EQ(tern_sizeclass_of(size), search(size, 1)))
			test_note(t, "size %zu", size);
}

TEST(sizeclass, sizes_rise_in_steps_of_8_up_to_the_largest)
{
	EXPECT_EQ(tern_sizeclass_size[0], 0);
	EXPECT_EQ(tern_sizeclass_size[1], 8);
	EXPECT_EQ(tern_sizeclass_size[TERN_SIZECLASSES - 1], TERN_SMALL_MAX);
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		EXPECT(tern_sizeclass_size[c] > tern_sizeclass_size[c - 1]);
		EXPECT_EQ(tern_sizeclass_size[c] % 8, 0);
		/* What tern.h says of alignment. */
		EXPECT(tern_sizeclass_size[c] <= 24 || tern_sizeclass_size[c] % 16 == 0);
	}
}

TEST(sizeclass, spans_are_full_and_waste_an_eighth_at_most)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		uint64_t n = tern_sizeclass_nelems[c], size = tern_sizeclass_size[c];

		EXPECT_EQ(n, span_bytes(c) / size);
		EXPECT(n >= 1 && span_bytes(c) - n * size <= span_bytes(c) / 8);
		EXPECT(tern_sizeclass_pages[c] >= 1 && tern_sizeclass_pages[c] <= 16);
	}
}

/* Of a slot's bytes, at most so many are beyond the size that was asked for. */
TEST(sizeclass, rounding_up_wastes_little)
{
	for (size_t size = 1; size <= TERN_SMALL_MAX; size++) {
		size_t waste = tern_sizeclass_size[tern_sizeclass_of(size)] - size;

		if (!EXPECT(waste <= (size < 128 ? 15 : size / 5)))
			test_note(t, "size %zu wastes %zu", size, waste);
	}
}

TEST(sizeclass, aligned_classes)
{
	for (size_t align = 1; align <= 4 * TERN_PAGE_SIZE; align *= 2)
		for (size_t size = 0; size <= TERN_SMALL_MAX + 8; size += size < 300 ? 1 : 61) {
			unsigned want = size > TERN_SMALL_MAX || align > TERN_PAGE_SIZE
						? 0
						: search(size, align);

			if (!EXPECT_EQ(tern_sizeclass_aligned(size, align), want))
				test_note(t, "size %zu align %zu", size, align);
		}
	EXPECT_EQ(tern_sizeclass_aligned(SIZE_MAX, 1), 0);
	EXPECT_EQ(tern_sizeclass_aligned(1, (size_t)1 << 63), 0);
}

static unsigned wrong_divisions(unsigned c)
{
	uint64_t magic = tern_sizeclass_magic[c], size = tern_sizeclass_size[c];
	unsigned wrong = 0;

	for (uint64_t offset = 0, slot = 0, rest = 0; offset < span_bytes(c); offset++) {
		wrong += offset * magic >> 32 != slot;
		/* free_ready() in malloc.c tells the start of a slot by this. */
		wrong += ((uint32_t)(offset * magic) < magic) != (rest == 0);
		if (++rest == size) {
			rest = 0;
			slot++;
		}
	}
	return wrong;
}

TEST(sizeclass, magic_divides_every_offset_of_every_class)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++)
		if (!EXPECT_EQ(wrong_divisions(c), 0))
			test_note(t, "class %u", c);
}

TEST(sizeclass, every_offset_of_a_span_has_a_bit)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		uint64_t last = (span_bytes(c) - 1) / tern_sizeclass_size[c];

		EXPECT_EQ(tern_mspan_words(c), last / 64 + 1);
	}
}

TEST(sizeclass, span_classes_keep_kind_and_size)
{
	static const enum tern_kind kinds[] = { TERN_KIND_SCAN, TERN_KIND_NOSCAN, TERN_KIND_TYPED,
						TERN_KIND_MANUAL };
	static bool seen[TERN_SPANCLASSES];

	memset(seen, 0, sizeof(seen));
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
		for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
			tern_spanclass spc = tern_spanclass_of(kinds[k], c);

			EXPECT(spc < TERN_SPANCLASSES && spc != TERN_SPANCLASS_TINY && !seen[spc]);
			EXPECT_EQ(tern_spanclass_collected(spc), kinds[k] != TERN_KIND_MANUAL);
			seen[spc] = true;
			EXPECT_EQ(tern_spanclass_kind(spc), kinds[k]);
			EXPECT_EQ(tern_spanclass_size(spc), c);
		}
	EXPECT_EQ(tern_spanclass_kind(TERN_SPANCLASS_TINY), TERN_KIND_NOSCAN);
	EXPECT_EQ(tern_sizeclass_size[tern_spanclass_size(TERN_SPANCLASS_TINY)], 16);
}
