/* SPDX-License-Identifier: MIT */
/* test_verify.c - the heap's verifier: each thing that may be wrong with a span is told by its name, and
 * nothing is while programs free, resize and collect: the sums are those of what is there.
 *
 * Mistakes are made by hand, in the stopped world, and undone there before anybody else sees them. */
#include <tern/gc.h>
#include <tern/tern.h>

#include "gc/check.h"
#include "gc/concurrent.h"
#include "gc/gc.h"
#include "gc/graph.h"
#include "lib/bits.h"
#include "mm/gchook.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"
#include "tests/unit/marking.h"

#define N HIDDEN_OBJECTS

/* Roots. */
static void *volatile held[N];

/* --- mistakes ---------------------------------------------------------------------------------- */

/* What a mistake is made with; each function undoes what it did when it is called again. */
struct victim {
	struct tern_node n;             /* an object of 64 bytes */
	struct tern_mspan *other, *big; /* of another one; of a large one */
	struct tern_arena *arena;
	uint64_t page; /* in the arena */
};

static struct tern_span_word *word_of(const struct victim *v)
{
	return &v->n.span->word[v->n.slot / 64];
}

static uint64_t bit_of(const struct victim *v)
{
	return 1ull << v->n.slot % 64;
}

static void flip(_Atomic uint64_t *word, uint64_t bits)
{
	atomic_fetch_xor(word, bits);
}

static void flip_bool(atomic_bool *b)
{
	atomic_store(b, !atomic_load(b));
}

static void flip_page(_Atomic uint64_t *bits, const struct victim *v)
{
	flip(&bits[v->page / 64], 1ull << v->page % 64);
}

static void mark_used(struct victim *v)
{
	flip(&word_of(v)->mark, bit_of(v));
}

static void mark_free(struct victim *v)
{
	uint64_t free = atomic_load(&v->n.span->word[0].free);

	flip(&v->n.span->word[0].mark, free & -free);
}

static void say_marked(struct victim *v)
{
	flip_bool(&v->n.span->marked);
}

static void mark_page(struct victim *v)
{
	flip_page(v->arena->page_marks, v);
}

static void say_all_marked(struct victim *v)
{
	say_marked(v);
	mark_page(v);
}

static void mark_page_of_none(struct victim *v)
{
	v->page++;
	mark_page(v);
	v->page--;
}

static void change_sweepgen(struct victim *v)
{
	v->n.span->sweepgen ^= 1;
}

static void say_rescan(struct victim *v)
{
	flip_bool(&v->n.span->rescan);
}

static void change_owner(struct victim *v)
{
	atomic_store(&v->n.span->owner, atomic_load(&v->n.span->owner) ? NULL : &tern_mcache_none);
}

static void free_twice(struct victim *v)
{
	flip(&word_of(v)->free, bit_of(v));
	flip(&word_of(v)->remote, bit_of(v));
}

static void say_records(struct victim *v)
{
	flip_page(v->arena->page_specials, v);
}

static void say_pointers(struct victim *v)
{
	flip_page(v->arena->page_pointers, v);
}

static void say_words(struct victim *v)
{
	flip(&v->arena->special_words[v->page / 64 / 64], 1ull << v->page / 64 % 64);
}

static void change_live(struct victim *v)
{
	(void)v;
	flip(&tern_heap.pages.live, 8);
}

static void hide_span(struct victim *v)
{
	flip_page(v->arena->page_in_use, v);
}

static void set_span(const struct victim *v, struct tern_mspan *to)
{
	struct tern_arena_map *m = &tern_tables.pages.arenas;
	uint64_t page = v->arena->first_page + v->page;
	struct tern_mspan *now = tern_arena_span(m, tern_page_addr(page));

	tern_arenas_set_span(m, page, 1, now == v->n.span ? to : v->n.span);
}

static void lead_elsewhere(struct victim *v)
{
	set_span(v, v->other);
}

static void lead_nowhere(struct victim *v)
{
	set_span(v, NULL);
}

static void kill(struct victim *v)
{
	v->n.span->state ^= TERN_SPAN_SMALL ^ TERN_SPAN_DEAD;
}

