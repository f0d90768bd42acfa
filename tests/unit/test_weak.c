/* SPDX-License-Identifier: MIT */
/* test_weak.c - weak pointers: equal while the object lives, NULL as soon as it is dead, whatever happens
 * to its memory; and several CPUs that make and follow them while one collects. */
#include <stdatomic.h>

#include <tern/final.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/hidden.h"

#define N       HIDDEN_OBJECTS
#define MAGIC   0x5eed0b1ec7ull
#define APART   100u
#define TURNOUT 8u

static struct tern_weak weak[N];
static void *strong[N]; /* a root */
static size_t size;

static void make_weak(void *arg)
{
	bool *good = arg;

	*good = true;
	for (unsigned i = 0; i < N; i++) {
		uint64_t *p = tern_alloc(size);

		if (!p || tern_weak_make(&weak[i], p) != TERN_OK)
			*good = false;
		else
			*p = MAGIC + i;
		strong[i] = p;
	}
}

static bool make_all(size_t of)
{
	bool good;

	size = of;
	in_deep_frame(make_weak, &good);
	return good;
}

static void forget(void)
{
	for (unsigned i = 0; i < N; i++)
		strong[i] = NULL;
}

TEST(weak, equal_while_it_lives_and_null_when_it_is_dead)
{
	const size_t sizes[] = { 8, 24, 1000, 33000 };

	REQUIRE(collector_for_tests());
	for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++) {
		if (!hidden_objects_fit(sizes[k]))
			break;
		REQUIRE(make_all(sizes[k]));
		REQUIRE(collect_all());
		for (unsigned i = 0; i < N; i++) {
			struct tern_weak again;

			EXPECT_EQ((uintptr_t)tern_weak_get(weak[i]), (uintptr_t)strong[i]);
			EXPECT_EQ(tern_weak_make(&again, strong[i]), TERN_OK);
			EXPECT(tern_weak_equal(weak[i], again));
			EXPECT(i == 0 || !tern_weak_equal(weak[i], weak[i - 1]));
		}
		forget();
		REQUIRE(collect_all());
		EXPECT(nearly_all_died(t, weak, 0, 1));
	}
}

TEST(weak, the_dead_are_known_before_they_are_swept)
{
	struct tern_gc_stats s;

	REQUIRE(collector_for_tests());
	REQUIRE(make_all(64));
	for (unsigned i = 0; i < N; i += 2)
		strong[i] = NULL;
	REQUIRE(collect_and_not_sweep());
	tern_gc_stats(&s);
	EXPECT(nearly_all_died(t, weak, 0, 2));
	EXPECT_EQ(count_alive(weak, 1, 2), N / 2);
	if (!s.sweeping)
		test_note(t, "all was swept before");
	forget();
}

TEST(weak, an_object_with_its_own_offsets)
{
	struct tern_weak a, b, again;
	struct tern_page_stats s;
	char *p;

	REQUIRE(collector_for_tests());
	tern_page_stats(&s);
	if (s.longest_free < 2 << 20 && s.waiting < 2 << 20)
		SKIP("too little memory in one piece");
	p = tern_alloc(1 << 20);
	REQUIRE(p);
	/* 64 KiB apart, and more: no part of an offset is lost. */
	for (size_t at = 0; at < 1 << 20; at += 65536) {
		EXPECT_EQ(tern_weak_make(&a, p + at), TERN_OK);
		EXPECT_EQ(tern_weak_make(&again, p + at), TERN_OK);
		EXPECT_EQ(tern_weak_make(&b, p + at + 8), TERN_OK);
		EXPECT(tern_weak_equal(a, again));
		EXPECT(!tern_weak_equal(a, b));
		EXPECT_EQ((uintptr_t)tern_weak_get(a), (uintptr_t)(p + at));
		EXPECT_EQ((uintptr_t)tern_weak_get(b), (uintptr_t)(p + at + 8));
	}
	tern_free(p);
	EXPECT(!tern_weak_get(a) && !tern_weak_get(b));
}

