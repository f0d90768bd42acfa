/* SPDX-License-Identifier: MIT */
/* Tests of gc/gc.c, gc/mark.c and gc/roots.c: what is reachable stays, as it was, and the rest goes.
 *
 * The model keeps what leads to what, in memory that the collector does not read, with addresses as
 * complements. Stacks are scanned as they are, so a few objects may be kept by words that only look
 * like pointers: tests of what goes allow for some. */
#include <stdatomic.h>

#include <tern/barrier.h>
#include <tern/final.h>
#include <tern/gc.h>
#include <tern/stats.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "tests/phases.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/own_heap.h"

#define EDGES      4u
#define NODES      2000u
#define ROOTS      8u
#define MAX_CPUS   8u
#define MANY_ROOTS 2000u
#define SEAL       0x9e3779b97f4a7c15ull

struct node {
	struct node *edge[EDGES];
	uint64_t id, words;
	uint64_t *leaf; /* no pointers in it; two words of which one is the id */
	uint64_t rest[];
};

struct shadow {
	uintptr_t hidden; /* 0: free */
	uint64_t id;
	uint32_t edge[EDGES]; /* index + 1; 0: none */
	bool reached;
};

struct model {
	struct shadow node[NODES];
	uint32_t root[ROOTS]; /* index + 1 */
	uint32_t work[NODES];
	uint64_t next_id;
	unsigned cpu;
};

/* Only the collector reads them. */
static struct node *volatile graph_root[MAX_CPUS][ROOTS];

static struct node *node_at(const struct model *m, uint32_t i)
{
	return (struct node *)~m->node[i].hidden;
}

static size_t some_size(struct test *t)
{
	uint64_t r = test_random_below(t, 1000);

	if (r == 0)
		return 200000 + test_random_below(t, 200000);
	if (r < 20)
		return 2000 + test_random_below(t, 40000);
	return test_random_below(t, 400);
}

static TERN_NOINLINE struct node *make_node(struct test *t, uint64_t id)
{
	size_t words = some_size(t) / 8;
	struct node *n = tern_alloc(sizeof(*n) + words * 8);

	if (!n)
		return NULL;
	for (unsigned i = 0; i < EDGES; i++)
		EXPECT(!n->edge[i]);
	EXPECT(n->id == 0 && !n->leaf);
	n->id = id;
	n->words = words;
	for (size_t i = 0; i < words; i++)
		n->rest[i] = (id * SEAL + i) | 1;
	tern_store(&n->leaf, tern_alloc_noscan(16 + test_random_below(t, 100)));
	if (n->leaf) {
		EXPECT(n->leaf[0] == 0 && n->leaf[1] == 0);
		n->leaf[1] = id;
	}
	return n;
}

static bool is_intact(const struct model *m, uint32_t i)
{
	const struct shadow *s = &m->node[i];
	const struct node *n = node_at(m, i);

	if (tern_base(n) != n || n->id != s->id || (n->leaf && n->leaf[1] != s->id))
		return false;
	for (size_t k = 0; k < n->words; k++)
		if (n->rest[k] != ((s->id * SEAL + k) | 1))
			return false;
	for (unsigned k = 0; k < EDGES; k++)
		if (n->edge[k] != (s->edge[k] ? node_at(m, s->edge[k] - 1) : NULL))
			return false;
	return true;
}

static void reach(struct model *m)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < NODES; i++)
		m->node[i].reached = false;
	for (unsigned i = 0; i < ROOTS; i++)
		if (m->root[i] && !m->node[m->root[i] - 1].reached) {
			m->node[m->root[i] - 1].reached = true;
			m->work[n++] = m->root[i] - 1;
		}
	while (n) {
		const struct shadow *s = &m->node[m->work[--n]];

		for (unsigned k = 0; k < EDGES; k++)
			if (s->edge[k] && !m->node[s->edge[k] - 1].reached) {
				m->node[s->edge[k] - 1].reached = true;
				m->work[n++] = s->edge[k] - 1;
			}
	}
}

/* A node that can be reached, or NODES. */
static uint32_t some_reached(struct test *t, const struct model *m)
{
	uint32_t from = (uint32_t)test_random_below(t, NODES);

	for (uint32_t i = 0; i < NODES; i++)
		if (m->node[(from + i) % NODES].hidden && m->node[(from + i) % NODES].reached)
			return (from + i) % NODES;
	return NODES;
}

