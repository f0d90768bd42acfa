/* SPDX-License-Identifier: MIT */
/* single.c - workloads of one thread: pairs of calls, batches, vectors that grow.
 *
 * Context  thread 0. */
#include <string.h>

#include "tests/bench/hosted/bench.h"

/* Pairs of calls: one hot block, between neighbours that live -------------------------------- */

#define PIECES       20
#define PIECE        800000ul
#define CLEARED      200000ul
#define NEIGHBOURS   64
#define CLEARED_SKIP 4 /* words between two that are looked at */

static void pairs(size_t size, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		volatile uint64_t *p = heap.malloc(size);

		p[0] = i;
		heap.free((void *)(uintptr_t)p);
	}
}

static void cleared_pairs(size_t size, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		volatile uint64_t *p = heap.calloc(1, size);

		for (size_t word = 0; word < size / 8; word += CLEARED_SKIP) {
			if (p[word])
				die("calloc: byte %zu of %zu is not 0", word * 8, size);
			p[word] = i + 1;
		}
		heap.free((void *)(uintptr_t)p);
	}
}

static void in_pieces(const struct workload *w, void (*fn)(size_t, unsigned long), unsigned long n)
{
	void *neighbour[NEIGHBOURS];
	double best;

	n = scaled(n);
	for (unsigned i = 0; i < NEIGHBOURS; i++)
		neighbour[i] = new_object(w->size);
	best = best_of(PIECES, fn, w->size, n);
	for (unsigned i = 0; i < NEIGHBOURS; i++)
		drop_object(neighbour[i]);
	report(w->name, best / (double)n, "ns");
}

void run_pairs(const struct workload *w)
{
	in_pieces(w, pairs, PIECE);
}

void run_cleared_pairs(const struct workload *w)
{
	in_pieces(w, cleared_pairs, CLEARED);
}

/* Batches: many small objects of mixed sizes, freed in order or in none ----------------------- */

#define BATCH  65536ul
#define PASSES 24

static void shuffle(uint32_t *order, unsigned long n, uint64_t *rng)
{
	for (unsigned long i = n - 1; i > 0; i--) {
		unsigned long j = rng_next(rng) % (i + 1);
		uint32_t t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

static void one_batch(void **objects, const uint32_t *order, unsigned long n, uint64_t *rng)
{
	for (unsigned long i = 0; i < n; i++)
		objects[i] = new_object(rng_small_size(rng));
	for (unsigned long i = 0; i < n; i++)
		drop_object(objects[order[i]]);
}

void run_batch(const struct workload *w)
{
	unsigned long n = scaled(BATCH);
	void **objects = own_pages(n * sizeof(*objects));
	uint32_t *in_order = own_pages(2 * n * sizeof(*in_order)), *shuffled = in_order + n;
	struct stopwatch time;
	uint64_t rng = 1;

	for (unsigned long i = 0; i < n; i++)
		in_order[i] = shuffled[i] = (uint32_t)i;
	shuffle(shuffled, n, &rng);
	one_batch(objects, shuffled, n, &rng);
	time = stopwatch_start();
	for (int pass = 0; pass < PASSES; pass++)
		one_batch(objects, pass % 2 ? shuffled : in_order, n, &rng);
	stopwatch_report(&time, w->name, (double)n * PASSES);
}

/* Growth: vectors that grow by half, side by side, each to twice the size of the one before ---- */

#define VECTORS     9
#define FIRST_END   4096ul
#define GROW_ROUNDS 200

struct vector {
	uint64_t *words;
	size_t size; /* bytes, a multiple of 8 */
};

static void vector_grow(struct vector *v)
{
	size_t old = v->size;

	v->size = (old + old / 2 + 8) & ~7ul;
	v->words = heap.realloc(v->words, v->size);
	if (!v->words)
		die("out of memory for %zu bytes", v->size);
	for (size_t i = 0; i < old / 8; i += 1 + old / 64)
		if (v->words[i] != i)
			die("realloc from %zu to %zu bytes changed word %zu", old, v->size, i);
	for (size_t i = old / 8; i < v->size / 8; i++)
		v->words[i] = i;
}

static unsigned long grow_all(struct vector *v)
{
	unsigned long count = 0, before;

	memset(v, 0, VECTORS * sizeof(*v));
	do {
		before = count;
		for (unsigned i = 0; i < VECTORS; i++) {
			if (v[i].size < FIRST_END << i) {
				vector_grow(&v[i]);
				count++;
			}
		}
	} while (count > before);
	for (unsigned i = 0; i < VECTORS; i++)
		heap.free(v[i].words);
	return count;
}

void run_grow(const struct workload *w)
{
	unsigned long rounds = scaled(GROW_ROUNDS), count = 0;
	struct vector v[VECTORS];
	struct stopwatch time;

	grow_all(v);
	time = stopwatch_start();
	for (unsigned long i = 0; i < rounds; i++)
		count += grow_all(v);
	stopwatch_report(&time, w->name, (double)count);
}
