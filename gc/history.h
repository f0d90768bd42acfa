/* SPDX-License-Identifier: MIT */
/* history.h - cycles in numbers: the last pauses, and a line for each cycle. */
#ifndef GC_HISTORY_H
#define GC_HISTORY_H

#include <stdint.h>

#include "gc/pacer.h"

struct tern_cycle {
	enum tern_pacer_why why;
	unsigned ncpu, nmarkers;
	/* When the stop was asked for, all had stopped, marking was done, the world ran on. */
	uint64_t asked_ns, stopped_ns, marked_ns, end_ns;
	uint64_t heap_bytes, goal_bytes; /* before it */
	uint64_t marked_bytes, marked_objects;
	uint64_t stack_bytes, globals_bytes;
};

/* The collector is on from now on. */
void tern_history_start(uint64_t now_ns);
/* In the stopped world. */
void tern_history_add(const struct tern_cycle *c);
/* The form of Go's gctrace, of the cycle that was added last. Who is busy, once the world runs. */
void tern_history_print(const struct tern_cycle *c);

#endif
