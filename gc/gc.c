/* SPDX-License-Identifier: MIT */
/* gc.c - when a cycle runs, and what it does in which order.
 *
 * Job      Start a cycle for whoever has a reason: the heap has grown, there is no memory, somebody asks,
 *          two minutes have passed. Be the allocator's collector (mm/gchook.h).
 * A cycle  finish the last one's sweep; stop the world, and all caches are given back; mark from the
 *          roots, on all CPUs; everything that is not marked is garbage from here on: turn the
 *          sweepgen; start the world; sweep, now or little by little.
 * Owns     tern_gc_state. One thread at a time is busy with a cycle. Who asks for one meanwhile waits with
 *          interrupts on, so that it can be stopped, and runs its own: what became garbage before
 *          it asked is gone when tern_gc() returns.
 * Locks    none held over a cycle.   Context: threads with interrupts on; never elsewhere.
 * Go       runtime/mgc.go gcStart, gcMarkTermination, GC. */
#include "gc/gc.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "gc/assist.h"
#include "gc/check.h"
#include "gc/concurrent.h"
#include "gc/dirty.h"
#include "gc/event.h"
#include "gc/history.h"
#include "gc/pool.h"
#include "gc/roots.h"
#include "gc/stw.h"
#include "gc/sweep.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/fault.h"
#include "lib/irq.h"
#include "mm/gchook.h"
#include "mm/harden.h"
#include "mm/heap.h"
#include "mm/parked.h"
#include "mm/sweep.h"

/* A trace has a sample of the heap's size for so much that is allocated. */
#define SAMPLE_BYTES KiB(128)

struct tern_gc_state tern_gc_state;

static uint64_t live_bytes(void)
{
	return atomic_load_explicit(&tern_heap.pages.live, memory_order_relaxed);
}

/* --- marking: the world is stopped ----------------------------------------------------------- */

void tern_gc_add_up(const struct tern_gcwork *w)
{
	struct tern_gc_running *c = &tern_gc_state.cycle;

	atomic_fetch_add_explicit(&c->marked_bytes, w->marked_bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->marked_objects, w->marked_objects, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->scanned_bytes, w->scanned_bytes, memory_order_relaxed);
	tern_pacer_add_work(&tern_gc_state.pacer, TERN_PACER_WORK_HEAP, w->scanned_bytes);
}

static void mark_here(void *arg)
{
	uint64_t start_ns = tern_event_start();
	struct tern_mark_work w;

	tern_mark_init(&w, &tern_gc_state.marker);
	tern_roots_mark(&w, *(uintptr_t *)arg);
	while (tern_dirty_mark_some(&w))
		;
	tern_mark_drain(&w);
	tern_gc_add_up(&w.work);
	tern_event_end(TERN_EVENT_MARK, start_ns, w.work.marked_objects, w.work.marked_bytes);
}

static void mark_rest(void)
{
	struct tern_mark_work w;

	tern_mark_init(&w, &tern_gc_state.marker);
	tern_mark_finish(&w);
	tern_gc_add_up(&w.work);
}

unsigned tern_gc_helpers(unsigned others)
{
	unsigned most = tern_gc_state.options.markers;

	return most && most - 1 < others ? most - 1 : others;
}

static void mark(uintptr_t sp, unsigned others)
{
	unsigned helpers = tern_gc_helpers(others);

	tern_gc_state.cycle.numbers.nmarkers = helpers + 1;
	tern_pools_age();
	tern_roots_start(!((tern_gc_state.options.watched_roots || TERN_FAULT(ROOTS_ONCE)) &&
			   tern_gc_state.options.mode == TERN_GC_BARRIER && tern_gc_state.marking &&
			   tern_roots_are_done()));
	tern_dirty_take_last();
	tern_mark_start(&tern_gc_state.marker, helpers + 1);
	tern_stw_together(helpers, mark_here, &sp);
	mark_rest();
}

/* --- checks ---------------------------------------------------------------------------------- */

static void verify(enum tern_verify_when when)
{
	struct tern_verify v;

	if (!tern_gc_state.options.check)
		return;
	v = tern_verify_heap(&tern_heap.pages, when);
	tern_verify_judge(&v);
}

