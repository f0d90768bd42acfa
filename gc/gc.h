/* SPDX-License-Identifier: MIT */
/* gc.h - the collector's state, and a cycle. */
#ifndef GC_GC_H
#define GC_GC_H

#include <tern/gc.h>

#include "gc/history.h"
#include "gc/limiter.h"
#include "gc/mark.h"
#include "gc/pacer.h"

/* The cycle that runs, or ran last. */
struct tern_gc_running {
	struct tern_cycle numbers;
	uint64_t live_at_start; /* bytes, when marking beside the program began */
	/* [atomic: relaxed] sums over CPUs */
	_Atomic uint64_t marked_bytes, marked_objects, scanned_bytes, assist_ns, idle_ns, mark_ns;
	uint64_t limited_assist_ns, limited_idle_ns; /* of these, what the limiter knows */
};

struct tern_gc_state {
	atomic_bool on;                 /* [atomic: release by tern_gc_init(), acquire] */
	atomic_bool busy;               /* [atomic: acquire, release] somebody runs a cycle */
	struct tern_gc_options options; /* [const] but for percent and limit, which the pacer has */
	/* [atomic: changed in the stopped world; acquire] a cycle marks beside the program */
	atomic_bool marking;
	atomic_uint
		active; /* [atomic: seq_cst] threads that mark at this moment, beside the program */
	/* [atomic: seq_cst] nobody is to begin to mark: who is busy takes the dirty pages */
	atomic_bool taking;
	atomic_uint holds; /* [atomic: relaxed] tern_gc_hold() */
	struct tern_gc_running cycle;
	/* All that follows belongs to who is busy. */
	struct tern_marker marker;
	struct tern_pacer pacer;
	struct tern_limiter limiter;
	atomic_bool limiting; /* [atomic: relaxed] what the limiter said last */
	struct tern_gc_stats stats;
};

extern struct tern_gc_state tern_gc_state;

/* Run a cycle. HEAP and PERIODIC: only if the pacer agrees, and not if another thread is at it; the
 * others wait for that one first. False if none was run, or this is no context for it. */
bool tern_gc_cycle(enum tern_pacer_why why);

/* Between cycles: all is swept, the world stops, and fn runs on this CPU alone; sp as in
 * tern_port_scan_stacks(). False, and nothing is done, where tern_gc() could not be called. */
bool tern_gc_while_stopped(void (*fn)(void *arg, uintptr_t sp), void *arg);

/* Between gc.c and concurrent.c -------------------------------------------------------------- */

/* Exact in the stopped world alone. So who begins or ends a cycle asks once more when it has stopped: a hold may
 * have come since he decided to. */
bool tern_gc_is_held(void);
bool tern_gc_may_start(void);
bool tern_gc_become_busy(bool wait);
void tern_gc_end_busy(void);
/* What a thread marked belongs to the cycle. */
void tern_gc_add_up(const struct tern_gcwork *w);
/* The world stops, and what the pacer and the statistics want to know of that. Interrupts off. Returns
 * how many other CPUs stopped. */
unsigned tern_gc_begin_pause(void);
void tern_gc_end_pause(bool ends_cycle);
/* How many of those that stopped shall help. */
unsigned tern_gc_helpers(unsigned others);
/* In the pause: mark all that can be reached and is not marked yet, and end the cycle. */
void tern_gc_mark_and_end(uintptr_t sp, unsigned others);

#endif
