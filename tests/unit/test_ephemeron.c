/* SPDX-License-Identifier: MIT */
/* test_ephemeron.c - ephemerons: values live as long as their keys, and no longer, whatever leads to
 * what. */
#include <tern/final.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/hidden.h"

#define N     HIDDEN_OBJECTS
#define CHAIN 10000u
#define PIECE 100u

struct node {
	uint64_t number;
	void *to;
};

static struct tern_ephemerons *table;
static void *keys[N]; /* a root */
static struct tern_weak weak_keys[N], weak_values[N];
static enum tern_result results;
static size_t key_size;
static bool key_noscan;

static struct node *make_node(uint64_t number, void *to)
{
	struct node *n = tern_alloc(sizeof(*n));

	if (n)
		*n = (struct node){ number, to };
	return n;
}

/* Each value leads to its key. */
static void fill(void *arg)
{
	(void)arg;
	results = TERN_OK;
	for (unsigned i = 0; i < N; i++) {
		void *key = key_noscan ? tern_alloc_noscan(key_size) : tern_alloc(key_size);
		struct node *value = make_node(i, key);

		results |= tern_ephemeron_set(table, key, value);
		results |= tern_weak_make(&weak_keys[i], key);
		results |= tern_weak_make(&weak_values[i], value);
		keys[i] = key;
	}
}

static bool fill_table(size_t size, bool noscan)
{
	key_size = size;
	key_noscan = noscan;
	table = tern_ephemerons_make();
	if (!table)
		return false;
	in_deep_frame(fill, NULL);
	return results == TERN_OK;
}

static void forget(unsigned first, unsigned step)
{
	for (unsigned i = first; i < N; i += step)
		keys[i] = NULL;
}

static bool values_are_right(unsigned first, unsigned step)
{
	for (unsigned i = first; i < N; i += step) {
		const struct node *value = tern_ephemeron_get(table, keys[i]);

		if (!value || tern_base(value) != value || value->number != i ||
		    value->to != keys[i])
			return false;
	}
	return true;
}

static void values_live_with_their_keys(struct test *t, size_t size, bool noscan)
{
	if (!hidden_objects_fit(size))
		return;
	REQUIRE(fill_table(size, noscan));
	EXPECT_EQ(tern_ephemerons_count(table), N);
	REQUIRE(collect_all());
	EXPECT(values_are_right(0, 1));
	forget(0, 2);
	REQUIRE(collect_all());
	EXPECT(values_are_right(1, 2));
	EXPECT(nearly_all_died(t, weak_keys, 0, 2));
	EXPECT(nearly_all_died(t, weak_values, 0, 2));
	EXPECT(tern_ephemerons_count(table) <= N / 2 + HIDDEN_STAY);
	forget(1, 2);
	REQUIRE(collect_all());
	EXPECT(nearly_all_died(t, weak_keys, 0, 1));
	EXPECT(nearly_all_died(t, weak_values, 0, 1));
	EXPECT(tern_ephemerons_count(table) <= HIDDEN_STAY);
	tern_ephemerons_free(table);
}

TEST(ephemeron, values_live_with_their_keys)
{
	REQUIRE(collector_for_tests());
	values_live_with_their_keys(t, 8, false);
	values_live_with_their_keys(t, 100, false);
	values_live_with_their_keys(t, 200000, false);
	values_live_with_their_keys(t, 32, true);
	values_live_with_their_keys(t, 40000, true);
}

/* The value of each key is the next key: known to nobody else. */
static void make_chain(void *arg)
{
	void *next = make_node(0, NULL);

	(void)arg;
	results = TERN_OK;
	for (unsigned i = 1; i < CHAIN; i++) {
		/* The order of addresses is not that of the chain. */
		struct node *key = make_node(i, NULL);

		results |= tern_ephemeron_set(table, key, next);
		next = key;
	}
	keys[0] = next;
}

static void follow_chain(void *arg)
{
	unsigned *n = arg;
	struct node *key = keys[0];

	for (*n = 0; key && key->number == CHAIN - 1 - *n; ++*n)
		key = tern_ephemeron_get(table, key);
}

/* So that a stale word that leads to one keeps no more than a piece. */
static void cut_chain(void *arg)
{
	struct node *key = keys[0], *next;

	(void)arg;
	for (unsigned n = 0; key; n++, key = next) {
		next = tern_ephemeron_get(table, key);
		if (n % PIECE == 0)
			tern_ephemeron_delete(table, key);
	}
}

TEST(ephemeron, a_chain_of_ten_thousand)
{
	unsigned n;

	REQUIRE(collector_for_tests());
	table = tern_ephemerons_make();
	REQUIRE(table);
	in_deep_frame(make_chain, NULL);
	EXPECT_EQ(results, TERN_OK);
	REQUIRE(collect_all());
	in_deep_frame(follow_chain, &n);
	EXPECT_EQ(n, CHAIN);
	EXPECT_EQ(tern_ephemerons_count(table), CHAIN - 1);
	in_deep_frame(cut_chain, NULL);
	/* One cycle is enough. */
	keys[0] = NULL;
	REQUIRE(collect_all());
	EXPECT(tern_ephemerons_count(table) < CHAIN / 2);
	REQUIRE(collect_all());
	EXPECT(tern_ephemerons_count(table) < CHAIN / 2);
	tern_ephemerons_free(table);
}

