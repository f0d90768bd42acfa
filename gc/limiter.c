/* SPDX-License-Identifier: MIT */
/* limiter.c - a bucket that bounds the collector's share of the CPUs.
 *
 * Job      Near the memory limit cycles may follow each other without end, and the program stands
 *          still: worse than too much memory. Collector's time fills a bucket, the program's drains
 *          it; while it is full, the limit counts for nothing.
 * Why      Full means: within twice the bucket's time the collector had half of the CPUs. A spike
 *          costs nothing as long as it fits. Idle days are no credit, as the bucket is never emptier
 *          than empty.
 *          A cycle that stops the world ends far beyond a full bucket. If that were forgotten, the
 *          first moment of the program would leave room for the next cycle; so it is a debt, paid
 *          before the bucket drains. Only one cycle's is kept, the largest: cycles that somebody
 *          asked for, one after the other, do not switch the limit off for long.
 * Locks    none; one call at a time.   Context: any.
 * Holds    I-LIM-1 fill <= capacity.   I-LIM-2 debt > 0 only while full.   I-LIM-3 cycles that begin
 *          while it does not limit take, over any time, at most half of the time that is not idle,
 *          and one capacity.   I-LIM-4 sums saturate; a clock that goes back, or stands still,
 *          changes nothing.
 * Go       runtime/mgclimit.go; we differ: the debt, and a phase in place of transitions. */
#include "gc/limiter.h"

#include "gc/fixed.h"

static uint64_t capacity_of(unsigned ncpu)
{
	return (ncpu ? ncpu : 1) * (uint64_t)TERN_LIMITER_CAPACITY_NS;
}

void tern_limiter_init(struct tern_limiter *l, uint64_t now_ns, unsigned ncpu)
{
	*l = (struct tern_limiter){ .ncpu = ncpu ? ncpu : 1,
				    .last_ns = now_ns,
				    .capacity_ns = capacity_of(ncpu) };
}

static void fill(struct tern_limiter *l, uint64_t ns)
{
	uint64_t room = l->capacity_ns - l->fill_ns, in = tern_min(ns, room);

	l->fill_ns += in;
	l->excess_ns = tern_add_sat(l->excess_ns, ns - in);
	l->debt_ns = tern_max(l->debt_ns, l->excess_ns);
}

static void drain(struct tern_limiter *l, uint64_t ns)
{
	uint64_t paid = tern_min(ns, l->debt_ns);

	l->debt_ns -= paid;
	l->fill_ns = tern_sub_sat(l->fill_ns, ns - paid);
	l->excess_ns = tern_min(l->excess_ns, l->debt_ns);
}

static void add(struct tern_limiter *l, uint64_t program_ns, uint64_t collector_ns)
{
	if (collector_ns > program_ns)
		fill(l, collector_ns - program_ns);
	else
		drain(l, program_ns - collector_ns);
}

/* An idle CPU is not the program's: the bucket is not drained by it. */
static void add_by_phase(struct tern_limiter *l, uint64_t all_ns, uint64_t assist_ns,
			 uint64_t idle_ns)
{
	uint64_t collector_ns = assist_ns;

	if (l->phase == TERN_LIMITER_MARKING)
		collector_ns = tern_add_sat(collector_ns, all_ns / 4);
	collector_ns = tern_min(collector_ns, all_ns);
	if (l->phase == TERN_LIMITER_STOPPED)
		add(l, 0, all_ns);
	else
		add(l, tern_sub_sat(all_ns - collector_ns, idle_ns), collector_ns);
}

void tern_limiter_update(struct tern_limiter *l, uint64_t now_ns, uint64_t assist_ns,
			 uint64_t idle_ns)
{
	uint64_t wall_ns = tern_sub_sat(now_ns, l->last_ns);

	if (wall_ns == 0)
		return;
	l->last_ns = now_ns;
	add_by_phase(l, tern_mul_div(wall_ns, l->ncpu, 1), assist_ns, idle_ns);
}

void tern_limiter_enter(struct tern_limiter *l, enum tern_limiter_phase phase, uint64_t now_ns,
			uint64_t assist_ns, uint64_t idle_ns)
{
	tern_limiter_update(l, now_ns, assist_ns, idle_ns);
	if (l->phase == TERN_LIMITER_OFF)
		l->excess_ns = 0;
	l->phase = phase;
}

void tern_limiter_set_cpus(struct tern_limiter *l, uint64_t now_ns, unsigned ncpu)
{
	tern_limiter_update(l, now_ns, 0, 0);
	l->ncpu = ncpu ? ncpu : 1;
	l->capacity_ns = capacity_of(ncpu);
	if (l->fill_ns > l->capacity_ns)
		l->fill_ns = l->capacity_ns;
	if (l->fill_ns < l->capacity_ns)
		l->debt_ns = l->excess_ns = 0;
}
