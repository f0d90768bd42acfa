/* SPDX-License-Identifier: MIT */
/* child.c - bench-child: one workload on one heap, once, in a process of its own.
 *
 * usage: bench-child process|tern|bdwgc [WORKLOAD [DIVISOR]]
 *        bench-child list
 *        bench-child run PROGRAM [ARGUMENT]...
 * Prints rows NAME VALUE UNIT; without a workload, whose malloc it is. `process` is the malloc
 * that any program would get here: LD_PRELOAD chooses; bdwgc as well has to be loaded by it. DIVISOR makes
 * a run shorter. `list` says of each workload whether it frees (malloc) or lets collect (collected), its
 * name and its rows. `run` becomes another program, on pages of the same size. Status 1: the heap is broken
 * or empty, or there is no such workload. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/hosted/collected.h"

struct backend heap;
struct collector gc;
static unsigned long divisor = 1;

static const struct workload workloads[] = {
	{ "micro.8.malloc", "micro.8.malloc", run_pairs, 8 },
	{ "micro.16.malloc", "micro.16.malloc", run_pairs, 16 },
	{ "micro.32.malloc", "micro.32.malloc", run_pairs, 32 },
	{ "micro.64.malloc", "micro.64.malloc", run_pairs, 64 },
	{ "micro.128.malloc", "micro.128.malloc", run_pairs, 128 },
	{ "micro.256.malloc", "micro.256.malloc", run_pairs, 256 },
	{ "micro.512.malloc", "micro.512.malloc", run_pairs, 512 },
	{ "micro.1024.malloc", "micro.1024.malloc", run_pairs, 1024 },
	{ "micro.64.calloc", "micro.64.calloc", run_cleared_pairs, 64 },
	{ "micro.1024.calloc", "micro.1024.calloc", run_cleared_pairs, 1024 },
	{ "batch", TIMED("batch"), run_batch, 0 },
	{ "grow", TIMED("grow"), run_grow, 0 },
	{ "remote", TIMED("remote"), run_remote, 0 },
	{ "xmalloc", TIMED("xmalloc"), run_xmalloc, 0 },
	{ "larson", TIMED("larson"), run_larson, 0 },
	{ "trace", TIMED("trace") " frag", run_trace, 0 },
	{ "scaling", "scaling scaling.machine", run_scaling, 0 },
};

#define MICRO(size, kind)                                                                          \
	{                                                                                          \
		"micro." #size "." #kind, "micro." #size "." #kind, run_micro_##kind, size         \
	}
#define MARK(shape)                                                                                \
	{                                                                                          \
		"mark." #shape,                                                                    \
			"mark." #shape " mark." #shape ".cpu mark." #shape ".rate mark." #shape    \
			".one mark." #shape ".speedup",                                            \
			run_mark_##shape, 0                                                        \
	}
#define LATENCY(name)                                                                              \
	{                                                                                          \
		name,                                                                              \
			TIMED(name ".op") " " name ".p999 " name ".max " name ".stw " name         \
					  ".machine",                                              \
			run_latency, 0                                                             \
	}

static const struct {
	struct workload w;
	const char *options; /* tern's: boot/gc_options.h */
} collected[] = {
	{ MICRO(16, noscan), "gc" },
	{ MICRO(64, noscan), "gc" },
	{ MICRO(256, noscan), "gc" },
	{ MICRO(1024, noscan), "gc" },
	{ MICRO(16, scan), "gc" },
	{ MICRO(64, scan), "gc" },
	{ MICRO(256, scan), "gc" },
	{ MICRO(1024, scan), "gc" },
	{ MICRO(16, typed), "gc" },
	{ MICRO(64, typed), "gc" },
	{ MICRO(256, typed), "gc" },
	{ MICRO(1024, typed), "gc" },
	{ { "trees.18", TIMED("trees.18"), run_trees, 18 }, "gc" },
	{ { "trees.21", TIMED("trees.21"), run_trees, 21 }, "gc" },
	{ { "gcbench", TIMED("gcbench"), run_gcbench, 0 }, "gc" },
	{ MARK(graph), "gc" },
	{ MARK(list), "gc" },
	{ MARK(wide), "gc" },
	{ MARK(noscan), "gc" },
	{ { "churn", TIMED("churn"), run_churn, 0 }, "gc" },
	{ { "remote.collected", TIMED("remote.collected"), run_pass, 0 }, "gc" },
	{ { "frag.collected", "frag.collected frag.collected.cpu", run_collected_trace, 0 }, "gc" },
	{ LATENCY("latency"), "gc gc-mode=barrier gc-watched-roots" },
	{ LATENCY("latency.in-pages"), "gc gc-mode=pages" },
	{ LATENCY("latency.in-stw"), "gc" },
};

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "bench-child: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	_Exit(1);
}

