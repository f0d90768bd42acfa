/* SPDX-License-Identifier: MIT */
/* test_remap.c - large objects that grow by addresses for their pages: what they hold, what they cost,
 * that they fail whole, and that all calls know them. */
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/safety.h>
#include <tern/stats.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/remap.h"
#include "mm/sample.h"
#include "tests/test.h"
#include "tests/unit/blocked.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"
#include "tests/unit/own_heap.h"

#define PAGE     TERN_HEAP_PAGE
#define SIZE     TERN_REMAP_MIN
#define MAX_CPUS 8u

struct link {
	struct link *next;
};

static void keep_back_again(void)
{
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}

static bool begin(struct test *t, size_t size)
{
	tern_set_quarantine(0, 0);
	if (own_heap_for(t, size))
		return true;
	keep_back_again();
	return false;
}

static void end(struct test *t)
{
	EXPECT_EQ(used_when_quiet(), 0);
	EXPECT(tern_mheap_check(&tern_heap.pages));
	keep_back_again();
	own_heap_end();
}

static struct tern_mspan *span_of(const void *p)
{
	return tern_heap_span((uintptr_t)p);
}

static bool is_remapped(const void *p)
{
	return tern_mspan_remap(span_of(p));
}

/* Some words, the first and the last bytes among them. */
#define STEP 1008u

static void fill(uint8_t *p, size_t size, uint8_t seed)
{
	for (size_t i = 0; i < size; i += STEP)
		p[i] = (uint8_t)(seed + i / STEP);
	p[size - 1] = seed;
}

/* The first `size` bytes of what was filled; all of them if that is `filled`. */
static bool holds(const uint8_t *p, size_t size, size_t filled, uint8_t seed)
{
	for (size_t i = 0; i < size && i < filled - 1; i += STEP)
		if (p[i] != (uint8_t)(seed + i / STEP))
			return false;
	return size < filled || p[filled - 1] == seed;
}

static uint64_t pages_used(void)
{
	return used_when_quiet() / PAGE;
}

TEST(remap, growing_costs_the_difference_and_no_copy)
{
	uint64_t used, peak;
	uint8_t *p, *q;
	void *wall;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	fill(p, SIZE, 3);
	used = pages_used();
	tern_mheap_new_peak(&tern_heap.pages);
	REQUIRE(q = tern_realloc(p, SIZE + SIZE / 2 + 1));
	peak = tern_mheap_new_peak(&tern_heap.pages);
	EXPECT(q != p && is_remapped(q));
	EXPECT(holds(q, SIZE, SIZE, 3));
	/* A page is the list of them. */
	EXPECT_EQ(pages_used() - used, SIZE / PAGE / 2 + 2);
	EXPECT(peak - used - tern_heap.pages.nmeta <= SIZE / PAGE / 2 + 2);
	fill(q, SIZE + SIZE / 2 + 1, 4);
	EXPECT(holds(q, SIZE + SIZE / 2 + 1, SIZE + SIZE / 2 + 1, 4));
	tern_free(q);
	EXPECT_EQ(pages_used(), 1);
	tern_pages_free(wall, PAGE);
	end(t);
}

TEST(remap, the_next_growths_are_in_place)
{
	uint8_t *p, *q, byte;
	size_t size = 2 * SIZE;
	void *wall;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(p = tern_realloc(p, size));
	fill(p, size, 7);
	for (unsigned i = 0; i < 10; i++) {
		REQUIRE((q = tern_realloc(p, size + PAGE + i)));
		EXPECT(q == p && holds(p, size, size, 7));
		EXPECT(tern_usable_size(p) >= size + PAGE + i);
		size += PAGE + i;
		fill(p, size, 7);
		EXPECT(!probe_byte(p + align_up(size, PAGE), &byte));
	}
	tern_free(p);
	EXPECT(!probe_byte(p, &byte));
	tern_pages_free(wall, PAGE);
	end(t);
}

