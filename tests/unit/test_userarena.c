/* SPDX-License-Identifier: MIT */
/* test_userarena.c - user arenas without a collector: objects are whole, zero, aligned and apart; freed
 * together they leave nothing behind, also when memory ends in their midst. With one:
 * test_userarena_cycles.c. */
#include <tern/arena.h>
#include <tern/tern.h>

#include "gc/gc.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"
#include "tests/unit/own_heap.h"

#define OBJECTS 2000u
/* Where records lie in each chunk of pages there is no run of 4 MiB. */
#define OWN_BYTES (3ul << 20)

static struct object *objects[OBJECTS];
static bool collecting;

/* Nobody collects meanwhile. */
static bool begin(void)
{
	collecting = atomic_exchange(&tern_gc_state.on, false);
	return heap_for_tests();
}

static void end(void)
{
	/* They would keep what comes to lie there. */
	memset(objects, 0, sizeof(objects));
	atomic_store(&tern_gc_state.on, collecting);
}

static bool is_aligned_for(const void *p, size_t size)
{
	return (uintptr_t)p % (size % 16 == 0 || size > 24 ? 16 : 8) == 0;
}

/* Of any kind; mostly small, some beyond a chunk. */
static void *make(struct tern_user_arena *a, size_t size, uint64_t r)
{
	if (r % 3 == 0)
		return tern_arena_alloc(a, size);
	if (r % 3 == 1)
		return tern_arena_alloc_noscan(a, size);
	return tern_arena_new_array(a, &tern_pointer_type, size / 8);
}

static size_t random_size_of(uint64_t *rng)
{
	uint64_t r = next_random(rng) >> 8;

	return align_up(r % 200 == 0 ? 16 + (r >> 8) % (2 * TERN_ARENA_CHUNK) : random_size(rng),
			8);
}

static unsigned fill(struct test *t, struct tern_user_arena *a, uint64_t *rng, unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		size_t size = random_size_of(rng);
		void *p = make(a, size, next_random(rng) >> 16);

		if (!p)
			return i;
		EXPECT(is_zero(p, size) && is_aligned_for(p, size));
		objects[i] = object_fill(p, size, rng);
	}
	return most;
}

static unsigned whole(unsigned n)
{
	unsigned good = 0;

	for (unsigned i = 0; i < n; i++)
		good += object_is_as_filled(objects[i]);
	return good;
}

static uint64_t used(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.used;
}

static uint64_t room(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.free + s.waiting;
}

static bool fits_in_one_piece(size_t size)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.longest_free >= size || s.waiting >= size;
}

/* One in 200 objects is larger than a chunk, and a stale word keeps a whole chunk. */
static unsigned many(void)
{
	uint64_t n = room() / TERN_ARENA_CHUNK;

	if (room() >= MiB(16))
		return OBJECTS / 4;
	return n < OBJECTS / 4 ? (unsigned)n : OBJECTS / 4;
}

TEST(userarena, objects_are_zero_aligned_and_apart)
{
	uint64_t rng = test_random(t) | 1;
	unsigned n;

	REQUIRE(begin());
	n = many();
	for (unsigned round = 0; round < 3; round++) {
		struct tern_user_arena *a = tern_arena_new();

		REQUIRE(a);
		EXPECT_EQ(fill(t, a, &rng, n), n);
		EXPECT_EQ(whole(n), n);
		tern_arena_free(a);
	}
	end();
}

TEST(userarena, freed_it_leaves_nothing)
{
	uint64_t rng = test_random(t) | 1;
	struct tern_arena_stats before, full, after;
	struct tern_user_arena *a;
	uint64_t pages;
	unsigned n;

	REQUIRE(begin());
	a = tern_arena_new();
	REQUIRE(a);
	pages = used();
	tern_arena_stats(&before);
	n = many();
	EXPECT_EQ(fill(t, a, &rng, n), n);
	tern_arena_stats(&full);
	EXPECT(used() - pages >= full.live_bytes - before.live_bytes);
	EXPECT(full.live_bytes - before.live_bytes >= TERN_ARENA_CHUNK);
	tern_arena_free(a);
	tern_arena_stats(&after);
	EXPECT_EQ(after.live_bytes, before.live_bytes);
	EXPECT_EQ(after.quarantine_bytes, before.quarantine_bytes);
	EXPECT_EQ(after.freed_bytes - before.freed_bytes, full.live_bytes - before.live_bytes);
	EXPECT(used() < pages + TERN_ARENA_CHUNK / 4);
	end();
}

TEST(userarena, small_objects_lie_side_by_side)
{
	struct tern_user_arena *a;
	char *p[4];

	REQUIRE(begin());
	a = tern_arena_new();
	REQUIRE(a);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		REQUIRE(p[i] = tern_arena_alloc(a, 8));
	for (unsigned i = 1; i < ARRAY_SIZE(p); i++)
		EXPECT_EQ(p[i] - p[0], 8 * i);
	tern_arena_free(a);
	end();
}

