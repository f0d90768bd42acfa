/* SPDX-License-Identifier: MIT */
/* test_userarena_cycles.c - user arenas and the collector: what their objects keep alive and what keeps
 * them; what was freed faults, or holds a pattern, and serves nothing else while somebody points to it. */
#include <tern/arena.h>
#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "lib/compiler.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define POISON  0xdb
#define OBJECTS 64u
#define ARENAS  16u
#define ROUNDS  20u
/* Words that nobody cleared may look like pointers: but not to most of what is garbage. */
#define RETAINED_MAX (OBJECTS / 4)

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

/* Objects that nothing leads to but `*slot`. */
static void make_for(void **slot, uintptr_t *hide)
{
	void *p = tern_alloc(64);

	expect(p != NULL);
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
		make_for(&p[5 * i].pointer, &hidden[i]);
		p[5 * i].number = tern_alloc(64);
		hidden_number[i] = ~(uintptr_t)p[5 * i].number;
	}
	expect(arena != NULL);
}

TEST(userarena_cycles, untyped_objects_keep_what_they_point_to)
{
	REQUIRE(begin());
	there(fill_untyped);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		EXPECT_EQ(in_use(hidden), OBJECTS);
	}
	there(free_arena);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(in_use(hidden) <= RETAINED_MAX);
	EXPECT_EQ(wrong, 0);
}

TEST(userarena_cycles, noscan_objects_keep_nothing)
{
	REQUIRE(begin());
	there(fill_noscan);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(in_use(hidden) <= RETAINED_MAX);
	there(free_arena);
	EXPECT_EQ(wrong, 0);
}

TEST(userarena_cycles, typed_objects_keep_what_their_type_says)
{
	REQUIRE(begin());
	there(fill_typed);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(in_use(hidden), OBJECTS);
	EXPECT(in_use(hidden_number) <= RETAINED_MAX);
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
	before = now().live_bytes;
	for (unsigned i = 0; i < ARENAS; i++)
		there(drop_arena);
	EXPECT(now().live_bytes - before >= ARENAS * TERN_ARENA_CHUNK);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(now().live_bytes - before <= ARENAS / 4 * TERN_ARENA_CHUNK);
	EXPECT_EQ(wrong, 0);
}

static TERN_NOINLINE void drop_all_but_inside(void)
{
	char *p;

	fill_untyped();
	p = tern_arena_alloc(arena, 100);
	expect(p != NULL);
	p[99] = 1;
	inside = p + 99;
	arena = NULL;
}

/* With all that its chunk points to. */
TEST(userarena_cycles, a_pointer_inside_keeps_it)
{
	REQUIRE(begin());
	there(drop_all_but_inside);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(in_use(hidden), OBJECTS);
	EXPECT_EQ(*inside, 1);
	inside = NULL;
	EXPECT_EQ(wrong, 0);
}

/* --- what was freed ------------------------------------------------------------------------------ */

static TERN_NOINLINE void free_but_point(void)
{
	fill_untyped();
	inside = tern_arena_alloc(arena, 100);
	expect(inside != NULL);
	free_arena();
}

static void expect_closed(void)
{
	uint64_t byte;

	expect(!mach_probe_read((uintptr_t)inside, 1, &byte));
}

static void expect_pattern(void)
{
	uint64_t byte;

	expect(mach_probe_read((uintptr_t)inside, 1, &byte) && byte == POISON);
}

TEST(userarena_cycles, freed_it_waits_until_nobody_points_to_it)
{
	struct tern_arena_stats before, s;

	REQUIRE(begin());
	before = now();
	there(free_but_point);
	s = now();
	EXPECT_EQ(s.live_bytes, before.live_bytes);
	EXPECT_EQ(s.quarantine_bytes - before.quarantine_bytes, TERN_ARENA_CHUNK);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		there(s.poisoned_bytes == before.poisoned_bytes ? expect_closed : expect_pattern);
		EXPECT_EQ(now().quarantine_bytes, s.quarantine_bytes);
	}
	EXPECT(now().held - before.held >= 2);
	inside = NULL;
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(now().quarantine_bytes, before.quarantine_bytes);
	EXPECT_EQ(wrong, 0);
}

static TERN_NOINLINE void free_with_interrupts_off(void)
{
	unsigned long irq;

	fill_untyped();
	inside = tern_arena_alloc(arena, 100);
	irq = arch_irq_save();
	free_arena();
	arch_irq_restore(irq);
}

TEST(userarena_cycles, what_cannot_be_closed_holds_a_pattern)
{
	struct tern_arena_stats before;

	REQUIRE(begin());
	before = now();
	there(free_with_interrupts_off);
	EXPECT_EQ(now().poisoned_bytes - before.poisoned_bytes, TERN_ARENA_CHUNK);
	there(expect_pattern);
	EXPECT_EQ(tern_gc(), TERN_OK);
	there(expect_pattern);
	inside = NULL;
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
	before = now();
	seed = test_random(t);
	run_on_cpus(cpus_for_tests(), use_while_collecting, NULL);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(tern_gc(), TERN_OK);
	after = now();
	/* But for what some stale word points to. */
	EXPECT(after.live_bytes - before.live_bytes <= 10 * TERN_ARENA_CHUNK);
	EXPECT(after.quarantine_bytes - before.quarantine_bytes <= 10 * TERN_ARENA_CHUNK);
	test_note(t, "%llu KiB freed, %llu KiB could not be closed, held %llu times",
		  (unsigned long long)(after.freed_bytes - before.freed_bytes) >> 10,
		  (unsigned long long)(after.poisoned_bytes - before.poisoned_bytes) >> 10,
		  (unsigned long long)(after.held - before.held));
}
