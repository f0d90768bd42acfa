/* SPDX-License-Identifier: MIT */
/* test_stats_host.c - the heap's numbers with CPUs (threads) side by side: exact once they rest,
 * and readable, under TSan too, while they work. */
#include <stdatomic.h>

#include <tern/safety.h>
#include <tern/stats.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define WORKERS 3u
#define FREERS  2u /* never allocate, so that they have no cache */
#define CPUS    (WORKERS + FREERS + 1)
#define ROUNDS  20000u
#define SHARED  64u

static _Atomic(void *) shared[SHARED];
static atomic_ulong mallocs[TERN_SIZECLASSES], frees[TERN_SIZECLASSES];
static atomic_ulong bytes; /* live */
static atomic_uint working;

/* Of the slot or the pages that it has: debug builds use some of that themselves. */
static size_t size_of(const void *p)
{
	return tern_heap_span((uintptr_t)p)->elemsize;
}

static unsigned class_of(size_t size)
{
	return size <= TERN_SMALL_MAX ? tern_sizeclass_of(size) : 0;
}

static void counted_free(void *p)
{
	size_t size;

	if (!p)
		return;
	size = size_of(p);
	atomic_fetch_add(&frees[class_of(size)], 1);
	atomic_fetch_sub(&bytes, size);
	tern_free(p);
}

static void *counted_malloc(size_t size)
{
	void *p = tern_malloc(size);

	if (!p)
		return NULL;
	atomic_fetch_add(&mallocs[class_of(size_of(p))], 1);
	atomic_fetch_add(&bytes, size_of(p));
	return p;
}

static void work(unsigned cpu)
{
	uint64_t rng = cpu + 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned slot = next_random(&rng) % SHARED,
			 bits = next_random(&rng) % (i % 50 ? 11 : 17);
		void *p = counted_malloc(next_random(&rng) % (2ull << bits));

		if (i % 3)
			counted_free(p);
		else
			counted_free(atomic_exchange(&shared[slot], p));
	}
	atomic_fetch_sub(&working, 1);
}

static void only_free(unsigned cpu)
{
	uint64_t rng = cpu + 1;

	while (working)
		counted_free(atomic_exchange(&shared[next_random(&rng) % SHARED], NULL));
}

static void ignore(const struct tern_page_span *span, void *arg)
{
	(void)span;
	(void)arg;
}

/* Whatever is read meanwhile: it ends, and harms nobody. */
static void watch(void)
{
	struct tern_heap_stats s;

	while (working) {
		tern_heap_stats(&s);
		tern_pages_walk(0, UINTPTR_MAX, ignore, NULL);
	}
}

static void run(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu < WORKERS)
		work(cpu);
	else if (cpu < WORKERS + FREERS)
		only_free(cpu);
	else
		watch();
}

TEST(stats_host, exact_when_cpus_rest)
{
	static struct tern_class_stats before[TERN_SIZECLASSES];
	struct tern_heap_stats all_before, all;
	struct tern_class_stats after;

	REQUIRE(heap_for_tests());
	tern_set_quarantine(0, 0); /* or debug builds free later */
	tern_heap_stats(&all_before);
	for (unsigned c = 0; c < TERN_SIZECLASSES; c++)
		tern_class_stats(c, TERN_OBJECTS_ALL, &before[c]);
	working = WORKERS;
	host_on_cpus(CPUS, run, NULL);
	for (unsigned c = 0; tern_class_stats(c, TERN_OBJECTS_ALL, &after); c++) {
		EXPECT_EQ(after.mallocs - before[c].mallocs, mallocs[c]);
		EXPECT_EQ(after.frees - before[c].frees, frees[c]);
	}
	tern_heap_stats(&all);
	EXPECT_EQ(all.live_bytes - all_before.live_bytes, bytes);
	EXPECT_EQ(all.small + all.large + all.runs + all.stacks + all.cached + all.free +
			  all.records,
		  all.grown);
	for (unsigned i = 0; i < SHARED; i++)
		counted_free(atomic_exchange(&shared[i], NULL));
	tern_heap_stats(&all);
	EXPECT_EQ(all.live, all_before.live);
	EXPECT_EQ(all.live_bytes, all_before.live_bytes);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}
