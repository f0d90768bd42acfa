/* SPDX-License-Identifier: MIT */
/* test_finalizer.c - finalizers and cleanups: once, in order, on objects that are whole, and neither too
 * early nor of what somebody knows. */
#include <stdatomic.h>

#include <tern/final.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/hidden.h"
#include "tests/unit/own_heap.h"

#define N     HIDDEN_OBJECTS
#define MOST  (N - HIDDEN_STAY)
#define MAGIC 0x600dca5eull

struct node {
	uint64_t magic;
	uint32_t number, test;
	struct node *to;
	uint64_t more[3];
};

/* What an earlier test left, and a stale word kept, is none of the next one's. */
static uint32_t this_test;

/* What finalizers say. */
static _Atomic unsigned calls[N];  /* by number */
static _Atomic unsigned all_calls; /* together */
static _Atomic unsigned spoiled;   /* of objects that were not whole */
static _Atomic unsigned when[N];   /* the value of `now` at the last call */
static _Atomic unsigned now;
static _Atomic unsigned turn[N]; /* the last call was that one of all */
static atomic_bool keep;
static struct node *kept[N]; /* a root */

static void begin(void)
{
	for (unsigned i = 0; i < N; i++) {
		calls[i] = when[i] = turn[i] = 0;
		kept[i] = NULL;
	}
	all_calls = spoiled = now = 0;
	keep = false;
	this_test++;
}

static void note_call(uint64_t number)
{
	calls[number]++;
	turn[number] = ++all_calls;
	when[number] = now;
}

static void finalize(void *obj, void *arg)
{
	struct node *n = obj;

	if (n->magic != MAGIC || n->number >= N || tern_base(n) != n ||
	    (arg && *(uint64_t *)arg != MAGIC) || (n->to && n->to->magic != MAGIC)) {
		spoiled++;
		return;
	}
	if (n->test != this_test)
		return;
	note_call(n->number);
	if (keep)
		kept[n->number] = n;
}

static struct node *make_node(uint32_t number, struct node *to)
{
	struct node *n = tern_alloc(sizeof(*n));

	if (n)
		*n = (struct node){ .magic = MAGIC, .number = number, .test = this_test, .to = to };
	return n;
}

static void collect_and_run(void)
{
	now++;
	collect_all();
	run_due();
}

/* Another thread may be at it. */
static bool all_called(unsigned want)
{
	return run_due_until(&all_calls, want);
}

static bool called_at_most(unsigned times)
{
	for (unsigned i = 0; i < N; i++)
		if (calls[i] > times)
			return false;
	return true;
}

static enum tern_result results; /* the worst of all */

static void make_garbage(void *arg)
{
	void (*fn)(void *, void *) = arg ? finalize : NULL;

	results = TERN_OK;
	for (unsigned i = 0; i < N; i++)
		results |= tern_set_finalizer(make_node(i, make_node(i, NULL)), fn, NULL);
}

TEST(finalizer, comes_once_and_the_object_is_whole)
{
	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(make_garbage, t);
	EXPECT_EQ(results, TERN_OK);
	EXPECT_EQ(all_calls, 0);
	collect_and_run();
	EXPECT(all_called(MOST));
	for (unsigned i = 0; i < 3; i++)
		collect_and_run();
	EXPECT(called_at_most(1));
	EXPECT_EQ(spoiled, 0);
}

TEST(finalizer, not_of_what_somebody_knows)
{
	REQUIRE(collector_for_tests());
	begin();
	for (unsigned i = 0; i < N; i++) {
		kept[i] = make_node(i, NULL);
		REQUIRE(kept[i]);
		EXPECT_EQ(tern_set_finalizer(kept[i], finalize, NULL), TERN_OK);
	}
	for (unsigned i = 0; i < 3; i++)
		collect_and_run();
	EXPECT_EQ(all_calls, 0);
	for (unsigned i = 0; i < N; i++)
		kept[i] = NULL;
	collect_and_run();
	EXPECT(all_called(MOST));
	EXPECT_EQ(spoiled, 0);
}

