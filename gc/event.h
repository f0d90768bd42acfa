/* SPDX-License-Identifier: MIT */
/* event.h - what happened and when, for tern_trace_write(): see event.c.
 *
 * Where something begins: start = tern_event_start(); where it ends: tern_event_end(kind, start, a, b).
 * While nothing is traced that is one load. */
#ifndef GC_EVENT_H
#define GC_EVENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tern/port.h>

#include "lib/compiler.h"

/* What a and b are, see event_names in trace.c. */
enum tern_event_kind {
	TERN_EVENT_PAUSE,   /* from asking CPUs to stop until the world runs on */
	TERN_EVENT_STOP,    /* ... until all have stopped */
	TERN_EVENT_STOPPED, /* a CPU that was asked */
	TERN_EVENT_MARK,    /* a CPU marks; also after it: what could not be queued */
	TERN_EVENT_SETTLE,  /* from marked to the world's start */
	TERN_EVENT_SWEEP,   /* a piece of 64 pages, at most */
	TERN_EVENT_HEAP,    /* a sample, at one moment */
	TERN_EVENT_KINDS,
};

struct tern_event {
	uint64_t start_ns, ns;
	uint64_t a, b;
	uint64_t kind;
};

#define TERN_EVENTS_IN_CHUNK 50u

/* Events of one CPU, in order. */
struct tern_event_chunk {
	bool taken;         /* [lock] by its CPU, to write to */
	uint32_t cpu;       /* [lock] */
	_Atomic uint32_t n; /* [atomic: release by its CPU, acquire by readers] */
	struct tern_event event[TERN_EVENTS_IN_CHUNK];
};

extern atomic_bool tern_events_on; /* [atomic: relaxed] */

/* Interrupts in any state; takes no lock that the caller may hold, and no memory. */
void tern_event_add(enum tern_event_kind kind, uint64_t start_ns, uint64_t ns, uint64_t a,
		    uint64_t b);

static inline bool tern_event_wanted(void)
{
	return unlikely(atomic_load_explicit(&tern_events_on, memory_order_relaxed));
}

static inline uint64_t tern_event_start(void)
{
	return tern_event_wanted() ? tern_port_clock_ns() : 0;
}

/* What began before tracing did is left out. */
static inline void tern_event_end(enum tern_event_kind kind, uint64_t start_ns, uint64_t a,
				  uint64_t b)
{
	if (unlikely(start_ns) && tern_event_wanted())
		tern_event_add(kind, start_ns, tern_port_clock_ns() - start_ns, a, b);
}

/* For trace.c: no chunk is begun from now on, until the release. Returns when tracing was started:
 * what is older does not count. */
uint64_t tern_events_hold(void);
/* Chunk i; NULL behind the last. */
const struct tern_event_chunk *tern_events_chunk(unsigned i);
void tern_events_release(void);
/* Events that were forgotten for others, or found no room. */
uint64_t tern_events_lost(void);

#endif
