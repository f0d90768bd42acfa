/* SPDX-License-Identifier: MIT */
/* pacer.h - when a cycle starts, how far the heap may grow, and who pays. docs/pacer.md explains.
 *
 * All state is in a struct tern_pacer that the caller owns; no function takes a lock or asks for the
 * time. Bytes of heap are those of objects: what the last cycle marked, and what was allocated since.
 *
 * Calls are of three kinds. Settings and a cycle's start and end [owner]: one at a time, by who holds
 * the collector's lock or has stopped the world. Counters and ratios [any]: from any CPU at any time.
 * Workers, sums [pure]: of their arguments only. */
#ifndef GC_PACER_H
#define GC_PACER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gc/fixed.h"
#include "lib/compiler.h"

#define TERN_PACER_OFF       (-1) /* percent: the heap's growth starts no cycle */
#define TERN_PACER_MIN_HEAP  ((uint64_t)4 << 20)
#define TERN_PACER_PERIOD_NS 120000000000ull
#define TERN_PACER_PAST      4u
/* A goal or trigger that is never reached. */
#define TERN_PACER_NEVER UINT64_MAX
/* A span costs at least so much, so that marking is over before much is allocated black. */
#define TERN_PACER_ASSIST_MIN ((uint64_t)64 << 10)

enum tern_pacer_why {
	TERN_PACER_NONE,
	TERN_PACER_HEAP,     /* it has grown by its percent */
	TERN_PACER_LIMIT,    /* it has grown up to the memory limit */
	TERN_PACER_PERIODIC, /* nothing was collected for long */
	TERN_PACER_EXPLICIT,
};

enum tern_pacer_work {
	TERN_PACER_WORK_HEAP,
	TERN_PACER_WORK_STACKS,
	TERN_PACER_WORK_GLOBALS,
	TERN_PACER_WORKS,
};

/* What the limit counts. The rest of total, neither free nor objects, is overhead. */
struct tern_pacer_memory {
	uint64_t total_bytes;  /* that the machine beneath must hold for us */
	uint64_t free_bytes;   /* of it: pages that nobody uses */
	uint64_t object_bytes; /* of it: objects, dead ones that are not swept as well */
};

/* Who marks beside the program, and how much: a quarter of the CPUs. */
struct tern_pacer_workers {
	unsigned dedicated;  /* CPUs that do nothing else */
	unsigned idle_max;   /* CPUs that may mark when they have nothing else to do */
	tern_fixed fraction; /* of each other CPU's time; 0: none */
};

/* A cycle's result. */
struct tern_pacer_end {
	uint64_t now_ns;
	uint64_t marked_bytes; /* with what was allocated black */
	uint64_t assist_ns;    /* CPU time of all assists */
	uint64_t idle_ns;      /* CPU time of idle workers */
	bool sweep_done;       /* nothing is left to sweep */
};

struct tern_pacer {
	/* [owner] Settings */
	int32_t percent;
	bool concurrent; /* else the world is stopped while marking, and the trigger is the goal */
	bool limiting;   /* the collector took its share: the limit counts for nothing */
	uint64_t min_heap_bytes, limit_bytes, period_ns;
	/* [owner] How things are */
	struct tern_pacer_memory memory;
	uint64_t stack_bytes, globals_bytes;
	/* [owner] Left by the last cycle */
	uint64_t marked_bytes, last_heap_scan_bytes, last_stack_scan_bytes;
	uint64_t last_end_ns; /* 0: there was none */
	uint64_t runway_bytes;
	uint64_t sweep_min_trigger_bytes;
	tern_fixed cons_mark, past_cons_mark[TERN_PACER_PAST];
	tern_fixed utilization; /* of all CPUs, by workers and assists, while it marked */
	/* [owner] This cycle */
	bool marking;
	bool by_limit; /* the goal is the limit's */
	unsigned ncpu;
	uint64_t start_ns, triggered_bytes;
	struct tern_pacer_workers workers;

	/* [any] Sums and ratios. All are relaxed: nothing is published by them, and whoever sees an
	 * old one, or an old one beside a new one, paces a little worse. */
	_Atomic uint64_t heap_live_bytes, heap_scan_bytes, work_bytes[TERN_PACER_WORKS];
	_Atomic uint64_t credit_bytes; /* of background work that no assist has taken */
	_Atomic uint64_t goal_bytes, trigger_bytes;
	_Atomic tern_fixed assist_work_per_byte, assist_bytes_per_work;
	_Atomic tern_fixed sweep_pages_per_byte;
	_Atomic uint64_t sweep_pages, sweep_basis_bytes, sweep_basis_pages;
};

/* --- settings [owner] ------------------------------------------------------------------------ */

/* min_heap_bytes: the smallest goal at 100 percent; 0: 4 MiB. limit_bytes: 0: none. */
void tern_pacer_init(struct tern_pacer *p, int32_t percent, uint64_t min_heap_bytes,
		     uint64_t limit_bytes);
