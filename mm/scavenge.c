/* SPDX-License-Identifier: MIT */
/* scavenge.c - give free pages back to the machine beneath.
 *
 * Job      Release runs of free pages: what is asked for, what is over the limit, and in the
 *          background what is over the goal, at a bounded rate.
 * Steps    A run is taken from the heap (its lock), released (no lock: that is the kernel's
 *          business, and may take long), and put back, marked (the lock again). Who finds nothing
 *          free meanwhile waits, as for growth.
 * Goal     1.1 times the most pages that were in use in this period and the one before.
 * Rate     A step ends after a millisecond, and the next comes after 99 times what it took. Without
 *          a clock it is one run every 100 ms.
 * Locks    mheap(80), for a step.   Context: threads.
 * Go       runtime/mgcscavenge.go; we differ: a period is time, not a cycle of the collector, and
 *          there is no index of chunks, as loose bits in the pages' tree lead the way. */
#include "mm/scavenge.h"

#include <tern/port.h>
#include <tern/scavenge.h>
#include <tern/tern.h>

#include "lib/bits.h"
#include "mm/heap.h"

#define PERIOD_NS  5000000000ull
#define IDLE_NS    1000000000ull /* until the next look, if there is nothing to do */
#define STEP_NS    1000000ull
#define UNTIMED_NS 100000000ull
#define REST_SHARE 99u /* of rest for one of work */
#define GOAL_SHARE 10u /* a tenth more than was needed */
/* Whoever waits for a run to come back does so for no more pages than these. */
#define RUN_MAX 512u

struct tern_scavenger tern_scavenger =
	TERN_SCAVENGER_INIT(&tern_heap.pages, tern_port_release, tern_port_clock_ns);

static bool is_off(const struct tern_scavenger *s)
{
	return atomic_load_explicit(&s->off, memory_order_relaxed);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How many pages went; 0 if there are none, or if the machine does not take them. */
static uint64_t release_run(struct tern_scavenger *s, uint64_t most)
{
	struct tern_piece run = tern_mheap_take_unreleased(s->heap, min(most, RUN_MAX));
	bool released;

	if (run.n == 0)
		return 0;
	released = s->release(tern_page_addr(run.first), (size_t)run.n << TERN_PAGE_SHIFT);
	/* It will not take the next ones either: until told otherwise, no more is tried. */
	if (!released)
		atomic_store_explicit(&s->off, true, memory_order_relaxed);
	tern_mheap_put_back(s->heap, run, released);
	return released ? run.n : 0;
}

uint64_t tern_scavenger_release(struct tern_scavenger *s, uint64_t pages)
{
	uint64_t done = 0, n;

	while (done < pages && !is_off(s) && (n = release_run(s, pages - done)) > 0)
		done += n;
	return done;
}

void tern_scavenger_make_room(struct tern_scavenger *s, uint64_t n)
{
	uint64_t limit = atomic_load_explicit(&s->limit, memory_order_relaxed);
	uint64_t retained;

	/* A run that no heap can have needs no room. */
	if (limit == 0 || n > TERN_PAGES_END || is_off(s) || tern_port_in_interrupt())
		return;
	retained = tern_mheap_usage(s->heap).retained;
	if (retained + n > limit)
		tern_scavenger_release(s, retained + n - limit);
}

/* --- in the background ------------------------------------------------------------------- */

/* Where there is no clock, the time is what it slept. */
static uint64_t now(const struct tern_scavenger *s)
{
	uint64_t ns = s->clock();

	return ns ? ns : s->asleep_ns;
}

static void turn_period(struct tern_scavenger *s)
{
	if (now(s) - s->period_start < PERIOD_NS)
		return;
	s->period_start = now(s);
	s->last_peak = tern_mheap_new_peak(s->heap);
}

static uint64_t over_goal(const struct tern_scavenger *s)
{
	struct tern_mheap_usage u = tern_mheap_usage(s->heap);
	uint64_t need = u.peak > s->last_peak ? u.peak : s->last_peak;
	uint64_t goal = need + need / GOAL_SHARE;

	return u.retained > goal ? u.retained - goal : 0;
}

static uint64_t rest_after(bool timed, uint64_t spent, bool done)
{
	uint64_t rest = timed ? spent * REST_SHARE : UNTIMED_NS;

	return done && rest < IDLE_NS ? IDLE_NS : rest;
}

/* Returns how long to rest. */
static uint64_t work(struct tern_scavenger *s)
{
	uint64_t start = s->clock(), over = over_goal(s), spent = 0, n = 0;

	if (over == 0)
		return IDLE_NS;
	do {
		n = release_run(s, over);
		over -= min(n, over);
		spent = s->clock() - start;
	} while (n > 0 && over > 0 && start && spent < STEP_NS);
	return rest_after(start, spent, n == 0 || over == 0);
}

uint64_t tern_scavenger_step(struct tern_scavenger *s)
{
	uint64_t rest = IDLE_NS;

	/* acquire, release below: what the step before left behind */
	if (atomic_exchange_explicit(&s->busy, true, memory_order_acquire))
		return IDLE_NS;
	turn_period(s);
	tern_scavenger_make_room(s, 0);
	if (!is_off(s))
		rest = work(s);
	s->asleep_ns += rest;
	atomic_store_explicit(&s->busy, false, memory_order_release);
	return rest;
}

/* --- the public calls -------------------------------------------------------------------- */

size_t tern_scavenge(size_t bytes)
{
	uint64_t pages = (bytes >> TERN_PAGE_SHIFT) + !is_aligned(bytes, TERN_PAGE_SIZE);
	uint64_t done;

	if (pages == 0 || tern_port_in_interrupt())
		return 0;
	done = tern_scavenger_release(&tern_scavenger, pages);
	/* What this CPU keeps for itself is free, too. */
	if (done < pages && !is_off(&tern_scavenger)) {
		tern_cpu_offline();
		done += tern_scavenger_release(&tern_scavenger, pages - done);
	}
	return (size_t)done << TERN_PAGE_SHIFT;
}

uint64_t tern_background(void)
{
	return tern_port_in_interrupt() ? IDLE_NS : tern_scavenger_step(&tern_scavenger);
}

void tern_set_memory_limit(size_t bytes)
{
	uint64_t pages = bytes >> TERN_PAGE_SHIFT;

	/* Less than a page is a limit, too. */
	atomic_store_explicit(&tern_scavenger.limit, bytes && !pages ? 1 : pages,
			      memory_order_relaxed);
}

void tern_set_scavenging(bool on)
{
	atomic_store_explicit(&tern_scavenger.off, !on, memory_order_relaxed);
}

bool tern_scavenging(void)
{
	return !is_off(&tern_scavenger);
}