static void set_edge(struct model *m, uint32_t from, unsigned k, uint32_t to)
{
	m->node[from].edge[k] = to == NODES ? 0 : to + 1;
	tern_store(&node_at(m, from)->edge[k], to == NODES ? NULL : node_at(m, to));
}

static void set_root(struct model *m, unsigned k, uint32_t to)
{
	m->root[k] = to == NODES ? 0 : to + 1;
	tern_store(&graph_root[m->cpu][k], to == NODES ? NULL : node_at(m, to));
}

/* A new node, where a root or another one leads to it from now on. Up to then another CPU's cycle must
 * find it here. */
static void grow(struct test *t, struct model *m)
{
	uint32_t from = some_reached(t, m), i = 0;
	struct node *n;

	while (i < NODES && m->node[i].hidden)
		i++;
	if (i == NODES || !(n = make_node(t, ++m->next_id)))
		return;
	m->node[i] = (struct shadow){ .hidden = ~(uintptr_t)n, .id = m->next_id };
	if (from == NODES || test_random_below(t, 50) == 0)
		set_root(m, (unsigned)test_random_below(t, ROOTS), i);
	else
		set_edge(m, from, (unsigned)test_random_below(t, EDGES), i);
	tern_keep_alive(n);
	reach(m);
}

static void change(struct test *t, struct model *m)
{
	uint32_t from = some_reached(t, m), to = some_reached(t, m);

	if (from == NODES)
		return;
	if (test_random_below(t, 4) == 0)
		to = NODES;
	if (test_random_below(t, 100) == 0)
		set_root(m, (unsigned)test_random_below(t, ROOTS), to);
	else
		set_edge(m, from, (unsigned)test_random_below(t, EDGES), to);
	reach(m);
}

/* What cannot be reached leaves the model. Returns how many of those are still there, if somebody wants
 * to know: where others allocate, they may have the memory by now, and write there. */
static unsigned forget(struct model *m, unsigned *gone)
{
	unsigned kept = 0;

	for (uint32_t i = 0; i < NODES; i++) {
		struct shadow *s = &m->node[i];

		if (!s->hidden || s->reached)
			continue;
		if (gone && tern_base(node_at(m, i)) == node_at(m, i) && node_at(m, i)->id == s->id)
			kept++;
		else if (gone)
			(*gone)++;
		s->hidden = 0;
	}
	return kept;
}

static bool check(struct test *t, const struct model *m)
{
	for (uint32_t i = 0; i < NODES; i++)
		if (m->node[i].hidden && m->node[i].reached && !EXPECT(is_intact(m, i)))
			return false;
	return true;
}

TEST_SLOW(gc, random_graphs_against_a_model)
{
	unsigned kept = 0, gone = 0;
	struct model *m;

	REQUIRE(collector_for_tests() && (m = tern_calloc(1, sizeof(*m))));
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < 300; i++)
			test_random_below(t, 3) ? grow(t, m) : change(t, m);
		EXPECT_EQ(tern_gc(), TERN_OK);
		if (!check(t, m))
			break;
		kept += forget(m, &gone);
	}
	test_note(t, "%u collected, %u kept by chance", gone, kept);
	EXPECT(gone > 1000);
	EXPECT(kept * 4 < gone);
	for (unsigned i = 0; i < ROOTS; i++)
		set_root(m, i, NODES);
	tern_free(m);
}

/* --- shapes ---------------------------------------------------------------------------------- */

static void *volatile root;

static uint64_t live_objects(void)
{
	struct tern_gc_stats s;

	tern_gc();
	tern_gc_stats(&s);
	return s.live_objects;
}

/* How many objects of 32 bytes fit in a quarter of what memory there is, up to a million. */
static size_t many(void)
{
	struct tern_page_stats s;
	uint64_t n;

	tern_page_stats(&s);
	n = (s.waiting + s.free) / 4 / 32;
	return n < 1000000 ? n : 1000000;
}

static TERN_NOINLINE size_t make_list(size_t n)
{
	size_t made = 0;

	for (; made < n; made++) {
		void **node = tern_alloc(32);

		if (!node)
			break;
		tern_store(node, root);
		root = node;
	}
	return made;
}

