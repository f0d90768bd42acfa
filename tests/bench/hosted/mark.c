/* SPDX-License-Identifier: MIT */
/* mark.c - whole collections over what lives: how fast it is marked, by one CPU and by two.
 *
 * Rows: NAME, the time on two; NAME.cpu of all threads, by the objects; NAME.rate, bytes of objects by
 * time; NAME.one, the time on one; NAME.speedup, how many times as long that is. Each is the middle one
 * of some collections; sweeping is in it as far as the collector does it before it returns.
 *
 * Context  thread 0. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/hosted/collected.h"

#define COLLECTIONS 3

static void *root;

struct took {
	double wall_ns, cpu_ns;
};

static int by_wall(const void *a, const void *b)
{
	double x = ((const struct took *)a)->wall_ns, y = ((const struct took *)b)->wall_ns;

	return (x > y) - (x < y);
}

static struct took collections(void)
{
	struct took all[COLLECTIONS];

	gc.collect();
	for (unsigned i = 0; i < COLLECTIONS; i++) {
		struct stopwatch w = stopwatch_start();

		gc.collect();
		all[i].wall_ns = now_ns() - w.wall_ns;
		all[i].cpu_ns = cpu_ns() - w.cpu_ns;
	}
	qsort(all, COLLECTIONS, sizeof(all[0]), by_wall);
	return all[COLLECTIONS / 2];
}

static void measure(const char *name, double objects, double bytes)
{
	double one = gc.markers(1) ? collections().wall_ns : 0;
	struct took two;

	if (!gc.markers(2))
		die("no second marker");
	two = collections();
	report(name, two.wall_ns / 1e6, "ms");
	report_part(name, "cpu", two.cpu_ns / objects, "ns");
	report_part(name, "rate", bytes / 1048576 / (two.wall_ns / 1e9), "MiB/s");
	if (one > 0) {
		report_part(name, "one", one / 1e6, "ms");
		report_part(name, "speedup", one / two.wall_ns, "times");
	}
}

/* A graph: each node leads to four others, all of which are somewhere else ----------------------- */

#define NODES (8ul << 20)
#define EDGES 4

struct node {
	struct node *edge[EDGES];
	uint64_t data[4];
};
TERN_TYPE(node_type, struct node, TERN_PTR_ARRAY(edge));

/* The largest power of two that is not above n, so that all are on one circle. */
static unsigned long power_below(unsigned long n)
{
	return 1ul << (63 - __builtin_clzl(n));
}

/* The first edges are a circle through all, in an order that looks like none. */
static struct node *connect(struct node **node, unsigned long n)
{
	uint64_t rng = 21;

	for (unsigned long i = 0; i < n; i++) {
		tern_store(&node[i]->edge[0], node[(i * 0x5851f42d4c957f2dul + 1) % n]);
		for (unsigned e = 1; e < EDGES; e++)
			tern_store(&node[i]->edge[e], node[rng_next(&rng) % n]);
	}
	return node[0];
}

void run_mark_graph(const struct workload *w)
{
	unsigned long n = power_below(scaled(NODES));
	struct node **node = must(gc.scan(n * sizeof(*node)));

	root = node;
	for (unsigned long i = 0; i < n; i++)
		tern_store(&node[i], must(gc.make(&node_type)));
	root = connect(node, n);
	/* A word that still leads to the table leads to nothing else. */
	memset(node, 0, n * sizeof(*node));
	measure(w->name, (double)n, (double)n * sizeof(struct node));
}

/* A list, in the order in which it was made -------------------------------------------------------- */

#define LINKS 10000000ul

struct link {
	struct link *next;
	uint64_t data[3];
};
TERN_TYPE(link_type, struct link, next);

void run_mark_list(const struct workload *w)
{
	unsigned long n = scaled(LINKS);

	for (unsigned long i = 0; i < n; i++) {
		struct link *l = must(gc.make(&link_type));

		tern_init_store(&l->next, root);
		root = l;
	}
	measure(w->name, (double)n, (double)n * sizeof(struct link));
}

/* Large objects: full of pointers to small ones, and without any ------------------------------------ */

#define LARGE        (1ul << 20)
#define WIDE         64ul
#define LARGE_NOSCAN 256ul
#define LEAF         32ul

static void large_objects(unsigned long n, void *(*make)(void))
{
	void **table = must(gc.scan(n * sizeof(*table)));

	root = table;
	for (unsigned long i = 0; i < n; i++)
		tern_store(&table[i], make());
}

static void *full_of_pointers(void)
{
	void **leaf = must(gc.scan(LARGE));

	for (unsigned long i = 0; i < LARGE / sizeof(*leaf); i++)
		tern_store(&leaf[i], must(gc.noscan(LEAF)));
	return leaf;
}

static void *without_pointers(void)
{
	return must(gc.noscan(LARGE));
}

void run_mark_wide(const struct workload *w)
{
	unsigned long n = scaled(WIDE), leaves = n * (LARGE / sizeof(void *));

	large_objects(n, full_of_pointers);
	measure(w->name, (double)leaves, (double)(n * LARGE + leaves * LEAF));
}

void run_mark_noscan(const struct workload *w)
{
	unsigned long n = scaled(LARGE_NOSCAN);

	large_objects(n, without_pointers);
	measure(w->name, (double)n, (double)(n * LARGE));
}
