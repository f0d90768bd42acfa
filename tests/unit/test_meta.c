/* SPDX-License-Identifier: MIT */
/* test_meta.c - memory for records: cleared, aligned, counted, and at an end. */
#include "lib/bits.h"
#include "mm/meta.h"
#include "tests/test.h"

static char memory[4096] TERN_ALIGNED(64);

TEST(meta, cuts_cleared_aligned_records)
{
	struct tern_meta m = TERN_META_INIT;
	uintptr_t last = 0;

	memset(memory, 0xa5, sizeof(memory));
	tern_meta_feed(&m, (uintptr_t)memory + 1, sizeof(memory) - 1);
	for (;;) {
		size_t size = 1 + test_random_below(t, 100);
		size_t align = 1ul << test_random_below(t, 7);
		char *p = tern_meta_alloc(&m, size, align);

		if (!p)
			break;
		REQUIRE(is_aligned((uintptr_t)p, align) && (uintptr_t)p >= last);
		for (size_t i = 0; i < size; i++)
			REQUIRE(p[i] == 0);
		memset(p, 0xff, size);
		last = (uintptr_t)p + size;
		REQUIRE(last <= (uintptr_t)memory + sizeof(memory));
	}
	EXPECT_EQ(m.used + m.wasted + (m.end - m.next), sizeof(memory) - 1);
}

TEST(meta, has_nothing_until_fed_and_takes_up_a_new_piece)
{
	struct tern_meta m = TERN_META_INIT;

	EXPECT(!tern_meta_alloc(&m, 1, 1));
	tern_meta_feed(&m, (uintptr_t)memory, 100);
	EXPECT(!tern_meta_alloc(&m, 101, 1));
	EXPECT(tern_meta_alloc(&m, 60, 1));
	tern_meta_feed(&m, (uintptr_t)memory + 1000, 200);
	EXPECT_EQ(m.wasted, 40);
	EXPECT(tern_meta_alloc(&m, 200, 1) == memory + 1000);
	EXPECT(!tern_meta_alloc(&m, SIZE_MAX, 1));
	EXPECT(tern_meta_alloc(&m, 0, 1));
}

TEST(meta, fails_when_told_to)
{
	struct tern_meta m = TERN_META_INIT;

	tern_meta_feed(&m, (uintptr_t)memory, sizeof(memory));
	m.fail_after = 2;
	EXPECT(tern_meta_alloc(&m, 8, 8));
	EXPECT(tern_meta_alloc(&m, 8, 8));
	EXPECT(!tern_meta_alloc(&m, 8, 8));
	EXPECT_EQ(m.used, 16);
}