TEST(finalizer, none_after_all)
{
	REQUIRE(collector_for_tests());
	begin();
	for (unsigned i = 0; i < N; i++) {
		kept[i] = make_node(i, NULL);
		REQUIRE(kept[i]);
		EXPECT_EQ(tern_set_finalizer(kept[i], finalize, NULL), TERN_OK);
		/* One for each object. */
		EXPECT_EQ(tern_set_finalizer(kept[i], finalize, NULL), TERN_EINVAL);
		EXPECT_EQ(tern_set_finalizer(kept[i], NULL, NULL), TERN_OK);
		EXPECT_EQ(tern_set_finalizer(kept[i], NULL, NULL), TERN_OK);
		kept[i] = NULL;
	}
	for (unsigned i = 0; i < 3; i++)
		collect_and_run();
	EXPECT_EQ(all_calls, 0);
}

TEST(finalizer, may_bring_the_object_back_once)
{
	unsigned back, alive = 0;

	REQUIRE(collector_for_tests());
	begin();
	keep = true;
	in_deep_frame(make_garbage, t);
	collect_and_run();
	EXPECT(all_called(MOST));
	keep = false;
	for (unsigned i = 0; i < 3; i++)
		collect_and_run();
	back = all_calls;
	EXPECT(called_at_most(1));
	for (unsigned i = 0; i < N; i++)
		alive += kept[i] && tern_base(kept[i]) == kept[i] && kept[i]->magic == MAGIC &&
			 kept[i]->to->magic == MAGIC;
	EXPECT(alive >= MOST && alive <= back);
	/* Known to nobody again, they have none any more, unless it is set again. */
	for (unsigned i = 0; i < N; i++) {
		if (kept[i] && i % 2)
			EXPECT_EQ(tern_set_finalizer(kept[i], finalize, NULL), TERN_OK);
		kept[i] = NULL;
	}
	collect_and_run();
	EXPECT(all_called(back + N / 2 - HIDDEN_STAY));
	for (unsigned i = 0; i < N; i += 2)
		EXPECT(calls[i] <= 1);
	EXPECT_EQ(spoiled, 0);
}

/* Chains: 0 -> 1 -> 2, 3 -> 4 -> 5 ... */
static void make_chains(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i + 2 < N; i += 3) {
		struct node *n = NULL;

		for (unsigned k = 3; k-- > 0;) {
			n = make_node(i + k, n);
			tern_set_finalizer(n, finalize, NULL);
		}
	}
}

TEST(finalizer, comes_before_those_of_what_it_leads_to)
{
	unsigned disorder = 0, in_time = 0;

	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(make_chains, NULL);
	for (unsigned i = 0; i < 3; i++) {
		collect_and_run();
		all_called((i + 1) * (N / 3) - HIDDEN_STAY);
	}
	for (unsigned i = 0; i < 3; i++)
		collect_and_run();
	for (unsigned i = 0; i + 2 < N; i += 3) {
		disorder += (turn[i + 1] && turn[i + 1] <= turn[i]) ||
			    (turn[i + 2] && turn[i + 2] <= turn[i + 1]);
		in_time += when[i] == 1 && when[i + 1] == 2 && when[i + 2] == 3;
	}
	EXPECT_EQ(disorder, 0);
	EXPECT(in_time >= N / 3 - HIDDEN_STAY);
	EXPECT(called_at_most(1));
	EXPECT_EQ(spoiled, 0);
}

/* Pairs that lead to each other, and every fourth to itself. */
static void make_cycles(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i += 2) {
		struct node *a = make_node(i, NULL), *b = make_node(i + 1, a);

		a->to = i % 4 ? a : b;
		tern_set_finalizer(a, finalize, NULL);
		tern_set_finalizer(b, finalize, NULL);
	}
}

TEST(finalizer, never_of_what_leads_to_itself)
{
	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(make_cycles, NULL);
	for (unsigned i = 0; i < 4; i++)
		collect_and_run();
	for (unsigned i = 0; i < N; i++)
		/* Those that lead only to another that does. */
		EXPECT(calls[i] == 0 || (i % 4 == 3 && calls[i] == 1));
	EXPECT_EQ(spoiled, 0);
}

