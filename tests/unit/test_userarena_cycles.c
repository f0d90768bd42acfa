/* SPDX-License-Identifier: MIT */
/* test_userarena_cycles.c - user arenas and the collector: what their objects keep alive and what keeps
 * them; what was freed faults, or holds a pattern, and serves nothing else while somebody points to it. */
#include <tern/arena.h>
#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define POISON  0xdb
#define OBJECTS 64u
#define ARENAS  16u
#define ROUNDS  20u

struct pair {
	void *pointer, *number; /* both hold one; the type does not know of the second */
};
TERN_TYPE(pair_type, struct pair, pointer);

static struct tern_user_arena *arena; /* a root */
static char *inside;                  /* likewise */
static atomic_uint wrong;
static uintptr_t hidden[OBJECTS], hidden_number[OBJECTS];

static void expect(bool ok)
{
	if (!ok)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static bool begin(void)
{
	atomic_store(&wrong, 0);
	/* What earlier tests left goes first. */
	return collector_for_tests() && tern_gc() == TERN_OK && tern_gc() == TERN_OK;
}

/* On a stack that is gone afterwards. */
static void on_cpu_0(unsigned cpu, void *arg)
{
	(void)cpu;
	((void (*)(void))arg)();
}

static void there(void (*fn)(void))
{
	run_on_cpus(1, on_cpu_0, (void *)fn);
}

static uint64_t all_memory(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.waiting + s.free + s.used;
}

/* Twice as many as a test makes: some of an earlier one may stay by chance. And in one run: records of earlier
 * tests may lie between the others. */
static bool arenas_fit(unsigned n)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return (s.waiting ? s.waiting + s.free : s.longest_free) >= 2 * n * TERN_ARENA_CHUNK;
}

static struct tern_arena_stats now(void)
{
	struct tern_arena_stats s;

	tern_arena_stats(&s);
	return s;
}

static unsigned in_use(const uintptr_t *list)
{
	unsigned n = 0;

	for (unsigned i = 0; i < OBJECTS; i++)
		n += tern_base((void *)~list[i]) != NULL;
	return n;
}

/* Not by roots alone: what other tests left in their data may point to where they lie. */
static unsigned kept_by_objects(const uintptr_t *list)
{
	struct tern_why_step steps[2];
	unsigned count = 0;
	size_t n;

	for (unsigned i = 0; i < OBJECTS; i++)
		count += tern_why_alive((void *)~list[i], steps, 2, &n) == TERN_OK && n > 2;
	return count;
}

/* Objects that nothing leads to but `*slot`. */
static void make_for(void **slot, uintptr_t *hide)
{
	void *p = tern_alloc(64);

	expect(p && slot);
	if (!slot)
		return;
	*hide = ~(uintptr_t)p;
	tern_init_store(slot, p);
}

static void free_arena(void)
{
	tern_arena_free(arena);
	arena = NULL;
}

/* --- what its objects keep --------------------------------------------------------------------- */

static TERN_NOINLINE void fill_untyped(void)
{
	arena = tern_arena_new();
	for (unsigned i = 0; arena && i < OBJECTS; i++)
		make_for(tern_arena_alloc(arena, 1000), &hidden[i]);
	expect(arena != NULL);
}

static TERN_NOINLINE void fill_noscan(void)
{
	arena = tern_arena_new();
	for (unsigned i = 0; arena && i < OBJECTS; i++)
		make_for(tern_arena_alloc_noscan(arena, 1000), &hidden[i]);
	expect(arena != NULL);
}

static TERN_NOINLINE void fill_typed(void)
{
	arena = tern_arena_new();
	for (unsigned i = 0; arena && i < OBJECTS; i++) {
		struct pair *p = tern_arena_new_array(arena, &pair_type, 5 * i + 1);

		/* Not by barrier.h: the collector is not to know the second. */
		expect(p != NULL);
		if (!p)
			return;
		make_for(&p[5 * i].pointer, &hidden[i]);
		p[5 * i].number = tern_alloc(64);
		hidden_number[i] = ~(uintptr_t)p[5 * i].number;
	}
	expect(arena != NULL);
}