static void grow_large(struct victim *v)
{
	v->big->npages ^= 1u << 20;
}

static const struct mistake {
	void (*make)(struct victim *v);
	enum tern_verify_when when;
	const char *what;
} mistakes[] = {
	{ mark_used, TERN_VERIFY_SWEPT, "a swept span has marks" },
	{ mark_free, TERN_VERIFY_SWEPT, "a swept span has marks" },
	{ say_marked, TERN_VERIFY_SWEPT, "a swept span says that it has marks" },
	{ mark_page, TERN_VERIFY_SWEPT, "a swept span's page says that it has marks" },
	{ mark_used, TERN_VERIFY_MARKED, "a span does not say that it has marks" },
	{ mark_used, TERN_VERIFY_MARKED_BESIDE, NULL },
	{ mark_free, TERN_VERIFY_MARKED, "a slot that is not in use is marked" },
	{ mark_free, TERN_VERIFY_MARKED_BESIDE, NULL },
	{ say_marked, TERN_VERIFY_MARKED, "a span and its page do not agree on marks" },
	{ mark_page, TERN_VERIFY_MARKED_BESIDE, "a span and its page do not agree on marks" },
	{ say_all_marked, TERN_VERIFY_MARKED_BESIDE, "a span says that it has marks" },
	{ mark_page_of_none, TERN_VERIFY_MARKED, "a page is marked at which no span begins" },
	{ change_sweepgen, TERN_VERIFY_SWEPT, "a span was not swept" },
	{ say_rescan, TERN_VERIFY_MARKED, "a span is to be scanned again" },
	{ change_owner, TERN_VERIFY_SWEPT, "a CPU owns a span of collected objects" },
	{ free_twice, TERN_VERIFY_SWEPT, "a span's bits contradict each other" },
	{ say_records, TERN_VERIFY_SWEPT, "a page does not say whether its span has records" },
	{ say_pointers, TERN_VERIFY_SWEPT,
	  "a page does not say whether its objects may hold pointers" },
	{ say_words, TERN_VERIFY_SWEPT, "64 pages do not say whether one of them has records" },
	{ change_live, TERN_VERIFY_MARKED, "bytes of collected objects" },
	{ hide_span, TERN_VERIFY_SWEPT, "a page is a span's that has gone" },
	{ lead_elsewhere, TERN_VERIFY_SWEPT, "a span begins elsewhere" },
	{ lead_nowhere, TERN_VERIFY_SWEPT, "a page at which a span should begin is none's" },
	{ kill, TERN_VERIFY_SWEPT, "a span has no objects" },
	{ grow_large, TERN_VERIFY_SWEPT, "a span's pages are another's" },
};

struct verdicts {
	struct victim v;
	struct tern_verify made[ARRAY_SIZE(mistakes)], undone[ARRAY_SIZE(mistakes)];
};

static void make_mistakes(void *arg, uintptr_t sp)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct verdicts *d = arg;

	(void)sp;
	for (unsigned i = 0; i < ARRAY_SIZE(mistakes); i++) {
		mistakes[i].make(&d->v);
		d->made[i] = tern_verify_heap(h, mistakes[i].when);
		mistakes[i].make(&d->v);
		d->undone[i] = tern_verify_heap(h, mistakes[i].when);
	}
}

/* The span's second page is no other span's beginning: its class has several. */
#define VICTIM_SIZE 6144u

static bool choose(struct victim *v)
{
	struct tern_node other, big;

	held[0] = tern_alloc(VICTIM_SIZE);
	held[1] = tern_alloc(300);
	held[2] = tern_alloc(200000);
	if (!tern_node_at((uintptr_t)held[0], &v->n) || !tern_node_at((uintptr_t)held[1], &other) ||
	    !tern_node_at((uintptr_t)held[2], &big) || v->n.span->npages < 2)
		return false;
	v->other = other.span;
	v->big = big.span;
	v->arena = tern_arena_of(&tern_tables.pages.arenas, tern_page_of(v->n.span->base));
	v->page = tern_page_of(v->n.span->base) % TERN_ARENA_PAGES;
	return v->page + 1 < TERN_ARENA_PAGES;
}