TEST_SLOW(gc, a_long_list_is_no_deep_recursion)
{
	uint64_t before, n;
	size_t i = 0;

	REQUIRE(collector_for_tests());
	before = live_objects();
	n = make_list(many());
	EXPECT(n > 1000);
	EXPECT(live_objects() >= n);
	/* Cut, so that a word which looks like a pointer keeps one node and not the list. */
	for (void **node = root, **next; node; node = next, i++) {
		next = *node;
		tern_store(node, NULL);
	}
	EXPECT_EQ(i, n);
	root = NULL;
	EXPECT(live_objects() < before + n / 4);
}

/* Pointers anywhere into an object keep it, at every size; the word before and behind it do not. */
TEST(gc, interior_pointers_keep_an_object)
{
	static const size_t sizes[] = { 8, 16, 24, 100, 1000, 8192, 32768, 40000, 300000 };

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = tern_alloc(sizes[i]);
		uintptr_t hidden = ~(uintptr_t)p;
		size_t at[] = { 0, 1, sizes[i] / 2, sizes[i] - 1 };

		REQUIRE(p);
		for (unsigned k = 0; k < ARRAY_SIZE(at); k++) {
			root = p + at[k];
			EXPECT_EQ(tern_gc(), TERN_OK);
			EXPECT(tern_base((void *)~hidden) == (void *)~hidden);
		}
	}
	root = NULL;
}

/* A pointer at the far end of a large object, which several CPUs scan in parts. */
TEST(gc, large_objects_are_scanned_whole)
{
	const size_t words = (1 << 20) / 8;
	void **large;

	REQUIRE(collector_for_tests());
	large = tern_alloc(words * 8);
	if (!large)
		SKIP("no memory");
	root = large;
	for (size_t i = 0; i < words; i += words / 16 - 1)
		tern_store(&large[i], tern_alloc_noscan(64));
	tern_store(&large[words - 1], tern_alloc_noscan(64));
	tern_gc();
	for (size_t i = 0; i < words; i += words / 16 - 1)
		EXPECT(tern_base(large[i]) == large[i]);
	EXPECT(tern_base(large[words - 1]) == large[words - 1]);
	root = NULL;
	tern_free(large); /* of little memory it is much: any number may look like its address */
}

static void *volatile odd_words[64];

/* Words that look like pointers and lead to nothing that is collected. */
TEST(gc, pointers_to_anything_do_no_harm)
{
	unsigned n = 0;
	char *manual, *pages, *large;

	REQUIRE(collector_for_tests());
	manual = tern_malloc(100);
	pages = tern_pages_alloc(8192, 0, 0);
	large = tern_alloc(100000);
	REQUIRE(manual && pages && large);
	odd_words[n++] = manual;
	odd_words[n++] = pages + 100;
	odd_words[n++] = large + 106495;
	odd_words[n++] = large + 106496;
	odd_words[n++] = (void *)1;
	odd_words[n++] = (void *)UINTPTR_MAX;
	odd_words[n++] = (void *)(UINTPTR_MAX - 7);
	odd_words[n++] = (void *)((uintptr_t)1 << 47);
	odd_words[n++] = (void *)((uintptr_t)1 << 48);
	for (unsigned i = 0; i < 40 && n < ARRAY_SIZE(odd_words); i++)
		odd_words[n++] =
			(void *)((uintptr_t)manual + test_random_below(t, 1 << 24) - (1 << 23));
	tern_free(manual);
	tern_pages_free(pages, 8192);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(tern_gc(), TERN_OK);
	while (n)
		odd_words[--n] = NULL;
}

/* --- memory that is short -------------------------------------------------------------------- */

static TERN_NOINLINE size_t fill(size_t size)
{
	size_t n = 0;

	for (void **p; (p = tern_alloc(size)); n++) {
		tern_store(p, root);
		root = p;
	}
	return n;
}

/* So that a word which looks like a pointer keeps one object and not a whole list: a clock's will do, where
 * memory begins at 1 GiB. */
static TERN_NOINLINE size_t cut(void)
{
	size_t n = 0;

	for (void **p = root, **next; p; p = next, n++) {
		next = *p;
		tern_store(p, NULL);
	}
	root = NULL;
	return n;
}

/* Hosted, all of memory would be filled for long. */
static bool is_small(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.waiting + s.free < ((uint64_t)80 << 20);
}

