/* SPDX-License-Identifier: MIT */
/* trace.c - 256 MiB of live objects whose mix of sizes shifts: how much more memory is in use.
 *
 * The first mix fills the memory. Each one after it makes five eighths as many bytes anew, for
 * which random ones of all objects make room: what is left of older mixes then lies scattered, an
 * object here and there. Reports the peak of memory over the peak of live bytes, without what the
 * program needed before. Then all is freed, and the time of a second turn is taken: in the first
 * most of it is the kernel's, who clears pages, or the time in which a host finds them.
 *
 * With a collector, objects are dropped and not freed, and there is one turn: how much more memory is in
 * use then is the collector's choice, as much as the allocator's.
 *
 * Context  thread 0. */
#include "tests/bench/hosted/collected.h"

#define LIVE     (256ul << 20)
#define SIZE_MIN 64

static const struct mix {
	size_t low, high; /* sizes are uniform in between */
} mixes[] = {
	{ 64, 256 },
	{ 256, 2048 },
	{ 2048, 16384 },
	{ 64, 512 },
};

struct trace {
	void **object; /* those that live, in no order */
	unsigned long count;
	size_t live, live_max; /* bytes */
	unsigned long made;
	uint64_t rng;
	void *(*new_object)(size_t size);
	size_t (*drop_object)(void *p); /* returns its size */
};

static void drop_random(struct trace *t)
{
	unsigned long i = rng_next(&t->rng) % t->count;

	t->live -= t->drop_object(t->object[i]);
	t->object[i] = t->object[--t->count];
	t->object[t->count] = NULL;
}

static void make(struct trace *t, size_t size)
{
	t->object[t->count++] = t->new_object(size);
	t->live += size;
	t->made++;
	if (t->live > t->live_max)
		t->live_max = t->live;
}

/* Make so many bytes of a mix, within the limit to what may live. */
static void phase(struct trace *t, const struct mix *m, size_t bytes, size_t limit)
{
	for (size_t volume = 0, size; volume < bytes; volume += size) {
		size = rng_size(&t->rng, m->low, m->high);
		while (t->live + size > limit)
			drop_random(t);
		make(t, size);
	}
}

static void play(struct trace *t, size_t limit)
{
	for (size_t i = 0; i < ARRAY_SIZE(mixes); i++)
		phase(t, &mixes[i], i ? limit / 8 * 5 : limit, limit);
}

static void drop_all(struct trace *t)
{
	while (t->count > 0)
		t->live -= t->drop_object(t->object[--t->count]);
}

void run_trace(const struct workload *w)
{
	size_t limit = scaled(LIVE);
	struct trace t = { .object = own_pages(limit / SIZE_MIN * sizeof(void *)),
			   .rng = 11,
			   .new_object = new_object,
			   .drop_object = drop_object };
	double before = memory_now();
	struct stopwatch time;

	play(&t, limit);
	report("frag", (memory_peak() - before) / (double)t.live_max, "times");
	drop_all(&t);
	t.made = 0;
	time = stopwatch_start();
	play(&t, limit);
	stopwatch_report(&time, w->name, (double)t.made);
	drop_all(&t);
}

static void *new_collected(size_t size)
{
	void *p = gc.noscan(size);

	mark(p, size);
	return p;
}

static size_t drop_collected(void *p)
{
	return marked_size(p);
}

void run_collected_trace(const struct workload *w)
{
	size_t limit = scaled(LIVE), size = limit / SIZE_MIN * sizeof(void *);
	double before = memory_now() + (double)size;
	struct trace t = { .object = must(gc.scan(size)),
			   .rng = 11,
			   .new_object = new_collected,
			   .drop_object = drop_collected };
	struct stopwatch time;

	gc.markers(2);
	time = stopwatch_start();
	play(&t, limit);
	report(w->name, (memory_peak() - before) / (double)t.live_max, "times");
	report_part(w->name, "cpu", (cpu_ns() - time.cpu_ns) / (double)t.made, "ns");
}