/* Nothing has changed while the world stood. */
static void judge_counts(const struct tern_check *c)
{
	uint64_t marked = tern_gc_state.cycle.marked_objects;

	TERN_CHECK(c->floating == 0, "check: %llu objects were marked that nothing leads to",
		   (unsigned long long)c->floating);
	TERN_CHECK(c->reached == marked, "check: %llu objects can be reached, %llu were counted",
		   (unsigned long long)c->reached, (unsigned long long)marked);
}

static void check_marks(uintptr_t sp)
{
	struct tern_gc_state *g = &tern_gc_state;
	struct tern_check c;

	if (!g->options.check)
		return;
	verify(g->marking ? TERN_VERIFY_MARKED_BESIDE : TERN_VERIFY_MARKED);
	tern_check_marks(sp, g->options.invalidptr, &c);
	tern_check_judge(&c);
	if (!g->marking)
		judge_counts(&c);
	g->stats.checks++;
	g->stats.floating += c.floating;
}

/* --- a cycle --------------------------------------------------------------------------------- */

static void tell_pacer_of_memory(const struct tern_mheap_stats *s)
{
	tern_pacer_set_memory(&tern_gc_state.pacer,
			      &(struct tern_pacer_memory){
				      .total_bytes = s->used + s->free + s->meta - s->released,
				      .free_bytes = s->free - s->released,
				      .object_bytes = live_bytes(),
			      });
}

/* Marked, and allocated black beside the marking. */
static uint64_t live_at_end(const struct tern_gc_running *c)
{
	uint64_t now = live_bytes(), fresh = now > c->live_at_start ? now - c->live_at_start : 0;

	return c->marked_bytes + (tern_gc_state.marking ? fresh : 0);
}

/* What is alive is known: the next goal follows, and how fast to sweep until then. */
static void tell_pacer_of_end(uint64_t now_ns)
{
	const struct tern_gc_running *c = &tern_gc_state.cycle;
	struct tern_pacer *p = &tern_gc_state.pacer;
	uint64_t live = live_at_end(c);
	struct tern_mheap_stats s;

	tern_mheap_stats(&tern_heap.pages, &s);
	tern_pacer_add_work(p, TERN_PACER_WORK_STACKS, tern_roots_stack_bytes());
	tern_pacer_add_work(p, TERN_PACER_WORK_GLOBALS, tern_roots_range_bytes());
	tern_pacer_set_roots(p, tern_roots_stack_bytes(), tern_roots_range_bytes());
	/* While garbage still counts as objects: the limit leaves room for it, as it will be swept. */
	tell_pacer_of_memory(&s);
	atomic_store_explicit(&tern_heap.pages.live, live, memory_order_relaxed);
	tern_pacer_end_cycle(p, &(struct tern_pacer_end){ .now_ns = now_ns,
							  .marked_bytes = live,
							  .assist_ns = c->assist_ns,
							  .idle_ns = c->idle_ns });
	tern_pacer_start_sweep(p, s.used >> TERN_PAGE_SHIFT, 0);
	atomic_store_explicit(&tern_heap.pages.sweep.npages, 0, memory_order_relaxed);
}

static void count_pause(void)
{
	const struct tern_cycle *n = &tern_gc_state.cycle.numbers;
	struct tern_gc_stats *s = &tern_gc_state.stats;

	tern_history_add_pause(n);
	s->last_pause_ns = n->end_ns - n->asked_ns;
	s->pause_ns += s->last_pause_ns;
	if (s->max_pause_ns < s->last_pause_ns)
		s->max_pause_ns = s->last_pause_ns;
}

static void count_cycle(void)
{
	struct tern_gc_running *c = &tern_gc_state.cycle;
	struct tern_cycle *n = &c->numbers;
	struct tern_gc_stats *s = &tern_gc_state.stats;

	n->marked_bytes = c->marked_bytes;
	n->marked_objects = c->marked_objects;
	n->stack_bytes = tern_roots_stack_bytes();
	n->globals_bytes = tern_roots_range_bytes();
	n->mark_ns = c->mark_ns;
	n->assist_ns = c->assist_ns;
	n->idle_ns = c->idle_ns;
	tern_history_add(n);
	s->cycles++;
	s->forced += n->why == TERN_PACER_EXPLICIT;
	s->live_bytes = n->marked_bytes;
	s->live_objects = n->marked_objects;
	s->root_bytes = n->stack_bytes + n->globals_bytes;
	s->pause_ns_per_object = s->live_objects ? s->last_pause_ns / s->live_objects : 0;
	s->pause_bytes_per_s =
		tern_mul_div(c->scanned_bytes + s->root_bytes, 1000000000, s->last_pause_ns);
}

