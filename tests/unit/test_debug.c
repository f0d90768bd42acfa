/* SPDX-License-Identifier: MIT */
/* test_debug.c - what debug builds know about objects: sizes to the byte, who made and ended them, and
 * what was written where nobody may write. That it panics is seen where panics can be: tests/host. */
#include <tern/safety.h>
#include <tern/stats.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"
#include "tests/unit/own_heap.h"

#define SKIPPED "release builds know nothing of it"

static const size_t sizes[] = { 0,   1,    7,    8,    9,    16,   17,    24,    40,    100,
				500, 1008, 1009, 1024, 3000, 8192, 20000, 32752, 32753, 50000 };

static bool all_are(const volatile uint8_t *p, size_t size, uint8_t byte)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static uint8_t *make(enum tern_kind kind, size_t size)
{
	return kind == TERN_KIND_MANUAL ? tern_malloc(size)
	       : kind == TERN_KIND_SCAN ? tern_alloc(size)
					: tern_alloc_noscan(size);
}

/* The compiler must not know that the object is gone. */
static volatile uint8_t *end(uint8_t *p)
{
	volatile uint8_t *volatile gone = p;

	tern_free(p);
	return gone;
}

/* Collected objects without pointers below 16 bytes share a block, and are not watched. */
static bool is_watched(enum tern_kind kind, size_t size)
{
	return kind == TERN_KIND_MANUAL || size >= 16;
}

TEST(debug, sizes_are_what_was_asked_for)
{
	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	for (enum tern_kind kind = TERN_KIND_SCAN; kind < TERN_KINDS; kind++)
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			uint8_t *p = make(kind, sizes[i]);

			REQUIRE(p);
			if (is_watched(kind, sizes[i]))
				EXPECT_EQ(tern_usable_size(p), sizes[i]);
			EXPECT(is_aligned((uintptr_t)p, sizes[i] % 16 && sizes[i] <= 24 ? 8 : 16) ||
			       !is_watched(kind, sizes[i]));
			tern_free_sized(p, sizes[i]);
		}
}

TEST(debug, memory_is_filled)
{
	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t *p = tern_malloc(sizes[i]), *q = tern_calloc(1, sizes[i]);
		uint8_t *r = tern_aligned_alloc(64, sizes[i]);

		REQUIRE(p && q && r);
		EXPECT(all_are(p, sizes[i], TERN_DEBUG_MADE));
		EXPECT(all_are(q, sizes[i], 0));
		EXPECT(all_are(r, sizes[i], TERN_DEBUG_MADE) && is_aligned((uintptr_t)r, 64));
		EXPECT(all_are(end(p), sizes[i], TERN_DEBUG_FREED));
		EXPECT(all_are(end(q), sizes[i], TERN_DEBUG_FREED));
		tern_free(r);
	}
}

static bool is_the_damage(struct test *t, const struct tern_damage *d, const uint8_t *p,
			  size_t size, size_t offset, bool in_use)
{
	return EXPECT_EQ(d->object.object, (uintptr_t)p) && EXPECT_EQ(d->object.size, size) &&
	       EXPECT_EQ(d->at, (uintptr_t)p + offset) && EXPECT_EQ(d->found[0], 0x41) &&
	       EXPECT(d->nfound >= 1 && d->object.in_use == in_use) &&
	       EXPECT(d->object.allocated.ret[0]) && EXPECT(in_use == !d->object.freed.ret[0]);
}

/* A byte is found where it was written, and nothing once it is as it was. */
static bool seen_at(struct test *t, volatile uint8_t *p, size_t size, size_t offset, bool in_use)
{
	struct tern_damage d;
	uint8_t was = p[offset];
	bool seen;

	p[offset] = 0x41;
	seen = EXPECT_EQ(tern_check_heap(&d), 1) &&
	       is_the_damage(t, &d, (uint8_t *)p, size, offset, in_use);
	p[offset] = was;
	return seen && EXPECT_EQ(tern_check_heap(NULL), 0);
}

TEST(debug, a_byte_behind_an_object_is_seen)
{
	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	for (enum tern_kind kind = TERN_KIND_SCAN; kind < TERN_KINDS; kind++)
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
			uint8_t *p = make(kind, sizes[i]);

			REQUIRE(p);
			if (is_watched(kind, sizes[i]) && (sizes[i] || kind == TERN_KIND_MANUAL))
				REQUIRE(seen_at(t, p, sizes[i], sizes[i], true));
			tern_free(p);
		}
}

/* In quarantine, and behind it, as long as a neighbour holds the span. */
TEST(debug, a_write_after_the_free_is_seen)
{
	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	for (size_t size = 1; size < 4000; size = size * 3 + 5) {
		uint8_t *p = tern_malloc(size), *neighbour = tern_malloc(size);
		volatile uint8_t *gone;

		REQUIRE(p && neighbour);
		gone = end(p);
		REQUIRE(seen_at(t, gone, size, size / 2, false));
		tern_set_quarantine(0, 0);
		REQUIRE(seen_at(t, gone, size, size - 1, false));
		tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
		tern_free(neighbour);
	}
}

