/* SPDX-License-Identifier: MIT */
/* bench_gc.c - what collecting costs, in instructions.
 *
 * Rows per object divide a whole collection, sweep included, by the objects that live or died; those of
 * the sweep are what is left when the pause is taken off. The roots are one word, and the boot's own
 * data and stacks, which gc.full.empty shows. Each part leaves the heap as it found it. */
#include <tern/barrier.h>
#include <tern/gc.h>
#include <tern/tern.h>
#include <tern/type.h>

#include "boot/gc.h"
#include "boot/machine.h"
#include "gc/gc.h"
#include "lib/compiler.h"
#include "tests/bench/typed.h"
#include "tests/test.h"

#define NODES (1u << 20)

struct pair {
	struct pair *left, *right;
};

static void *root;
static uint64_t rng;

static uint64_t next_random(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

struct cost {
	uint64_t all, sweep;
};

/* The second of two cycles: the first one's records and marks are there. */
static struct cost collect(void)
{
	struct tern_gc_stats s;
	struct cost c;
	uint64_t start;

	tern_gc();
	start = mach_clock_ns();
	tern_gc();
	c.all = mach_clock_ns() - start;
	tern_gc_stats(&s);
	c.sweep = c.all - s.last_pause_ns;
	return c;
}

static void drop_all(void)
{
	root = NULL;
	tern_gc();
}

/* Where the graph's nodes are, to take it apart: any word on a stack that looks like a pointer to one of
 * them, such as a count of instructions, keeps all the others. */
static void ***node;

struct graph_node {
	void *to[4];
	uint64_t data[4];
};
TERN_TYPE(graph_type, struct graph_node, TERN_PTR_ARRAY(to));

static TERN_NOINLINE void make_graph(bool typed)
{
	node = tern_malloc(NODES * sizeof(*node));

	rng = 88172645463325252;
	for (unsigned i = 0; i < NODES; i++)
		node[i] = typed ? tern_new(&graph_type) : tern_alloc(sizeof(struct graph_node));
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned k = 0; k < 4; k++)
			tern_store(&node[i][k], node[next_random() % NODES]);
	root = node[0];
}

static void drop_graph(void)
{
	root = NULL;
	for (unsigned i = 0; i < NODES; i++)
		memset(node[i], 0, sizeof(struct graph_node));
	tern_free(node);
	tern_gc();
}

static void drop_list(void)
{
	for (void **n = root, **next; n; n = next) {
		next = *n;
		*n = NULL;
	}
	root = NULL;
	tern_gc();
}

static TERN_NOINLINE void make_list(void)
{
	for (unsigned i = 0; i < 2 * NODES; i++) {
		void **n = tern_alloc(32);

		*n = root;
		root = n;
	}
}

static TERN_NOINLINE void make_noscan(unsigned n, size_t size)
{
	void **table = tern_alloc(n * sizeof(*table));

	for (unsigned i = 0; i < n; i++)
		table[i] = tern_alloc_noscan(size);
	root = table;
}

static void row_each(const char *name, uint64_t cost, unsigned n)
{
	bench_row(name, cost / n, "instructions");
}

/* How much it costs to sweep objects that nothing leads to any more, each. */
static uint64_t sweep_dead(void)
{
	struct tern_gc_stats s;
	uint64_t start;

	memset(root, 0, NODES * sizeof(void *));
	start = mach_clock_ns();
	tern_gc();
	start = mach_clock_ns() - start;
	tern_gc_stats(&s);
	return start - s.last_pause_ns;
}

BENCH_ALONE(gc)
{
	struct cost c;

	if (!gc_start())
		return;
	bench_row("gc.full.empty", collect().all, "instructions");
	make_graph(true);
	row_each("gc.full.graph", collect().all, NODES);
	drop_graph();
	make_graph(false);
	row_each("gc.full.graph.conservative", collect().all, NODES);
	drop_graph();
	make_list();
	row_each("gc.full.list", collect().all, 2 * NODES);
	drop_list();
	make_noscan(NODES, 64);
	c = collect();
	row_each("gc.full.noscan64", c.all, NODES);
	bench_row("gc.sweep.live64.thousand", c.sweep / (NODES / 1000), "instructions");
	bench_row("gc.sweep.dead64.thousand", sweep_dead() / (NODES / 1000), "instructions");
	make_noscan(NODES / 8, 1024);
	row_each("gc.full.noscan1k", collect().all, NODES / 8);
	drop_all();
}

/* --- a program that allocates ---------------------------------------------------------------- */

static void *new_n64(void)
{
	return tern_alloc_noscan(64);
}

static void *new_p64(void)
{
	return tern_new(&two_pointers_of_64);
}

/* Inline, and so a loop for each kind of object, with no call but the heap's. */
static TERN_INLINE uint64_t garbage(void *(*make)(void))
{
	uint64_t start = mach_clock_ns();

	for (unsigned i = 0; i < NODES; i++)
		*(void *volatile *)&root = make();
	return mach_clock_ns() - start;
}

/* The second of two rounds. */
static TERN_INLINE void row_garbage(const char *name, void *(*make)(void))
{
	garbage(make);
	row_each(name, garbage(make), NODES);
}

/* Where stores note what they store, the first half hangs on the new node, which the stack holds. */
static struct pair *tree(unsigned depth)
{
	struct pair *t = tern_alloc(sizeof(*t));

	if (depth) {
		tern_init_store(&t->left, tree(depth - 1));
		tern_init_store(&t->right, tree(depth - 1));
	}
	return t;
}