void report(const char *name, double value, const char *unit)
{
	printf("%s %.4f %s\n", name, value, unit);
}

void report_part(const char *name, const char *part, double value, const char *unit)
{
	char row[64];

	snprintf(row, sizeof(row), "%s.%s", name, part);
	report(row, value, unit);
}

unsigned long scaled(unsigned long n)
{
	return n > divisor ? n / divisor : 1;
}

unsigned scaled_depth(unsigned depth)
{
	for (unsigned long d = divisor; d > 1; d /= 2)
		depth--;
	return depth;
}

void *own_pages(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		die("no memory for the benchmark itself");
	return p;
}

static double clock_read(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double now_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

double best_of(unsigned times, void (*fn)(size_t size, unsigned long n), size_t size,
	       unsigned long n)
{
	double best = 0;

	for (unsigned i = 0; i < times; i++) {
		double start = now_ns(), took;

		fn(size, n);
		took = now_ns() - start;
		if (i == 0 || took < best)
			best = took;
	}
	return best;
}

double cpu_ns(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID);
}

struct stopwatch stopwatch_start(void)
{
	return (struct stopwatch){ now_ns(), cpu_ns() };
}

static void report_times(const struct stopwatch *w, const char *name, double per, const char *unit)
{
	double wall = now_ns() - w->wall_ns, cpu = cpu_ns() - w->cpu_ns;

	report(name, wall / per, unit);
	report_part(name, "cpu", cpu / per, unit);
	report_part(name, "peak", memory_peak() / 1048576, "MiB");
}

void stopwatch_report(const struct stopwatch *w, const char *name, double operations)
{
	report_times(w, name, operations, "ns");
}

void stopwatch_report_whole(const struct stopwatch *w, const char *name)
{
	report_times(w, name, 1e6, "ms");
}

/* A line "FIELD: N kB" of what the kernel says about this process, in bytes */
static double memory_field(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t len = strlen(field);
	char line[256];
	double kib = -1;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			kib = strtod(line + len + 1, NULL);
	if (f)
		fclose(f);
	if (kib < 0)
		die("/proc/self/status has no %s", field);
	return kib * 1024;
}

double memory_now(void)
{
	return memory_field("VmRSS");
}

double memory_peak(void)
{
	return memory_field("VmHWM");
}

static int list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++)
		printf("malloc %s %s\n", workloads[i].name, workloads[i].rows);
	for (size_t i = 0; i < ARRAY_SIZE(collected); i++)
		printf("collected %s %s\n", collected[i].w.name, collected[i].w.rows);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-child process|tern|bdwgc [WORKLOAD [DIVISOR]]\n"
			"       bench-child list\n"
			"       bench-child run PROGRAM [ARGUMENT]...\n");
	return 2;
}

/* Some heaps ask for huge pages, and others do not: none gets any, nor does what this process becomes. */
static void small_pages(void)
{
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
		die("cannot turn huge pages off");
}

static int become(char **argv)
{
	execv(argv[0], argv);
	die("cannot run %s", argv[0]);
}

static void run(const char *name, bool is_tern)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++) {
		if (strcmp(workloads[i].name, name) == 0) {
			workloads[i].run(&workloads[i]);
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(collected); i++) {
		if (strcmp(collected[i].w.name, name) == 0) {
			if (is_tern)
				collector_tern(&gc, collected[i].options);
			collected[i].w.run(&collected[i].w);
			return;
		}
	}
	die("no workload %s", name);
}

/* The heap of that name; returns where it comes from, or NULL if there is none. */
static const char *begin(const char *name)
{
	if (strcmp(name, "process") == 0)
		return backend_process(&heap);
	if (strcmp(name, "tern") == 0)
		return backend_tern(&heap);
	if (strcmp(name, "bdwgc") == 0)
		return collector_bdw(&gc);
	return NULL;
}

int main(int argc, char **argv)
{
	const char *whose;

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	small_pages();
	if (argc > 2 && strcmp(argv[1], "run") == 0)
		return become(argv + 2);
	if (argc < 2 || argc > 4)
		return usage();
	if (argc > 3)
		divisor = strtoul(argv[3], NULL, 10);
	whose = begin(argv[1]);
	if (!whose || divisor == 0)
		return usage();
	if (argc == 2)
		puts(whose);
	else
		run(argv[2], strcmp(argv[1], "tern") == 0);
	return 0;
}
