/* SPDX-License-Identifier: MIT */
/* test_graph.c - what leads where: leaks of manual objects, and paths from roots to objects.
 *
 * A hidden pointer is the complement of one. Words that nobody cleared, such as those that other tests
 * left in their data, may look like pointers: so that of many leaks some, and not all, must be found. */
#include <tern/final.h>
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/type.h>

#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"

#define OBJECTS 64u
#define FOUND   (OBJECTS / 4)
#define ASKED   12u   /* each question stops the world */
#define SIZE    1700u /* few others are of that class */

/* What keeps objects alive in these tests: the program's data are roots. */
static void *volatile held[4];
static uintptr_t hidden[OBJECTS];

struct seen {
	unsigned ours;
	bool wrong_size;
};

static bool is_ours(uintptr_t object)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (~hidden[i] == object)
			return true;
	return false;
}

static void see_leak(void *arg, const struct tern_leak *leak)
{
	struct seen *s = arg;

	if (!is_ours(leak->object))
		return;
	s->ours++;
	s->wrong_size |= leak->size < SIZE;
}

/* How many of those that are hidden are reported. */
static unsigned leaks_of_ours(struct test *t)
{
	struct seen s = { 0 };
	uint64_t found;

	EXPECT_EQ(tern_find_leaks(see_leak, &s, &found), TERN_OK);
	EXPECT(found >= s.ours && !s.wrong_size);
	return s.ours;
}

static TERN_NOINLINE bool make_objects(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		void *p = tern_calloc(1, SIZE);

		if (!p)
			return false;
		hidden[i] = ~(uintptr_t)p;
	}
	return true;
}

/* Each leads to the one before; or to nothing. */
static TERN_NOINLINE void chain(bool linked)
{
	for (unsigned i = 1; i < OBJECTS; i++)
		((void **)~hidden[i])[SIZE / sizeof(void *) - 1] =
			linked ? (void *)~hidden[i - 1] : NULL;
}

/* The last is returned. */
static uintptr_t make_chain(void)
{
	if (!make_objects())
		return 0;
	chain(true);
	return hidden[OBJECTS - 1];
}

static TERN_NOINLINE void free_objects(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		tern_free((void *)~hidden[i]);
		hidden[i] = 0;
	}
}

/* Another function's frame may still hold what the last one left there. */
static TERN_NOINLINE void clear_stack(void)
{
	volatile uintptr_t words[256];

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = 0;
}

/* The caller's frame never has it. */
static TERN_NOINLINE void put(void **at, uintptr_t hidden_object)
{
	*at = (void *)~hidden_object;
}

TEST(leaks, what_nothing_leads_to_is_found)
{
	struct tern_gc_stats before, after;

	REQUIRE(collector_for_tests());
	tern_gc_stats(&before);
	REQUIRE(make_objects());
	clear_stack();
	EXPECT(leaks_of_ours(t) >= FOUND);
	free_objects();
	EXPECT_EQ(leaks_of_ours(t), 0);
	tern_gc_stats(&after);
	EXPECT_EQ(before.cycles, after.cycles);
}

TEST(leaks, what_something_leads_to_is_none)
{
	REQUIRE(collector_for_tests());
	put((void **)&held[0], make_chain());
	REQUIRE(held[0] != (void *)~0ul);
	EXPECT_EQ(leaks_of_ours(t), 0);
	/* To its inside */
	held[0] = (char *)held[0] + SIZE / 2;
	EXPECT_EQ(leaks_of_ours(t), 0);
	held[0] = NULL;
	/* One word that nobody cleared would hold all of the chain. */
	chain(false);
	clear_stack();
	EXPECT(leaks_of_ours(t) >= FOUND);
	free_objects();
}

/* Objects of all kinds, and runs of pages, may be on the way; those without pointers are not looked
 * at. */