/* For tern_trace_write(). */
static void trace_pause(bool ends_cycle)
{
	const struct tern_cycle *n = &tern_gc_state.cycle.numbers;

	if (!tern_event_wanted())
		return;
	tern_event_add(TERN_EVENT_PAUSE, n->asked_ns, n->end_ns - n->asked_ns,
		       tern_gc_state.stats.cycles, n->why);
	tern_event_add(TERN_EVENT_STOP, n->asked_ns, n->stopped_ns - n->asked_ns, n->ncpu - 1,
		       tern_gc_state.stats.cycles);
	tern_event_add(TERN_EVENT_HEAP, n->asked_ns, 0, n->heap_bytes, n->goal_bytes);
	if (!ends_cycle)
		return;
	tern_event_add(TERN_EVENT_SETTLE, n->marked_ns, n->end_ns - n->marked_ns, n->marked_objects,
		       n->marked_bytes);
	tern_event_add(TERN_EVENT_HEAP, n->end_ns, 0, n->marked_bytes,
		       tern_pacer_goal(&tern_gc_state.pacer));
}

static void obey_limiter(void)
{
	bool limiting = tern_limiter_limiting(&tern_gc_state.limiter);

	atomic_store_explicit(&tern_gc_state.limiting, limiting, memory_order_relaxed);
	tern_pacer_set_limiting(&tern_gc_state.pacer, limiting);
}

static uint64_t not_yet_known(const _Atomic uint64_t *sum, uint64_t *known)
{
	uint64_t before = *known;

	*known = atomic_load_explicit(sum, memory_order_relaxed);
	return *known - before;
}

/* The phase that is, or another, begins. */
static void tell_limiter(enum tern_limiter_phase phase, uint64_t now_ns)
{
	struct tern_gc_running *c = &tern_gc_state.cycle;

	tern_limiter_enter(&tern_gc_state.limiter, phase, now_ns,
			   not_yet_known(&c->assist_ns, &c->limited_assist_ns),
			   not_yet_known(&c->idle_ns, &c->limited_idle_ns));
}

unsigned tern_gc_begin_pause(void)
{
	struct tern_gc_state *g = &tern_gc_state;
	struct tern_cycle *n = &g->cycle.numbers;
	unsigned others;

	n->heap_bytes = live_bytes();
	n->goal_bytes = tern_pacer_goal(&g->pacer);
	n->asked_ns = tern_port_clock_ns();
	others = tern_stw_stop();
	n->stopped_ns = tern_port_clock_ns();
	n->ncpu = others + 1;
	/* What was before is for as many CPUs as there were. */
	tell_limiter(g->limiter.phase, n->asked_ns);
	tern_limiter_set_cpus(&g->limiter, n->asked_ns, n->ncpu);
	tell_limiter(TERN_LIMITER_STOPPED, n->asked_ns);
	if (!g->marking)
		verify(TERN_VERIFY_SWEPT);
	return others;
}

void tern_gc_end_pause(bool ends_cycle)
{
	struct tern_gc_state *g = &tern_gc_state;
	struct tern_cycle *n = &g->cycle.numbers;

	n->end_ns = tern_port_clock_ns();
	tell_limiter(g->marking ? TERN_LIMITER_MARKING : TERN_LIMITER_OFF, n->end_ns);
	obey_limiter();
	count_pause();
	if (ends_cycle)
		count_cycle();
	trace_pause(ends_cycle);
	tern_stw_start();
}

void tern_gc_mark_and_end(uintptr_t sp, unsigned others)
{
	struct tern_cycle *n = &tern_gc_state.cycle.numbers;

	mark(sp, others);
	check_marks(sp);
	tern_sweep_start(&tern_heap.pages);
	n->marked_ns = tern_port_clock_ns();
	tell_pacer_of_end(n->marked_ns);
}

