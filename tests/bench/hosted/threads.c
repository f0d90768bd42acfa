/* SPDX-License-Identifier: MIT */
/* threads.c - workloads of two threads: objects that one makes and another frees, and whether two
 * go twice as fast as one.
 *
 * Locks    xmalloc's queue has a mutex.   Context: thread 0 starts the others and waits. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "boot/host/host.h"
#include "tests/bench/hosted/bench.h"

struct team {
	void (*side)(unsigned cpu, void *arg);
	void *arg;
};

/* Stay on the processor that is number `cpu` of those we may use, if there are as many. */
static void pin(unsigned cpu)
{
	cpu_set_t may, one;

	if (sched_getaffinity(0, sizeof(may), &may) != 0 || CPU_COUNT(&may) <= (int)cpu)
		return;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &may) && cpu-- == 0) {
			CPU_ZERO(&one);
			CPU_SET(i, &one);
			sched_setaffinity(0, sizeof(one), &one);
			return;
		}
	}
}

static void run_pinned(unsigned cpu, void *arg)
{
	struct team *t = arg;

	pin(cpu);
	t->side(cpu, t->arg);
}

void on_cpus(unsigned n, void (*side)(unsigned cpu, void *arg), void *arg)
{
	struct team t = { side, arg };

	host_on_cpus(n, run_pinned, &t);
}

/* Remote: one thread makes, the other frees; a ring between them -------------------------------- */

#define RING        4096ul
#define RING_STEP   64 /* objects that are told at once */
#define REMOTE      2000000ul
#define REMOTE_SIZE 256

struct ring {
	_Alignas(64) _Atomic unsigned long made;  /* [maker] */
	_Alignas(64) _Atomic unsigned long freed; /* [freer] */
	_Alignas(64) void *slot[RING];
};

static struct ring ring;

void wait_until(_Atomic unsigned long *count, unsigned long value)
{
	while (atomic_load_explicit(count, memory_order_acquire) < value)
		sched_yield();
}

static void ring_make(unsigned long n)
{
	uint64_t rng = 2;

	for (unsigned long i = 0; i < n; i += RING_STEP) {
		if (i >= RING)
			wait_until(&ring.freed, i + RING_STEP - RING);
		for (unsigned long j = i; j < i + RING_STEP; j++)
			ring.slot[j % RING] = new_object(rng_size(&rng, 8, REMOTE_SIZE));
		atomic_store_explicit(&ring.made, i + RING_STEP, memory_order_release);
	}
}

static void ring_free(unsigned long n)
{
	for (unsigned long i = 0; i < n; i += RING_STEP) {
		wait_until(&ring.made, i + RING_STEP);
		for (unsigned long j = i; j < i + RING_STEP; j++)
			drop_object(ring.slot[j % RING]);
		atomic_store_explicit(&ring.freed, i + RING_STEP, memory_order_release);
	}
}

static void remote_side(unsigned cpu, void *arg)
{
	if (cpu == 0)
		ring_make(*(unsigned long *)arg);
	else
		ring_free(*(unsigned long *)arg);
}

void run_remote(const struct workload *w)
{
	unsigned long n = scaled(REMOTE) / RING_STEP * RING_STEP + RING_STEP;
	struct stopwatch time = stopwatch_start();

	on_cpus(CPUS, remote_side, &n);
	stopwatch_report(&time, w->name, (double)n);
}

/* Xmalloc: both make parcels of objects for a queue, and free the oldest parcel in it ------------ */

#define PARCEL       120
#define PARCELS      12000ul
#define QUEUE        64 /* parcels; half of it is full most of the time */
#define XMALLOC_SIZE 512

struct parcel {
	void *object[PARCEL];
};

static pthread_mutex_t queue_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct parcel *queue[QUEUE]; /* [queue_mutex] */
static unsigned long queue_in, queue_out;

static struct parcel *parcel_new(uint64_t *rng)
{
	struct parcel *p = heap.malloc(sizeof(*p));

	if (!p)
		die("out of memory for a parcel");
	for (unsigned i = 0; i < PARCEL; i++)
		p->object[i] = new_object(rng_size(rng, 8, XMALLOC_SIZE));
	return p;
}

static void parcel_free(struct parcel *p)
{
	for (unsigned i = 0; i < PARCEL; i++)
		drop_object(p->object[i]);
	heap.free(p);
}

/* Put one in; take the oldest one out, if there are many, or if there is none to put in. */
static struct parcel *queue_swap(struct parcel *in)
{
	struct parcel *out = NULL;

	pthread_mutex_lock(&queue_mutex);
	if (in)
		queue[queue_in++ % QUEUE] = in;
	if (queue_in - queue_out > (in ? QUEUE / 2 : 0))
		out = queue[queue_out++ % QUEUE];
	pthread_mutex_unlock(&queue_mutex);
	return out;
}

static void xmalloc_side(unsigned cpu, void *arg)
{
	uint64_t rng = 3 + cpu;
	struct parcel *p;

	for (unsigned long i = 0; i < *(unsigned long *)arg; i++) {
		p = queue_swap(parcel_new(&rng));
		if (p)
			parcel_free(p);
	}
	while ((p = queue_swap(NULL)))
		parcel_free(p);
}