TEST(verify, what_is_wrong_with_a_span_is_told)
{
	static struct verdicts d;

	REQUIRE(collector_for_tests() && collect_all());
	REQUIRE(choose(&d.v));
	REQUIRE(tern_gc_while_stopped(make_mistakes, &d));
	for (unsigned i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (mistakes[i].what)
			EXPECT_STR(d.made[i].what, mistakes[i].what);
		else
			EXPECT(!d.made[i].what);
		if (!EXPECT(!d.undone[i].what))
			test_note(t, "%u: %s", i, d.undone[i].what);
	}
	/* Addresses in data keep what comes to lie there. */
	memset(&d, 0, sizeof(d));
	memset((void *)held, 0, sizeof(held));
}

/* --- sums ---------------------------------------------------------------------------------------- */

static void verify_swept(void *arg, uintptr_t sp)
{
	(void)sp;
	*(struct tern_verify *)arg = tern_verify_heap(&tern_heap.pages, TERN_VERIFY_SWEPT);
}

static void expect_sums(struct test *t)
{
	struct tern_verify v = { "not looked at", 0, 0, 0 };

	EXPECT(tern_gc_while_stopped(verify_swept, &v));
	if (!EXPECT(!v.what))
		test_note(t, "%s: %llu, not %llu", v.what, (unsigned long long)v.have,
			  (unsigned long long)v.want);
}

/* Freed from a span that this CPU does not own any more: it is emptied so, or collected by who owns it
 * next, before or after a cycle. */
TEST(verify, what_is_freed_is_not_live)
{
	static const size_t sizes[] = { 64, 1000, 24000, 100000 };

	REQUIRE(collector_for_tests());
	for (unsigned round = 0; round < 4 * ARRAY_SIZE(sizes); round++) {
		for (unsigned i = 0; i < N; i++)
			held[i] = tern_alloc(sizes[round / 4]);
		EXPECT(collect_all());
		for (unsigned i = 0; i < N; i += 1 + round % 2) {
			tern_free(held[i]);
			held[i] = NULL;
		}
		if (round % 4 < 2)
			expect_sums(t);
		EXPECT(collect_all());
		for (unsigned i = 0; i < N; i += 3)
			held[i] = tern_alloc(sizes[round / 4]);
		expect_sums(t);
		memset((void *)held, 0, sizeof(held));
	}
}

/* No other span begins in the 64 pages that the sweep takes at a time. */
TEST(verify, what_is_freed_before_its_sweep_leaves_no_mark)
{
	REQUIRE(collector_for_tests());
	if (!hidden_objects_fit(4 * MiB(2) / N))
		SKIP("too little memory");
	for (unsigned i = 0; i < 4; i++) {
		held[i] = tern_alloc_noscan(MiB(1) + KiB(512));
		REQUIRE(held[i]);
	}
	EXPECT(collect_and_not_sweep());
	for (unsigned i = 0; i < 4; i++) {
		tern_free(held[i]);
		held[i] = NULL;
	}
	expect_sums(t);
}

/* The allocator tells the collector, as it does where cycles start by themselves. */
static void *grow_beside(void *p)
{
	bool started = atomic_load(&tern_gchooks) != NULL;

	let_cycles_start();
	p = tern_realloc(p, 500000);
	if (!started)
		no_cycles_start();
	return p;
}

/* Before and after it is marked. */
TEST(verify, what_grows_beside_marking_counts_once)
{
	REQUIRE(collector_for_tests());
	for (unsigned round = 0; round < 4; round++) {
		held[0] = tern_alloc(300000);
		tern_free(tern_alloc(300000)); /* room behind it, perhaps */
		REQUIRE(held[0] && change_options(TERN_GC_BARRIER, false, false));
		start_marking();
		if (round % 2)
			tern_gc_mark_some(UINT64_MAX);
		held[0] = grow_beside(held[0]);
		EXPECT(held[0]);
		finish_marking();
		expect_sums(t);
		held[0] = NULL;
	}
	EXPECT(restore_options());
}