TEST(finalizer, waits_with_all_that_it_needs)
{
	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(make_garbage, t);
	/* It may be long until somebody calls it. */
	for (unsigned i = 0; i < 4; i++)
		collect_all();
	for (unsigned i = 0; i < 1000; i++)
		tern_alloc(sizeof(struct node));
	run_due();
	EXPECT(all_called(MOST));
	EXPECT_EQ(spoiled, 0);
}

static void make_with_arguments(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++) {
		uint64_t *magic = tern_alloc_noscan(24);

		*magic = MAGIC;
		tern_set_finalizer(make_node(i, NULL), finalize, magic);
	}
}

TEST(finalizer, its_argument_lives_until_then)
{
	REQUIRE(collector_for_tests());
	begin();
	in_deep_frame(make_with_arguments, NULL);
	collect_all();
	collect_all();
	run_due();
	EXPECT(all_called(MOST));
	EXPECT_EQ(spoiled, 0);
}

#define LARGE ((size_t)300000)

/* What leads to others lies in the last part that is scanned. */
static void make_large(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N / 10; i++) {
		struct node **p = tern_alloc(LARGE);

		p[LARGE / sizeof(*p) - 1] = make_node(i, NULL);
		*(struct node *)p = (struct node){ .magic = MAGIC, .number = i, .test = this_test };
		((struct node *)p)->to = p[LARGE / sizeof(*p) - 1];
		tern_set_finalizer(p, finalize, NULL);
	}
}

TEST(finalizer, of_large_objects)
{
	REQUIRE(collector_for_tests());
	if (!hidden_objects_fit(LARGE / 10))
		SKIP("too little memory");
	begin();
	in_deep_frame(make_large, NULL);
	collect_and_run();
	EXPECT(all_called(N / 10 - 2));
	EXPECT_EQ(spoiled, 0);
}

/* --- small ones that share blocks ------------------------------------------------------------ */

static _Atomic unsigned crumbs, many;

static void finalize_crumb(void *obj, void *arg)
{
	crumbs += *(uint8_t *)obj == (uint8_t)(uintptr_t)arg;
}

static void make_crumbs(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 16 * N; i++) {
		uint8_t *p = tern_alloc_noscan(1);

		*p = (uint8_t)i;
		results |= tern_set_finalizer(p, finalize_crumb, (void *)(uintptr_t)(uint8_t)i);
	}
}

TEST(finalizer, sixteen_in_a_block_in_one_cycle)
{
	REQUIRE(collector_for_tests());
	crumbs = 0;
	results = TERN_OK;
	in_deep_frame(make_crumbs, NULL);
	EXPECT_EQ(results, TERN_OK);
	/* The block that the CPU had begun is not held back either. */
	collect_all();
	EXPECT(run_due_until(&crumbs, 16 * MOST) && crumbs <= 16 * N);
}

/* --- the other end --------------------------------------------------------------------------- */

static void clean(void *arg)
{
	note_call((uintptr_t)arg);
}

TEST(finalizer, tern_free_calls_cleanups_alone)
{
	REQUIRE(collector_for_tests());
	begin();
	for (unsigned i = 0; i < N; i++) {
		struct node *n = make_node(i, NULL);

		REQUIRE(n);
		EXPECT_EQ(tern_set_finalizer(n, finalize, NULL), TERN_OK);
		EXPECT_EQ(tern_add_cleanup(n, clean, (void *)(uintptr_t)i, NULL), TERN_OK);
		/* One that moves ends, too. */
		tern_free(i % 2 ? n : tern_realloc(n, 4000));
	}
	EXPECT(all_called(N));
	EXPECT_EQ(all_calls, N);
	EXPECT(called_at_most(1));
	for (unsigned i = 0; i < 2; i++)
		collect_and_run();
	EXPECT_EQ(all_calls, N);
}