/* An object as large as can be in a chunk with others, and sizes around it. */
TEST(userarena, large_objects_have_chunks_of_their_own)
{
	static const size_t sizes[] = { TERN_ARENA_CHUNK / 4,     TERN_ARENA_CHUNK / 4 + 8,
					TERN_ARENA_CHUNK - 8192,  TERN_ARENA_CHUNK,
					TERN_ARENA_CHUNK * 3 + 8, TERN_ARENA_CHUNK * 8 - 8192 };
	uint64_t rng = test_random(t) | 1;
	struct tern_user_arena *a;
	struct tern_arena_stats s;
	char *first, *next;
	unsigned n = ARRAY_SIZE(sizes);
	uint64_t before;

	REQUIRE(begin());
	while (n > 3 && !fits_in_one_piece(2 * sizes[n - 1]))
		n--;
	tern_arena_stats(&s);
	before = s.live_bytes;
	a = tern_arena_new();
	REQUIRE(a && (first = tern_arena_alloc(a, 16)));
	for (unsigned i = 0; i < n; i++) {
		void *p = tern_arena_alloc(a, sizes[i]);

		REQUIRE(p && is_zero(p, sizes[i]));
		objects[i] = object_fill(p, sizes[i], &rng);
	}
	EXPECT_EQ(whole(n), n);
	/* The first chunk goes on. */
	next = tern_arena_alloc(a, 16);
	EXPECT(next > first && next < first + TERN_ARENA_CHUNK);
	tern_arena_stats(&s);
	/* Little is lost. */
	EXPECT(s.live_bytes - before < 15 * TERN_ARENA_CHUNK);
	tern_arena_free(a);
	end();
}

TEST(userarena, bad_sizes_and_types)
{
	struct tern_type bad = { .size = 24, .ptrdata = 32 };
	struct tern_user_arena *a;

	REQUIRE(begin());
	a = tern_arena_new();
	REQUIRE(a);
	EXPECT(tern_arena_alloc(a, 0) && tern_arena_alloc(a, 0) == tern_alloc(0));
	EXPECT(tern_arena_new_array(a, &tern_pointer_type, 0) == tern_alloc(0));
	EXPECT(!tern_arena_alloc(a, SIZE_MAX) && !tern_arena_alloc(a, SIZE_MAX - 6));
	EXPECT(!tern_arena_alloc(a, PTRDIFF_MAX) && !tern_arena_alloc_noscan(a, PTRDIFF_MAX));
	EXPECT(!tern_arena_new_array(a, &tern_pointer_type, SIZE_MAX / 4));
	EXPECT(!tern_arena_new_object(a, NULL) && !tern_arena_new_object(a, &bad));
	tern_arena_free(a);
	tern_arena_free(NULL);
	end();
}

TEST(userarena, a_clone_outlives_the_arena)
{
	struct tern_user_arena *a;
	uint64_t *in, *out;

	REQUIRE(begin());
	a = tern_arena_new();
	REQUIRE(a && (in = tern_arena_alloc(a, 24)));
	in[0] = 1;
	in[2] = 3;
	out = tern_arena_clone(in, 24);
	REQUIRE(out && out != in);
	EXPECT(tern_arena_clone(out, 24) == out);
	EXPECT(tern_arena_clone(&collecting, 8) == &collecting);
	EXPECT(!tern_arena_clone(in, SIZE_MAX));
	tern_arena_free(a);
	EXPECT(out[0] == 1 && out[1] == 0 && out[2] == 3);
	tern_free(out);
	end();
}

/* The arena is as it was before the call that found none. */
TEST(userarena, when_memory_ends_all_else_is_whole)
{
	uint64_t rng = test_random(t) | 1;
	struct tern_user_arena *a;
	unsigned n;

	REQUIRE(begin());
	if (!own_heap_for(t, OWN_BYTES)) {
		end();
		return;
	}
	for (unsigned round = 0; round < 3; round++) {
		a = tern_arena_new();
		n = a ? fill(t, a, &rng, OBJECTS) : 0;
		EXPECT(n > 0 && n < OBJECTS);
		EXPECT_EQ(whole(n), n);
		EXPECT(!a || !tern_arena_alloc(a, 2 * OWN_BYTES));
		tern_arena_free(a);
		EXPECT_EQ(used_when_quiet(), 0);
	}
	own_heap_end();
	end();
}

/* For every n, the n-th record that is asked for cannot be had. */
TEST(userarena, without_memory_for_records_nothing_is_lost)
{
	uint64_t rng = test_random(t) | 1;

	REQUIRE(begin());
	if (room() < MiB(4)) {
		end();
		SKIP("too little memory");
	}
	for (unsigned n = 0; n < 8; n++) {
		struct tern_user_arena *a;
		unsigned made;

		tern_heap.pages.meta.fail_after = n;
		a = tern_arena_new();
		made = a ? fill(t, a, &rng, OBJECTS / 8) : 0;
		tern_heap.pages.meta.fail_after = SIZE_MAX;
		EXPECT_EQ(whole(made), made);
		EXPECT(!a || tern_arena_alloc(a, 100));
		tern_arena_free(a);
	}
	end();
}
