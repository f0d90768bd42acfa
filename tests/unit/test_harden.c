/* SPDX-License-Identifier: MIT */
/* test_harden.c - the hardening options of tern/safety.h, on *the* heap. That guards fault is seen
 * where faults can be: tests/kernel, tests/host. */
#include <tern/safety.h>
#include <tern/tern.h>

#include "mm/harden.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/hidden.h"
#include "tests/unit/objects.h"

#define LARGE (5u * TERN_HEAP_PAGE)

static bool all_are(const volatile uint8_t *p, size_t size, uint8_t byte)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

/* The compiler must not know that the object is gone. */
static const volatile uint8_t *freed(size_t size)
{
	uint8_t *p = tern_malloc(size);
	const volatile uint8_t *volatile gone = p;

	if (p) {
		memset(p, 0x5a, size);
		tern_free(p);
	}
	return gone;
}

/* With a neighbour, so that the span stays. */
static bool freed_is(size_t size, uint8_t byte)
{
	void *neighbour = tern_malloc(size);
	bool first = all_are(freed(size), size, byte), second = all_are(freed(size), size, byte);

	tern_free(neighbour);
	return neighbour && first && second;
}

TEST(harden, freed_memory_is_filled)
{
	REQUIRE(heap_for_tests());
	tern_set_hardening(TERN_HARDEN_ZERO);
	for (size_t size = 16; size <= 20000; size *= 3)
		EXPECT(freed_is(size, 0));
	tern_set_hardening(TERN_HARDEN_JUNK);
	for (size_t size = 16; size <= 20000; size *= 3)
		EXPECT(freed_is(size, 0xdd));
	tern_set_hardening(TERN_HARDEN_ZERO | TERN_HARDEN_JUNK);
	EXPECT(freed_is(100, 0));
	tern_set_hardening(0);
}

/* On a CPU whose frees were fast until now. */
TEST(harden, filling_begins_at_once)
{
	uint8_t *p[4];

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < 4; i++) {
		REQUIRE((p[i] = tern_malloc(64)));
		memset(p[i], 0x5a, 64);
	}
	tern_free(p[0]);
	tern_set_hardening(TERN_HARDEN_ZERO);
	tern_free(p[1]);
	EXPECT(all_are(p[1], 64, 0));
	tern_set_hardening(0);
	tern_free(p[2]);
	EXPECT(all_are(p[2], 64, TERN_DEBUG ? TERN_DEBUG_FREED : 0x5a));
	tern_free(p[3]);
}

/* How many of n objects, taken one after the other, lie right behind the one before. */
static unsigned steps_up(void **held, unsigned n, size_t size)
{
	unsigned up = 0;

	for (unsigned i = 0; i < n; i++)
		held[i] = tern_malloc(size);
	for (unsigned i = 1; i < n; i++)
		up += (char *)held[i] == (char *)held[i - 1] + size + TERN_DEBUG_REDZONE;
	for (unsigned i = 0; i < n; i++)
		tern_free(held[i]);
	return up;
}

TEST(harden, slots_come_in_random_order)
{
	void **held = (void **)test_scratch;
	unsigned plain, random;

	REQUIRE(heap_for_tests());
	tern_cpu_offline();
	plain = steps_up(held, 256, 32);
	tern_set_hardening(TERN_HARDEN_RANDOM);
	tern_cpu_offline();
	random = steps_up(held, 256, 32);
	tern_set_hardening(0);
	test_note(t, "steps up: %u of 255 in order, %u at random", plain, random);
	EXPECT(plain > 128 && random < 64);
}

static atomic_uint wrong;

static void churn(uint64_t seed)
{
	struct object *held[64] = { 0 };
	uint64_t rng = seed | 1;

	for (unsigned i = 0; i < 6000; i++) {
		struct object **o = &held[rng % 64];

		if (*o)
			wrong += !object_end(*o, &rng);
		*o = object_make(&rng);
	}
	for (unsigned i = 0; i < 64; i++)
		if (held[i])
			wrong += !object_end(held[i], &rng);
}

/* Objects stay whole, all pages come back, and nobody's memory is closed, whatever the flags, also
 * when they change while objects live. */
