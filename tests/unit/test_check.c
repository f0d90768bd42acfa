/* SPDX-License-Identifier: MIT */
/* test_check.c - the collector's second opinion on marks: it agrees with those that are right, whatever leads
 * to an object, and finds each that is not; likewise typed pointers to what was freed.
 *
 * Marks are taken away by hand, in the stopped world. Pointers are kept as complements: hidden.h. */
#include <tern/arena.h>
#include <tern/barrier.h>
#include <tern/final.h>
#include <tern/gc.h>
#include <tern/pool.h>
#include <tern/type.h>

#include "gc/check.h"
#include "gc/gc.h"
#include "gc/graph.h"
#include "gc/reach.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define N HIDDEN_OBJECTS

struct pair {
	void *pointer;
	uintptr_t number;
};
TERN_TYPE(pair_type, struct pair, pointer);

/* Roots. */
static void *volatile held[N];
static struct tern_pool pool = TERN_POOL_INIT(NULL);
static struct tern_ephemerons *table;
static struct tern_user_arena *arena;

static uintptr_t hidden[N];       /* what there is a way to */
static uintptr_t hidden_owner[N]; /* what else was made for it */

static _Atomic uint64_t *mark_of(const struct tern_node *n)
{
	return &n->span->word[n->slot / 64].mark;
}

static uint64_t bit_of(const struct tern_node *n)
{
	return 1ull << n->slot % 64;
}

/* --- ways to an object ------------------------------------------------------------------------- */

static void nothing(void *arg)
{
	(void)arg;
}

static void nothing_to(void *obj, void *arg)
{
	(void)obj;
	(void)arg;
}

static bool by_root(unsigned i, void *p)
{
	held[i] = p;
	return true;
}

static bool by_inside(unsigned i, void *p)
{
	held[i] = (char *)p + 9;
	return true;
}

static bool by_object(unsigned i, void *p)
{
	void **owner = tern_alloc(64);

	held[i] = owner;
	if (owner)
		tern_init_store(&owner[7], p);
	return owner;
}

static bool by_type(unsigned i, void *p)
{
	unsigned last = i * i / 4;
	struct pair *owner = tern_new_array(&pair_type, 1 + last);

	held[i] = owner;
	if (owner)
		tern_init_store(&owner[last].pointer, p);
	return owner;
}

static bool by_finalizer(unsigned i, void *p)
{
	void **owner = tern_alloc(64);

	hidden_owner[i] = hide(owner);
	if (owner)
		tern_init_store(&owner[3], p);
	return owner && tern_set_finalizer(owner, nothing_to, NULL) == TERN_OK;
}

static bool by_finalizer_of_type(unsigned i, void *p)
{
	struct pair *owner = tern_new_array(&pair_type, 1 + i % 2 * 50);

	hidden_owner[i] = hide(owner);
	if (owner)
		tern_init_store(&owner->pointer, p);
	return owner && tern_set_finalizer(owner, nothing_to, NULL) == TERN_OK;
}

static bool by_argument(unsigned i, void *p)
{
	void *owner = tern_alloc_noscan(64);

	hidden_owner[i] = hide(owner);
	return owner && tern_set_finalizer(owner, nothing_to, p) == TERN_OK;
}

static bool by_cleanup(unsigned i, void *p)
{
	void *owner = tern_alloc_noscan(64);

	hidden_owner[i] = hide(owner);
	return owner && tern_add_cleanup(owner, nothing, p, NULL) == TERN_OK;
}

static bool by_key(unsigned i, void *p)
{
	void *owner = tern_alloc_noscan(64);

	held[i] = owner;
	return owner && table && tern_ephemeron_set(table, owner, p) == TERN_OK;
}

static bool by_pin(unsigned i, void *p)
{
	(void)i;
	return tern_pin(p) == TERN_OK;
}

static bool by_pool(unsigned i, void *p)
{
	(void)i;
	tern_pool_put(&pool, p);
	return true;
}

static bool by_arena(unsigned i, void *p)
{
	void **owner = arena ? tern_arena_alloc(arena, 16 + i * 100) : NULL;

	if (owner)
		tern_init_store(&owner[1], p);
	return owner;
}

/* More than there is room for in a list, and what they lead to must be looked at as well. */
static bool by_many(unsigned i, void *p)
{
	void ***all = tern_alloc(1000 * sizeof(void *));

	held[i] = all;
	for (unsigned k = 0; all && k < 1000; k += 1 + i) {
		tern_store(&all[k], tern_alloc(16));
		if (all[k])
			tern_init_store(&all[k][1], p);
	}
	return all;
}

static const struct way {
	const char *name;
	bool (*make)(unsigned i, void *p);
} ways[] = {
	{ "root", by_root },
	{ "inside", by_inside },
	{ "object", by_object },
	{ "type", by_type },
	{ "finalizer", by_finalizer },
	{ "finalizer of type", by_finalizer_of_type },
	{ "argument", by_argument },
	{ "cleanup", by_cleanup },
	{ "key", by_key },
	{ "pin", by_pin },
	{ "pool", by_pool },
	{ "arena", by_arena },
	{ "many", by_many },
};