/* Marking needs memory for its queue, if there is any, and does without. */
TEST_SLOW(gc, a_heap_that_is_full_is_collected)
{
	size_t first, second;

	REQUIRE(collector_for_tests());
	if (!is_small())
		SKIP("for machines with little memory");
	let_cycles_start();
	first = fill(64);
	EXPECT(first > 1000);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(cut(), first);
	/* Nobody asks for a cycle: who needs memory starts one. */
	second = fill(64);
	test_note(t, "%zu objects, then %zu", first, second);
	EXPECT(second > first - first / 8);
	EXPECT_EQ(cut(), second);
	tern_gc();
	no_cycles_start();
}

TEST_SLOW(gc, garbage_never_runs_out_of_memory)
{
	struct tern_page_stats s;
	uint64_t bytes = 0;

	REQUIRE(collector_for_tests());
	tern_page_stats(&s);
	let_cycles_start();
	for (uint64_t i = 0; bytes < 2 * (s.free + s.waiting) && bytes < (256u << 20); i++) {
		size_t size = i % 1000 ? 1000 : 100000;

		root = tern_alloc(size);
		if (!EXPECT(root))
			break;
		bytes += size;
	}
	root = NULL;
	no_cycles_start();
	tern_gc();
}

/* --- roots and contexts ---------------------------------------------------------------------- */

TEST(gc, bad_roots_are_refused)
{
	static uint64_t range[16];

	REQUIRE(collector_for_tests());
	EXPECT_EQ(tern_gc_add_root(NULL, 8), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root(range, 0), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root((char *)range + 1, 8), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root(range, 7), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root((void *)(UINTPTR_MAX - 15), 16), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root((void *)(UINTPTR_MAX - 15), 64), TERN_EINVAL);
	EXPECT_EQ(tern_gc_remove_root(range, 8), TERN_EINVAL);
	EXPECT_EQ(tern_gc_remove_root(NULL, 8), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root_typed(range, NULL, 1), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root_typed((char *)range + 4, &tern_pointer_type, 1), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root_typed((void *)(UINTPTR_MAX - 15), &tern_pointer_type, 2),
		  TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root_typed(range, &tern_pointer_type, SIZE_MAX), TERN_EINVAL);
}

/* Partly, wholly, from within and around, whatever the first is. */
TEST(gc, roots_do_not_overlap)
{
	uint64_t *range; /* not in data, which is a root */

	REQUIRE(collector_for_tests() && (range = tern_malloc(16 * 8)));
	memset(range, 0, 16 * 8);
	for (unsigned typed = 0; typed < 2; typed++) {
		EXPECT_EQ(typed ? tern_gc_add_root_typed(range + 4, &tern_pointer_type, 4)
				: tern_gc_add_root(range + 4, 32),
			  TERN_OK);
		EXPECT_EQ(tern_gc_add_root(range + 3, 16), TERN_EINVAL);
		EXPECT_EQ(tern_gc_add_root(range + 7, 16), TERN_EINVAL);
		EXPECT_EQ(tern_gc_add_root(range + 5, 8), TERN_EINVAL);
		EXPECT_EQ(tern_gc_add_root(range, 128), TERN_EINVAL);
		EXPECT_EQ(tern_gc_add_root_typed(range, &tern_pointer_type, 5), TERN_EINVAL);
		EXPECT_EQ(tern_gc_remove_root(range + 4, 24), TERN_EINVAL);
		EXPECT_EQ(tern_gc_remove_root(range + 5, 24), TERN_EINVAL);
		EXPECT_EQ(tern_gc_add_root(range + 8, 8), TERN_OK);
		EXPECT_EQ(tern_gc_remove_root(range + 8, 8), TERN_OK);
		EXPECT_EQ(tern_gc_remove_root(range + 4, 32), TERN_OK);
	}
	tern_free(range);
}