void tern_pacer_set_percent(struct tern_pacer *p, int32_t percent);
void tern_pacer_set_limit(struct tern_pacer *p, uint64_t limit_bytes);
/* Not while a cycle runs. */
void tern_pacer_set_concurrent(struct tern_pacer *p, bool concurrent);
/* What tern_limiter_limiting() says. */
void tern_pacer_set_limiting(struct tern_pacer *p, bool limiting);
/* 0: never */
void tern_pacer_set_period(struct tern_pacer *p, uint64_t period_ns);
/* Tell the pacer when it changes much: the limit's goal is what this leaves. */
void tern_pacer_set_memory(struct tern_pacer *p, const struct tern_pacer_memory *memory);
/* The most that could have to be scanned. */
void tern_pacer_set_roots(struct tern_pacer *p, uint64_t stack_bytes, uint64_t globals_bytes);

/* --- a cycle [owner] ------------------------------------------------------------------------- */

enum tern_pacer_why tern_pacer_should_start(const struct tern_pacer *p, uint64_t now_ns,
					    bool asked);
void tern_pacer_start_cycle(struct tern_pacer *p, uint64_t now_ns, unsigned ncpu,
			    enum tern_pacer_why why);
/* [any] Assist ratios anew. When much was allocated, or when the expected work turns out to be less
 * than there is. */
void tern_pacer_revise(struct tern_pacer *p);
void tern_pacer_end_cycle(struct tern_pacer *p, const struct tern_pacer_end *end);

/* --- workers, assists ------------------------------------------------------------------------ */

/* [pure] */
struct tern_pacer_workers tern_pacer_workers_of(unsigned ncpu, bool concurrent,
						enum tern_pacer_why why);
/* [any] How long until a CPU that marked for spent_ns in this cycle owes more of its time; 0: it does. */
uint64_t tern_pacer_fraction_wait(const struct tern_pacer *p, uint64_t spent_ns, uint64_t now_ns);
/* [any] Mark work for a debt of so many allocated bytes; at least TERN_PACER_ASSIST_MIN. */
uint64_t tern_pacer_assist_work(const struct tern_pacer *p, uint64_t debt_bytes);
/* [any] How many bytes may be allocated for so much mark work. At least 1, so that assists end,
 * and at most INT64_MAX: credit and debt of a thread are one signed number. */
uint64_t tern_pacer_assist_bytes(const struct tern_pacer *p, uint64_t work_bytes);
/* [any] Of background work, at most so much; returns what was taken. */
uint64_t tern_pacer_take_credit(struct tern_pacer *p, uint64_t want_bytes);

/* --- sweep ----------------------------------------------------------------------------------- */

/* [owner] Pages of spans, and those of them that are swept. */
void tern_pacer_start_sweep(struct tern_pacer *p, uint64_t pages_in_use, uint64_t pages_swept);
void tern_pacer_sweep_done(struct tern_pacer *p);
/* [any] How many pages must be swept before a span of so many bytes is taken, by a CPU that goes on
 * to sweep caller_pages anyway; pages_swept as now. Never more than there are. */
uint64_t tern_pacer_sweep_debt(const struct tern_pacer *p, uint64_t span_bytes,
			       uint64_t caller_pages, uint64_t pages_swept);

/* --- counters [any] -------------------------------------------------------------------------- */

void tern_pacer_count(_Atomic uint64_t *sum, uint64_t plus, uint64_t minus);

static inline uint64_t tern_pacer_load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline uint64_t tern_pacer_goal(const struct tern_pacer *p)
{
	return tern_pacer_load(&p->goal_bytes);
}

static inline uint64_t tern_pacer_trigger(const struct tern_pacer *p)
{
	return tern_pacer_load(&p->trigger_bytes);
}

static inline uint64_t tern_pacer_live(const struct tern_pacer *p)
{
	return tern_pacer_load(&p->heap_live_bytes);
}

/* Cheap, for allocation's slow path: is it worth asking tern_pacer_should_start()? */
static inline bool tern_pacer_reached(const struct tern_pacer *p)
{
	uint64_t trigger = tern_pacer_trigger(p);

	return unlikely(tern_pacer_live(p) >= trigger) && trigger != TERN_PACER_NEVER;
}

/* Objects that were allocated or are about to be, or were freed; scan: those that hold pointers. */
static inline void tern_pacer_add_live(struct tern_pacer *p, uint64_t bytes, uint64_t scan_bytes)
{
	tern_pacer_count(&p->heap_live_bytes, bytes, 0);
	tern_pacer_count(&p->heap_scan_bytes, scan_bytes, 0);
}

static inline void tern_pacer_sub_live(struct tern_pacer *p, uint64_t bytes, uint64_t scan_bytes)
{
	tern_pacer_count(&p->heap_live_bytes, 0, bytes);
	tern_pacer_count(&p->heap_scan_bytes, 0, scan_bytes);
}

static inline void tern_pacer_add_work(struct tern_pacer *p, enum tern_pacer_work kind,
				       uint64_t bytes)
{
	tern_pacer_count(&p->work_bytes[kind], bytes, 0);
}

static inline void tern_pacer_add_credit(struct tern_pacer *p, uint64_t work_bytes)
{
	tern_pacer_count(&p->credit_bytes, work_bytes, 0);
}

#endif
