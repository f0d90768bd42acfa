/* SPDX-License-Identifier: MIT */
/* test_barrier.c - tern/barrier.h, form by form: each does to memory what its plain sister does; while a
 * cycle marks, what it puts into a black object is found, and what it overwrites stays for that cycle. */
#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "gc/gc.h"
#include "gc/sweep.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define N   64u
#define FEW 4u

/* *slot = value */
typedef void put_fn(void **slot, void *value);

static void by_store(void **slot, void *value)
{
	tern_store(slot, value);
}

static void by_init_store(void **slot, void *value)
{
	tern_init_store(slot, value);
}

static void by_exchange(void **slot, void *value)
{
	tern_exchange(slot, value);
}

static void by_compare_exchange(void **slot, void *value)
{
	void *expected = *slot;

	tern_compare_exchange(slot, &expected, value);
}

/* From memory that nobody scans. */
static void by_copy(void **slot, void *value)
{
	void **from = tern_alloc_noscan(sizeof(*from));

	if (!from)
		return;
	*from = value;
	tern_copy(slot, from, sizeof(*from));
	*from = NULL;
}

static void by_clear(void **slot, void *value)
{
	(void)value;
	tern_clear_pointers(slot, sizeof(*slot));
}

static void by_nothing(void **slot, void *value)
{
	*slot = value;
}

static const struct form {
	const char *name;
	put_fn *put;
	bool puts, overwrites;
} forms[] = {
	{ "tern_store", by_store, true, true },
	{ "tern_init_store", by_init_store, true, false },
	{ "tern_exchange", by_exchange, true, true },
	{ "tern_compare_exchange", by_compare_exchange, true, true },
	{ "tern_copy", by_copy, true, true },
	{ "tern_clear_pointers", by_clear, false, true },
};

static void **volatile object; /* a root */
static uintptr_t hidden[N];

static void make_hidden(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++)
		hidden[i] = hide(tern_alloc(64));
}

/* Between the first pause and the last a new object is black. */
static void put_some(put_fn *put, unsigned n)
{
	object = tern_alloc(N * sizeof(void *));
	for (unsigned i = 0; object && i < n; i++)
		put((void **)&object[i], show(hidden[i]));
}

static void put_into_black(void *arg)
{
	put_some(*(put_fn **)arg, N);
}

static void put_few(void *arg)
{
	(void)arg;
	put_some(by_store, FEW);
}

static void make_full(void *arg)
{
	(void)arg;
	object = tern_alloc(N * sizeof(void *));
	for (unsigned i = 0; object && i < N; i++) {
		tern_init_store(&object[i], tern_alloc(64));
		hidden[i] = hide(object[i]);
	}
}

static void overwrite(void *arg)
{
	put_fn *put = *(put_fn **)arg;

	for (unsigned i = 0; i < N; i++)
		put((void **)&object[i], NULL);
}

static unsigned in_use_of(unsigned first)
{
	unsigned n = 0;

	for (unsigned i = 0; i < first; i++)
		n += tern_base(show(hidden[i])) != NULL;
	return n;
}

static void forget(void *arg)
{
	(void)arg;
	for (unsigned i = 0; object && i < N; i++)
		object[i] = NULL;
	object = NULL;
}

/* How many of what an act in the middle of marking has put somewhere, or taken away, are there. */
static unsigned left_after(put_fn *put, void (*before)(void *arg), void (*act)(void *arg))
{
	unsigned n;

	in_deep_frame(before, NULL);
	start_marking();
	in_deep_frame(act, &put);
	finish_marking();
	tern_gc_sweep_all();
	n = in_use_of(N);
	in_deep_frame(forget, NULL);
	return n;
}

TEST(barrier, what_is_put_into_a_black_object_is_found)
{
	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].puts &&
		    !EXPECT_EQ(left_after(forms[i].put, make_hidden, put_into_black), N))
			test_note(t, "%s", forms[i].name);
	/* Nothing else leads there, but for stale words. */
	EXPECT(left_after(by_nothing, make_hidden, put_into_black) < N / 4);
	EXPECT(restore_options());
}

/* A CPU remembers what it noted lately, but not from one cycle to the next. */
TEST(barrier, each_cycle_notes_anew)
{
	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	in_deep_frame(make_hidden, NULL);
	for (unsigned i = 0; i < 3; i++) {
		start_marking();
		in_deep_frame(put_few, NULL);
		finish_marking();
		tern_gc_sweep_all();
		EXPECT_EQ(in_use_of(FEW), FEW);
		in_deep_frame(forget, NULL);
	}
	EXPECT(restore_options());
}

TEST(barrier, what_is_overwritten_stays_for_the_cycle)
{
	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++)
		if (forms[i].overwrites &&
		    !EXPECT_EQ(left_after(forms[i].put, make_full, overwrite), N))
			test_note(t, "%s", forms[i].name);
	EXPECT(restore_options());
}

/* --- memory ---------------------------------------------------------------------------------- */

static void expect_single_words(struct test *t)
{
	void *slot = NULL, *expected = &slot;
	int a = 0, b = 0;

	tern_init_store(&slot, &a);
	EXPECT(slot == &a);
	tern_store(&slot, &b);
	EXPECT(slot == &b);
	EXPECT(tern_exchange(&slot, &a) == &b);
	EXPECT(slot == &a);
	EXPECT(!tern_compare_exchange(&slot, &expected, &b));
	EXPECT(slot == &a && expected == &a);
	EXPECT(tern_compare_exchange(&slot, &expected, &b));
	EXPECT(slot == &b && expected == &a);
}

/* To both sides, over itself, and of no length. */
static void expect_blocks(struct test *t)
{
	uintptr_t word[32], model[32];

	for (unsigned i = 0; i < 1000; i++) {
		unsigned n = (unsigned)(test_random(t) % 17), to = (unsigned)(test_random(t) % 16),
			 from = (unsigned)(test_random(t) % 16);

		for (unsigned k = 0; k < 32; k++)
			word[k] = model[k] = test_random(t);
		tern_copy(&word[to], &word[from], n * sizeof(word[0]));
		memmove(&model[to], &model[from], n * sizeof(word[0]));
		tern_clear_pointers(&word[from], n * sizeof(word[0]));
		memset(&model[from], 0, n * sizeof(word[0]));
		EXPECT(memcmp(word, model, sizeof(word)) == 0);
	}
}

TEST(barrier, memory_is_as_plain_stores_would_leave_it)
{
	REQUIRE(collector_for_tests());
	expect_single_words(t);
	expect_blocks(t);
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	start_marking();
	expect_single_words(t);
	expect_blocks(t);
	finish_marking();
	EXPECT(restore_options());
}