/* All of it in one pause. False if cycles are held. */
static bool run(uintptr_t sp)
{
	unsigned long irq;
	unsigned others;
	bool runs;

	tern_gc_sweep_all();
	irq = tern_irq_save();
	others = tern_gc_begin_pause();
	runs = !tern_gc_is_held();
	if (runs) {
		tern_pacer_start_cycle(&tern_gc_state.pacer, tern_gc_state.cycle.numbers.asked_ns,
				       others + 1, tern_gc_state.cycle.numbers.why);
		tern_gc_mark_and_end(sp, others);
	}
	tern_gc_end_pause(runs);
	tern_irq_restore(irq);
	tern_mark_end(&tern_gc_state.marker);
	return runs;
}

bool tern_gc_is_held(void)
{
	return atomic_load_explicit(&tern_gc_state.holds, memory_order_relaxed) != 0;
}

bool tern_gc_may_start(void)
{
	return atomic_load_explicit(&tern_gc_state.on, memory_order_acquire) &&
	       !tern_gc_is_held() &&
	       (tern_port_irq_enabled() || tern_gc_state.options.no_interrupts) &&
	       !tern_port_in_interrupt();
}

bool tern_gc_become_busy(bool wait)
{
	while (atomic_exchange_explicit(&tern_gc_state.busy, true, memory_order_acquire)) {
		if (!wait)
			return false;
		arch_relax();
	}
	return true;
}

void tern_gc_end_busy(void)
{
	atomic_store_explicit(&tern_gc_state.busy, false, memory_order_release);
}

/* Somebody else may have run a cycle meanwhile. */
static enum tern_pacer_why ask_pacer(void)
{
	uint64_t now_ns = tern_port_clock_ns();

	tern_limiter_update(&tern_gc_state.limiter, now_ns, 0, 0);
	obey_limiter();
	return tern_pacer_should_start(&tern_gc_state.pacer, now_ns, false);
}

static bool is_concurrent(void)
{
	return tern_gc_state.options.mode != TERN_GC_STW && !tern_gc_state.options.stop_the_world;
}

static bool run_or_start(uintptr_t sp, enum tern_pacer_why why)
{
	struct tern_gc_state *g = &tern_gc_state;
	bool done;

	g->cycle = (struct tern_gc_running){ .numbers.why = why };
	done = is_concurrent() ? tern_gc_start_marking(sp) : run(sp);
	if (done && !is_concurrent() && g->options.trace)
		tern_history_print(&g->cycle.numbers);
	tern_port_wake_background();
	return done;
}

/* Begin a cycle, unless one is marking. False if the pacer wants none, or cycles are held. */
static bool start(uintptr_t sp, enum tern_pacer_why why, bool must)
{
	struct tern_gc_state *g = &tern_gc_state;
	bool done;

	if (!tern_gc_become_busy(must))
		return false;
	done = atomic_load_explicit(&g->marking, memory_order_relaxed);
	if (!done && !must)
		why = ask_pacer();
	if (!done && why != TERN_PACER_NONE)
		done = run_or_start(sp, why);
	tern_gc_end_busy();
	return done;
}

/* It may be another thread that ended the marking, and has not given its memory back yet. */
static void wait_until_settled(void)
{
	tern_gc_become_busy(true);
	tern_gc_end_busy();
}

struct request {
	enum tern_pacer_why why;
	bool done;
};

static void cycle(uintptr_t sp, void *arg)
{
	struct request *r = arg;
	bool must = r->why == TERN_PACER_EXPLICIT || r->why == TERN_PACER_LIMIT;

	/* What became garbage since a cycle began may be black in that one. */
	if (must && is_concurrent())
		tern_gc_finish_marking(sp);
	r->done = start(sp, r->why, must);
	if (!r->done)
		return;
	if (must && is_concurrent()) {
		tern_gc_finish_marking(sp);
		wait_until_settled();
	}
	if (must || tern_gc_state.options.no_lazy_sweep)
		tern_gc_sweep_all();
}

bool tern_gc_cycle(enum tern_pacer_why why)
{
	struct request r = { why, false };

	if (tern_gc_may_start())
		arch_spill(cycle, &r);
	return r.done;
}

