/* SPDX-License-Identifier: MIT */
/* test_stats.c - the heap's numbers against a model that counts along: exact after any sequence of
 * calls; and its pages, whose states must add up to the same numbers. */
#include <tern/safety.h>
#include <tern/stack.h>
#include <tern/gc.h>
#include <tern/stats.h>
#include <tern/tern.h>
#include <tern/type.h>

#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"

#define OBJECTS 400u

struct row {
	uint64_t mallocs, frees, live_bytes;
};
typedef struct row table[TERN_KINDS][TERN_SIZECLASSES];

struct object {
	void *p;
	enum tern_kind kind;
	unsigned sizeclass;
	size_t bytes;
};

static table model;
static struct object objects[OBJECTS];

/* That of the slot or the pages that it has: debug builds use some of that themselves, so that what is
 * large may be no larger than a slot. */
static void look_at_size(struct object *o)
{
	const struct tern_mspan *s = tern_heap_span((uintptr_t)o->p);

	o->bytes = s->elemsize;
	o->sizeclass = s->magic ? tern_spanclass_size(s->spc) : 0;
}

static void snapshot(table t)
{
	struct tern_class_stats s;

	for (unsigned k = 0; k < TERN_KINDS; k++)
		for (unsigned c = 0; tern_class_stats(c, (enum tern_objects)k, &s); c++)
			t[k][c] = (struct row){ s.mallocs, s.frees, s.live_bytes };
}

static bool same_rows(struct test *t, unsigned k, unsigned c, const struct row *model_row,
		      const struct tern_class_stats *s)
{
	if (s->mallocs == model_row->mallocs && s->frees == model_row->frees &&
	    s->live == s->mallocs - s->frees && s->live_bytes == model_row->live_bytes)
		return true;
	test_fail(t, __FILE__, __LINE__, "kind %u class %u: %llu - %llu, model %llu - %llu", k, c,
		  (unsigned long long)s->mallocs, (unsigned long long)s->frees,
		  (unsigned long long)model_row->mallocs, (unsigned long long)model_row->frees);
	return false;
}

static bool agrees(struct test *t)
{
	struct tern_class_stats s;

	for (unsigned k = 0; k < TERN_KINDS; k++)
		for (unsigned c = 0; tern_class_stats(c, (enum tern_objects)k, &s); c++)
			if (!same_rows(t, k, c, &model[k][c], &s))
				return false;
	return true;
}

/* What stats.h says of sums. */
static bool adds_up(struct test *t)
{
	struct tern_heap_stats s;
	struct tern_class_stats row;
	uint64_t live = 0, live_bytes = 0, small_bytes = 0;

	tern_heap_stats(&s);
	for (unsigned c = 0; tern_class_stats(c, TERN_OBJECTS_ALL, &row); c++) {
		live += row.live;
		live_bytes += row.live_bytes;
		small_bytes += c ? row.live_bytes : 0;
		if (!EXPECT_EQ(row.live_bytes + row.slot_free + row.slot_rest, row.span_bytes))
			return false;
	}
	return EXPECT_EQ(s.live, live) && EXPECT_EQ(s.live_bytes, live_bytes) &&
	       EXPECT_EQ(s.malloc_bytes - s.free_bytes, s.live_bytes) &&
	       EXPECT_EQ(s.small + s.large + s.runs + s.stacks + s.cached + s.free + s.records,
			 s.grown) &&
	       EXPECT_EQ(small_bytes + s.slot_free + s.slot_rest, s.small) &&
	       EXPECT_EQ(s.spans_all + s.caches + s.tables + s.records_left, s.records) &&
	       EXPECT(s.spans_used <= s.spans_all && s.longest_free <= s.free) &&
	       EXPECT(s.released <= s.free);
}

static size_t some_size(struct test *t)
{
	unsigned bits = (unsigned)test_random_below(t, test_random_below(t, 30) ? 14 : 18);

	return 16 + test_random_below(t, 2ull << bits);
}

static void *make_typed(size_t size)
{
	return tern_new_array(&tern_pointer_type, size / 8);
}

static void start_object(struct test *t, struct object *o)
{
	static void *(*const make[TERN_KINDS])(size_t) = { tern_alloc, tern_alloc_noscan,
							   make_typed, tern_malloc };
	struct row *r;

	o->kind = (enum tern_kind)test_random_below(t, TERN_KINDS);
	o->p = make[o->kind](some_size(t));
	if (!o->p)
		return;
	look_at_size(o);
	r = &model[o->kind][o->sizeclass];
	r->mallocs++;
	r->live_bytes += o->bytes;
}

static void end_object(struct object *o)
{
	struct row *r = &model[o->kind][o->sizeclass];

	tern_free(o->p);
	o->p = NULL;
	r->frees++;
	r->live_bytes -= o->bytes;
}

