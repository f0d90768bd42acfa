/* SPDX-License-Identifier: MIT */
/* bench.h - a hosted benchmark's parts: one heap, one workload, one process.
 *
 * Job      What the workloads share: the heap that is measured, marks that show a broken heap,
 *          random numbers, time, rows.
 * Above    the workloads.   Below  child.c, one of the backends.
 * Locks    none.   Context: threads that host_on_cpus() made, and the first one while they do not
 *          run: a thread is a CPU to tern, and a thread to all others.
 * Why      a heap is called through pointers, whoever's it is: none is inlined, and none pays for a
 *          call through the linker's table. */
#ifndef TESTS_BENCH_HOSTED_BENCH_H
#define TESTS_BENCH_HOSTED_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define CPUS 2 /* of workloads with more than one thread */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct backend {
	void *(*malloc)(size_t size);
	void (*free)(void *p);
	void *(*calloc)(size_t n, size_t size);
	void *(*realloc)(void *p, size_t size);
};

/* The one that is measured. [const] once a workload runs */
extern struct backend heap;

/* The malloc of this process, the C library's or one that was loaded before it; returns the name
 * of the object it comes from. */
const char *backend_process(struct backend *b);
/* The function itself, and not the entry of it in this program's table. */
void *process_function(const char *name);
/* tern, with memory that this process maps for it; returns its version. */
const char *backend_tern(struct backend *b);

struct workload {
	const char *name;
	const char *rows; /* the names of all rows that it reports */
	void (*run)(const struct workload *w);
	size_t size; /* of objects, where there is but one */
};

/* The rows of stopwatch_report() */
#define TIMED(name) name " " name ".cpu " name ".peak"

void run_pairs(const struct workload *w);
void run_cleared_pairs(const struct workload *w);
void run_batch(const struct workload *w);
void run_grow(const struct workload *w);
void run_remote(const struct workload *w);
void run_xmalloc(const struct workload *w);
void run_larson(const struct workload *w);
void run_trace(const struct workload *w);
void run_scaling(const struct workload *w);

/* n, or fewer where a test wants a short run; the same for the depth of a binary tree */
unsigned long scaled(unsigned long n);
unsigned scaled_depth(unsigned depth);
/* Memory that is no heap's, already in place. */
void *own_pages(size_t size);
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A row NAME VALUE UNIT */
void report(const char *name, double value, const char *unit);
/* The same for NAME.PART */
void report_part(const char *name, const char *part, double value, const char *unit);

struct stopwatch {
	double wall_ns, cpu_ns;
};
double now_ns(void);
/* How long fn(size, n) takes, the best of so many times: whatever else runs on the machine can only make
 * one slower. */
double best_of(unsigned times, void (*fn)(size_t size, unsigned long n), size_t size,
	       unsigned long n);
double cpu_ns(void);
struct stopwatch stopwatch_start(void);
/* Rows: time of an operation, CPU time of all threads, and peak memory of the process. */
void stopwatch_report(const struct stopwatch *w, const char *name, double operations);
/* The same for a whole program's time. */
void stopwatch_report_whole(const struct stopwatch *w, const char *name);

/* Run a side on each of n processors, and wait: a scheduler may leave threads of a short life on one. */
void on_cpus(unsigned n, void (*side)(unsigned cpu, void *arg), void *arg);
void wait_until(_Atomic unsigned long *count, unsigned long value);

/* VmRSS, VmHWM */
double memory_now(void);
double memory_peak(void);

/* Random numbers: xorshift64*; a state is any number but 0. */
static inline uint64_t rng_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (x * 0x2545f4914f6cdd1dull) >> 16;
}

/* A multiple of 8 in [low, high], which are such themselves */
static inline size_t rng_size(uint64_t *state, size_t low, size_t high)
{
	return low + 8 * (rng_next(state) % ((high - low) / 8 + 1));
}

/* A size from 8 to 1024 in which each power of two is as likely: small ones are the many. */
static inline size_t rng_small_size(uint64_t *state)
{
	size_t low = 8ul << (rng_next(state) % 7);

	return rng_size(state, low, 2 * low);
}

/* Marks: an object holds a word at each end that tells its address and size, so that the heap
 * which gives memory away twice is found out. The pages between are touched, as a program would.
 * Sizes are multiples of 8. */
#define MARK_SIZE_MAX (1ul << 24)
#define TOUCH         4096

static inline uint64_t mark_of(const void *p)
{
	return (uintptr_t)p * 0x9e3779b97f4a7c15ull;
}

static inline void mark(void *p, size_t size)
{
	uint64_t word = mark_of(p) ^ size;
	char *bytes = p;

	if (!p)
		die("out of memory for %zu bytes", size);
	for (size_t at = TOUCH; at < size; at += TOUCH)
		*(volatile char *)(bytes + at) = (char)at;
	*(uint64_t *)(bytes + size - 8) = ~word;
	*(uint64_t *)bytes = size > 8 ? word : ~word;
}

/* The size of an object, whose marks are as they were made, or the end. */
static inline size_t marked_size(const void *p)
{
	const uint64_t *words = p;
	uint64_t word = words[0];
	uint64_t size = word ^ mark_of(p);

	if (~size == 8)
		return 8;
	if (size <= 8 || size > MARK_SIZE_MAX || size % 8 || words[size / 8 - 1] != ~word)
		die("object at %p was overwritten", p);
	return size;
}

static inline void *new_object(size_t size)
{
	void *p = heap.malloc(size);

	mark(p, size);
	return p;
}

/* Returns the size that it had. */
static inline size_t drop_object(void *p)
{
	size_t size = marked_size(p);

	heap.free(p);
	return size;
}

#endif
