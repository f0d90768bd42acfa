/* SPDX-License-Identifier: MIT */
/* test_malloc_cpus.c - one heap, several CPUs: objects that one makes and another frees, in the
 * shapes that allocators are measured by. All are whole when they end, and once everything is freed
 * and the CPUs hold nothing back, no page is missing. */
#include <tern/gc.h>
#include <tern/stats.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "mm/parked.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define MAX_CPUS 8u
#define RING     64u
#define SLOTS    (MAX_CPUS * RING)
#define BATCH    100u

struct load {
	unsigned ncpus, rounds;
	uint64_t seed;
	atomic_uint wrong, done; /* [atomic: relaxed, but for done] */
	/* [atomic: release by who puts an object in, acquire by who takes it] */
	_Atomic(struct object *) slot[SLOTS];
};

static struct load load;

static struct object *swap(unsigned i, struct object *o)
{
	return atomic_exchange_explicit(&load.slot[i], o, memory_order_acq_rel);
}

static void end(struct object *o, uint64_t *rng)
{
	if (o && !object_end(o, rng))
		atomic_fetch_add_explicit(&load.wrong, 1, memory_order_relaxed);
}

static void end_list(struct object *o, uint64_t *rng)
{
	for (struct object *next; o; o = next) {
		next = o->next;
		end(o, rng);
	}
}

static uint64_t rng_of(unsigned cpu)
{
	return (load.seed + cpu * 0x9e3779b97f4a7c15ull) | 1;
}

/* Each CPU makes objects for its neighbour. */
static void rings(unsigned cpu, void *arg)
{
	uint64_t rng = rng_of(cpu);
	unsigned from = (cpu + 1) % load.ncpus;

	(void)arg;
	for (unsigned i = 0; i < load.rounds; i++) {
		struct object *o = object_make(&rng);

		/* The ring is full if the neighbour has not been here. */
		end(swap(cpu * RING + i % RING, o), &rng);
		end(swap(from * RING + i % RING, NULL), &rng);
	}
}

/* Objects live in places that all CPUs share: who puts one there ends the one before. */
static void larson(unsigned cpu, void *arg)
{
	uint64_t rng = rng_of(cpu);

	(void)arg;
	for (unsigned i = 0; i < load.rounds; i++)
		end(swap(next_random(&rng) % SLOTS, object_make(&rng)), &rng);
}

static struct object *make_batch(uint64_t *rng)
{
	struct object *list = NULL;

	for (unsigned i = 0; i < BATCH; i++) {
		struct object *o = object_of(16 + next_random(rng) % 100, rng);

		if (!o)
			break;
		o->next = list;
		list = o;
	}
	return list;
}

/* Even CPUs only make objects, in batches; odd ones only free them. */
static void xmalloc(unsigned cpu, void *arg)
{
	uint64_t rng = rng_of(cpu);
	unsigned makers = (load.ncpus + 1) / 2;

	(void)arg;
	if (cpu % 2 == 0) {
		for (unsigned i = 0; i < load.rounds / BATCH; i++)
			end_list(swap(next_random(&rng) % RING, make_batch(&rng)), &rng);
		atomic_fetch_add_explicit(&load.done, 1, memory_order_release);
		return;
	}
	while (atomic_load_explicit(&load.done, memory_order_acquire) < makers)
		end_list(swap(next_random(&rng) % RING, NULL), &rng);
}

/* All CPUs make objects of one class, and give them up in the midst of it. */
static void come_and_go(unsigned cpu, void *arg)
{
	uint64_t rng = rng_of(cpu);

	(void)arg;
	for (unsigned i = 0; i < load.rounds; i++) {
		end(swap(next_random(&rng) % 200, object_of(2000, &rng)), &rng);
		if (i % 16 == 0)
			tern_cpu_offline();
	}
}

static void run_load(struct test *t, void (*fn)(unsigned cpu, void *arg), unsigned rounds)
{
	uint64_t before, rng = test_random(t) | 1;

	REQUIRE(heap_for_tests());
	hold_between_cycles(); /* no cycle frees meanwhile what the one before took for live */
	before = used_when_quiet();
	memset(&load, 0, sizeof(load));
	load.ncpus = cpus_for_tests();
	load.rounds = rounds;
	load.seed = test_random(t);
	run_on_cpus(load.ncpus, fn, NULL);
	for (unsigned i = 0; i < SLOTS; i++)
		end_list(swap(i, NULL), &rng);
	EXPECT_EQ(load.wrong, 0);
	EXPECT_EQ(used_when_quiet(), before);
	EXPECT(tern_mheap_check(&tern_heap.pages));
	tern_gc_release();
}

TEST(malloc_cpus, neighbours_free_what_each_makes)
{
	run_load(t, rings, 3000);
}

TEST(malloc_cpus, objects_wander_between_all)
{
	run_load(t, larson, 3000);
}

TEST(malloc_cpus, some_make_and_others_free)
{
	run_load(t, xmalloc, 20000);
}

TEST(malloc_cpus, spans_are_given_up_while_others_free_in_them)
{
	run_load(t, come_and_go, 4000);
}