/* Moved, it is another object, made by malloc, and not typed any more; large and in place, it has other
 * bytes. */
static void resize_object(struct test *t, struct object *o)
{
	struct object old = *o;
	struct row *before = &model[old.kind][old.sizeclass], *after;
	void *p = tern_realloc(o->p, some_size(t));

	if (!p)
		return;
	o->p = p;
	look_at_size(o);
	if (p != old.p && o->kind == TERN_KIND_TYPED)
		o->kind = TERN_KIND_SCAN;
	after = &model[o->kind][o->sizeclass];
	before->live_bytes -= old.bytes;
	after->live_bytes += o->bytes;
	before->frees += p != old.p;
	after->mallocs += p != old.p;
}

static void churn(struct test *t, unsigned rounds)
{
	for (unsigned i = 0; i < rounds && !t->failures; i++) {
		struct object *o = &objects[test_random_below(t, OBJECTS)];

		if (!o->p)
			start_object(t, o);
		else if (test_random_below(t, 4) == 0)
			resize_object(t, o);
		else
			end_object(o);
		if (test_random_below(t, 500) == 0)
			tern_cpu_offline();
		if (test_random_below(t, 100) == 0)
			agrees(t);
	}
}

TEST(stats, are_exact_after_any_sequence)
{
	REQUIRE(heap_for_tests());
	hold_between_cycles();     /* what a cycle frees is not in the model */
	tern_set_quarantine(0, 0); /* or debug builds free later */
	memset(objects, 0, sizeof(objects));
	snapshot(model);
	for (unsigned i = 0; i < 10 && !t->failures; i++) {
		churn(t, 1000);
		agrees(t);
		adds_up(t);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		if (objects[i].p)
			end_object(&objects[i]);
	agrees(t);
	tern_cpu_offline();
	agrees(t);
	adds_up(t);
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
	tern_gc_release();
}

TEST(stats, count_runs_and_what_is_cached)
{
	struct tern_heap_stats before, after;
	void *one, *many;

	REQUIRE(heap_for_tests());
	/* Then no other CPU frees pages by sweeping meanwhile, and this thread may go on on any. */
	hold_between_cycles();
	all_cpus_offline();
	tern_heap_stats(&before);
	one = tern_pages_alloc(1, 0, 0);
	many = tern_pages_alloc(40 * TERN_HEAP_PAGE, 0, 0);
	REQUIRE(one && many);
	tern_heap_stats(&after);
	EXPECT_EQ(after.runs, before.runs + 41 * TERN_HEAP_PAGE);
	EXPECT_EQ(after.live, before.live);
	adds_up(t);
	tern_pages_free((char *)many + TERN_HEAP_PAGE, 2 * TERN_HEAP_PAGE);
	tern_heap_stats(&after);
	EXPECT_EQ(after.runs, before.runs + 39 * TERN_HEAP_PAGE);
	tern_pages_free(many, TERN_HEAP_PAGE);
	tern_pages_free((char *)many + 3 * TERN_HEAP_PAGE, 37 * TERN_HEAP_PAGE);
	tern_pages_free(one, 1);
	all_cpus_offline();
	tern_heap_stats(&after);
	EXPECT_EQ(after.runs, before.runs);
	EXPECT_EQ(after.cached, before.cached);
	tern_gc_release();
	adds_up(t);
}

TEST(stats, count_crumbs_or_their_blocks)
{
	struct tern_class_stats before, after;
	struct tern_heap_stats all_before, all_after;
	uint64_t blocks;

	REQUIRE(heap_for_tests());
	hold_between_cycles(); /* or another CPU may sweep between two sums */
	tern_class_stats(TERN_TINY_SIZECLASS, TERN_OBJECTS_NOSCAN, &before);
	tern_heap_stats(&all_before);
	for (unsigned i = 0; i < 1000; i++)
		REQUIRE(tern_alloc_noscan(1 + i % 15));
	tern_class_stats(TERN_TINY_SIZECLASS, TERN_OBJECTS_NOSCAN, &after);
	tern_heap_stats(&all_after);
	blocks = after.mallocs - before.mallocs;
	EXPECT(blocks >= 1000 * 8 / 16);
	EXPECT_EQ(all_after.crumbs - all_before.crumbs + blocks, 1000);
	EXPECT_EQ(after.frees, before.frees);
	adds_up(t);
	tern_gc_release();
}

/* As if this CPU had taken and freed the same slots for a day. */
TEST(stats, do_not_wrap_at_32_bits)
{
	const uint64_t many = 5ull << 32;
	unsigned c = tern_sizeclass_of(100);
	struct tern_slots *e;
	void *p;

	REQUIRE(heap_for_tests());
	tern_cpu_offline(); /* what debug builds kept is gone by then */
	REQUIRE((p = tern_malloc(100 - TERN_DEBUG_REDZONE)));
	snapshot(model);
	e = &tern_heap_cache()->slots[tern_spanclass_of(TERN_KIND_MANUAL, c)];
	e->taken += many * TERN_SLOTS_TAKEN;
	model[TERN_KIND_MANUAL][c].mallocs += many;
	model[TERN_KIND_MANUAL][c].frees += many;
	agrees(t);
	tern_cpu_offline();
	agrees(t);
	tern_free(p);
}

TEST(stats, know_their_classes)
{
	struct tern_class_stats s = { .size = 7 };

	EXPECT(!tern_class_stats(TERN_SIZECLASSES, TERN_OBJECTS_ALL, &s));
	EXPECT(!tern_class_stats(1, (enum tern_objects)(TERN_OBJECTS_ALL + 1), &s));
	EXPECT_EQ(s.size, 7);
	EXPECT(tern_class_stats(TERN_SIZECLASSES - 1, TERN_OBJECTS_SCAN, &s));
	EXPECT_EQ(s.size, TERN_SMALL_MAX);
	EXPECT(tern_class_stats(0, TERN_OBJECTS_SCAN, &s));
	EXPECT_EQ(s.size, 0);
}

/* --- the map ------------------------------------------------------------------------------ */

struct seen {
	struct test *t;
	struct tern_page_span last;
	uint64_t bytes[TERN_PAGE_STATES], calls;
};

static void see(const struct tern_page_span *span, void *arg)
{
	struct seen *seen = arg;
	struct test *t = seen->t;
	uintptr_t end = seen->last.start + seen->last.size;

	EXPECT(span->size && is_aligned(span->start | span->size, TERN_HEAP_PAGE));
	if (seen->calls++)
		EXPECT(span->start > end ||
		       (span->start == end && span->state != seen->last.state));
	seen->bytes[span->state] += span->size;
	seen->last = *span;
}

TEST(stats, pages_add_up_to_the_same)
{
	struct tern_heap_stats s;
	struct seen seen = { .t = t };
	void *p, *q, *run, *stack;

	REQUIRE(heap_for_tests());
	p = tern_malloc(100);
	q = tern_malloc(100000);
	run = tern_pages_alloc(5 * TERN_HEAP_PAGE, 0, 0);
	stack = tern_stack_alloc(5 * TERN_HEAP_PAGE);
	REQUIRE(p && q && run && stack);
	tern_heap_stats(&s);
	tern_pages_walk(0, UINTPTR_MAX, see, &seen);
	EXPECT_EQ(seen.bytes[TERN_PAGE_ABSENT], 0);
	EXPECT_EQ(seen.bytes[TERN_PAGE_FREE], s.free);
	EXPECT_EQ(seen.bytes[TERN_PAGE_CACHED], s.cached);
	EXPECT_EQ(seen.bytes[TERN_PAGE_SMALL], s.small);
	EXPECT_EQ(seen.bytes[TERN_PAGE_LARGE], s.large);
	EXPECT_EQ(seen.bytes[TERN_PAGE_RUN], s.runs);
	EXPECT_EQ(seen.bytes[TERN_PAGE_STACK], s.stacks);
	EXPECT_EQ(seen.bytes[TERN_PAGE_RECORDS], s.records);
	tern_free(p);
	tern_free(q);
	tern_pages_free(run, 5 * TERN_HEAP_PAGE);
	tern_stack_free(stack, 5 * TERN_HEAP_PAGE);
}

TEST(stats, parts_of_the_map)
{
	const size_t size = 13 * TERN_HEAP_PAGE; /* of 100000 */
	struct seen seen = { .t = t };
	uintptr_t p;

	REQUIRE(heap_for_tests());
	p = (uintptr_t)tern_malloc(100000);
	REQUIRE(p);
	tern_pages_walk(p + 1, p + size - 1, see, &seen);
	EXPECT_EQ(seen.calls, 1);
	EXPECT_EQ(seen.last.start, p);
	EXPECT_EQ(seen.last.size, size);
	EXPECT_EQ(seen.last.state, TERN_PAGE_LARGE);
	tern_pages_walk(p + size - 1, p + size - 1, see, &(struct seen){ .t = t });
	seen = (struct seen){ .t = t };
	tern_pages_walk(p, p - 1, see, &seen);
	tern_pages_walk(0, 4 * TERN_HEAP_PAGE - 1, see, &seen);
	tern_pages_walk(1ull << 48, -(1ull << 48) - 1, see, &seen);
	tern_pages_walk(-(1ull << 48), UINTPTR_MAX, see, &seen);
	EXPECT_EQ(seen.calls, 0);
	tern_free((void *)p);
}