TEST(userarena_cycles, untyped_objects_keep_what_they_point_to)
{
	REQUIRE(begin());
	if (!arenas_fit(1))
		SKIP("too little memory");
	there(fill_untyped);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		EXPECT_EQ(in_use(hidden), OBJECTS);
	}
	there(free_arena);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(kept_by_objects(hidden), 0);
	EXPECT_EQ(wrong, 0);
}

TEST(userarena_cycles, noscan_objects_keep_nothing)
{
	REQUIRE(begin());
	if (!arenas_fit(1))
		SKIP("too little memory");
	there(fill_noscan);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(kept_by_objects(hidden), 0);
	there(free_arena);
	EXPECT_EQ(wrong, 0);
}

TEST(userarena_cycles, typed_objects_keep_what_their_type_says)
{
	REQUIRE(begin());
	if (!arenas_fit(1))
		SKIP("too little memory");
	there(fill_typed);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(in_use(hidden), OBJECTS);
	EXPECT_EQ(kept_by_objects(hidden_number), 0);
	EXPECT(kept_by_objects(hidden) > 0);
	there(free_arena);
	EXPECT_EQ(wrong, 0);
}

/* --- what keeps it ------------------------------------------------------------------------------- */

static TERN_NOINLINE void drop_arena(void)
{
	fill_untyped();
	arena = NULL;
}

TEST(userarena_cycles, what_nobody_can_reach_is_collected)
{
	uint64_t before;

	REQUIRE(begin());
	if (!arenas_fit(ARENAS))
		SKIP("too little memory");
	before = now().live_bytes;
	tern_gc_hold();
	for (unsigned i = 0; i < ARENAS; i++)
		there(drop_arena);
	EXPECT(now().live_bytes - before >= ARENAS * TERN_ARENA_CHUNK);
	tern_gc_release();
	EXPECT_EQ(tern_gc(), TERN_OK);
	/* But for what stale words point to. */
	EXPECT(now().live_bytes < before + ARENAS * TERN_ARENA_CHUNK);
	EXPECT_EQ(wrong, 0);
}

static TERN_NOINLINE void drop_all_but_inside(void)
{
	char *p;

	fill_untyped();
	p = tern_arena_alloc(arena, 100);
	expect(p != NULL);
	if (!p)
		return;
	p[99] = 1;
	inside = p + 99;
	arena = NULL;
}

/* With all that its chunk points to. */
TEST(userarena_cycles, a_pointer_inside_keeps_it)
{
	REQUIRE(begin());
	if (!arenas_fit(1))
		SKIP("too little memory");
	there(drop_all_but_inside);
	REQUIRE(inside);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(in_use(hidden), OBJECTS);
	EXPECT_EQ(*inside, 1);
	inside = NULL;
	EXPECT_EQ(wrong, 0);
}

/* --- what was freed ------------------------------------------------------------------------------ */

static char *left[ARENAS]; /* a root */

static TERN_NOINLINE void free_but_point(void)
{
	for (unsigned i = 0; i < ARENAS; i++) {
		fill_untyped();
		left[i] = tern_arena_alloc(arena, 100);
		expect(left[i] != NULL);
		free_arena();
	}
}

static bool some_are_open; /* for which no page table was to be had */

static void expect_gone(void)
{
	uint8_t byte;

	expect(!probe_byte(left[0], &byte) || (some_are_open && byte == POISON));
}

TEST(userarena_cycles, freed_it_waits_until_nobody_points_to_it)
{
	struct tern_arena_stats before, s;

	REQUIRE(begin());
	if (!arenas_fit(ARENAS))
		SKIP("too little memory");
	before = now();
	there(free_but_point);
	s = now();
	EXPECT_EQ(s.live_bytes, before.live_bytes);
	EXPECT_EQ(s.quarantine_bytes - before.quarantine_bytes, ARENAS * TERN_ARENA_CHUNK);
	EXPECT_EQ(s.freed_bytes - before.freed_bytes, ARENAS * TERN_ARENA_CHUNK);
	some_are_open = s.poisoned_bytes != before.poisoned_bytes;
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		there(expect_gone);
		/* What earlier tests left may go. */
		EXPECT(now().quarantine_bytes >= ARENAS * TERN_ARENA_CHUNK);
	}
	EXPECT(now().held - before.held >= 2 * ARENAS);
	memset(left, 0, sizeof(left));
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(now().quarantine_bytes < before.quarantine_bytes + ARENAS * TERN_ARENA_CHUNK);
	EXPECT_EQ(wrong, 0);
}

