/* SPDX-License-Identifier: MIT */
/* collected.h - a hosted benchmark's heaps that collect.
 *
 * Job      What the workloads ask of a collector.
 * Above    the workloads.   Below  collector_tern.c, collector_bdw.c; go/ has the same workloads in Go.
 * Context  as bench.h. A thread other than the first calls thread_begin() before it touches objects.
 * Roots    static data and stacks; not memory of own_pages().
 * Why      pointers are stored by tern/barrier.h, for modes that need it; bdwgc does not mind. */
#ifndef TESTS_BENCH_HOSTED_COLLECTED_H
#define TESTS_BENCH_HOSTED_COLLECTED_H

#include <stdbool.h>

#include <tern/barrier.h>
#include <tern/type.h>

#include "tests/bench/hosted/bench.h"

struct collector {
	void *(*make)(const struct tern_type *type); /* all zero */
	void *(*scan)(size_t size);                  /* pointers anywhere, all zero */
	void *(*noscan)(size_t size);                /* tern clears it, bdwgc does not */
	void (*collect)(void);
	void (*thread_begin)(void);
	void (*thread_end)(void);
	/* From now on so many CPUs mark together; false if that cannot be. More come, none go. */
	bool (*markers)(unsigned n);
	double (*longest_stop_ns)(void);
};

/* The one that is measured. [const] once a workload runs */
extern struct collector gc;

/* tern, with options as in the environment variable of boot/host/stop.h, which goes before them. */
void collector_tern(struct collector *c, const char *options);
/* The bdwgc that was loaded before this process's libraries; returns the name of its object. */
const char *collector_bdw(struct collector *c);

static inline void *must(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

void run_micro_noscan(const struct workload *w);
void run_micro_scan(const struct workload *w);
void run_micro_typed(const struct workload *w);
void run_churn(const struct workload *w);
void run_pass(const struct workload *w);
void run_collected_trace(const struct workload *w);
void run_trees(const struct workload *w);
void run_gcbench(const struct workload *w);
void run_mark_graph(const struct workload *w);
void run_mark_list(const struct workload *w);
void run_mark_wide(const struct workload *w);
void run_mark_noscan(const struct workload *w);
void run_latency(const struct workload *w);

#endif