static unsigned count(const struct pair *t)
{
	return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

#define MIN_DEPTH 4u
#define MAX_DEPTH 16u

/* The benchmarks game's binary-trees. */
static uint64_t trees(void)
{
	uint64_t start = mach_clock_ns();
	unsigned nodes = count(tree(MAX_DEPTH + 1));

	root = tree(MAX_DEPTH);
	for (unsigned depth = MIN_DEPTH; depth <= MAX_DEPTH; depth += 2)
		for (unsigned i = 0; i < 1u << (MAX_DEPTH - depth + MIN_DEPTH); i++)
			nodes += count(tree(depth));
	nodes += count(root);
	/* An answer that does not depend on it would let the compiler leave the trees out. */
	return nodes ? mach_clock_ns() - start : 0;
}

BENCH_ALONE(trees)
{
	if (!gc_start())
		return;
	tern_gc_set_percent(100);
	row_garbage("alloc.gc.n64", new_n64);
	bench_row("trees.16", trees(), "instructions");
	drop_all();
	tern_gc_set_percent(-1);
	bench_row("trees.16.nogc", trees(), "instructions");
	drop_all();
	tern_gc_set_percent(100);
	row_garbage("alloc.gc.p64", new_p64);
	drop_all();
}

/* --- marking beside a program ---------------------------------------------------------------- */

#define STORES 4096u
#define TRIES  4u

/* In a register, as either loop is to have it. */
static TERN_INLINE void **slot_of(void **slots, unsigned i)
{
	return TERN_OPAQUE(&slots[i % 64]);
}

static uint64_t plain_stores(void **slots, void *value)
{
	uint64_t start = mach_clock_ns();

	for (unsigned i = 0; i < STORES; i++)
		__atomic_store_n(slot_of(slots, i), value, __ATOMIC_RELAXED);
	return mach_clock_ns() - start;
}

static uint64_t watched_stores(void **slots, void *value)
{
	uint64_t start = mach_clock_ns();

	for (unsigned i = 0; i < STORES; i++)
		tern_store(slot_of(slots, i), value);
	return mach_clock_ns() - start;
}

/* What a store costs more than a plain one: the least of some tries, as the timer may come in between. */
static uint64_t stores(void **slots, void *value)
{
	uint64_t plain = UINT64_MAX, watched = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t now = plain_stores(slots, value);

		plain = now < plain ? now : plain;
		now = watched_stores(slots, value);
		watched = now < watched ? now : watched;
	}
	return (watched - plain + STORES / 2) / STORES;
}

/* Until a cycle marks, or does not any more. */
static void wait_for_marking(bool marking)
{
	while (atomic_load_explicit(&tern_gc_state.marking, memory_order_relaxed) != marking)
		root = tern_alloc_noscan(1000);
}

static uint64_t longest_pause_since(uint64_t start)
{
	static struct tern_gc_pause pause[TERN_GC_PAUSES] TERN_UNCLEARED;
	size_t n = tern_gc_pauses(pause, TERN_GC_PAUSES);
	uint64_t longest = 0;

	for (size_t i = 0; i < n && pause[i].end_ns > start; i++)
		longest = pause[i].ns > longest ? pause[i].ns : longest;
	return longest;
}

#define HOT    256u
#define WRITES (NODES / 4)

static void **any_node(void **from)
{
	return from[next_random() % 4];
}

/* A program that allocates and stores pointers into what lives: among a few nodes, or all over. */
static void write_graph(bool hot, const char *each, const char *pause, const char *stall)
{
	void **some[HOT], **at = root, *last;
	uint64_t begin = mach_clock_ns(), longest = 0;

	for (unsigned i = 0; i < HOT; i++)
		some[i] = at = any_node(at);
	for (unsigned i = 0; i < WRITES; i++) {
		uint64_t start = mach_clock_ns(), ns;
		void **to = any_node(at);

		at = hot ? some[i % HOT] : any_node(to);
		tern_store(&at[4 + i % 4], to);
		*(void *volatile *)&last = tern_alloc_noscan(1000);
		ns = mach_clock_ns() - start;
		longest = ns > longest ? ns : longest;
	}
	row_each(each, mach_clock_ns() - begin, WRITES);
	bench_row(pause, longest_pause_since(begin), "instructions");
	bench_row(stall, longest, "instructions");
}

/* A loop that only allocates, 1 GiB over what lives. */
static void spin(void)
{
	struct tern_gc_stats before, after;
	uint64_t longest = 0, largest = 0;

	tern_gc_stats(&before);
	for (unsigned i = 0; i < NODES; i++) {
		uint64_t start = mach_clock_ns(), ns;

		*(void *volatile *)&root = tern_alloc_noscan(1000);
		ns = mach_clock_ns() - start;
		longest = ns > longest ? ns : longest;
		if (i % 1024 == 0) {
			tern_gc_stats(&after);
			largest = after.heap_bytes > largest ? after.heap_bytes : largest;
		}
	}
	tern_gc_stats(&after);
	bench_row("stw.max", after.max_pause_ns, "instructions");
	bench_row("stall.max", longest, "instructions");
	bench_row("spin.cycle", after.cycles - before.cycles, "cycles");
	bench_row("spin.heap.permille", largest * 1000 / before.live_bytes, "permille");
}

BENCH_ALONE(concurrent)
{
	static void *keep;
	void **slots;

	if (!gc_start())
		return;
	make_graph(false);
	keep = root;
	slots = tern_alloc(64 * 8);
	bench_row("store.off", stores(slots, root), "instructions");
	tern_gc();
	tern_gc_set_percent(100);
	spin();
	if (tern_gc_state.options.mode != TERN_GC_STW) {
		wait_for_marking(false);
		wait_for_marking(true);
		bench_row("store.on", stores(slots, slots), "instructions");
	}
	root = keep;
	write_graph(true, "write.hot", "write.hot.stw.max", "write.hot.stall.max");
	write_graph(false, "write.all", "write.all.stw.max", "write.all.stall.max");
	drop_graph();
}
