/* SPDX-License-Identifier: MIT */
/* child.c - bench-child: one workload on one heap, once, in a process of its own.
 *
 * usage: bench-child process|tern [WORKLOAD [DIVISOR]]
 *        bench-child list
 * Prints rows NAME VALUE UNIT; without a workload, whose malloc it is. `process` is the malloc
 * that any program would get here: LD_PRELOAD chooses. DIVISOR makes a run shorter. Status 1: the
 * heap is broken or empty, or there is no such workload. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/bench/hosted/bench.h"

struct backend heap;
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

unsigned long scaled(unsigned long n)
{
	return n > divisor ? n / divisor : 1;
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

struct stopwatch stopwatch_start(void)
{
	return (struct stopwatch){ now_ns(), clock_read(CLOCK_PROCESS_CPUTIME_ID) };
}

void stopwatch_report(const struct stopwatch *w, const char *name, double operations)
{
	double wall = now_ns() - w->wall_ns;
	double cpu = clock_read(CLOCK_PROCESS_CPUTIME_ID) - w->cpu_ns;
	char row[64];

	report(name, wall / operations, "ns");
	snprintf(row, sizeof(row), "%s.cpu", name);
	report(row, cpu / operations, "ns");
	snprintf(row, sizeof(row), "%s.peak", name);
	report(row, memory_peak() / 1048576, "MiB");
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
		printf("%s %s\n", workloads[i].name, workloads[i].rows);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-child process|tern [WORKLOAD [DIVISOR]]\n"
			"       bench-child list\n");
	return 2;
}

static void run(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(workloads); i++) {
		if (strcmp(workloads[i].name, name) == 0) {
			workloads[i].run(&workloads[i]);
			return;
		}
	}
	die("no workload %s", name);
}

int main(int argc, char **argv)
{
	const char *whose;

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc < 2 || argc > 4)
		return usage();
	if (strcmp(argv[1], "process") == 0)
		whose = backend_process(&heap);
	else if (strcmp(argv[1], "tern") == 0)
		whose = backend_tern(&heap);
	else
		return usage();
	if (argc > 3)
		divisor = strtoul(argv[3], NULL, 10);
	if (divisor == 0)
		return usage();
	if (argc == 2)
		puts(whose);
	else
		run(argv[2]);
	return 0;
}