TEST_SLOW(malloc_cpus, all_shapes_for_longer)
{
	for (unsigned i = 0; i < 2; i++) {
		run_load(t, rings, 10000);
		run_load(t, larson, 10000);
		run_load(t, xmalloc, 50000);
		run_load(t, come_and_go, 20000);
	}
}

/* A CPU that never allocated frees what others made. */
static void free_there(unsigned cpu, void *arg)
{
	uint64_t rng = rng_of(cpu);

	(void)arg;
	if (cpu == load.ncpus - 1)
		for (unsigned i = 0; i < SLOTS; i++)
			end(swap(i, NULL), &rng);
}

TEST(malloc_cpus, a_full_span_that_another_cpu_frees_comes_back)
{
	uint64_t before, rng = test_random(t) | 1;

	REQUIRE(heap_for_tests());
	before = used_when_quiet();
	memset(&load, 0, sizeof(load));
	load.ncpus = cpus_for_tests();
	for (unsigned c = 2; c < TERN_SIZECLASSES; c++) {
		for (unsigned i = 0; i < SLOTS; i++)
			REQUIRE(!swap(i, object_of(tern_sizeclass_size[c], &rng)));
		run_on_cpus(load.ncpus, free_there, NULL);
	}
	EXPECT_EQ(load.wrong, 0);
	EXPECT_EQ(used_when_quiet(), before);
}

/* --- parked slots: mm/parked.c ----------------------------------------------------------------- */

#define FEW         8u
#define PARKED_SIZE 208u

#define MANY 4096u

/* In memory that is no root for the tests after this one. */
static void **const made = (void **)test_scratch, **const taken = made + MANY;
static unsigned nmade;

static void free_made(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu != 1)
		return;
	for (unsigned i = 0; i < nmade; i++)
		tern_free(made[i]);
}

static void free_and_take(unsigned cpu, void *arg)
{
	free_made(cpu, arg);
	if (cpu == 1)
		for (unsigned i = 0; i < FEW; i++)
			taken[i] = i % 2 ? tern_malloc(PARKED_SIZE) : tern_calloc(1, PARKED_SIZE);
}

/* CPU 0 makes objects; CPU 1 has allocated of the class, so that it may park them, and has no span. */
static void make_there(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu == 1) {
		tern_free(tern_malloc(PARKED_SIZE));
		tern_cpu_offline();
		return;
	}
	for (unsigned i = 0; i < nmade; i++) {
		made[i] = tern_malloc(PARKED_SIZE);
		if (made[i])
			memset(made[i], 0xa5, PARKED_SIZE);
	}
}

static bool make(unsigned n)
{
	nmade = n;
	run_on_cpus(2, make_there, NULL);
	while (n && made[n - 1])
		n--;
	return n == 0;
}

static uint64_t used(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.used;
}

/* Debug builds keep what is freed in their quarantine first. */
static bool parks(void)
{
	return !TERN_DEBUG && cpus_for_tests() > 1;
}

static struct tern_class_stats manual_stats(void)
{
	struct tern_class_stats s = { 0 };

	tern_class_stats((unsigned)tern_sizeclass_of(PARKED_SIZE), TERN_OBJECTS_MANUAL, &s);
	return s;
}

TEST(malloc_cpus, what_is_parked_is_1_kib_or_less)
{
	EXPECT_EQ(tern_sizeclass_size[TERN_PARKED_CLASSES - 1], 1024);
}

TEST(malloc_cpus, what_was_freed_of_another_cpus_is_taken_again)
{
	if (!parks())
		SKIP("one CPU, or a quarantine");
	REQUIRE(heap_for_tests());
	all_cpus_offline();
	REQUIRE(make(FEW));
	run_on_cpus(2, free_and_take, NULL);
	for (unsigned i = 0; i < FEW; i++) {
		EXPECT_EQ(taken[i], made[FEW - 1 - i]);
		EXPECT(i % 2 || is_zero(taken[i], PARKED_SIZE));
		EXPECT(tern_base(taken[i]) == taken[i]);
		tern_free(taken[i]);
	}
}

TEST(malloc_cpus, what_is_parked_is_free_for_all_who_ask)
{
	struct tern_class_stats before, after;

	if (!parks())
		SKIP("one CPU, or a quarantine");
	REQUIRE(heap_for_tests());
	all_cpus_offline();
	REQUIRE(make(FEW));
	before = manual_stats();
	run_on_cpus(2, free_made, NULL);
	after = manual_stats();
	EXPECT_EQ(after.frees - before.frees, FEW);
	EXPECT_EQ(after.mallocs - before.mallocs, 0);
	for (unsigned i = 0; i < FEW; i++)
		EXPECT(!tern_base(made[i]) && tern_usable_size(made[i]) == 0);
}

/* A parked slot keeps its span: so there are few of them. */
TEST(malloc_cpus, most_of_what_was_freed_goes_back)
{
	uint64_t before;

	if (!parks())
		SKIP("one CPU, or a quarantine");
	REQUIRE(heap_for_tests());
	before = used_when_quiet();
	REQUIRE(make(MANY));
	run_on_cpus(2, free_made, NULL);
	EXPECT(used() - before <= (TERN_PARKED_MAX + 2) * TERN_HEAP_PAGE);
	EXPECT_EQ(used_when_quiet(), before);
}