void run_xmalloc(const struct workload *w)
{
	unsigned long n = scaled(PARCELS);
	struct stopwatch time = stopwatch_start();

	on_cpus(CPUS, xmalloc_side, &n);
	stopwatch_report(&time, w->name, (double)n * CPUS * (PARCEL + 1));
}

/* Larson: random ones of many objects are replaced; then a new thread takes them all over ------- */

#define CHUNKS       5000
#define CHUNK_SIZE   1000
#define GENERATIONS  20
#define REPLACEMENTS 100000ul

struct larson {
	void *chunk[CPUS][CHUNKS];
	unsigned generation;
	unsigned long replacements;
};

static struct larson larson;

static void larson_side(unsigned cpu, void *arg)
{
	void **chunk = larson.chunk[(cpu + larson.generation) % CPUS];
	uint64_t rng = 5 + cpu + larson.generation * 97;

	(void)arg;
	for (unsigned long i = 0; i < larson.replacements; i++) {
		void **one = &chunk[rng_next(&rng) % CHUNKS];

		drop_object(*one);
		*one = new_object(rng_size(&rng, 8, CHUNK_SIZE));
	}
}

void run_larson(const struct workload *w)
{
	struct stopwatch time;
	uint64_t rng = 4;

	larson.replacements = scaled(REPLACEMENTS);
	for (unsigned i = 0; i < CPUS * CHUNKS; i++)
		larson.chunk[i % CPUS][i / CPUS] = new_object(rng_size(&rng, 8, CHUNK_SIZE));
	time = stopwatch_start();
	for (; larson.generation < GENERATIONS; larson.generation++)
		on_cpus(CPUS, larson_side, NULL);
	stopwatch_report(&time, w->name, (double)larson.replacements * GENERATIONS * CPUS);
	for (unsigned i = 0; i < CPUS * CHUNKS; i++)
		drop_object(larson.chunk[i % CPUS][i / CPUS]);
}

/* Scaling: threads that have nothing to do with each other ---------------------------------------- */

#define WINDOW       512
#define WINDOW_STEPS 800000ul
#define BLOCK        1024 /* as large as a small object may be */
#define TRIES        9

struct race {
	unsigned cpus;
	unsigned long steps; /* of each */
	_Atomic unsigned long ready;
	double ns[CPUS]; /* [cpu] */
};

static void run_steps(struct race *r, unsigned cpu, void (*step)(void **window, uint64_t *rng),
		      void **window)
{
	uint64_t rng = 7 + cpu;
	double start;

	atomic_fetch_add(&r->ready, 1);
	wait_until(&r->ready, r->cpus);
	start = now_ns();
	for (unsigned long i = 0; i < r->steps; i++)
		step(window, &rng);
	r->ns[cpu] = now_ns() - start;
}

static void replace_step(void **window, uint64_t *rng)
{
	void **one = &window[rng_next(rng) % WINDOW];

	drop_object(*one);
	*one = new_object(rng_small_size(rng));
}

static void heap_side(unsigned cpu, void *arg)
{
	void *window[WINDOW];
	uint64_t rng = 9 + cpu;

	for (unsigned i = 0; i < WINDOW; i++)
		window[i] = new_object(rng_small_size(&rng));
	run_steps(arg, cpu, replace_step, window);
	for (unsigned i = 0; i < WINDOW; i++)
		drop_object(window[i]);
}

/* The same without a heap: objects stay where they are. */
static void remark_step(void **window, uint64_t *rng)
{
	void *one = window[rng_next(rng) % WINDOW];

	marked_size(one);
	mark(one, rng_small_size(rng));
}

static void machine_side(unsigned cpu, void *arg)
{
	char *blocks = aligned_alloc(64, WINDOW * BLOCK);
	void *window[WINDOW];

	for (unsigned i = 0; i < WINDOW; i++) {
		window[i] = blocks + i * BLOCK;
		mark(window[i], BLOCK);
	}
	run_steps(arg, cpu, remark_step, window);
	free(blocks);
}

/* Steps in a nanosecond, of all CPUs together */
static double race(void (*side)(unsigned cpu, void *arg), unsigned cpus, unsigned long steps)
{
	struct race r = { .cpus = cpus, .steps = steps };
	double rate = 0;

	on_cpus(cpus, side, &r);
	for (unsigned i = 0; i < cpus; i++)
		rate += (double)steps / r.ns[i];
	return rate;
}

/* How many times one CPU's rate two CPUs reach. The best of several tries of each: anything else
 * that runs on the machine can only make one slower. */
static double speedup(void (*side)(unsigned cpu, void *arg), unsigned long steps)
{
	double best[1 + CPUS] = { 0 };

	for (unsigned i = 0; i < TRIES; i++) {
		for (unsigned cpus = 1; cpus <= CPUS; cpus++) {
			double rate = race(side, cpus, steps);

			if (rate > best[cpus])
				best[cpus] = rate;
		}
	}
	return best[CPUS] / best[1];
}

void run_scaling(const struct workload *w)
{
	report(w->name, speedup(heap_side, scaled(WINDOW_STEPS)), "times");
	report("scaling.machine", speedup(machine_side, scaled(WINDOW_STEPS)), "times");
}