struct making {
	const struct way *way;
	bool done;
};

static void make(void *arg)
{
	struct making *m = arg;

	for (unsigned i = 0; i < N && m->done; i++) {
		void *p = tern_alloc_noscan(64);

		hidden[i] = hide(p);
		m->done = p && m->way->make(i, p);
		tern_keep_alive(p);
	}
}

static void end_pins(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < N; i++)
		tern_unpin(show(hidden[i]));
}

/* Each object gets a way, and only that one. */
static bool begin(const struct way *way)
{
	struct making m = { way, true };

	memset((void *)held, 0, sizeof(held));
	table = tern_ephemerons_make();
	arena = tern_arena_new();
	in_deep_frame(make, &m);
	return m.done;
}

static void end(const struct way *way)
{
	if (way->make == by_pin)
		in_deep_frame(end_pins, NULL);
	memset((void *)held, 0, sizeof(held));
	tern_pool_destroy(&pool);
	tern_ephemerons_free(table);
	tern_arena_free(arena);
	arena = NULL;
	run_due();
	collect_all();
	run_due();
}

/* --- marks ------------------------------------------------------------------------------------- */

static void add_taken(void *arg, struct tern_mspan *s)
{
	if (tern_spanclass_collected(s->spc))
		*(uint64_t *)arg += tern_mspan_taken(s);
}

static uint64_t taken(void)
{
	uint64_t n = 0;

	tern_spans_each(add_taken, &n);
	return n;
}

/* What two looks at the same heap say: with all marks, and without those of what is hidden. */
struct looks {
	struct tern_check clean, lost;
	unsigned had;
	uint64_t taken_before, taken_after;
};

static unsigned forget_hidden(void)
{
	unsigned had = 0;
	struct tern_node n;

	for (unsigned i = 0; i < N; i++)
		if (tern_node_at((uintptr_t)show(hidden[i]), &n))
			had += (atomic_fetch_and(mark_of(&n), ~bit_of(&n)) & bit_of(&n)) != 0;
	return had;
}

static void look_twice(void *arg, uintptr_t sp)
{
	struct looks *l = arg;

	l->taken_before = taken();
	tern_reach(sp, false);
	tern_check_marks(sp, false, &l->clean);
	l->had = forget_hidden();
	tern_check_marks(sp, false, &l->lost);
	tern_nodes_forget();
	l->taken_after = taken();
}

static void expect_to_be_found(struct test *t, const struct way *way)
{
	struct looks l = { 0 };

	if (!EXPECT(begin(way)) || !EXPECT(tern_gc_while_stopped(look_twice, &l))) {
		end(way);
		return;
	}
	if (l.lost.lost != N)
		test_note(t, "%s: %llu of %u", way->name, (unsigned long long)l.lost.lost, N);
	EXPECT_EQ(l.clean.lost, 0);
	EXPECT_EQ(l.clean.floating, 0);
	EXPECT_EQ(l.had, N);
	EXPECT_EQ(l.lost.lost, N);
	EXPECT_EQ(l.lost.reached, l.clean.reached);
	EXPECT_EQ(l.taken_after, l.taken_before);
	end(way);
}

TEST(check, what_is_lost_is_found_whatever_leads_there)
{
	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++)
		expect_to_be_found(t, &ways[i]);
}

/* Both ways of marking, and what is between two cycles, on all of these at once. */
static uint64_t checks(void)
{
	struct tern_gc_stats s;

	tern_gc_stats(&s);
	return s.checks;
}

/* A panic would end the run. */
static void check_cycles(struct test *t, enum tern_gc_mode mode, bool stop_the_world)
{
	EXPECT(change_options(mode, stop_the_world, true));
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		uint64_t n = checks();

		EXPECT(begin(&ways[i]));
		EXPECT(collect_all());
		EXPECT(checks() > n);
		EXPECT_EQ(tern_gc_state.cycle.numbers.first_end_ns != 0,
			  mode == TERN_GC_BARRIER && !stop_the_world);
		end(&ways[i]);
	}
	EXPECT(restore_options());
}

TEST(check, marking_passes_in_the_stopped_world)
{
	REQUIRE(collector_for_tests());
	check_cycles(t, TERN_GC_STW, false);
}

TEST(check, marking_passes_beside_the_program)
{
	REQUIRE(collector_for_tests());
	check_cycles(t, TERN_GC_BARRIER, false);
}

TEST(check, the_world_can_be_made_to_stop)
{
	REQUIRE(collector_for_tests());
	check_cycles(t, TERN_GC_BARRIER, true);
}

/* --- what is told ------------------------------------------------------------------------------ */

/* held[0] -> chain[0] -> chain[1] -> chain[2] */
static uintptr_t chain[3];

static void make_chain(void *arg)
{
	void **p[3];

	for (unsigned i = 0; i < 3; i++)
		if (!(p[i] = tern_alloc(64)))
			return;
	for (unsigned i = 0; i < 3; i++) {
		chain[i] = hide(p[i]);
		if (i)
			tern_store(&p[i - 1][5], p[i]);
	}
	held[0] = p[0];
	*(bool *)arg = true;
}

