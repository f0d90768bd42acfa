/* SPDX-License-Identifier: MIT */
/* workers.c - marking beside the program takes a quarter of the CPUs' time, and time that nobody wants.
 *
 * Job      Tell each CPU's worker, a thread of the kernel, whether it marks now and when it asks again.
 * Modes    While a cycle marks, so many workers as the pacer says do nothing else: dedicated. Where a
 *          quarter is no whole number of CPUs, each of the others marks for a fraction of its time. A CPU
 *          that has nothing else to do marks too, a quantum at a time: idle.
 * Owns     how many workers are dedicated, how many idle; what one has done, its own struct says.
 * Idle     A worker that was preempted has grey objects of its own, and no cycle ends without it. So
 *          an idle one takes no more than a quantum, and is a thread as any other until that is done.
 * Above    tern_gc_work().   Below  concurrent, sweep, pacer.
 * Locks    none.   Context: threads.
 * Go       runtime/mgcpacer.go findRunnableGCWorker(), mgc.go gcBgMarkWorker(). Go's scheduler asks at
 *          every switch; here a worker sleeps as it is told, and the kernel's scheduler knows nothing. */
#include <tern/gc.h>
#include <tern/port.h>

#include "arch/arch.h"
#include "gc/assist.h"
#include "gc/concurrent.h"
#include "gc/gc.h"
#include "gc/sweep.h"

enum mode { NONE, DEDICATED, FRACTIONAL, IDLE };

/* Between two quanta of a fraction, of some 50 us each, at least. */
#define PAUSE_NS 100000ull
/* Who finds nothing to mark asks again so late; who has no share, after a while. */
#define RETRY_NS 1000000ull
#define LATER_NS 10000000ull

/* [atomic: relaxed] Counts alone: what is marked is published by the queues. */
static atomic_uint dedicated, idle;

static bool take_one(atomic_uint *count, unsigned most)
{
	unsigned now = atomic_load_explicit(count, memory_order_relaxed);

	while (now < most)
		if (atomic_compare_exchange_weak_explicit(
			    count, &now, now + 1, memory_order_relaxed, memory_order_relaxed))
			return true;
	return false;
}

static void leave(struct tern_gc_worker *w)
{
	if (w->mode == DEDICATED)
		atomic_fetch_sub_explicit(&dedicated, 1, memory_order_relaxed);
	else if (w->mode == IDLE)
		atomic_fetch_sub_explicit(&idle, 1, memory_order_relaxed);
	w->mode = NONE;
}

/* What those who allocate mark counts for the fractions: more than that is not wanted of any CPU. */
static uint64_t until_due(const struct tern_gc_worker *w, uint64_t now_ns)
{
	const struct tern_gc_state *g = &tern_gc_state;
	uint64_t assist_ns = atomic_load_explicit(&g->cycle.assist_ns, memory_order_relaxed);

	return tern_pacer_fraction_wait(&g->pacer, w->spent_ns + assist_ns / g->pacer.ncpu, now_ns);
}

/* False if it is not this worker's turn. Who pays for an allocation should not wait for a worker as well: no
 * fraction begins meanwhile. */
static bool join(struct tern_gc_worker *w, bool is_idle, uint64_t now_ns)
{
	const struct tern_pacer *p = &tern_gc_state.pacer;

	if (w->cycle_ns != p->start_ns) {
		w->cycle_ns = p->start_ns;
		w->spent_ns = 0;
	}
	if (w->mode == DEDICATED || take_one(&dedicated, p->workers.dedicated))
		w->mode = DEDICATED;
	else if (until_due(w, now_ns) == 0 && !tern_assist_is_paid())
		w->mode = FRACTIONAL;
	else if (is_idle && take_one(&idle, p->workers.idle_max))
		w->mode = IDLE;
	return w->mode != NONE;
}

static void count(struct tern_gc_worker *w, uint64_t ns)
{
	if (w->mode == FRACTIONAL)
		w->spent_ns += ns;
	else if (w->mode == IDLE)
		atomic_fetch_add_explicit(&tern_gc_state.cycle.idle_ns, ns, memory_order_relaxed);
}

/* A worker that is idle, and for which there is no room among those, must not ask at once again. */
static struct tern_gc_turn later(const struct tern_gc_worker *w, bool or_idle, uint64_t now_ns)
{
	uint64_t ns = until_due(w, now_ns);

	if (ns < PAUSE_NS)
		ns = PAUSE_NS;
	return (struct tern_gc_turn){ ns < LATER_NS ? ns : LATER_NS, or_idle };
}

static struct tern_gc_turn next_turn(struct tern_gc_worker *w, uint64_t now_ns)
{
	if (w->mode == DEDICATED)
		return (struct tern_gc_turn){ 0, false };
	leave(w);
	return later(w, true, now_ns);
}

struct turn {
	struct tern_gc_worker *worker;
	bool is_idle;
	struct tern_gc_turn next;
};

static void take_turn(uintptr_t sp, void *arg)
{
	struct turn *t = arg;
	struct tern_gc_worker *w = t->worker;
	uint64_t start_ns = tern_port_clock_ns(), end_ns;

	if (!join(w, t->is_idle, start_ns)) {
		t->next = later(w, !t->is_idle, start_ns);
		return;
	}
	if (tern_gc_mark_in_background(sp)) {
		end_ns = tern_port_clock_ns();
		count(w, end_ns - start_ns);
		t->next = next_turn(w, end_ns);
		return;
	}
	leave(w);
	t->next = (struct tern_gc_turn){ RETRY_NS, false };
}

static struct tern_gc_turn sweep(void)
{
	if (tern_gc_sweep_some())
		return (struct tern_gc_turn){ RETRY_NS, true };
	return (struct tern_gc_turn){ UINT64_MAX, false };
}

struct tern_gc_turn tern_gc_work(struct tern_gc_worker *worker, bool is_idle)
{
	struct turn t = { .worker = worker, .is_idle = is_idle };

	if (!tern_gc_is_marking()) {
		leave(worker);
		tern_gc_cycle(TERN_PACER_PERIODIC);
	}
	if (!tern_gc_is_marking())
		return sweep();
	arch_spill(take_turn, &t);
	return t.next;
}