TEST(leaks, the_way_leads_through_objects_of_all_kinds)
{
	void **object;
	void **run = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
	uintptr_t last;

	REQUIRE(collector_for_tests() && run);
	for (unsigned i = 0; i < TERN_HEAP_PAGE / sizeof(*run); i++)
		run[i] = NULL;
	last = make_chain();
	object = held[0] = tern_alloc(64);
	REQUIRE(last && object);
	put(&object[3], last);
	EXPECT_EQ(leaks_of_ours(t), 0);
	object[3] = NULL;

	object = held[0] = tern_new(&tern_pointer_type);
	REQUIRE(object);
	put(object, last);
	EXPECT_EQ(leaks_of_ours(t), 0);
	*object = NULL;

	put(&run[77], last);
	EXPECT_EQ(leaks_of_ours(t), 0);
	run[77] = NULL;

	object = held[0] = tern_alloc_noscan(sizeof(hidden));
	REQUIRE(object);
	for (unsigned i = 0; i < OBJECTS; i++)
		put(&object[i], hidden[i]);
	chain(false);
	clear_stack();
	EXPECT(leaks_of_ours(t) >= FOUND);
	held[0] = NULL;
	tern_pages_free(run, TERN_HEAP_PAGE);
	free_objects();
}

/* Collected objects keep what they hold, and garbage stays garbage. */
TEST(leaks, the_collector_does_not_notice)
{
	struct tern_gc_stats before, s;
	uint64_t found;
	void **p;

	REQUIRE(collector_for_tests());
	EXPECT_EQ(tern_gc(), TERN_OK);
	held[0] = NULL;
	for (unsigned i = 0; i < 1000; i++) {
		REQUIRE(p = tern_alloc(48));
		*p = held[0];
		held[0] = p;
		REQUIRE(tern_alloc(48));
	}
	EXPECT_EQ(tern_find_leaks(NULL, NULL, &found), TERN_OK);
	tern_gc_stats(&before);
	EXPECT_EQ(tern_gc(), TERN_OK);
	tern_gc_stats(&s);
	EXPECT(s.swept_objects - before.swept_objects >= 500);
	EXPECT(s.live_objects >= 1000);
	for (p = held[0]; p; p = *p)
		EXPECT(tern_base(p) == p);
	held[0] = NULL;
}

static void free_hidden(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu != 1)
		return;
	tern_free(tern_malloc(500)); /* who has allocated of a class parks */
	for (unsigned i = 0; i < OBJECTS; i++)
		tern_free((void *)~hidden[i]);
}

TEST(leaks, what_another_cpu_freed_is_none)
{
	uint64_t before, after;

	if (cpus_for_tests() < 2)
		SKIP("one CPU");
	REQUIRE(collector_for_tests());
	EXPECT_EQ(tern_find_leaks(NULL, NULL, &before), TERN_OK);
	for (unsigned i = 0; i < OBJECTS; i++)
		REQUIRE(hidden[i] = ~(uintptr_t)tern_malloc(500));
	run_on_cpus(2, free_hidden, NULL);
	EXPECT_EQ(tern_find_leaks(NULL, NULL, &after), TERN_OK);
	EXPECT(after <= before);
}

/* --- paths ----------------------------------------------------------------------------------- */

static bool is_in(uintptr_t addr, const struct tern_why_step *s)
{
	return addr - s->start < s->size;
}

/* In a frame that has returned since. */
static bool is_gone(const struct tern_why_step *s)
{
	return s->root == TERN_ROOT_OWN_STACK &&
	       s->start + s->offset < (uintptr_t)__builtin_frame_address(0);
}

/* Each step holds a pointer into the next. */
static void expect_real(struct test *t, const struct tern_why_step *steps, size_t n)
{
	for (size_t i = is_gone(steps); i + 1 < n; i++) {
		uintptr_t word = *(const uintptr_t *)(steps[i].start + steps[i].offset);

		EXPECT(steps[i].offset < steps[i].size);
		EXPECT(is_in(word, &steps[i + 1]));
		EXPECT(tern_base((void *)word) == (void *)steps[i + 1].start);
	}
}

