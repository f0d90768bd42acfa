/* SPDX-License-Identifier: MIT */
/* test_spanset.c - a set of spans: on one CPU a stack, to the last bit of its turn; on several, each
 * span is had by one at a time, and none is lost. */
#include "mm/mspan.h"
#include "mm/spanset.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define SPANS 50u

static struct tern_mspan spans[SPANS];
static struct tern_mspan *stack[SPANS], *out[SPANS];
static unsigned nstack, nout;
static struct tern_spanset set;

static void start(void)
{
	memset(&set, 0, sizeof(set));
	nstack = 0;
	nout = SPANS;
	for (unsigned i = 0; i < SPANS; i++)
		out[i] = &spans[i];
}

static void push(struct test *t)
{
	unsigned i;

	if (nout == 0)
		return;
	i = (unsigned)test_random_below(t, nout);
	stack[nstack++] = out[i];
	tern_spanset_push(&set, out[i]);
	out[i] = out[--nout];
}

static void pop(struct test *t)
{
	struct tern_mspan *s = tern_spanset_pop(&set);

	if (nstack == 0) {
		EXPECT(!s);
		return;
	}
	EXPECT(s == stack[--nstack]);
	out[nout++] = stack[nstack];
}

static void take_all(struct test *t)
{
	struct tern_mspan *s = tern_spanset_take_all(&set);

	while (nstack) {
		REQUIRE(s == stack[--nstack]);
		out[nout++] = s;
		s = atomic_load_explicit(&s->next, memory_order_relaxed);
	}
	EXPECT(!s);
	EXPECT(!tern_spanset_pop(&set));
}

TEST(spanset, random_calls_follow_a_stack)
{
	start();
	for (unsigned i = 0; i < 5000 && !t->failures; i++)
		switch (test_random_below(t, 100)) {
		case 0:
			take_all(t);
			break;
		case 1 ... 55:
			push(t);
			break;
		default:
			pop(t);
		}
	take_all(t);
}

TEST(spanset, is_empty_from_the_first_bit_on)
{
	static struct tern_spanset clear;

	EXPECT(!tern_spanset_pop(&clear) && !tern_spanset_take_all(&clear));
	EXPECT(!tern_spanset_pop(&clear));
}

/* Who was held up between look and exchange, while the same span left and came back, fails. */
TEST(spanset, a_span_that_comes_back_is_news)
{
	uint64_t top;

	start();
	tern_spanset_push(&set, &spans[0]);
	tern_spanset_push(&set, &spans[1]);
	top = atomic_load_explicit(&set.top, memory_order_relaxed);
	EXPECT(tern_spanset_pop(&set) == &spans[1] && tern_spanset_pop(&set) == &spans[0]);
	tern_spanset_push(&set, &spans[1]);
	EXPECT(atomic_load_explicit(&set.top, memory_order_relaxed) != top);
}

/* The turn has few bits: when it starts again, the address beside it stays whole. */
TEST_SLOW(spanset, the_turn_may_wrap)
{
	start();
	push(t);
	push(t);
	for (unsigned i = 0; i < 1u << 20 && !t->failures; i++) {
		push(t);
		pop(t);
	}
	take_all(t);
}

#define CROWD  64u
#define ROUNDS 20000u

static struct tern_mspan crowd[CROWD];
static _Atomic unsigned holders[CROWD]; /* [atomic: relaxed] */
static atomic_uint wrong;

static void hold(struct tern_mspan *s, unsigned n)
{
	if (atomic_fetch_add_explicit(&holders[s - crowd], n, memory_order_relaxed) !=
	    (n == 1 ? 0 : 1))
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

/* Plain: who has the span has it alone, and sees what its last holder wrote. */
static void use(struct tern_mspan *s)
{
	if (s->npages != s->balance)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
	s->npages++;
	s->balance++;
}

static void give_back(struct tern_mspan *s)
{
	for (struct tern_mspan *next; s; s = next) {
		next = atomic_load_explicit(&s->next, memory_order_relaxed);
		hold(s, 1);
		use(s);
		hold(s, -1u);
		tern_spanset_push(&set, s);
	}
}

static void pop_and_push(unsigned cpu, void *arg)
{
	struct tern_mspan *mine[3] = { 0 };

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct tern_mspan **s = &mine[(i * 7 + cpu) % ARRAY_SIZE(mine)];

		if (i % 64 == cpu)
			give_back(tern_spanset_take_all(&set));
		if (*s) {
			hold(*s, -1u);
			tern_spanset_push(&set, *s);
		}
		*s = tern_spanset_pop(&set);
		if (*s) {
			hold(*s, 1);
			use(*s);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(mine); i++)
		if (mine[i]) {
			hold(mine[i], -1u);
			tern_spanset_push(&set, mine[i]);
		}
}

TEST(spanset, cpus_have_each_span_one_at_a_time)
{
	unsigned count = 0;

	memset(&set, 0, sizeof(set));
	memset(crowd, 0, sizeof(crowd));
	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < CROWD; i++) {
		atomic_store(&holders[i], 0);
		/* Few enough that pops meet an empty set. */
		if (i < 2 * cpus_for_tests() + 2)
			tern_spanset_push(&set, &crowd[i]);
	}
	run_on_cpus(cpus_for_tests(), pop_and_push, NULL);
	EXPECT_EQ(wrong, 0);
	for (struct tern_mspan *s; (s = tern_spanset_pop(&set)); count++)
		hold(s, 1);
	EXPECT_EQ(count, 2 * cpus_for_tests() + 2);
	EXPECT_EQ(wrong, 0);
}