static void finalize_one_of_many(void *obj, void *arg)
{
	many += *(uint8_t *)obj == (uint8_t)(uintptr_t)arg;
}

TEST(finalizer, a_hundred_thousand)
{
	enum { MANY = 100000 };
	static uint64_t **all;
	struct tern_page_stats s;

	REQUIRE(collector_for_tests());
	tern_page_stats(&s);
	if (s.waiting + s.free < 64u << 20)
		SKIP("too little memory");
	all = tern_calloc(MANY, sizeof(*all));
	REQUIRE(all);
	many = 0;
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = tern_alloc(64);
		REQUIRE(all[i]);
		*(uint8_t *)all[i] = (uint8_t)i;
		REQUIRE(tern_pin(all[i]) == TERN_OK);
		REQUIRE(tern_set_finalizer(all[i], finalize_one_of_many,
					   (void *)(uintptr_t)(uint8_t)i) == TERN_OK);
	}
	collect_all();
	run_due();
	EXPECT_EQ(many, 0);
	for (unsigned i = 0; i < MANY; i++)
		EXPECT_EQ(tern_unpin(all[i]), TERN_OK);
	tern_free(all);
	all = NULL;
	collect_all();
	EXPECT(run_due_until(&many, MANY - 1000) && many <= MANY);
}

TEST(finalizer, bad_addresses)
{
	uint64_t local = 0, *manual, *p;
	void *pages;

	REQUIRE(collector_for_tests());
	p = tern_alloc(64);
	manual = tern_malloc(64);
	pages = tern_pages_alloc(8192, 0, 0);
	REQUIRE(p && manual && pages);
	EXPECT_EQ(tern_set_finalizer(NULL, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(&local, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(manual, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(pages, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer((void *)UINTPTR_MAX, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(tern_alloc(0), finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(p + 1, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer((char *)p + 1, finalize, NULL), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(p, finalize, p), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(p, finalize, p + 7), TERN_EINVAL);
	EXPECT_EQ(tern_set_finalizer(p, finalize, p + 32), TERN_OK);
	tern_free(p);
	tern_free(manual);
	tern_pages_free(pages, 8192);
}

/* --- no memory for records ------------------------------------------------------------------- */

static bool tie_one(uint64_t *p, unsigned kind)
{
	struct tern_weak weak;

	switch (kind) {
	case 0:
		return tern_set_finalizer(p, finalize_crumb, NULL) == TERN_OK;
	case 1:
		return tern_add_cleanup(p, clean, NULL, NULL) == TERN_OK;
	case 2:
		return tern_weak_make(&weak, p + 1) == TERN_OK;
	default:
		return tern_pin(p) == TERN_OK;
	}
}

/* The nth piece of memory for records is refused, and all after it. */
static bool tie_all(struct test *t, uint64_t **p, size_t n)
{
	struct tern_meta *meta = &tern_heap.pages.meta;
	bool enough = true;

	meta->fail_after = n;
	for (unsigned i = 0; i < N * 4 && enough; i++)
		enough = tie_one(p[i / 4], i % 4);
	meta->fail_after = SIZE_MAX;
	for (unsigned i = 0; i < N; i++)
		EXPECT(tern_base(p[i]) == p[i]);
	return enough;
}

TEST(finalizer, no_memory_for_records_is_said)
{
	uint64_t **p = (uint64_t **)test_scratch;
	unsigned refused = 0;

	if (!own_heap_begin(1 << 20) || !EXPECT(own_heap_add()))
		SKIP("too little memory");
	for (size_t n = 0;; n++) {
		for (unsigned i = 0; i < N; i++)
			p[i] = tern_alloc(16);
		if (tie_all(t, p, n))
			break;
		refused++;
		/* What was tied ends with the object, and is free for the next. */
		for (unsigned i = 0; i < N; i++)
			tern_free(p[i]);
		while (tern_finalizers_due())
			tern_run_finalizers();
	}
	EXPECT(refused > 0 && refused <= 4 * N);
	for (unsigned i = 0; i < N; i++)
		tern_free(p[i]);
	tern_run_finalizers();
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}
