/* SPDX-License-Identifier: MIT */
/* test_pin.c - objects that live whoever knows of them: pinned ones, and uncollectable ones. */
#include <tern/final.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/hidden.h"

#define N     HIDDEN_OBJECTS
#define MAGIC 0x9199edull

static uintptr_t hidden[N], behind[N];
static struct tern_weak weak[N], weak_behind[N];
static enum tern_result results;
static bool uncollectable;

/* Each leads to another. */
static void make_pinned(void *arg)
{
	(void)arg;
	results = TERN_OK;
	for (unsigned i = 0; i < N; i++) {
		uint64_t **p = uncollectable ? tern_alloc_uncollectable(64) : tern_alloc(64);
		uint64_t *q = tern_alloc_noscan(32);

		*q = MAGIC;
		p[3] = q;
		hidden[i] = hide(p);
		behind[i] = hide(q);
		results |= tern_weak_make(&weak[i], p) | tern_weak_make(&weak_behind[i], q);
		if (!uncollectable)
			results |= tern_pin(p + 2);
	}
}

static bool all_whole(void)
{
	for (unsigned i = 0; i < N; i++) {
		uint64_t **p = show(hidden[i]);

		if (tern_base(p) != p || p[3] != show(behind[i]) || *p[3] != MAGIC)
			return false;
	}
	return true;
}

static void unpin_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++)
		results |= tern_unpin(show(hidden[i]));
}

TEST(pin, lives_until_it_is_unpinned_as_often)
{
	REQUIRE(collector_for_tests());
	uncollectable = false;
	in_deep_frame(make_pinned, NULL);
	for (unsigned i = 0; i < N; i++)
		EXPECT_EQ(tern_pin(show(hidden[i])), TERN_OK);
	for (unsigned i = 0; i < 3; i++)
		REQUIRE(collect_all());
	EXPECT(all_whole());
	in_deep_frame(unpin_all, NULL);
	REQUIRE(collect_all());
	EXPECT(all_whole());
	in_deep_frame(unpin_all, NULL);
	EXPECT_EQ(results, TERN_OK);
	REQUIRE(collect_all());
	EXPECT(nearly_all_died(t, weak, 0, 1));
	EXPECT(nearly_all_died(t, weak_behind, 0, 1));
}

static void free_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++)
		tern_free(show(hidden[i]));
}

TEST(pin, uncollectable_until_it_is_freed)
{
	REQUIRE(collector_for_tests());
	uncollectable = true;
	in_deep_frame(make_pinned, NULL);
	EXPECT_EQ(results, TERN_OK);
	for (unsigned i = 0; i < 3; i++)
		REQUIRE(collect_all());
	EXPECT(all_whole());
	in_deep_frame(free_all, NULL);
	EXPECT_EQ(count_alive(weak, 0, 1), 0);
	REQUIRE(collect_all());
	EXPECT(nearly_all_died(t, weak_behind, 0, 1));
}

TEST(pin, size_zero_and_large_ones_are_objects_too)
{
	char *p, *q;

	REQUIRE(collector_for_tests());
	p = tern_alloc_uncollectable(0);
	q = tern_alloc_uncollectable(500000);
	REQUIRE(p && q);
	EXPECT(tern_usable_size(p) > 0 && tern_usable_size(q) >= 500000);
	for (size_t i = 0; i < 500000; i += 1000)
		EXPECT_EQ(q[i], 0);
	EXPECT_EQ(tern_unpin(p), TERN_OK);
	EXPECT_EQ(tern_unpin(p), TERN_EINVAL);
	tern_free(p);
	tern_free(q);
	EXPECT(!tern_alloc_uncollectable(SIZE_MAX));
}

TEST(pin, bad_addresses)
{
	uint64_t local = 0, *manual, *p;

	REQUIRE(collector_for_tests());
	p = tern_alloc(64);
	manual = tern_malloc(64);
	REQUIRE(p && manual);
	EXPECT_EQ(tern_pin(NULL), TERN_EINVAL);
	EXPECT_EQ(tern_pin(&local), TERN_EINVAL);
	EXPECT_EQ(tern_pin(manual), TERN_EINVAL);
	EXPECT_EQ(tern_pin((char *)p + 3), TERN_EINVAL);
	EXPECT_EQ(tern_unpin(NULL), TERN_EINVAL);
	EXPECT_EQ(tern_unpin(p), TERN_EINVAL);
	/* A pin ends with the object. */
	EXPECT_EQ(tern_pin(p), TERN_OK);
	tern_free(p);
	p = tern_alloc(64);
	REQUIRE(p);
	EXPECT_EQ(tern_unpin(p), TERN_EINVAL);
	tern_free(p);
	tern_free(manual);
}