TEST(why, the_path_leads_from_the_root_to_the_object)
{
	struct tern_why_step steps[8];
	void **a, **b;
	size_t n;

	REQUIRE(collector_for_tests());
	REQUIRE(a = tern_alloc(64));
	held[1] = a;
	REQUIRE(b = a[7] = tern_alloc(5000));
	REQUIRE(b[600] = tern_alloc_noscan(32));
	EXPECT_EQ(tern_why_alive((char *)b[600] + 5, steps, ARRAY_SIZE(steps), &n), TERN_OK);
	/* Words that others left may lead there, too, by a shorter path. */
	REQUIRE(n >= 2 && n <= 4);
	expect_real(t, steps, n);
	EXPECT_EQ(steps[n - 1].start, b[600]);
	EXPECT_EQ(steps[n - 1].offset, 5);
	if (n == 4 && steps[1].start == (uintptr_t)a) {
		EXPECT_EQ(steps[1].offset, 56);
		EXPECT_EQ(steps[2].start, b);
		EXPECT_EQ(steps[2].offset, 4800);
	}
	held[1] = NULL;
}

/* Objects that are on the stack of who asks, and hardly anywhere else. */
TEST(why, the_own_stack_is_named_when_nothing_else_leads_there)
{
	struct tern_why_step steps[8];
	void *volatile p[8];
	unsigned own = 0;
	size_t n;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		REQUIRE(p[i] = tern_alloc(SIZE));
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		EXPECT_EQ(tern_why_alive(p[i], steps, ARRAY_SIZE(steps), &n), TERN_OK);
		REQUIRE(n >= 2 && n <= ARRAY_SIZE(steps));
		expect_real(t, steps, n);
		own += n == 2 && steps[0].root == TERN_ROOT_OWN_STACK;
	}
	EXPECT(own >= ARRAY_SIZE(p) / 4);
}

TEST(why, nothing_leads_to_what_is_hidden)
{
	struct tern_why_step steps[8];
	unsigned none = 0;
	size_t n;

	REQUIRE(collector_for_tests() && make_objects());
	clear_stack();
	for (unsigned i = 0; i < ASKED; i++) {
		EXPECT_EQ(tern_why_alive((void *)~hidden[i], steps, ARRAY_SIZE(steps), &n),
			  TERN_OK);
		none += n == 0 || steps[0].root == TERN_ROOT_OWN_STACK;
	}
	EXPECT(none >= ASKED / 4);
	free_objects();
	EXPECT_EQ(tern_why_alive((void *)16, steps, ARRAY_SIZE(steps), &n), TERN_EINVAL);
	EXPECT_EQ(tern_why_alive(hidden, steps, ARRAY_SIZE(steps), &n), TERN_EINVAL);
	EXPECT_EQ(tern_why_alive(NULL, steps, 1, &n), TERN_EINVAL);
}

/* A manual object is no way to a collected one. */
TEST(why, a_manual_object_keeps_no_collected_one)
{
	struct tern_why_step steps[8];
	void **manual = tern_calloc(ASKED, sizeof(*manual));
	unsigned none = 0;
	size_t n;

	REQUIRE(collector_for_tests() && manual);
	held[1] = manual;
	for (unsigned i = 0; i < ASKED; i++) {
		REQUIRE(manual[i] = tern_alloc(SIZE));
		EXPECT_EQ(tern_why_alive(manual[i], steps, ARRAY_SIZE(steps), &n), TERN_OK);
		none += n == 0 || steps[0].root == TERN_ROOT_OWN_STACK;
	}
	EXPECT(none >= ASKED / 4);
	EXPECT_EQ(tern_why_alive(manual, steps, ARRAY_SIZE(steps), &n), TERN_OK);
	EXPECT_EQ(n, 2);
	EXPECT(steps[0].root != TERN_ROOT_NONE && steps[0].root != TERN_ROOT_OWN_STACK);
	expect_real(t, steps, n);
	held[1] = NULL;
	tern_free(manual);
}