/* Records that were given back come first: so only many are too many. */
TEST(gc, without_memory_for_a_record_a_root_is_refused)
{
	uint64_t *words;
	enum tern_result result = TERN_OK;
	unsigned n = 0;

	REQUIRE(collector_for_tests() && (words = tern_malloc(MANY_ROOTS * 16)));
	memset(words, 0, MANY_ROOTS * 16);
	REQUIRE(own_heap_begin(TERN_HEAP_PAGE));
	while (n < MANY_ROOTS && result == TERN_OK) {
		result = tern_gc_add_root(&words[2 * n], 8);
		n += result == TERN_OK;
	}
	EXPECT_EQ(result, TERN_ENOMEM);
	EXPECT_EQ(tern_gc_remove_root(&words[2 * n], 8), TERN_EINVAL);
	while (n--)
		EXPECT_EQ(tern_gc_remove_root(&words[2 * n], 8), TERN_OK);
	own_heap_end();
	EXPECT_EQ(tern_gc_add_root(words, 8), TERN_OK);
	EXPECT_EQ(tern_gc_remove_root(words, 8), TERN_OK);
	tern_free(words);
}

TEST(gc, settings_take_any_number)
{
	int percent;
	size_t limit;

	REQUIRE(collector_for_tests());
	percent = tern_gc_set_percent(INT32_MIN);
	EXPECT(tern_gc_set_percent(INT32_MAX) < 0);
	EXPECT_EQ(tern_gc_set_percent(0), INT32_MAX);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(tern_gc_set_percent(percent), 0);
	limit = tern_gc_set_limit(SIZE_MAX);
	EXPECT_EQ(tern_gc_set_limit(1), SIZE_MAX);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(tern_gc_set_limit(limit), 1);
}

TEST(gc, roots_come_and_go)
{
	uint64_t *table;
	uintptr_t hidden;

	REQUIRE(collector_for_tests() && (table = tern_malloc(1000 * 8)));
	memset(table, 0, 8000);
	EXPECT_EQ(tern_gc_add_root(table, 8000), TERN_OK);
	EXPECT_EQ(tern_gc_add_root(table + 999, 8), TERN_EINVAL);
	EXPECT_EQ(tern_gc_add_root(table, 8), TERN_EINVAL);
	EXPECT_EQ(tern_gc_remove_root(table, 8), TERN_EINVAL);
	table[999] = (uintptr_t)tern_alloc_noscan(5000);
	hidden = ~(uintptr_t)table[999];
	tern_gc();
	EXPECT(tern_base((void *)~hidden));
	EXPECT_EQ(tern_gc_remove_root(table, 8000), TERN_OK);
	EXPECT_EQ(tern_gc_remove_root(table, 8000), TERN_EINVAL);
	tern_free(table);
}

TEST(gc, no_cycle_with_interrupts_off)
{
	unsigned long irq;
	enum tern_result result;

	REQUIRE(collector_for_tests());
	irq = arch_irq_save();
	result = tern_gc();
	arch_irq_restore(irq);
	EXPECT_EQ(result, TERN_EINVAL);
	EXPECT_EQ(tern_gc_init(NULL), TERN_EINVAL);
}

TEST(gc, early_frees_and_cycles_get_along)
{
	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < 2000; i++) {
		void *p = tern_alloc(16 + test_random_below(t, 60000));

		REQUIRE(p);
		if (i % 100 == 0)
			tern_gc();
		tern_free(p);
	}
}

/* --- several CPUs ---------------------------------------------------------------------------- */

struct tree {
	struct tree *left, *right;
	uint64_t seal;
};

static struct tree *make_tree(unsigned depth, uint64_t seal)
{
	struct tree *n = tern_alloc(sizeof(*n));

	if (!n)
		return NULL;
	n->seal = seal * SEAL + depth;
	if (depth) {
		tern_store(&n->left, make_tree(depth - 1, seal));
		tern_store(&n->right, make_tree(depth - 1, seal));
	}
	return n;
}

static bool is_whole(const struct tree *n, unsigned depth, uint64_t seal)
{
	if (!n || n->seal != seal * SEAL + depth)
		return false;
	return depth == 0
		       ? !n->left && !n->right
		       : is_whole(n->left, depth - 1, seal) && is_whole(n->right, depth - 1, seal);
}

struct trees {
	atomic_uint spoiled, built;
	uint64_t rounds;
};

/* A tree lives while others come and go; it hangs on the stack alone. */
static void plant(unsigned cpu, void *arg)
{
	struct trees *a = arg;
	struct tree *old = make_tree(8, cpu);

	for (uint64_t i = 0; i < a->rounds; i++) {
		struct tree *young = make_tree(i % 7, cpu + i);

		if (!is_whole(young, i % 7, cpu + i) || !is_whole(old, 8, cpu))
			atomic_fetch_add(&a->spoiled, 1);
		atomic_fetch_add(&a->built, 1);
		if (i % 64 == cpu)
			tern_gc();
		if (i % 32 == 0)
			old = make_tree(8, cpu);
	}
}

