/* SPDX-License-Identifier: MIT */
/* test_pool_cycles.c - pools of objects and the collector: cycles drop what nobody asks for, after the
 * second and not before. */
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/pool.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define OBJECTS 64u

static struct tern_pool pool = TERN_POOL_INIT(NULL);
static atomic_uint wrong;
static uintptr_t hidden[OBJECTS];
static uint64_t seed;

static void expect(bool ok)
{
	if (!ok)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static bool begin(void)
{
	tern_pool_destroy(&pool);
	atomic_store(&wrong, 0);
	return collector_for_tests();
}

static uint64_t in_pool(void)
{
	struct tern_pool_stats s;

	tern_pool_stats(&pool, &s);
	return s.fresh + s.old;
}

/* On one CPU, and on a stack that is gone afterwards. */
static void on_cpu_0(unsigned cpu, void *arg)
{
	(void)cpu;
	((void (*)(void))arg)();
}

static void there(void (*fn)(void))
{
	run_on_cpus(1, on_cpu_0, (void *)fn);
}

/* Pointers to them are in the pool, and nowhere else. */
static TERN_NOINLINE void put_objects(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		uint64_t *p = tern_alloc(64);

		expect(p != NULL);
		hidden[i] = ~(uintptr_t)p;
		if (p)
			*p = i;
		tern_pool_put(&pool, p);
	}
}

static unsigned in_use(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OBJECTS; i++)
		n += tern_base((void *)~hidden[i]) != NULL;
	return n;
}

/* What other tests left in their data may point to where they lie as well. */
static unsigned kept_by_pool(void)
{
	struct tern_why_step steps[2];
	unsigned count = 0;
	size_t n;

	for (unsigned i = 0; i < OBJECTS; i++)
		count += tern_why_alive((void *)~hidden[i], steps, 2, &n) == TERN_OK && n &&
			 steps[0].root == TERN_ROOT_RECORD;
	return count;
}

TEST(pool, an_object_survives_one_cycle_and_not_two)
{
	struct tern_pool_stats s;

	REQUIRE(begin());
	there(put_objects);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(in_use(), OBJECTS);
	tern_pool_stats(&pool, &s);
	EXPECT_EQ(s.fresh, 0);
	EXPECT_EQ(s.old, OBJECTS);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(kept_by_pool(), 0);
	EXPECT_EQ(in_pool(), 0);
	tern_pool_stats(&pool, &s);
	EXPECT_EQ(s.dropped, OBJECTS);
	EXPECT(!tern_pool_get(&pool));
	EXPECT_EQ(wrong, 0);
}

static TERN_NOINLINE void take_and_put_back(void)
{
	uint64_t *mine[OBJECTS];

	for (unsigned i = 0; i < OBJECTS; i++) {
		mine[i] = tern_pool_get(&pool);
		expect(mine[i] && *mine[i] < OBJECTS && ~(uintptr_t)mine[i] == hidden[*mine[i]]);
	}
	expect(!tern_pool_get(&pool));
	for (unsigned i = 0; i < OBJECTS; i++)
		tern_pool_put(&pool, mine[i]);
}

/* Old ones are taken too, and are fresh when they come back. */
TEST(pool, what_is_asked_for_between_cycles_lives_on)
{
	REQUIRE(begin());
	there(put_objects);
	for (unsigned i = 0; i < 5; i++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		EXPECT_EQ(in_use(), OBJECTS);
		there(take_and_put_back);
	}
	EXPECT_EQ(wrong, 0);
	tern_pool_destroy(&pool);
}

static void *make_object(void)
{
	uint64_t rng = seed | 1;
	void *p = tern_alloc(104);

	return p ? object_fill(p, 104, &rng) : NULL;
}

static struct tern_pool objects = TERN_POOL_INIT(make_object);

/* CPU 0 collects; each of the others has a few objects at a time. */
static void use_while_collecting(unsigned cpu, void *arg)
{
	struct object *mine[8] = { NULL };
	uint64_t rng = (seed + cpu) | 1;
	atomic_bool *stop = arg;

	for (unsigned i = 0; !cpu && i < 10; i++)
		expect(tern_gc() == TERN_OK);
	if (!cpu)
		atomic_store_explicit(stop, true, memory_order_relaxed);
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		struct object **at = &mine[next_random(&rng) % ARRAY_SIZE(mine)];

		if (*at) {
			expect(object_is_whole(*at));
			tern_pool_put(&objects, *at);
			*at = NULL;
		} else {
			*at = tern_pool_get(&objects);
			expect(*at && object_is_whole(*at));
		}
	}
}

TEST(pool, objects_are_whole_while_others_collect)
{
	atomic_bool stop = false;

	REQUIRE(begin());
	seed = test_random(t);
	run_on_cpus(cpus_for_tests(), use_while_collecting, &stop);
	EXPECT_EQ(wrong, 0);
	tern_pool_destroy(&objects);
}