TEST(remap, shrinking_gives_pages_back)
{
	uint64_t used;
	uint8_t *p, *q, byte;
	void *wall;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(p = tern_realloc(p, 2 * SIZE));
	fill(p, 2 * SIZE, 9);
	used = pages_used();
	for (size_t size = 2 * SIZE - PAGE; size >= SIZE / 8; size -= 5 * PAGE) {
		REQUIRE((q = tern_realloc(p, size)));
		EXPECT(q == p && holds(p, size, 2 * SIZE, 9));
		EXPECT_EQ(used - pages_used(), (2 * SIZE - size) / PAGE);
		EXPECT(probe_byte(p + size - 1, &byte) && !probe_byte(p + size, &byte));
	}
	REQUIRE((q = tern_realloc(p, 2 * SIZE)));
	EXPECT(q == p && holds(p, SIZE / 8, 2 * SIZE, 9));
	EXPECT_EQ(pages_used(), used);
	/* To another kind of object. */
	REQUIRE((q = tern_realloc(p, 100)));
	EXPECT(q != p && !probe_byte(p, &byte) && holds(q, 100, 2 * SIZE, 9));
	tern_free(q);
	tern_pages_free(wall, PAGE);
	end(t);
}

/* --- memory is short ----------------------------------------------------------------------- */

static struct link *take_all_pages(void)
{
	struct link *all = NULL, *l;

	while ((l = tern_pages_alloc(PAGE, 0, 0))) {
		l->next = all;
		all = l;
	}
	return all;
}

/* As many of the list as there are, at most n, every `step`-th one; what is left of the list. */
static struct link *give_pages(struct link *all, unsigned n, unsigned step)
{
	struct link **at = &all, *l;

	for (unsigned i = 0; n && (l = *at); i++) {
		if (i % step) {
			at = &l->next;
			continue;
		}
		*at = l->next;
		tern_pages_free(l, PAGE);
		n--;
	}
	return all;
}

/* The first object in these addresses has tables made for them, which are larger than a page. */
static bool make_tables(void)
{
	uint8_t *p = make_remapped(SIZE);

	tern_free(p);
	return p;
}

TEST(remap, no_two_free_pages_lie_side_by_side)
{
	struct tern_page_stats s;
	struct link *rest;
	uint8_t *p, *q;
	uint64_t n;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(make_tables() && (p = tern_malloc(SIZE)));
	fill(p, SIZE, 1);
	rest = give_pages(take_all_pages(), UINT32_MAX, 2);
	tern_cpu_offline();
	tern_page_stats(&s);
	n = s.free / PAGE - 4;
	EXPECT(s.longest_free <= 2 * PAGE && n > 50);
	EXPECT(!tern_malloc(SIZE));
	REQUIRE((q = tern_realloc(p, SIZE + n * PAGE)));
	EXPECT(is_remapped(q) && holds(q, SIZE, SIZE, 1));
	fill(q, SIZE + n * PAGE, 2);
	EXPECT(holds(q, SIZE + n * PAGE, SIZE + n * PAGE, 2));
	tern_free(q);
	give_pages(rest, UINT32_MAX, 1);
	end(t);
}

/* With k pages to be had: all or nothing. */
static bool grow_with(struct test *t, unsigned k, size_t size)
{
	void *wall;
	uint8_t *p = make_blocked(SIZE, &wall), *q;
	struct link *rest;
	uint64_t used;

	if (!EXPECT(p))
		return true;
	fill(p, SIZE, (uint8_t)k);
	rest = give_pages(take_all_pages(), k, 3);
	used = used_when_quiet();
	q = tern_realloc(p, size);
	if (!q) {
		EXPECT_EQ(used_when_quiet(), used);
		EXPECT_EQ(tern_usable_size(p), SIZE);
	}
	EXPECT(holds(q ? q : p, SIZE, SIZE, (uint8_t)k));
	tern_free(q ? q : p);
	give_pages(rest, UINT32_MAX, 1);
	tern_pages_free(wall, PAGE);
	EXPECT_EQ(used_when_quiet(), 0);
	return q;
}

TEST(remap, every_shortage_of_pages_is_survived)
{
	unsigned k = 0;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(make_tables());
	while (k < 40 && !t->failures && !grow_with(t, k, SIZE + 9 * PAGE))
		k++;
	EXPECT_EQ(k, 10);
	end(t);
}

/* In place, once it has been remapped. */
TEST(remap, every_shortage_of_pages_is_survived_in_place)
{
	struct link *rest;
	uint8_t *p, *q;
	void *wall;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(p = tern_realloc(p, SIZE + PAGE));
	fill(p, SIZE + PAGE, 5);
	rest = take_all_pages();
	for (unsigned k = 0; k <= 9 && !t->failures; k++) {
		uint64_t used = used_when_quiet();

		q = tern_realloc(p, SIZE + 10 * PAGE);
		EXPECT_EQ(q ? q : p, p);
		EXPECT_EQ(q != NULL, k == 9);
		EXPECT_EQ(used_when_quiet(), used + (q ? 9 * PAGE : 0));
		EXPECT(holds(p, SIZE + PAGE, SIZE + PAGE, 5));
		rest = give_pages(rest, 1, 1);
	}
	tern_free(p);
	give_pages(rest, UINT32_MAX, 1);
	tern_pages_free(wall, PAGE);
	end(t);
}

