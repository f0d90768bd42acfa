/* SPDX-License-Identifier: MIT */
/* test_pool.c - pools of objects, on one CPU and between several: what is put there comes back, once.
 * What cycles do to them: test_pool_cycles.c. */
#include <tern/pool.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define THINGS 1000u

struct thing {
	atomic_uint holders; /* who has it */
	unsigned seen;
};

static struct thing things[THINGS];
static struct tern_pool pool = TERN_POOL_INIT(NULL);
static atomic_uint wrong;
static unsigned made;

static void *make_thing(void)
{
	return &things[made++];
}

static void expect(bool ok)
{
	if (!ok)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static void put_things(unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		tern_pool_put(&pool, &things[i]);
}

/* Everything that is in the pool, as far as this CPU gets it; each thing once. */
static unsigned take_things(void)
{
	struct thing *thing;
	unsigned n = 0;

	while ((thing = tern_pool_get(&pool))) {
		expect(!atomic_exchange_explicit(&thing->holders, 1, memory_order_relaxed));
		n++;
	}
	return n;
}

static bool begin(void)
{
	tern_pool_destroy(&pool);
	memset(things, 0, sizeof(things));
	atomic_store(&wrong, 0);
	return heap_for_tests();
}

static uint64_t in_pool(void)
{
	struct tern_pool_stats s;

	tern_pool_stats(&pool, &s);
	return s.fresh + s.old;
}

/* Threads of a guest may move from one CPU to another: what is about one CPU runs on it. */
static void on_cpu_0(unsigned cpu, void *arg)
{
	(void)cpu;
	((void (*)(void))arg)();
}

static void there(void (*fn)(void))
{
	run_on_cpus(1, on_cpu_0, (void *)fn);
}

/* --- one CPU ---------------------------------------------------------------------------------- */

static void empty_says_null(void)
{
	expect(!tern_pool_get(&pool));
	tern_pool_put(&pool, NULL);
	expect(!tern_pool_get(&pool));
}

static void last_put_comes_first(void)
{
	put_things(0, 2);
	expect(tern_pool_get(&pool) == &things[0]);
	expect(tern_pool_get(&pool) == &things[1]);
	expect(!tern_pool_get(&pool));
}

static void new_ones_when_there_is_none(void)
{
	struct tern_pool p = TERN_POOL_INIT(make_thing);

	made = 0;
	expect(tern_pool_get(&p) == &things[0]);
	tern_pool_put(&p, &things[5]);
	expect(tern_pool_get(&p) == &things[5]);
	expect(tern_pool_get(&p) == &things[1]);
	tern_pool_destroy(&p);
}

TEST(pool, gives_back_what_was_put)
{
	REQUIRE(begin());
	there(empty_says_null);
	there(last_put_comes_first);
	there(new_ones_when_there_is_none);
	EXPECT_EQ(wrong, 0);
}

static void put_all(void)
{
	put_things(0, THINGS);
}

static void take_all(void)
{
	expect(take_things() == THINGS);
}

TEST(pool, holds_many)
{
	struct tern_pool_stats s;

	REQUIRE(begin());
	there(put_all);
	tern_pool_stats(&pool, &s);
	EXPECT_EQ(s.fresh, THINGS);
	EXPECT_EQ(s.old, 0);
	there(take_all);
	tern_pool_stats(&pool, &s);
	EXPECT_EQ(s.fresh, 0);
	EXPECT_EQ(s.reused, THINGS);
	EXPECT_EQ(s.gets, THINGS + 1);
	EXPECT_EQ(s.dropped, 0);
	EXPECT_EQ(wrong, 0);
}

static size_t records(void)
{
	return tern_heap.pages.meta.used;
}

TEST(pool, destroyed_it_is_empty_and_its_records_serve_again)
{
	size_t before;

	REQUIRE(begin());
	there(put_all);
	tern_pool_destroy(&pool);
	before = records();
	for (unsigned i = 0; i < 10; i++) {
		there(empty_says_null);
		there(put_all);
		tern_pool_destroy(&pool);
		EXPECT_EQ(in_pool(), 0);
	}
	EXPECT_EQ(records(), before);
	EXPECT_EQ(wrong, 0);
}

static void put_without_room(void)
{
	struct tern_pool p = TERN_POOL_INIT(NULL);
	struct tern_pool_stats s;

	/* Of records that wait to be used again, there are fewer. */
	for (unsigned i = 0; i < 20 * THINGS; i++)
		tern_pool_put(&p, &things[i % THINGS]);
	tern_pool_stats(&p, &s);
	expect(s.fresh + s.dropped == 20 * THINGS && s.dropped > 0);
	for (unsigned i = 0; i < s.fresh; i++)
		expect(tern_pool_get(&p) != NULL);
	expect(!tern_pool_get(&p));
	tern_pool_destroy(&p);
}

static void put_where_nothing_is(void)
{
	struct tern_pool p[8] = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		void *q;

		tern_pool_put(&p[i], &things[i]);
		q = tern_pool_get(&p[i]);
		expect(!q || q == &things[i]);
	}
	expect(!p[ARRAY_SIZE(p) - 1].shelf);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		tern_pool_destroy(&p[i]);
}