TEST(why, of_a_long_path_both_ends_are_told)
{
	struct tern_why_step steps[8];
	void **first = NULL, **p;
	size_t n;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < 10000; i++) {
		REQUIRE(p = tern_alloc(16));
		p[1] = held[1];
		held[1] = p;
		first = first ? first : p;
	}
	EXPECT_EQ(tern_why_alive(first, steps, ARRAY_SIZE(steps), &n), TERN_OK);
	/* Something else may lead into the middle of it. */
	EXPECT(n > 8 && n <= 10001);
	EXPECT_EQ(steps[7].start, first);
	expect_real(t, steps, 4);
	expect_real(t, steps + 4, 4);
	held[1] = NULL;
}

TEST(why, a_value_is_reached_by_its_key)
{
	struct tern_ephemerons *table;
	struct tern_why_step steps[8];
	unsigned by_key = 0;
	size_t n;

	REQUIRE(collector_for_tests() && (table = tern_ephemerons_make()));
	REQUIRE(held[1] = tern_alloc(64));
	for (unsigned i = 0; i < ASKED; i++) {
		void *value = tern_alloc(SIZE);

		REQUIRE(value && tern_ephemeron_set(table, held[1], value) == TERN_OK);
		EXPECT_EQ(tern_why_alive(value, steps, ARRAY_SIZE(steps), &n), TERN_OK);
		REQUIRE(n >= 2);
		/* Words that others left may lead there, too. */
		by_key += steps[n - 2].start == (uintptr_t)held[1] &&
			  steps[n - 2].offset == steps[n - 2].size;
	}
	EXPECT(by_key >= ASKED / 4);
	held[1] = NULL;
	tern_ephemerons_free(table);
}

/* All free memory, in halves. */
static void *take_all(void)
{
	void **list = NULL;

	for (size_t size = (size_t)1 << 30; size >= TERN_HEAP_PAGE; size /= 2) {
		void **p;

		while ((p = tern_pages_alloc(size, 0, 0))) {
			p[0] = list;
			p[1] = (void *)size;
			list = p;
		}
	}
	return list;
}

static void give_all(void **list)
{
	while (list) {
		void **next = list[0];

		tern_pages_free(list, (size_t)list[1]);
		list = next;
	}
}

TEST(why, without_memory_there_is_no_answer_and_no_harm)
{
	struct tern_why_step steps[8];
	enum tern_result why, leaks;
	uint64_t found;
	void *all;
	size_t n;

	REQUIRE(collector_for_tests());
	REQUIRE(held[1] = tern_alloc(64));
	all = take_all();
	why = tern_why_alive(held[1], steps, ARRAY_SIZE(steps), &n);
	leaks = tern_find_leaks(NULL, NULL, &found);
	give_all(all);
	EXPECT_EQ(why, TERN_ENOMEM);
	EXPECT_EQ(leaks, TERN_ENOMEM);
	EXPECT_EQ(tern_why_alive(held[1], steps, ARRAY_SIZE(steps), &n), TERN_OK);
	EXPECT_EQ(n, 2);
	held[1] = NULL;
}

TEST(why, roots_are_the_data_and_the_stacks)
{
	struct tern_root roots[64];
	uintptr_t here = (uintptr_t)roots;
	bool data = false, stack = false;
	size_t n;

	REQUIRE(collector_for_tests());
	EXPECT_EQ(tern_roots(roots, ARRAY_SIZE(roots), &n), TERN_OK);
	for (size_t i = 0; i < n && i < ARRAY_SIZE(roots); i++) {
		data |= roots[i].kind == TERN_ROOT_RANGE &&
			(uintptr_t)held - roots[i].start < roots[i].size;
		stack |= roots[i].kind == TERN_ROOT_OWN_STACK &&
			 here - roots[i].start < roots[i].size;
	}
	EXPECT(data && stack);
}