/* Records can be had n times, and then no more. True if that was enough for all. */
static bool starve(struct test *t, size_t n)
{
	struct tern_meta *meta = &tern_heap.pages.meta;
	bool remapped, enough;
	uint8_t *p, *q;
	void *wall;

	if (!begin(t, MiB(4)))
		return true;
	p = make_blocked(SIZE, &wall);
	if (!EXPECT(p))
		return true;
	fill(p, SIZE, (uint8_t)n);
	meta->fail_after = n;
	/* What a copy takes is there, but for a record. */
	q = tern_realloc(p, SIZE + SIZE / 2);
	p = q ? q : p;
	remapped = q && is_remapped(q);
	enough = meta->fail_after > 0;
	EXPECT(!enough || remapped);
	EXPECT(holds(p, SIZE, SIZE, (uint8_t)n));
	meta->fail_after = SIZE_MAX;
	q = tern_realloc(p, 2 * SIZE);
	EXPECT(q && holds(q, SIZE, SIZE, (uint8_t)n));
	tern_free(q);
	tern_pages_free(wall, PAGE);
	end(t);
	return enough;
}

TEST(remap, every_shortage_of_records_is_survived)
{
	size_t n = 0;

	while (!starve(t, n) && !t->failures)
		n++;
	if (t->skip_reason)
		return;
	test_note(t, "%zu records", n);
	EXPECT(n >= 2);
}

/* --- what other calls say -------------------------------------------------------------------- */

TEST(remap, addresses_before_and_behind_are_no_object)
{
	uint8_t *p, *q;
	size_t size;
	void *wall;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(q = tern_realloc(p, 2 * SIZE - 5));
	size = tern_usable_size(q);
	EXPECT(size >= 2 * SIZE - 5 && size <= 2 * SIZE);
	EXPECT(tern_base(q + size - 1) == q && !tern_base(q + 2 * SIZE) && !tern_base(q - 1));
	EXPECT_EQ(tern_usable_size(q + 8), 0);
	for (size_t i = 0; i < SIZE; i += PAGE / 2)
		EXPECT(!tern_base(p + i) && !tern_usable_size(p + i));
	EXPECT_EQ(tern_check_heap(NULL), 0);
	tern_free_sized(q, 2 * SIZE - 5);
	EXPECT(!tern_base(q) && !tern_base(q + SIZE));
	tern_pages_free(wall, PAGE);
	end(t);
}

static void count_large_pages(const struct tern_page_span *span, void *arg)
{
	if (span->state == TERN_PAGE_LARGE)
		*(uint64_t *)arg += span->size;
}

/* There are so many large objects more than there were, or fewer, by rows and by the map. */
static void agrees(struct test *t, const struct tern_class_stats *before, uint64_t live,
		   uint64_t live_bytes)
{
	struct tern_heap_stats all;
	struct tern_class_stats s;
	uint64_t mapped = 0;

	tern_heap_stats(&all);
	tern_class_stats(0, TERN_OBJECTS_MANUAL, &s);
	tern_pages_walk(0, UINTPTR_MAX, count_large_pages, &mapped);
	EXPECT_EQ(s.live, before->live + live);
	EXPECT_EQ(s.live_bytes, before->live_bytes + live_bytes);
	EXPECT_EQ(all.large, mapped);
	EXPECT_EQ(all.small + all.large + all.runs + all.stacks + all.cached + all.free +
			  all.records,
		  all.grown);
}

TEST(remap, the_numbers_are_exact)
{
	struct tern_class_stats before, s;
	unsigned long irq;
	uint8_t *p;
	void *wall;

	REQUIRE(heap_for_tests());
	tern_set_quarantine(0, 0);
	REQUIRE(p = make_blocked(SIZE, &wall));
	tern_class_stats(0, TERN_OBJECTS_MANUAL, &before);
	REQUIRE((p = tern_realloc(p, SIZE + PAGE)) && is_remapped(p));
	agrees(t, &before, 0, PAGE);
	/* As if it had been copied. */
	tern_class_stats(0, TERN_OBJECTS_MANUAL, &s);
	EXPECT(s.mallocs == before.mallocs + 1 && s.frees == before.frees + 1);
	REQUIRE(p = tern_realloc(p, 2 * SIZE));
	agrees(t, &before, 0, SIZE);
	REQUIRE(p = tern_realloc(p, SIZE / 2));
	agrees(t, &before, 0, -(SIZE / 2));
	irq = tern_irq_save();
	tern_free(p);
	tern_irq_restore(irq);
	EXPECT_EQ(tern_remap_ended_bytes(), SIZE / 2);
	agrees(t, &before, -1, -SIZE);
	tern_cpu_offline();
	EXPECT_EQ(tern_remap_ended_bytes(), 0);
	agrees(t, &before, -1, -SIZE);
	tern_pages_free(wall, PAGE);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}