static TERN_NOINLINE void *allocate_here(void)
{
	void *p = tern_calloc(4, 10);

	__asm__ volatile("" : : "r"(p));
	return p;
}

static TERN_NOINLINE void free_here(void *p)
{
	tern_free(p);
	__asm__ volatile("" : : "r"(p));
}

static bool is_in(uintptr_t ret, uintptr_t fn)
{
	return ret - fn < 512;
}

TEST(debug, sites_tell_who_it_was)
{
	struct tern_object_sites s = { 0 };
	char *p;

	EXPECT(!tern_object_sites(&s, &s) && !tern_object_sites(NULL, &s) &&
	       !tern_object_sites((void *)UINTPTR_MAX, &s));
	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests() && (p = allocate_here()));
	REQUIRE(tern_object_sites(p + 7, &s));
	EXPECT(s.object == (uintptr_t)p && s.size == 40 && s.in_use);
	EXPECT(is_in(s.allocated.ret[0], (uintptr_t)allocate_here) && !s.freed.ret[0]);
	free_here(p);
	REQUIRE(tern_object_sites(p, &s));
	EXPECT(s.object == (uintptr_t)p && s.size == 40 && !s.in_use);
	EXPECT(is_in(s.allocated.ret[0], (uintptr_t)allocate_here));
	EXPECT(is_in(s.freed.ret[0], (uintptr_t)free_here));
	EXPECT(!tern_base(p) && tern_usable_size(p) == 0);
}

TEST(debug, resized_in_place)
{
	static const size_t steps[] = { 100, 90, 101, 112, 60 };

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	for (enum tern_kind kind = TERN_KIND_SCAN; kind < TERN_KINDS; kind++) {
		uint8_t *p = make(kind, steps[0]),
			gained = kind == TERN_KIND_MANUAL ? TERN_DEBUG_MADE : 0;

		REQUIRE(p);
		for (unsigned i = 1; i < ARRAY_SIZE(steps); i++) {
			size_t old = steps[i - 1], size = steps[i];

			memset(p, 7, old);
			REQUIRE((p = tern_realloc(p, size)));
			EXPECT_EQ(tern_usable_size(p), size);
			EXPECT(all_are(p, size < old ? size : old, 7));
			EXPECT(size <= old || all_are(p + old, size - old, gained));
			REQUIRE(seen_at(t, p, size, size, true));
		}
		tern_free(p);
	}
}

/* --- quarantine ------------------------------------------------------------------------------ */

static uint64_t live(void)
{
	struct tern_heap_stats s;

	tern_heap_stats(&s);
	return s.live;
}

/* How many of n objects of a size stay when all of them are freed. Interrupts are off, so that it all
 * happens on one CPU. */
static uint64_t kept_of(unsigned n, size_t size)
{
	void *held[20];
	unsigned long irq = arch_irq_save();
	uint64_t before, kept;

	tern_cpu_offline();
	before = live();
	for (unsigned i = 0; i < n; i++)
		held[i] = tern_malloc(size);
	for (unsigned i = 0; i < n; i++)
		tern_free(held[i]);
	kept = live() - before;
	tern_cpu_offline();
	kept = live() == before ? kept : UINT64_MAX;
	arch_irq_restore(irq);
	return kept;
}

TEST(debug, quarantine_is_bounded)
{
	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	EXPECT_EQ(kept_of(20, 100), 20);
	tern_set_quarantine(4, TERN_QUARANTINE_BYTES);
	EXPECT_EQ(kept_of(20, 100), 4);
	EXPECT_EQ(kept_of(3, 100), 3);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, 10000);
	EXPECT_EQ(kept_of(20, 3072 - TERN_DEBUG_REDZONE), 3);
	EXPECT_EQ(kept_of(20, 9000), 1);
	EXPECT_EQ(kept_of(20, 50000), 0);
	tern_set_quarantine(0, SIZE_MAX);
	EXPECT_EQ(kept_of(20, 100), 0);
	tern_set_quarantine(UINT32_MAX, TERN_QUARANTINE_BYTES);
	EXPECT_EQ(kept_of(20, 50000), TERN_QUARANTINE_BYTES / (7 * TERN_HEAP_PAGE));
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}

/* The first to go is the one that came first; others cannot be had meanwhile. */
TEST(debug, quarantine_is_a_queue)
{
	char *held[8], *again[100];
	unsigned long irq;
	unsigned early = 0, late = 0;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests());
	tern_set_quarantine(4, TERN_QUARANTINE_BYTES);
	irq = arch_irq_save();
	for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
		held[i] = tern_malloc(700);
	for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
		tern_free(held[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(again); i++) {
		again[i] = tern_malloc(700);
		for (unsigned k = 0; k < ARRAY_SIZE(held); k++)
			if (again[i] == held[k])
				*(k < 4 ? &early : &late) += 1;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(again); i++)
		tern_free(again[i]);
	arch_irq_restore(irq);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
	EXPECT_EQ(late, 0);
	EXPECT(early > 0);
}

