/* SPDX-License-Identifier: MIT */
/* latency.c - a cache that forgets what was used least: how long each look into it takes, while a
 * collector runs.
 *
 * A key is looked up; if it is there it becomes the newest, else it is made and the oldest goes. One in
 * two is there. Rows: NAME.op, its CPU time and the peak; NAME.p999, what one step in a thousand exceeds;
 * NAME.max, the longest step; NAME.stw, the longest time in which the world stood. NAME.machine is the
 * longest time that a loop which does nothing but ask for the time, as often, was held up.
 *
 * Context  thread 0. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/hosted/collected.h"

#define ENTRIES   (512ul << 10)
#define STEPS     8000000ul
#define VALUE_MIN 64
#define VALUE_MAX 768

struct entry {
	struct entry *chain; /* of its bucket */
	struct entry *newer, *older;
	uint64_t *value;
	uint64_t key;
};
TERN_TYPE(entry_type, struct entry, chain, newer, older, value);

struct cache {
	struct entry **bucket;
	struct entry *newest, *oldest;
	unsigned long count, max; /* max is a power of two, and the number of buckets */
};
TERN_TYPE(cache_type, struct cache, bucket, newest, oldest);

static struct cache *cache;

static struct entry **bucket_of(uint64_t key)
{
	return &cache->bucket[(key * 0x9e3779b97f4a7c15ul) >> 32 & (cache->max - 1)];
}

static void unlink_entry(struct entry *e)
{
	if (e->newer)
		tern_store(&e->newer->older, e->older);
	else
		tern_store(&cache->newest, e->older);
	if (e->older)
		tern_store(&e->older->newer, e->newer);
	else
		tern_store(&cache->oldest, e->newer);
}

static void make_newest(struct entry *e)
{
	tern_store(&e->newer, NULL);
	tern_store(&e->older, cache->newest);
	if (cache->newest)
		tern_store(&cache->newest->newer, e);
	else
		tern_store(&cache->oldest, e);
	tern_store(&cache->newest, e);
}

/* It may lead nowhere: a word on a stack that still leads to it would keep all newer ones for ever. */
static void forget_oldest(void)
{
	struct entry *e = cache->oldest, **at = bucket_of(e->key);

	while (*at != e)
		at = &(*at)->chain;
	tern_store(at, e->chain);
	unlink_entry(e);
	tern_store(&e->newer, NULL);
	tern_store(&e->chain, NULL);
	cache->count--;
}

static void insert(uint64_t key, size_t size)
{
	struct entry *e = must(gc.make(&entry_type)), **bucket = bucket_of(key);

	e->key = key;
	tern_init_store(&e->value, must(gc.noscan(size)));
	e->value[0] = key;
	tern_init_store(&e->chain, *bucket);
	tern_store(bucket, e);
	make_newest(e);
	cache->count++;
}

static void look_up(uint64_t key, size_t size)
{
	struct entry *e = *bucket_of(key);

	while (e && e->key != key)
		e = e->chain;
	if (e) {
		if (e->value[0] != key)
			die("value of key %lu was overwritten", (unsigned long)key);
		unlink_entry(e);
		make_newest(e);
		return;
	}
	if (cache->count == cache->max)
		forget_oldest();
	insert(key, size);
}

static void steps(unsigned long n, uint32_t *took, uint64_t *rng)
{
	for (unsigned long i = 0; i < n; i++) {
		uint64_t key = rng_next(rng) % (2 * cache->max);
		size_t size = rng_size(rng, VALUE_MIN, VALUE_MAX);
		double start = now_ns();

		look_up(key, size);
		took[i] = (uint32_t)(now_ns() - start);
	}
}

static double longest_of_machine(unsigned long n)
{
	double last = now_ns(), longest = 0;

	while (n--) {
		double now = now_ns();

		longest = now - last > longest ? now - last : longest;
		last = now;
	}
	return longest;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void fill(uint32_t *took, uint64_t *rng)
{
	unsigned long entries = 1ul << (63 - __builtin_clzl(scaled(ENTRIES)));

	tern_store(&cache, must(gc.make(&cache_type)));
	cache->max = entries;
	tern_store(&cache->bucket, must(gc.scan(entries * sizeof(*cache->bucket))));
	steps(2 * entries, took, rng);
}

void run_latency(const struct workload *w)
{
	unsigned long n = scaled(STEPS);
	uint32_t *took = own_pages(n * sizeof(*took));
	struct stopwatch time;
	uint64_t rng = 23;
	char op[64];

	gc.markers(2);
	fill(took, &rng);
	time = stopwatch_start();
	steps(n, took, &rng);
	snprintf(op, sizeof(op), "%s.op", w->name);
	stopwatch_report(&time, op, (double)n);
	qsort(took, n, sizeof(*took), by_value);
	report_part(w->name, "p999", took[n - 1 - n / 1000] / 1000.0, "us");
	report_part(w->name, "max", took[n - 1] / 1000.0, "us");
	report_part(w->name, "stw", gc.longest_stop_ns() / 1000.0, "us");
	report_part(w->name, "machine", longest_of_machine(n) / 1000.0, "us");
}
