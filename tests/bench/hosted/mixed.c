/* SPDX-License-Identifier: MIT */
/* mixed.c - workloads of a heap that collects, in which little lives: one object after another, lists that
 * come and go, lists that another thread drops.
 *
 * Context  thread 0 starts the others and waits. */
#include <stdatomic.h>

#include "tests/bench/hosted/collected.h"

/* One object after another; nothing lives ------------------------------------------------------ */

#define PIECES 9
#define PIECE  (64ul << 20) /* bytes, so that there are some collections in it */

static const uint64_t first_two[1] = { 3 };
static struct tern_type micro_type = { 0, 16, first_two, "micro" };

static void *last;

static void make_noscan(size_t size, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		uint64_t *p = must(gc.noscan(size));

		*p = i;
		last = p;
	}
}

static void make_scan(size_t size, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		void **p = must(gc.scan(size));

		tern_init_store(p, p);
		last = p;
	}
}

static void make_typed(size_t size, unsigned long n)
{
	micro_type.size = size;
	for (unsigned long i = 0; i < n; i++) {
		void **p = must(gc.make(&micro_type));

		tern_init_store(p, p);
		last = p;
	}
}

static void in_pieces(const struct workload *w, void (*fn)(size_t size, unsigned long n))
{
	unsigned long n = scaled(PIECE / w->size);

	gc.markers(CPUS);
	report(w->name, best_of(PIECES, fn, w->size, n) / (double)n, "ns");
}

void run_micro_noscan(const struct workload *w)
{
	in_pieces(w, make_noscan);
}

void run_micro_scan(const struct workload *w)
{
	in_pieces(w, make_scan);
}

void run_micro_typed(const struct workload *w)
{
	in_pieces(w, make_typed);
}

/* Lists of nodes --------------------------------------------------------------------------------- */

struct link {
	struct link *next;
	uint64_t number, data[2];
};
TERN_TYPE(link_type, struct link, next);

/* Numbers count down to 1. */
static struct link *new_list(unsigned long n)
{
	struct link *list = NULL;

	for (unsigned long i = 1; i <= n; i++) {
		struct link *l = must(gc.make(&link_type));

		l->number = i;
		tern_init_store(&l->next, list);
		list = l;
	}
	return list;
}

static unsigned long list_length(const struct link *list)
{
	unsigned long n = list ? list->number : 0, left = n;

	for (; list; list = list->next)
		if (list->number != left--)
			die("node at %p was overwritten", (const void *)list);
	return n;
}

/* Churn: two threads replace random ones of their own lists ----------------------------------------- */

#define LISTS       65536ul
#define LIST_MAX    8
#define CHURN_NODES 8000000ul

static unsigned long churned[CPUS]; /* [cpu] nodes */

static void churn_side(unsigned cpu, void *arg)
{
	unsigned long lists = scaled(LISTS), nodes = 0;
	uint64_t rng = 31 + cpu;
	struct link **table;

	(void)arg;
	gc.thread_begin();
	table = must(gc.scan(lists * sizeof(*table)));
	while (nodes < scaled(CHURN_NODES)) {
		struct link **one = &table[rng_next(&rng) % lists];

		list_length(*one);
		tern_store(one, new_list(1 + rng_next(&rng) % LIST_MAX));
		nodes += (*one)->number;
	}
	churned[cpu] = nodes;
	gc.thread_end();
}

void run_churn(const struct workload *w)
{
	struct stopwatch time = stopwatch_start();

	on_cpus(CPUS, churn_side, NULL);
	stopwatch_report(&time, w->name, (double)(churned[0] + churned[1]));
}

/* Pass: one thread makes lists, the other looks at them and drops them; a ring between ---------------- */

#define RING   64ul
#define LENGTH 64ul
#define PASSED 8000000ul /* nodes */

struct ring {
	_Alignas(64) _Atomic unsigned long made;    /* [maker] */
	_Alignas(64) _Atomic unsigned long dropped; /* [dropper] */
	_Alignas(64) struct link *slot[RING];
};

static struct ring ring;

static void make_lists(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		if (i >= RING)
			wait_until(&ring.dropped, i + 1 - RING);
		ring.slot[i % RING] = new_list(LENGTH);
		atomic_store_explicit(&ring.made, i + 1, memory_order_release);
	}
}

static void drop_lists(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		wait_until(&ring.made, i + 1);
		if (list_length(ring.slot[i % RING]) != LENGTH)
			die("a list is not as long as it was made");
		ring.slot[i % RING] = NULL;
		atomic_store_explicit(&ring.dropped, i + 1, memory_order_release);
	}
}

static void pass_side(unsigned cpu, void *arg)
{
	gc.thread_begin();
	if (cpu == 0)
		make_lists(*(unsigned long *)arg);
	else
		drop_lists(*(unsigned long *)arg);
	gc.thread_end();
}

void run_pass(const struct workload *w)
{
	unsigned long n = scaled(PASSED / LENGTH);
	struct stopwatch time = stopwatch_start();

	on_cpus(CPUS, pass_side, &n);
	stopwatch_report(&time, w->name, (double)(n * LENGTH));
}