/* Other CPUs cannot be told that the addresses are gone: the pages wait for who can. */
TEST(remap, with_interrupts_off)
{
	unsigned long irq;
	uint8_t *p, *q, *copy;
	uint64_t used;
	void *wall;

	if (!begin(t, MiB(8)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	fill(p, SIZE, 2);
	irq = tern_irq_save();
	q = tern_realloc(p, SIZE + PAGE);
	tern_irq_restore(irq);
	REQUIRE(q);
	EXPECT(!is_remapped(q) && holds(q, SIZE, SIZE, 2));
	used = used_when_quiet();
	tern_pages_free(wall, PAGE);
	tern_free(q);
	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(p = tern_realloc(p, 2 * SIZE));
	EXPECT(is_remapped(p));
	fill(p, 2 * SIZE, 6);
	irq = tern_irq_save();
	copy = tern_realloc(p, 2 * SIZE + PAGE);
	tern_irq_restore(irq);
	REQUIRE(copy);
	EXPECT(!is_remapped(copy) && holds(copy, 2 * SIZE, 2 * SIZE, 6));
	EXPECT(!tern_base(p));
	tern_free(copy);
	tern_pages_free(wall, PAGE);
	EXPECT(used > 0);
	end(t);
}

/* Memory that waits is found before an allocation says that there is none. */
TEST(remap, what_was_freed_with_interrupts_off_is_found)
{
	struct link *rest;
	unsigned long irq;
	uint8_t *p;
	void *wall;

	if (!begin(t, MiB(4)))
		return;
	REQUIRE(p = make_blocked(SIZE, &wall));
	REQUIRE(p = tern_realloc(p, SIZE + PAGE));
	rest = take_all_pages();
	EXPECT(!tern_malloc(2 * PAGE));
	irq = tern_irq_save();
	tern_free(p);
	EXPECT(!tern_malloc(TERN_SMALL_MAX + 1));
	tern_irq_restore(irq);
	REQUIRE(p = tern_malloc(TERN_SMALL_MAX + 1));
	tern_free(p);
	give_pages(rest, UINT32_MAX, 1);
	tern_pages_free(wall, PAGE);
	end(t);
}

/* Margins lie beside an object's own pages: it is copied as ever. */
TEST(remap, an_object_with_guards_is_copied)
{
	uint8_t *p, *q;

	if (!begin(t, MiB(8)))
		return;
	tern_set_hardening(TERN_HARDEN_GUARDS);
	p = tern_malloc(SIZE);
	q = p ? tern_realloc(p, SIZE + PAGE) : NULL;
	tern_set_hardening(0);
	REQUIRE(q);
	EXPECT(q != p && !is_remapped(q) && span_of(q)->margin);
	tern_free(q);
	end(t);
}

/* It is sampled anew, as a copy would be. */
TEST(remap, the_profile_knows_it)
{
	uint8_t *p;

	REQUIRE(heap_for_tests() && tern_profile_start(KiB(64)) == TERN_OK);
	p = make_remapped(SIZE);
	tern_profile_stop();
	REQUIRE(p);
	EXPECT(tern_sample_any(span_of(p)));
	tern_free(p);
}

static void *held[2];

/* A pointer into it, and one to where it was, do no harm; and no list of its pages is a leak. */
TEST(remap, cycles_leave_it_alone)
{
	uint64_t before, after;
	uint8_t *p, *q;
	void *wall;

	REQUIRE(collector_for_tests() && (p = make_blocked(SIZE, &wall)));
	EXPECT_EQ(tern_find_leaks(NULL, NULL, &before), TERN_OK);
	held[0] = p + 100;
	REQUIRE(q = tern_realloc(p, 3 * SIZE));
	EXPECT(is_remapped(q));
	held[1] = q + SIZE + 1;
	fill(q, 3 * SIZE, 8);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(holds(q, 3 * SIZE, 3 * SIZE, 8));
	EXPECT_EQ(tern_find_leaks(NULL, NULL, &after), TERN_OK);
	EXPECT(after <= before);
	held[0] = held[1] = NULL;
	tern_free(q);
	tern_pages_free(wall, PAGE);
}

/* --- anything --------------------------------------------------------------------------------- */

#define BLOCKS 4u

struct block {
	uint8_t *p;
	size_t size;
	uint8_t seed;
};

/* One step; false if a block does not hold what it should. */
static bool change(struct block *b, size_t most, uint64_t *rng)
{
	size_t size = TERN_SMALL_MAX + 1 + next_random(rng) % most;
	uint8_t *p;

	if (!b->p || next_random(rng) % 8 == 0) {
		tern_free(b->p);
		*b = (struct block){ .p = tern_malloc(size), .size = size };
	} else {
		p = tern_realloc(b->p, size);
		if (p && !holds(p, size < b->size ? size : b->size, b->size, b->seed))
			return false;
		b->size = p ? size : b->size;
		b->p = p ? p : b->p;
		if (!p && !holds(b->p, b->size, b->size, b->seed))
			return false;
	}
	b->seed = (uint8_t)next_random(rng);
	if (b->p)
		fill(b->p, b->size, b->seed);
	return true;
}

static bool change_often(struct block *blocks, unsigned rounds, size_t most, uint64_t seed)
{
	uint64_t rng = seed | 1;
	bool good = true;

	for (unsigned i = 0; i < rounds && good; i++)
		good = change(&blocks[next_random(&rng) % BLOCKS], most, &rng);
	return good;
}

static void free_blocks(struct block *blocks)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		tern_free(blocks[i].p);
		blocks[i].p = NULL;
	}
}

