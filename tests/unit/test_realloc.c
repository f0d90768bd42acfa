/* SPDX-License-Identifier: MIT */
/* test_realloc.c - another size: of objects of each kind, and of crumbs, which share their block with
 * others. */
#include <tern/tern.h>

#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

static enum tern_kind kind_of(const void *p)
{
	struct tern_mspan *s = tern_heap_span((uintptr_t)p);

	return tern_spanclass_kind(s->spc);
}

static void *make(enum tern_kind kind, size_t size)
{
	return kind == TERN_KIND_MANUAL ? tern_malloc(size)
	       : kind == TERN_KIND_SCAN ? tern_alloc(size)
					: tern_alloc_noscan(size);
}

static bool all_are(const uint8_t *p, size_t size, uint8_t byte)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

/* A collected object that became one for good would never be collected. */
TEST(realloc, an_object_keeps_its_kind)
{
	static const enum tern_kind kinds[] = { TERN_KIND_SCAN, TERN_KIND_NOSCAN,
						TERN_KIND_MANUAL };
	static const size_t sizes[] = { 16, 40, 100, 2000, 30000, 50000, 200000, 40000, 64, 16 };

	REQUIRE(heap_for_tests());
	for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++) {
		enum tern_kind kind = kinds[k];
		uint8_t *p = make(kind, sizes[0]);
		size_t kept = sizes[0];

		REQUIRE(p);
		memset(p, 0x11, kept);
		for (unsigned i = 1; i < ARRAY_SIZE(sizes); i++) {
			REQUIRE((p = tern_realloc(p, sizes[i])));
			EXPECT_EQ(kind_of(p), kind);
			if (kept > sizes[i])
				kept = sizes[i];
			EXPECT(all_are(p, kept, 0x11));
			memset(p, 0x11, kept = sizes[i]);
		}
		tern_free(p);
	}
}

/* Used memory lies behind it: what a collector might take for pointers is cleared. */
TEST(realloc, what_a_collected_object_gains_in_place_is_zero)
{
	uint8_t *used, *p, *q;

	REQUIRE(heap_for_tests() && (used = tern_malloc(KiB(400))));
	memset(used, 0xee, KiB(400));
	tern_free(used);
	REQUIRE((p = tern_alloc(50000)));
	q = tern_realloc(p, 200000);
	REQUIRE(q);
	EXPECT(all_are(q, 200000, 0));
	tern_free(q);
}

TEST(realloc, a_crumb_leaves_its_neighbours_alone)
{
	uint8_t *crumb[40];

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(crumb); i++) {
		REQUIRE((crumb[i] = tern_alloc_noscan(1 + i % 7)));
		memset(crumb[i], (int)i, 1 + i % 7);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(crumb); i += 2) {
		size_t size = i % 4 ? 16 : 12;

		REQUIRE((crumb[i] = tern_realloc(crumb[i], size)));
		EXPECT(all_are(crumb[i], 1 + i % 7, (uint8_t)i));
		memset(crumb[i], (int)i, size);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(crumb); i++)
		EXPECT(all_are(crumb[i], i % 2 ? 1 + i % 7 : i % 4 ? 16 : 12, (uint8_t)i));
	for (unsigned i = 0; i < ARRAY_SIZE(crumb); i++)
		tern_free_sized(crumb[i], i % 2 ? 1 + i % 7 : i % 4 ? 16 : 12);
}
