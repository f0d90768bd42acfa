/* SPDX-License-Identifier: MIT */
/* gc.h - the collector's state, and a cycle. */
#ifndef GC_GC_H
#define GC_GC_H

#include <tern/gc.h>

#include "gc/limiter.h"
#include "gc/mark.h"
#include "gc/pacer.h"

struct tern_gc_state {
	atomic_bool on;                 /* [atomic: release by tern_gc_init(), acquire] */
	atomic_bool busy;               /* [atomic: acquire, release] somebody runs a cycle */
	struct tern_gc_options options; /* [const] but for percent and limit, which the pacer has */
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

#endif