TEST_SLOW(gc, trees_on_all_cpus_while_cycles_run)
{
	unsigned n = cpus_for_tests();
	struct trees a = { .rounds = 800 / (n + 1) };
	int percent;

	REQUIRE(collector_for_tests());
	percent = tern_gc_set_percent(10);
	let_cycles_start();
	run_on_cpus(n, plant, &a);
	no_cycles_start();
	tern_gc_set_percent(percent);
	tern_gc();
	EXPECT_EQ(atomic_load(&a.spoiled), 0);
	EXPECT_EQ(atomic_load(&a.built), n * a.rounds);
}

/* Each CPU changes a graph of its own while cycles run that another's allocations start. A node is lost if
 * marking misses a pointer that moves. Each CPU has a test of its own to draw numbers from. */
struct mutators {
	struct test test[MAX_CPUS];
	struct model *model[MAX_CPUS];
	unsigned rounds;
};

static void mutate(unsigned cpu, void *arg)
{
	struct mutators *a = arg;
	struct test *t = &a->test[cpu];
	struct model *m = a->model[cpu];

	for (unsigned round = 0; round < a->rounds && t->failures == 0; round++) {
		for (unsigned i = 0; i < 50; i++)
			test_random_below(t, 3) ? grow(t, m) : change(t, m);
		if (round % 16 == cpu)
			tern_gc();
		check(t, m);
		forget(m, NULL);
	}
	for (unsigned i = 0; i < ROOTS; i++)
		set_root(m, i, NODES);
}

TEST_SLOW(gc, graphs_change_on_all_cpus_while_cycles_run)
{
	static struct mutators a;
	unsigned n = cpus_for_tests();
	struct tern_gc_stats before, after;
	int percent;

	REQUIRE(collector_for_tests());
	a = (struct mutators){ .rounds = 120 / (n + 1) };
	for (unsigned i = 0; i < n; i++) {
		a.test[i] =
			(struct test){ .group = t->group, .name = t->name, .rng = test_random(t) };
		a.model[i] = tern_calloc(1, sizeof(*a.model[i]));
		REQUIRE(a.model[i]);
		a.model[i]->cpu = i;
	}
	tern_gc_stats(&before);
	percent = tern_gc_set_percent(5);
	let_cycles_start();
	run_on_cpus(n, mutate, &a);
	no_cycles_start();
	tern_gc_set_percent(percent);
	tern_gc();
	tern_gc_stats(&after);
	for (unsigned i = 0; i < n; i++) {
		EXPECT_EQ(a.test[i].failures, 0);
		tern_free(a.model[i]);
	}
	test_note(t, "%llu cycles", (unsigned long long)(after.cycles - before.cycles));
	EXPECT(after.cycles > before.cycles);
}

/* One CPU collects all the time; while another holds cycles, none begins and none ends. */
struct holders {
	atomic_uint running, wrong;
};

static void relax(unsigned n)
{
	while (n--)
		arch_relax();
}

static void hold_often(struct holders *h)
{
	for (unsigned i = 0; i < 300; i++) {
		uint64_t before;

		tern_gc_hold();
		before = phases_passed();
		relax(i % 8);
		if (phases_passed() != before)
			atomic_fetch_add(&h->wrong, 1);
		tern_gc_release();
		relax(i % 5);
	}
	atomic_fetch_sub(&h->running, 1);
}

static void hold_or_collect(unsigned cpu, void *arg)
{
	struct holders *h = arg;

	if (cpu != 0)
		hold_often(h);
	while (cpu == 0 && atomic_load(&h->running)) {
		tern_gc();
		/* Where CPUs take turns the others are to have theirs between two stops of the world. */
		relax(2);
	}
}

TEST(gc, no_cycle_begins_or_ends_while_another_cpu_holds_them)
{
	unsigned n = cpus_for_tests();
	struct holders h;

	REQUIRE(collector_for_tests());
	if (n < 2)
		SKIP("one CPU");
	atomic_init(&h.running, n - 1);
	atomic_init(&h.wrong, 0);
	run_on_cpus(n, hold_or_collect, &h);
	EXPECT_EQ(atomic_load(&h.wrong), 0);
}
