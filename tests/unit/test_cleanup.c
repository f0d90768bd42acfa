/* SPDX-License-Identifier: MIT */
/* test_cleanup.c - cleanups: each once, when its object is gone; stopped ones never. */
#include <stdatomic.h>

#include <tern/final.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/hidden.h"

#define N     HIDDEN_OBJECTS
#define MOST  (N - HIDDEN_STAY)
#define EACH  5u
#define MAGIC 0xc1ea9ull

struct told {
	uint64_t magic;
	uint32_t object, which, test;
};

static _Atomic unsigned calls[N][EACH], all_calls, spoiled;
static struct tern_cleanup handles[N][EACH];
static uintptr_t objects[N]; /* hidden */
static void *strong[N];      /* a root */
static atomic_bool too_early;
static enum tern_result results;
static uint32_t this_test;

static void begin(void)
{
	for (unsigned i = 0; i < N; i++) {
		strong[i] = NULL;
		for (unsigned k = 0; k < EACH; k++)
			calls[i][k] = 0;
	}
	all_calls = spoiled = 0;
	too_early = false;
	this_test++;
	results = TERN_OK;
}

static void clean(void *arg)
{
	struct told *told = arg;

	if (told->magic != MAGIC || told->object >= N || told->which >= EACH) {
		spoiled++;
		return;
	}
	/* What an earlier test left is none of this one's. */
	if (told->test != this_test)
		return;
	if (strong[told->object])
		too_early = true;
	calls[told->object][told->which]++;
	all_calls++;
}

static void add_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++) {
		char *p = tern_alloc(64);

		strong[i] = p;
		objects[i] = hide(p);
		for (unsigned k = 0; k < EACH; k++) {
			struct told *told = tern_alloc_noscan(sizeof(*told));

			*told = (struct told){ MAGIC, i, k, this_test };
			/* Anywhere in it. */
			results |= tern_add_cleanup(p + 8 * k, clean, told, &handles[i][k]);
		}
	}
}

static void forget(void)
{
	for (unsigned i = 0; i < N; i++)
		strong[i] = NULL;
}

static bool all_called(unsigned want)
{
	return run_due_until(&all_calls, want);
}

static bool called_at_most_once(void)
{
	for (unsigned i = 0; i < N; i++)
		for (unsigned k = 0; k < EACH; k++)
			if (calls[i][k] > 1)
				return false;
	return true;
}

TEST(cleanup, each_comes_once_when_the_object_is_gone)
{
	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(add_all, NULL);
	EXPECT_EQ(results, TERN_OK);
	collect_all();
	run_due();
	EXPECT_EQ(all_calls, 0);
	forget();
	collect_all();
	for (unsigned i = 0; i < N; i++)
		EXPECT(!tern_base(show(objects[i])) || calls[i][0] == 0);
	collect_all();
	EXPECT(all_called(EACH * MOST));
	EXPECT(called_at_most_once());
	EXPECT(!too_early);
	EXPECT_EQ(spoiled, 0);
}

TEST(cleanup, never_when_it_was_stopped)
{
	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(add_all, NULL);
	for (unsigned i = 0; i < N; i++) {
		EXPECT(tern_stop_cleanup(handles[i][i % EACH]));
		EXPECT(!tern_stop_cleanup(handles[i][i % EACH]));
	}
	forget();
	collect_all();
	EXPECT(all_called((EACH - 1) * MOST));
	EXPECT(called_at_most_once());
	for (unsigned i = 0; i < N; i++) {
		EXPECT_EQ(calls[i][i % EACH], 0);
		/* What was called, or is another's by now, cannot be stopped. */
		for (unsigned k = 0; k < EACH; k++)
			EXPECT(calls[i][k] == 0 || !tern_stop_cleanup(handles[i][k]));
	}
	EXPECT(!tern_stop_cleanup((struct tern_cleanup){ NULL, 0 }));
	EXPECT_EQ(spoiled, 0);
}

static _Atomic unsigned finalized;

static void finalize(void *obj, void *arg)
{
	(void)obj;
	(void)arg;
	finalized++;
}

TEST(cleanup, comes_a_cycle_after_the_finalizer)
{
	REQUIRE(collector_for_tests());
	begin();
	finalized = 0;
	in_deep_frame(add_all, NULL);
	for (unsigned i = 0; i < N; i++)
		EXPECT_EQ(tern_set_finalizer(strong[i], finalize, NULL), TERN_OK);
	forget();
	collect_all();
	EXPECT(run_due_until(&finalized, MOST));
	EXPECT_EQ(all_calls, 0);
	collect_all();
	EXPECT(all_called(EACH * (MOST - HIDDEN_STAY)));
	EXPECT(called_at_most_once());
	EXPECT_EQ(spoiled, 0);
}

TEST(cleanup, in_any_order_with_its_weak_pointer_null)
{
	struct tern_weak weak[N];
	unsigned alive = 0;

	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(add_all, NULL);
	for (unsigned i = 0; i < N; i++)
		EXPECT_EQ(tern_weak_make(&weak[i], strong[i]), TERN_OK);
	forget();
	collect_all();
	EXPECT(all_called(EACH * MOST));
	for (unsigned i = 0; i < N; i++) {
		alive += tern_weak_get(weak[i]) != NULL;
		EXPECT(calls[i][0] == 0 || !tern_weak_get(weak[i]));
	}
	EXPECT(alive <= HIDDEN_STAY);
}

static void nothing(void *arg)
{
	(void)arg;
}

TEST(cleanup, bad_addresses)
{
	struct tern_cleanup handle = { &handle, 1 };
	uint64_t local = 0, *manual, *p;

	REQUIRE(collector_for_tests());
	p = tern_alloc(64);
	manual = tern_malloc(64);
	REQUIRE(p && manual);
	EXPECT_EQ(tern_add_cleanup(NULL, nothing, NULL, &handle), TERN_EINVAL);
	EXPECT(!handle.record);
	EXPECT_EQ(tern_add_cleanup(&local, nothing, NULL, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_add_cleanup(manual, nothing, NULL, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_add_cleanup((char *)p + 4, nothing, NULL, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_add_cleanup(p, NULL, NULL, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_add_cleanup(p, nothing, p, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_add_cleanup(p, nothing, (char *)p + 63, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_add_cleanup(p, nothing, &local, NULL), TERN_OK);
	tern_free(p);
	tern_free(manual);
	run_due();
}

/* An argument in the same block would keep it for ever: that is said at once. */
TEST(cleanup, an_argument_beside_a_small_object)
{
	unsigned beside = 0;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < N; i++) {
		char *p = tern_alloc_noscan(4), *arg = tern_alloc_noscan(4);
		bool same;

		REQUIRE(p && arg);
		same = tern_base(p) == tern_base(arg);
		beside += same;
		EXPECT_EQ(tern_add_cleanup(p, nothing, arg, NULL), same ? TERN_EINVAL : TERN_OK);
	}
	EXPECT(beside > 0);
}
