/* SPDX-License-Identifier: MIT */
/* history.h - cycles in numbers: the last pauses, and a line for each cycle. */
#ifndef GC_HISTORY_H
#define GC_HISTORY_H

#include <stdint.h>

#include <tern/gc.h>

#include "gc/pacer.h"

struct tern_cycle {
	enum tern_pacer_why why;
	unsigned ncpu, nmarkers;
	/* Of the last pause: when the stop was asked for, all had stopped, marking was done, the world
	 * ran on. */
	uint64_t asked_ns, stopped_ns, marked_ns, end_ns;
	/* Of the first, if marking goes on beside the program from its end on; else 0. */
	uint64_t first_asked_ns, first_end_ns, first_heap_bytes;
	uint64_t heap_bytes, goal_bytes; /* before the last pause */
	uint64_t marked_bytes, marked_objects;
	/* CPU time beside the program: all, of who allocates, of CPUs with nothing else to do */
	uint64_t mark_ns, assist_ns, idle_ns;
	uint64_t stack_bytes, globals_bytes;
};

/* Times look like addresses: no roots. */
struct tern_history {
	struct tern_gc_pause pause[TERN_GC_PAUSES]; /* [stw] */
	uint64_t npauses;                           /* [stw] that ever were */
	uint64_t first_ns;                          /* [const] */
	uint64_t ncycles;                           /* [stw] */
	uint64_t taken_ns; /* [stw] CPU time: of all CPUs in all pauses, and of marking */
};
extern struct tern_history tern_history;

/* The collector is on from now on. */
void tern_history_start(uint64_t now_ns);
/* In the stopped world: each pause, and at the end of the last one the cycle. */
void tern_history_add_pause(const struct tern_cycle *c);
void tern_history_add(const struct tern_cycle *c);
/* The form of Go's gctrace, of the cycle that was added last. Who is busy, once the world runs. */
void tern_history_print(const struct tern_cycle *c);

#endif