TEST(remap, any_sequence_keeps_what_blocks_hold)
{
	struct block blocks[BLOCKS] = { { 0 } };

	if (!begin(t, MiB(8)) && !begin(t, MiB(4)))
		return;
	t->skip_reason = NULL;
	EXPECT(change_often(blocks, 300, 3 * SIZE, test_random(t)));
	free_blocks(blocks);
	end(t);
}

static struct {
	struct block blocks[MAX_CPUS][BLOCKS];
	uint64_t seed;
	size_t most;
	atomic_uint wrong;
} all;

static void change_on(unsigned cpu, void *arg)
{
	(void)arg;
	if (!change_often(all.blocks[cpu], 100, all.most, all.seed + cpu * 7919))
		atomic_fetch_add_explicit(&all.wrong, 1, memory_order_relaxed);
}

/* What CPU n made is freed by CPU n + 1. */
static void free_on(unsigned cpu, void *arg)
{
	free_blocks(all.blocks[(cpu + 1) % *(unsigned *)arg]);
}

TEST_SLOW(remap, on_all_cpus)
{
	unsigned n = cpus_for_tests();

	if (!begin(t, MiB(32)) && !begin(t, MiB(8)) && !begin(t, MiB(4)))
		return;
	t->skip_reason = NULL;
	for (unsigned round = 0; round < 4 && !t->failures; round++) {
		all.seed = test_random(t);
		all.most = 3 * SIZE;
		run_on_cpus(n, change_on, NULL);
		run_on_cpus(n, free_on, &n);
		EXPECT_EQ(all.wrong, 0);
		EXPECT_EQ(used_when_quiet(), 0);
	}
	end(t);
}

/* Lists of several pages, and several ranges. */
TEST_SLOW(remap, from_one_mebibyte_to_many)
{
	size_t size = SIZE;
	unsigned moves = 0;
	void *wall;
	uint8_t *p, *q;

	if (!begin(t, MiB(64)) && !begin(t, MiB(16)) && !begin(t, MiB(4)))
		return;
	t->skip_reason = NULL;
	REQUIRE(p = make_blocked(size, &wall));
	fill(p, size, 1);
	while ((q = tern_realloc(p, size + size / 3 + 77))) {
		moves += q != p;
		EXPECT(is_remapped(q) && holds(q, size, size, 1));
		p = q;
		size += size / 3 + 77;
		fill(p, size, 1);
	}
	EXPECT(holds(p, size, size, 1) && moves >= 1 && moves <= 4);
	test_note(t, "%zu KiB, moved %u times", size >> 10, moves);
	EXPECT(size >= 2 * SIZE);
	tern_free(p);
	tern_pages_free(wall, PAGE);
	end(t);
}