TEST(weak, never_another_objects_memory)
{
	struct tern_weak old[N];

	REQUIRE(collector_for_tests());
	REQUIRE(make_all(48));
	for (unsigned i = 0; i < N; i++)
		old[i] = weak[i];
	for (unsigned i = 0; i < N; i++)
		tern_free(strong[i]);
	for (unsigned i = 0; i < N; i++)
		EXPECT(!tern_weak_get(old[i]));
	/* Slots and records are used again. */
	REQUIRE(make_all(48));
	for (unsigned i = 0; i < N; i++) {
		EXPECT(!tern_weak_get(old[i]));
		EXPECT_EQ((uintptr_t)tern_weak_get(weak[i]), (uintptr_t)strong[i]);
		for (unsigned k = 0; k < N; k++)
			EXPECT(!tern_weak_equal(weak[i], old[k]));
	}
	forget();
	REQUIRE(collect_all());
	EXPECT(nearly_all_died(t, weak, 0, 1));
}

TEST(weak, may_lie_where_no_collector_looks)
{
	struct tern_weak *manual;

	REQUIRE(collector_for_tests());
	manual = tern_malloc(N * sizeof(*manual));
	REQUIRE(manual);
	REQUIRE(make_all(32));
	for (unsigned i = 0; i < N; i++)
		manual[i] = weak[i];
	forget();
	REQUIRE(collect_all());
	REQUIRE(make_all(32));
	EXPECT(nearly_all_died(t, manual, 0, 1));
	tern_free(manual);
	forget();
}

static uintptr_t revived[N];
static _Atomic unsigned finalized;

static void revive(void *obj, void *arg)
{
	revived[(uintptr_t)arg] = hide(obj);
	strong[(uintptr_t)arg] = obj;
	finalized++;
}

TEST(weak, null_before_the_finalizer_and_after_it)
{
	unsigned alive, seen = 0, differ = 0;

	REQUIRE(collector_for_tests());
	REQUIRE(make_all(40));
	finalized = 0;
	for (unsigned i = 0; i < N; i++) {
		revived[i] = 0;
		EXPECT_EQ(tern_set_finalizer(strong[i], revive, (void *)(uintptr_t)i), TERN_OK);
	}
	forget();
	REQUIRE(collect_and_not_sweep());
	alive = count_alive(weak, 0, 1);
	EXPECT(alive <= HIDDEN_STAY);
	REQUIRE(collect_all());
	EXPECT(run_due_until(&finalized, N - HIDDEN_STAY));
	for (unsigned i = 0; i < N; i++) {
		struct tern_weak fresh;

		if (!revived[i])
			continue;
		seen++;
		EXPECT(!tern_weak_get(weak[i]));
		EXPECT_EQ(tern_weak_make(&fresh, show(revived[i])), TERN_OK);
		EXPECT_EQ((uintptr_t)tern_weak_get(fresh), (uintptr_t)show(revived[i]));
		differ += !tern_weak_equal(fresh, weak[i]);
	}
	EXPECT_EQ(differ, seen);
	forget();
}

TEST(weak, small_objects_that_share_a_block)
{
	struct tern_weak a, b;
	char *p, *q;

	REQUIRE(collector_for_tests());
	p = tern_alloc_noscan(3);
	q = tern_alloc_noscan(3);
	REQUIRE(p && q);
	EXPECT_EQ(tern_weak_make(&a, p), TERN_OK);
	EXPECT_EQ(tern_weak_make(&b, q), TERN_OK);
	EXPECT(!tern_weak_equal(a, b));
	REQUIRE(collect_all());
	EXPECT_EQ((uintptr_t)tern_weak_get(a), (uintptr_t)p);
	EXPECT_EQ((uintptr_t)tern_weak_get(b), (uintptr_t)q);
	tern_keep_alive(p);
	tern_keep_alive(q);
}