enum tern_result tern_gc(void)
{
	return tern_gc_cycle(TERN_PACER_EXPLICIT) ? TERN_OK : TERN_EINVAL;
}

/* --- for those who look at the heap ----------------------------------------------------------- */

struct look {
	void (*fn)(void *arg, uintptr_t sp);
	void *arg;
	bool done;
};

/* Be busy while no cycle marks. */
static bool become_busy_between_cycles(uintptr_t sp)
{
	while (tern_gc_may_start()) {
		tern_gc_finish_marking(sp);
		tern_gc_become_busy(true);
		if (!atomic_load_explicit(&tern_gc_state.marking, memory_order_relaxed))
			return true;
		tern_gc_end_busy();
	}
	return false;
}

static void look(uintptr_t sp, void *arg)
{
	struct look *l = arg;
	unsigned long irq;

	l->done = become_busy_between_cycles(sp);
	if (!l->done)
		return;
	tern_gc_sweep_all();
	irq = tern_irq_save();
	tern_stw_stop();
	tern_parked_release_all();
	l->fn(l->arg, sp);
	tern_stw_start();
	tern_irq_restore(irq);
	tern_gc_end_busy();
}

bool tern_gc_while_stopped(void (*fn)(void *arg, uintptr_t sp), void *arg)
{
	struct look l = { fn, arg, false };

	arch_spill(look, &l);
	return l.done;
}

/* --- the allocator's collector --------------------------------------------------------------- */

/* If somebody is busy, he will notice as well. */
static void note_swept(void)
{
	if (!tern_gc_become_busy(false))
		return;
	tern_pacer_sweep_done(&tern_gc_state.pacer);
	tern_gc_end_busy();
}

/* Sweep as many pages as must be, for the sweep to be done when the next cycle starts. */
static void pay_for(size_t bytes)
{
	struct tern_pacer *p = &tern_gc_state.pacer;

	while (tern_pacer_sweep_debt(
		p, bytes, 0,
		atomic_load_explicit(&tern_heap.pages.sweep.npages, memory_order_relaxed)))
		if (!tern_gc_sweep_some()) {
			note_swept();
			return;
		}
}

/* For tern_trace_write(): when the heap has grown by so much, or shrunk. */
static void sample_heap(void)
{
	static _Atomic uint64_t next; /* [atomic: relaxed] */
	uint64_t live, goal, at;

	if (!tern_event_wanted())
		return;
	live = live_bytes();
	goal = tern_pacer_goal(&tern_gc_state.pacer);
	at = atomic_load_explicit(&next, memory_order_relaxed);
	if (live < at && at - live <= 2 * SAMPLE_BYTES)
		return;
	atomic_store_explicit(&next, live + SAMPLE_BYTES, memory_order_relaxed);
	tern_event_add(TERN_EVENT_HEAP, tern_port_clock_ns(), 0, live, goal);
}

static size_t allocating(size_t bytes, size_t each)
{
	struct tern_pacer *p = &tern_gc_state.pacer;

	/* The allocator counts what is live; the pacer compares. */
	atomic_store_explicit(&p->heap_live_bytes, live_bytes() + bytes, memory_order_relaxed);
	atomic_store_explicit(&p->heap_scan_bytes, live_bytes(), memory_order_relaxed);
	sample_heap();
	if (unlikely(atomic_load_explicit(&tern_gc_state.marking, memory_order_acquire)))
		return tern_assist(bytes, each);
	pay_for(bytes);
	/* What little is still to be swept comes first, a piece each time: a cycle would sweep it all. */
	if (unlikely(tern_pacer_reached(p) ||
		     atomic_load_explicit(&tern_gc_state.limiting, memory_order_relaxed)) &&
	    !tern_gc_sweep_some())
		tern_gc_cycle(TERN_PACER_HEAP);
	return 0;
}

static uint64_t swept_bytes(void)
{
	return atomic_load_explicit(&tern_heap.pages.sweep.nbytes, memory_order_relaxed);
}