/* What is kept is there for who needs it, with interrupts on or off. */
TEST(debug, memory_that_is_short_is_not_kept)
{
	void *held[12];

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(own_heap_begin(MiB(1)) && own_heap_add());
	for (unsigned round = 0; round < 4; round++) {
		unsigned long irq = round % 2 ? arch_irq_save() : 0;
		unsigned n = 0;
		void *p;

		for (unsigned i = 0; i < ARRAY_SIZE(held); i++)
			if ((held[n] = tern_malloc(80000)))
				n++;
		for (unsigned i = 0; i < n; i++)
			tern_free(held[i]);
		p = tern_malloc(n * 80000);
		if (round % 2)
			arch_irq_restore(irq);
		EXPECT(n > 5 && p);
		tern_free(p);
	}
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

/* --- shortage and load ----------------------------------------------------------------------- */

/* True if the object was there, but nothing is known of who made it. */
static bool is_nameless(struct test *t, uint8_t *p, size_t size)
{
	struct tern_object_sites s = { 0 };
	struct tern_damage d;

	if (!p)
		return false;
	EXPECT(tern_object_sites(p, &s) && s.size == size && s.in_use);
	p[size] ^= 1;
	EXPECT(tern_check_heap(&d) == 1 && d.at == (uintptr_t)p + size);
	p[size] ^= 1;
	tern_free(p);
	EXPECT(!tern_base(p));
	return !s.allocated.ret[0];
}

/* Records can be had n times. Objects may lack their sites then, and a CPU its quarantine. */
TEST(debug, objects_without_records_are_watched_all_the_same)
{
	unsigned nameless = 0, named = 0;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	for (unsigned n = 0; n < 30 && !t->failures; n++) {
		REQUIRE(own_heap_begin(MiB(1)));
		tern_heap.pages.meta.fail_after = n;
		own_heap_add();
		for (unsigned i = 1; i < 10; i++) {
			uint8_t *p = tern_malloc(100 + i);

			if (is_nameless(t, p, 100 + i))
				nameless++;
			else
				named += p != NULL;
		}
		tern_heap.pages.meta.fail_after = SIZE_MAX;
		EXPECT(tern_mheap_check(&tern_heap.pages));
		own_heap_end();
	}
	test_note(t, "%u without, %u with", nameless, named);
	EXPECT(nameless && named);
}

TEST(debug, sites_are_kept_once_and_may_be_too_many)
{
	/* What leads to records of this heap is no root for tests after this one. */
	struct tern_sites *sites = (struct tern_sites *)test_scratch;
	struct tern_trace trace = { { 1 } };
	uint32_t first, last = 1, n = 0;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(own_heap_begin(MiB(2)) && own_heap_add());
	tern_free(tern_malloc(8));
	first = tern_sites_number(sites, &tern_heap.pages, trace);
	EXPECT(first && tern_sites_number(sites, &tern_heap.pages, trace) == first);
	for (n = 1; last; n++) {
		trace.ret[1] = trace.ret[5] = n * 0x1235;
		last = tern_sites_number(sites, &tern_heap.pages, trace);
		if (last)
			REQUIRE(tern_sites_trace(sites, last).ret[1] == n * 0x1235);
	}
	EXPECT_EQ(n, TERN_SITES_MAX + 1);
	/* The last ones without what is further out, so that these are one. */
	EXPECT_EQ(tern_sites_trace(sites, TERN_SITES_MAX).ret[5], 0);
	trace.ret[1] = 0x1235 * (TERN_SITES_MAX - 1);
	trace.ret[5] = 7;
	EXPECT_EQ(tern_sites_number(sites, &tern_heap.pages, trace), TERN_SITES_MAX);
	EXPECT_EQ(tern_sites_trace(sites, first).ret[0], 1);
	EXPECT_EQ(tern_sites_trace(sites, 0).ret[0], 0);
	own_heap_end();
}

static _Atomic(struct object *) place[64];
static atomic_uint wrong;

/* Objects end on other CPUs than they begin on. */
static void churn(unsigned cpu, void *arg)
{
	uint64_t rng = cpu * 7919 + 77;

	(void)arg;
	for (unsigned i = 0; i < 4000; i++) {
		struct object *o = object_make(&rng);

		o = atomic_exchange(&place[next_random(&rng) % ARRAY_SIZE(place)], o);
		if (o && !object_end(o, &rng))
			wrong++;
	}
}

TEST(debug, all_cpus_at_once)
{
	uint64_t rng = test_random(t) | 1;

	REQUIRE(heap_for_tests());
	wrong = 0;
	run_on_cpus(cpus_for_tests(), churn, NULL);
	EXPECT_EQ(tern_check_heap(NULL), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(place); i++) {
		struct object *o = atomic_exchange(&place[i], NULL);

		if (o && !object_end(o, &rng))
			wrong++;
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(tern_check_heap(NULL), 0);
}