TEST(harden, objects_stay_whole_under_all_flags)
{
	struct tern_page_stats before, after;

	REQUIRE(heap_for_tests());
	tern_cpu_offline();
	tern_page_stats(&before);
	wrong = 0;
	for (unsigned flags = 0; flags < 32; flags++) {
		tern_set_hardening(flags);
		churn(test_random(t));
	}
	tern_set_hardening(0);
	EXPECT_EQ(wrong, 0);
	tern_cpu_offline();
	tern_page_stats(&after);
	EXPECT(after.used <= before.used); /* other CPUs may have been asked for what they hold */
}

static void churn_on(unsigned cpu, void *arg)
{
	(void)arg;
	churn(cpu + 77);
}

TEST(harden, all_cpus_at_once)
{
	REQUIRE(heap_for_tests());
	wrong = 0;
	tern_set_hardening(31);
	run_on_cpus(cpus_for_tests(), churn_on, NULL);
	tern_set_hardening(0);
	EXPECT_EQ(wrong, 0);
}

/* A guarded object is neighbour to no other, and grows by moving. */
TEST(harden, large_objects_keep_their_distance)
{
	struct tern_hardening_stats before, after;
	uint8_t *p, *q;

	REQUIRE(heap_for_tests());
	tern_hardening_stats(&before);
	tern_set_hardening(TERN_HARDEN_GUARDS);
	p = tern_malloc(LARGE);
	q = tern_malloc(LARGE);
	REQUIRE(p && q);
	memset(p, 7, LARGE);
	EXPECT(p + LARGE + TERN_HEAP_PAGE <= q || q + LARGE + TERN_HEAP_PAGE <= p);
	EXPECT_EQ(tern_usable_size(p), LARGE);
	EXPECT(!tern_base(p - 1) && !tern_base(p + LARGE));
	tern_hardening_stats(&after);
	EXPECT_EQ(after.flags, TERN_HARDEN_GUARDS);
	EXPECT_EQ(after.guarded + after.unguarded, before.guarded + before.unguarded + 2);
	p = tern_realloc(p, 2 * LARGE);
	tern_set_hardening(0);
	REQUIRE(p);
	EXPECT(all_are(p, LARGE, 7));
	tern_free(p);
	tern_free(q);
}

/* --- what is swept is filled ------------------------------------------------------------------- */

#define N HIDDEN_OBJECTS

static void *volatile held[N]; /* roots */
static uintptr_t hidden[N];

static void make_filled(void *arg)
{
	size_t size = *(size_t *)arg;

	for (unsigned i = 0; i < N; i++) {
		void *p = tern_alloc_noscan(size);

		hidden[i] = hide(p);
		if (p)
			memset(p, 0x5a, size);
		if (i % 10 == 0)
			held[i] = p; /* so its span stays */
	}
}

/* Nobody else takes what came free meanwhile: there are other free slots before. */
static unsigned filled_of(struct test *t, size_t size, uint8_t byte)
{
	unsigned n = 0;

	in_deep_frame(make_filled, &size);
	EXPECT(collect_all());
	for (unsigned i = 0; i < N; i++)
		n += show(hidden[i]) && all_are(show(hidden[i]), size, byte);
	return n;
}

TEST(harden, what_is_swept_is_filled_if_that_is_wanted)
{
	static const size_t sizes[] = { 16, 64, 500, 40000 };
	unsigned before = tern_hardening();
	uint8_t *p;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(sizes) && hidden_objects_fit(sizes[i]); i++) {
		tern_set_hardening(TERN_HARDEN_SWEPT);
		EXPECT(filled_of(t, sizes[i], 0xdd) >= N / 2);
		EXPECT_EQ(tern_check_heap(NULL), 0);
		EXPECT((p = tern_alloc(sizes[i])) && all_are(p, sizes[i], 0));
		tern_set_hardening(TERN_HARDEN_SWEPT | TERN_HARDEN_ZERO);
		EXPECT(filled_of(t, sizes[i], 0) >= N / 2);
		tern_set_hardening(0);
		EXPECT_EQ(filled_of(t, sizes[i], 0xdd), 0);
	}
	tern_set_hardening(before);
	memset((void *)held, 0, sizeof(held));
}