TEST(weak, a_cut_object_has_no_pointers_behind_its_end)
{
	struct tern_weak first, last;
	char *p, *q;

	REQUIRE(collector_for_tests());
	p = tern_alloc(200000);
	REQUIRE(p);
	EXPECT_EQ(tern_weak_make(&first, p), TERN_OK);
	EXPECT_EQ(tern_weak_make(&last, p + 199000), TERN_OK);
	q = tern_realloc(p, 100000);
	REQUIRE(q);
	EXPECT_EQ((uintptr_t)tern_weak_get(first), q == p ? (uintptr_t)p : 0);
	EXPECT(!tern_weak_get(last));
	tern_free(q);
	EXPECT(!tern_weak_get(first));
}

TEST(weak, bad_addresses)
{
	struct tern_weak w = { &w, 1 };
	uint64_t *manual, *p;
	void *pages;

	REQUIRE(collector_for_tests());
	p = tern_alloc(64);
	manual = tern_malloc(64);
	pages = tern_pages_alloc(8192, 0, 0);
	REQUIRE(p && manual && pages);
	EXPECT_EQ(tern_weak_make(&w, NULL), TERN_EINVAL);
	EXPECT(!w.record && !tern_weak_get(w));
	EXPECT_EQ(tern_weak_make(&w, &w), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, manual), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, pages), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, (char *)p + 1), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, (void *)UINTPTR_MAX), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, (void *)(1ull << 48)), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, tern_alloc(0)), TERN_EINVAL);
	EXPECT_EQ(tern_weak_make(&w, p + 1), TERN_OK);
	EXPECT_EQ((uintptr_t)tern_weak_get(w), (uintptr_t)(p + 1));
	tern_free(manual);
	tern_pages_free(pages, 8192);
	tern_free(p);
}

/* --- several CPUs ---------------------------------------------------------------------------- */

/* A place that CPUs share: whoever finds it empty or dead puts a new object there, by a weak pointer
 * alone. Whoever gets the object from there owns it from then on, like any other. */
struct place {
	atomic_bool busy;
	struct tern_weak weak;
	uint64_t number; /* what the object says of itself */
};

static struct place places[16];
static struct beside beside;
static _Atomic uint64_t next_number, wrong, followed, died;

static void put_new(struct place *at)
{
	uint64_t *p = tern_alloc(48);

	if (!p)
		return;
	at->number = atomic_fetch_add(&next_number, 1);
	p[0] = p[5] = at->number;
	wrong += tern_weak_make(&at->weak, p) != TERN_OK;
}

static void visit(void *arg)
{
	struct place *at = arg;
	uint64_t *p = tern_weak_get(at->weak);

	if (!p) {
		died++;
		put_new(at);
		return;
	}
	followed++;
	/* Others may collect here: it is this pointer that keeps it. */
	for (unsigned i = 0; i < TURNOUT; i++) {
		wrong += p[0] != at->number || p[5] != at->number || tern_base(p) != p;
		tern_alloc(48);
	}
}

static void follow_or_collect(unsigned cpu, void *arg)
{
	uint64_t seed = cpu + 1;

	(void)arg;
	if (cpu == 0) {
		collect_beside(&beside);
		return;
	}
	for (; !beside.over; beside.steps++) {
		struct place *at = &places[(seed = seed * 6364136223846793005u + 1) >> 60];

		if (atomic_exchange_explicit(&at->busy, true, memory_order_acquire))
			continue;
		in_deep_frame(visit, at);
		atomic_store_explicit(&at->busy, false, memory_order_release);
	}
}

TEST_SLOW(weak, followed_by_several_cpus_while_one_collects)
{
	unsigned n = cpus_for_tests();

	if (n < 2)
		SKIP("one CPU");
	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		places[i].weak = (struct tern_weak){ NULL, 0 };
	next_number = 1;
	wrong = followed = died = 0;
	beside = (struct beside){ .apart = APART };
	run_on_cpus(n, follow_or_collect, NULL);
	EXPECT_EQ(wrong, 0);
	EXPECT(followed > 0 && died > ARRAY_SIZE(places));
	test_note(t, "%llu followed, %llu found dead", (unsigned long long)followed,
		  (unsigned long long)died);
}