TEST(pool, without_memory_for_records_objects_are_dropped)
{
	REQUIRE(begin());
	there(put_all);
	tern_pool_destroy(&pool);
	tern_heap.pages.meta.fail_after = 0;
	there(put_without_room);
	there(put_where_nothing_is);
	tern_heap.pages.meta.fail_after = SIZE_MAX;
	there(put_all);
	there(take_all);
	EXPECT_EQ(wrong, 0);
}

/* --- several CPUs ----------------------------------------------------------------------------- */

static void others_put(unsigned cpu, void *arg)
{
	unsigned share = THINGS / (*(unsigned *)arg - 1);

	if (cpu)
		put_things((cpu - 1) * share, share);
}

TEST(pool, what_other_cpus_put_is_found_but_for_their_last)
{
	unsigned n = cpus_for_tests(), all = n > 1 ? THINGS / (n - 1) * (n - 1) : 0;

	if (n == 1)
		SKIP("one CPU");
	REQUIRE(begin());
	run_on_cpus(n, others_put, &n);
	EXPECT_EQ(in_pool(), all);
	EXPECT_EQ(take_things() + in_pool(), all);
	EXPECT(in_pool() < n);
	EXPECT_EQ(wrong, 0);
}

static uint64_t seed;

static void hold(struct thing *thing)
{
	expect(!atomic_exchange_explicit(&thing->holders, 1, memory_order_relaxed));
	thing->seen++; /* a race, if two have it */
}

static void let_go(struct thing *thing)
{
	expect(atomic_exchange_explicit(&thing->holders, 0, memory_order_relaxed));
	tern_pool_put(&pool, thing);
}

/* Each holds up to 16 at a time. */
static void get_and_put(unsigned cpu, void *arg)
{
	struct thing *mine[16] = { NULL };
	uint64_t rng = (seed + cpu) | 1;

	(void)arg;
	for (unsigned i = 0; i < 20000; i++) {
		struct thing **at = &mine[next_random(&rng) % ARRAY_SIZE(mine)];

		if (*at) {
			let_go(*at);
			*at = NULL;
		} else if ((*at = tern_pool_get(&pool))) {
			hold(*at);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(mine); i++)
		if (mine[i])
			let_go(mine[i]);
}

TEST(pool, nobody_shares_and_nothing_is_lost)
{
	REQUIRE(begin());
	seed = test_random(t);
	put_things(0, 100);
	run_on_cpus(cpus_for_tests(), get_and_put, NULL);
	EXPECT_EQ(in_pool(), 100);
	EXPECT_EQ(wrong, 0);
}