static void lose_from_second(void *arg, uintptr_t sp)
{
	struct tern_node n;

	tern_reach(sp, false);
	for (unsigned i = 1; i < 3; i++)
		if (tern_node_at((uintptr_t)show(chain[i]), &n))
			atomic_fetch_and(mark_of(&n), ~bit_of(&n));
	tern_check_marks(sp, false, arg);
	tern_nodes_forget();
}

TEST(check, the_first_of_the_lost_is_told_with_what_leads_there)
{
	struct tern_check c = { 0 };
	bool made = false;

	REQUIRE(collector_for_tests());
	in_deep_frame(make_chain, &made);
	REQUIRE(made && tern_gc_while_stopped(lose_from_second, &c));
	EXPECT_EQ(c.lost, 2);
	/* A stale word on the stack may be what leads there first. */
	if (!c.lost_by[0].root) {
		EXPECT_EQ(c.lost_by[0].start, show(chain[0]));
		EXPECT_EQ(c.lost_by[0].at, (uintptr_t)show(chain[0]) + 5 * sizeof(void *));
	}
	EXPECT_EQ(c.lost_by[0].value, show(chain[1]));
	held[0] = NULL;
}

static void mark_what_is_hidden(void *arg, uintptr_t sp)
{
	struct tern_node n;

	tern_reach(sp, false);
	for (unsigned i = 0; i < N; i++)
		if (tern_node_at((uintptr_t)show(hidden[i]), &n))
			atomic_fetch_or(mark_of(&n), bit_of(&n));
	tern_check_marks(sp, false, arg);
	tern_nodes_forget();
}

TEST(check, what_floats_is_counted)
{
	struct tern_check c = { 0 };

	REQUIRE(collector_for_tests() && begin(&ways[0]));
	memset((void *)held, 0, sizeof(held));
	REQUIRE(tern_gc_while_stopped(mark_what_is_hidden, &c));
	EXPECT_EQ(c.lost, 0);
	EXPECT(c.floating >= N - HIDDEN_STAY && c.floating <= N);
	end(&ways[0]);
}

/* --- pointers to what was freed ---------------------------------------------------------------- */

struct dangling {
	struct tern_check with, without;
};

static void look_for_dangling(void *arg, uintptr_t sp)
{
	struct dangling *d = arg;

	tern_reach(sp, false);
	tern_check_marks(sp, true, &d->with);
	tern_check_marks(sp, false, &d->without);
	tern_nodes_forget();
}

/* How many a typed object with this pointer adds. */
static uint64_t dangling_by(struct test *t, struct pair *in, uintptr_t pointer)
{
	struct dangling before = { 0 }, after = { 0 };

	tern_store(&in->pointer, NULL);
	EXPECT(tern_gc_while_stopped(look_for_dangling, &before));
	tern_store(&in->pointer, (void *)pointer);
	EXPECT(tern_gc_while_stopped(look_for_dangling, &after));
	tern_store(&in->pointer, NULL);
	EXPECT_EQ(after.without.dangling, 0);
	EXPECT_EQ(after.with.lost, 0);
	if (after.with.dangling == 1) {
		EXPECT_EQ(after.with.dangling_at[0].at, (uintptr_t)in);
		EXPECT_EQ(after.with.dangling_at[0].value, pointer);
	}
	return after.with.dangling - before.with.dangling;
}

TEST(check, a_typed_pointer_to_what_was_freed_is_found)
{
	struct pair *in;
	uint64_t *small, *neighbour, **untyped;
	char *run;

	REQUIRE(collector_for_tests() && (held[0] = in = tern_new(&pair_type)));
	neighbour = tern_alloc(48); /* its span stays */
	held[1] = neighbour;
	small = tern_alloc(48);
	run = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
	untyped = tern_alloc(64);
	held[2] = untyped;
	REQUIRE(neighbour && small && run && untyped);
	tern_free(small);
	tern_pages_free(run, TERN_HEAP_PAGE);
	EXPECT_EQ(dangling_by(t, in, (uintptr_t)small), 1);
	EXPECT_EQ(dangling_by(t, in, (uintptr_t)small + 47), 1);
	EXPECT_EQ(dangling_by(t, in, (uintptr_t)run + 8), 1);
	/* Others are none of the heap's, or lead to an object. */
	EXPECT_EQ(dangling_by(t, in, (uintptr_t)neighbour + 40), 0);
	EXPECT_EQ(dangling_by(t, in, (uintptr_t)&pool), 0);
	EXPECT_EQ(dangling_by(t, in, 0x123), 0);
	EXPECT_EQ(dangling_by(t, in, UINTPTR_MAX), 0);
	in->number = (uintptr_t)small;
	EXPECT_EQ(dangling_by(t, in, 0), 0);
	untyped[3] = small;
	EXPECT_EQ(dangling_by(t, in, 0), 0);
	memset((void *)held, 0, sizeof(held));
}