/* What the last cycle left to sweep may do; else a cycle, and all of its sweep. */
static bool reclaim(uint64_t npages)
{
	uint64_t before = swept_bytes();

	tern_gc_sweep_for(npages);
	while (tern_gc_sweep_some())
		;
	if (swept_bytes() != before)
		return true;
	if (!tern_gc_cycle(TERN_PACER_LIMIT))
		return false;
	tern_gc_sweep_all();
	return swept_bytes() != before;
}

static void mark_in_background(uintptr_t sp, void *arg)
{
	*(bool *)arg = tern_gc_mark_in_background(sp);
}

bool tern_gc_background(void)
{
	bool marked;

	arch_spill(mark_in_background, &marked);
	if (marked)
		return true;
	tern_gc_cycle(TERN_PACER_PERIODIC);
	return tern_gc_sweep_some() != 0;
}

static const struct tern_gchooks hooks = { .allocating = allocating,
					   .paying = tern_assist_more,
					   .reclaim = reclaim,
					   .filled = tern_gc_filled };

/* --- settings -------------------------------------------------------------------------------- */

/* A machine with 16 MiB is full before a heap of 4 MiB has grown twice. */
static size_t smallest_heap(const struct tern_gc_options *o)
{
	struct tern_mheap_stats s;
	uint64_t quarter;

	if (o->min_heap)
		return o->min_heap;
	tern_mheap_stats(&tern_heap.pages, &s);
	quarter = (s.waiting + s.free + s.used) / 4;
	return quarter < TERN_PACER_MIN_HEAP ? quarter : TERN_PACER_MIN_HEAP;
}

static int32_t pacer_percent(int percent)
{
	return percent < 0 ? TERN_PACER_OFF : percent;
}

enum tern_result tern_gc_init(const struct tern_gc_options *options)
{
	struct tern_gc_state *g = &tern_gc_state;
	static atomic_bool called;

	if (options && options->mode == TERN_GC_PAGES && !tern_port_watch_pages(0, NULL, 0))
		return TERN_EINVAL;
	if (atomic_exchange_explicit(&called, true, memory_order_relaxed))
		return TERN_EINVAL;
	if (options)
		g->options = *options;
	g->options.check |= g->options.invalidptr;
	atomic_store_explicit(&tern_heap.pages.scans_spans, g->options.spans, memory_order_relaxed);
	if (g->options.clobberfree)
		tern_set_hardening(tern_hardening() | TERN_HARDEN_SWEPT);
	tern_marker_init(&g->marker, &tern_heap.pages, TERN_MARK_FEW);
	tern_history_start(tern_port_clock_ns());
	tern_limiter_init(&g->limiter, tern_port_clock_ns(), 1);
	tern_pacer_init(&g->pacer, pacer_percent(g->options.percent ? g->options.percent : 100),
			smallest_heap(&g->options), g->options.limit);
	tern_pacer_set_concurrent(&g->pacer, is_concurrent());
	atomic_store_explicit(&g->on, true, memory_order_release);
	atomic_store_explicit(&tern_gchooks, &hooks, memory_order_release);
	return TERN_OK;
}

int tern_gc_set_percent(int percent)
{
	int old;

	tern_gc_become_busy(true);
	old = tern_gc_state.pacer.percent;
	tern_pacer_set_percent(&tern_gc_state.pacer, pacer_percent(percent));
	tern_gc_end_busy();
	return old;
}

size_t tern_gc_set_limit(size_t limit)
{
	size_t old;

	tern_gc_become_busy(true);
	old = tern_gc_state.pacer.limit_bytes;
	tern_pacer_set_limit(&tern_gc_state.pacer, limit);
	tern_gc_end_busy();
	return old;
}

void tern_gc_stats(struct tern_gc_stats *stats)
{
	struct tern_sweep *w = &tern_heap.pages.sweep;
	unsigned long irq = tern_irq_save(); /* no cycle ends meanwhile */

	*stats = tern_gc_state.stats;
	tern_irq_restore(irq);
	stats->heap_bytes = live_bytes();
	stats->goal_bytes = tern_pacer_goal(&tern_gc_state.pacer);
	stats->swept_objects = atomic_load_explicit(&w->nobjects, memory_order_relaxed);
	stats->swept_bytes = swept_bytes();
	stats->sweeping = !tern_sweep_is_done(&tern_heap.pages);
}
