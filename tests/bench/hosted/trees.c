/* SPDX-License-Identifier: MIT */
/* trees.c - workloads of trees: many that die young, and some that stay.
 *
 * Context  thread 0. */
#include "tests/bench/hosted/collected.h"

static unsigned long
	sink; /* an answer that does not depend on a tree lets the compiler leave it out */

/* Binary trees, as in the benchmarks game ---------------------------------------------------- */

#define MIN_DEPTH 4u

struct pair {
	struct pair *left, *right;
};
TERN_TYPE(pair_type, struct pair, left, right);

static struct pair *long_lived;

/* Where stores note what they store, the first half hangs on the new node, which the stack holds. */
static struct pair *tree(unsigned depth)
{
	struct pair *t = must(gc.make(&pair_type));

	if (depth) {
		tern_init_store(&t->left, tree(depth - 1));
		tern_init_store(&t->right, tree(depth - 1));
	}
	return t;
}

static unsigned long count(const struct pair *t)
{
	return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

static void all_depths(unsigned max)
{
	unsigned long nodes = count(tree(max + 1));

	long_lived = tree(max);
	for (unsigned depth = MIN_DEPTH; depth <= max; depth += 2)
		for (unsigned i = 0; i < 1u << (max - depth + MIN_DEPTH); i++)
			nodes += count(tree(depth));
	sink = nodes + count(long_lived);
}

void run_trees(const struct workload *w)
{
	struct stopwatch time;

	gc.markers(2);
	time = stopwatch_start();
	all_depths(scaled_depth((unsigned)w->size));
	stopwatch_report_whole(&time, w->name);
}

/* GCBench: trees that grow from the root or from the leaves, beside one that lives long ---------- */

#define STRETCH_DEPTH 18u
#define LONG_DEPTH    16u
#define ARRAY         500000ul

struct node {
	struct node *left, *right;
	int i, j;
};
TERN_TYPE(node_type, struct node, left, right);

static struct node *long_tree;
static double *long_array;

static struct node *new_node(void)
{
	return must(gc.make(&node_type));
}

static void populate(struct node *n, unsigned depth)
{
	if (depth == 0)
		return;
	tern_store(&n->left, new_node());
	tern_store(&n->right, new_node());
	populate(n->left, depth - 1);
	populate(n->right, depth - 1);
}

static struct node *from_leaves(unsigned depth)
{
	struct node *n, *left, *right;

	if (depth == 0)
		return new_node();
	left = from_leaves(depth - 1);
	right = from_leaves(depth - 1);
	n = new_node();
	tern_init_store(&n->left, left);
	tern_init_store(&n->right, right);
	return n;
}

static unsigned long tree_size(unsigned depth)
{
	return (2ul << depth) - 1;
}

static void construct(unsigned depth, unsigned long times)
{
	for (unsigned long i = 0; i < times; i++) {
		struct node *n = new_node();

		populate(n, depth);
		sink += n->left != NULL;
	}
	for (unsigned long i = 0; i < times; i++)
		sink += from_leaves(depth)->left != NULL;
}

static void construct_all(unsigned stretch)
{
	sink += from_leaves(stretch)->left != NULL;
	long_tree = new_node();
	populate(long_tree, stretch - (STRETCH_DEPTH - LONG_DEPTH));
	long_array = must(gc.noscan(scaled(ARRAY) * sizeof(*long_array)));
	for (unsigned long i = 0; i < scaled(ARRAY); i++)
		long_array[i] = 1.0 / (double)(i + 1);
	for (unsigned depth = MIN_DEPTH; depth <= stretch - (STRETCH_DEPTH - LONG_DEPTH);
	     depth += 2)
		construct(depth, 2 * tree_size(stretch) / tree_size(depth));
	if (!long_tree->left || long_array[0] != 1.0)
		die("what lives long is gone");
}

void run_gcbench(const struct workload *w)
{
	struct stopwatch time;

	gc.markers(2);
	time = stopwatch_start();
	construct_all(scaled_depth(STRETCH_DEPTH));
	stopwatch_report_whole(&time, w->name);
}