TEST(ephemeron, set_again_deleted_and_in_two_tables)
{
	struct tern_ephemerons *other;
	struct node *key, *a, *b;

	REQUIRE(collector_for_tests());
	table = tern_ephemerons_make();
	other = tern_ephemerons_make();
	key = make_node(1, NULL);
	a = make_node(2, NULL);
	b = make_node(3, NULL);
	REQUIRE(table && other && key && a && b);
	EXPECT(!tern_ephemeron_get(table, key));
	EXPECT(!tern_ephemeron_delete(table, key));
	EXPECT_EQ(tern_ephemeron_set(table, key, a), TERN_OK);
	EXPECT_EQ(tern_ephemeron_set(other, key, b), TERN_OK);
	EXPECT_EQ(tern_ephemeron_set(table, a, b), TERN_OK);
	EXPECT(tern_ephemeron_get(table, key) == a && tern_ephemeron_get(other, key) == b);
	EXPECT_EQ(tern_ephemeron_set(table, key, b), TERN_OK);
	EXPECT_EQ(tern_ephemerons_count(table), 2);
	EXPECT(tern_ephemeron_get(table, key) == b);
	EXPECT(tern_ephemeron_delete(table, key));
	EXPECT(!tern_ephemeron_get(table, key) && tern_ephemeron_get(other, key) == b);
	EXPECT(tern_ephemeron_get(table, a) == b);
	/* A key that was freed: what has its memory next has no entry. */
	tern_free(key);
	EXPECT_EQ(tern_ephemerons_count(other), 0);
	for (unsigned i = 0; i < N; i++)
		EXPECT(!tern_ephemeron_get(other, make_node(i, NULL)));
	EXPECT_EQ(tern_ephemeron_set(table, NULL, a), TERN_EINVAL);
	EXPECT_EQ(tern_ephemeron_set(table, &key, a), TERN_EINVAL);
	EXPECT(!tern_ephemeron_get(table, &key));
	EXPECT(!tern_ephemeron_delete(table, NULL));
	tern_ephemerons_free(table);
	tern_ephemerons_free(other);
	tern_ephemerons_free(NULL);
}

TEST(ephemeron, a_freed_table_keeps_nothing)
{
	REQUIRE(collector_for_tests());
	REQUIRE(fill_table(64, false));
	tern_ephemerons_free(table);
	REQUIRE(collect_all());
	EXPECT_EQ(count_alive(weak_keys, 0, 1), N);
	EXPECT(nearly_all_died(t, weak_values, 0, 1));
	forget(0, 1);
}

static _Atomic unsigned finalized;

static void finalize(void *obj, void *arg)
{
	(void)obj;
	(void)arg;
	finalized++;
}

/* Its value leads to it, but that does not count. */
TEST(ephemeron, a_key_may_have_a_finalizer)
{
	REQUIRE(collector_for_tests());
	REQUIRE(fill_table(64, false));
	finalized = 0;
	for (unsigned i = 0; i < N; i++)
		EXPECT_EQ(tern_set_finalizer(keys[i], finalize, NULL), TERN_OK);
	forget(0, 1);
	REQUIRE(collect_all());
	EXPECT(run_due_until(&finalized, N - HIDDEN_STAY));
	EXPECT(tern_ephemerons_count(table) <= HIDDEN_STAY);
	tern_ephemerons_free(table);
}

/* --- several CPUs ---------------------------------------------------------------------------- */

#define APART 6u

static struct beside beside;
static _Atomic unsigned wrong;

struct turn {
	unsigned cpu, number;
};

static void one_turn(void *arg)
{
	const struct turn *turn = arg;
	struct node *key[8], *value;

	for (unsigned i = 0; i < ARRAY_SIZE(key); i++) {
		/* Only CPU 0 collects: memory may end meanwhile. */
		key[i] = make_node(turn->number, NULL);
		value = key[i] ? make_node(turn->number + i, key[i]) : NULL;
		if (!value || tern_ephemeron_set(table, key[i], value) != TERN_OK)
			return;
	}
	for (unsigned i = 0; i < 100; i++)
		make_node(i, key[i % ARRAY_SIZE(key)]);
	for (unsigned i = 0; i < ARRAY_SIZE(key); i++) {
		value = tern_ephemeron_get(table, key[i]);
		wrong += !value || value->number != turn->number + i || value->to != key[i];
	}
}

static void turn_or_collect(unsigned cpu, void *arg)
{
	struct turn turn = { .cpu = cpu };

	(void)arg;
	if (cpu == 0) {
		collect_beside(&beside);
		return;
	}
	for (; !beside.over; turn.number++, beside.steps++)
		in_deep_frame(one_turn, &turn);
}

TEST_SLOW(ephemeron, used_by_several_cpus_while_one_collects)
{
	unsigned n = cpus_for_tests();

	if (n < 2)
		SKIP("one CPU");
	REQUIRE(collector_for_tests());
	table = tern_ephemerons_make();
	REQUIRE(table);
	wrong = 0;
	beside = (struct beside){ .apart = APART };
	run_on_cpus(n, turn_or_collect, NULL);
	EXPECT_EQ(wrong, 0);
	REQUIRE(collect_all());
	EXPECT(tern_ephemerons_count(table) < beside.steps * 8 / 4);
	tern_ephemerons_free(table);
}