/* --- several CPUs -------------------------------------------------------------------------------- */

struct node {
	struct node *next;
	struct object *object; /* out of the arena */
};
TERN_TYPE(node_type, struct node, next, object);

static struct object *new_object(struct node *n, uint64_t *rng)
{
	void *p = tern_alloc_noscan(64);

	tern_init_store(&n->object, p ? object_fill(p, 64, rng) : NULL);
	return n->object;
}

static struct node *make_list(struct tern_user_arena *a, uint64_t *rng, unsigned n)
{
	struct node *list = NULL;

	while (n--) {
		struct node *one = tern_arena_new_object(a, &node_type);

		if (!one || !new_object(one, rng))
			return NULL;
		tern_init_store(&one->next, list);
		list = one;
	}
	return list;
}

static unsigned count_whole(const struct node *list)
{
	unsigned n = 0;

	for (; list; list = list->next)
		n += object_is_whole(list->object);
	return n;
}

static uint64_t seed;

static TERN_NOINLINE void one_arena(uint64_t *rng)
{
	unsigned n = next_random(rng) % 5000;
	struct tern_user_arena *a = tern_arena_new();
	struct node *list = a ? make_list(a, rng, n) : NULL;
	void *large = a && n % 5 == 0 ? tern_arena_alloc(a, TERN_ARENA_CHUNK) : NULL;

	if (large) {
		tern_init_store((void **)large + 1000, list);
		list = ((struct node **)large)[1000];
	}
	/* Memory may be short. */
	if (n && !list)
		n = 0;
	expect(count_whole(list) == n);
	if (n % 2)
		tern_arena_free(a);
}

/* About every other arena is left to the collector. */
static void use_while_collecting(unsigned cpu, void *arg)
{
	uint64_t rng = (seed + cpu) | 1;

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		one_arena(&rng);
		expect(cpu || tern_gc() == TERN_OK);
	}
}

TEST(userarena_cycles, objects_are_whole_while_others_collect)
{
	struct tern_arena_stats before, after;

	REQUIRE(begin());
	if (!arenas_fit(4))
		SKIP("too little memory");
	before = now();
	seed = test_random(t);
	run_on_cpus(cpus_for_tests(), use_while_collecting, NULL);
	EXPECT_EQ(wrong, 0);
	after = now();
	EXPECT(after.freed_bytes > before.freed_bytes);
	test_note(t, "%llu KiB freed, %llu KiB could not be closed, held %llu times",
		  (unsigned long long)(after.freed_bytes - before.freed_bytes) >> 10,
		  (unsigned long long)(after.poisoned_bytes - before.poisoned_bytes) >> 10,
		  (unsigned long long)(after.held - before.held));
}

/* --- memory -------------------------------------------------------------------------------------- */

static TERN_NOINLINE void fill_and_free(void)
{
	fill_noscan();
	free_arena();
}

static TERN_NOINLINE void fill_and_drop(void)
{
	fill_noscan();
	arena = NULL;
}

/* Twice as much as there is, or a lot of it. */
static void use_up(struct test *t, void (*fn)(void))
{
	uint64_t bytes = 2 * all_memory();
	/* So often that there is room for those that stay by chance. */
	unsigned apart = (unsigned)(all_memory() / (10 * TERN_ARENA_CHUNK)) + 1, n;

	/* A stale word keeps a whole chunk: where there are few chunks, some words are enough for all. */
	if (all_memory() < MiB(8))
		SKIP("too little memory");
	if (apart > ARENAS)
		apart = ARENAS;
	if (bytes > MiB(512))
		bytes = MiB(512);
	REQUIRE(begin());
	for (n = 0; n < bytes / TERN_ARENA_CHUNK && !wrong; n++) {
		there(fn);
		if (n % apart == 0)
			EXPECT_EQ(tern_gc(), TERN_OK);
	}
	EXPECT_EQ(wrong, 0);
}

TEST_SLOW(userarena_cycles, memory_that_was_freed_serves_again)
{
	use_up(t, fill_and_free);
}

TEST_SLOW(userarena_cycles, memory_that_was_dropped_serves_again)
{
	use_up(t, fill_and_drop);
}
