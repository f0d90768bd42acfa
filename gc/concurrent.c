/* SPDX-License-Identifier: MIT */
/* concurrent.c - marking beside the program, between two short pauses.
 *
 * Job      Start marking in a pause, in which the stacks are scanned; let any thread mark a piece: the
 *          kernel's background thread, who allocates (assist.c), who waits; end in a pause when nothing
 *          is grey.
 * Sound    The last pause marks from all roots again, stacks, registers and registered ranges, until
 *          nothing is grey. So it is enough that no black object leads to a white one when that
 *          pause begins, but for what it finds by itself. An object becomes black by being scanned,
 *          or by being new. A pointer gets into a black object by a store, which notes it first
 *          (barrier.c) or leaves its page dirty (dirty.c); by tern_realloc(), which tells (filled); or by a
 *          store that was under way when the first pause came, whose thread had seen no cycle: then
 *          the pointer was in that thread's registers, which the first pause has scanned.
 * Gone     No collected span goes away meanwhile, and tern_free() of a collected object does nothing
 *          but check it: whoever marks may look at what he has found an address of.
 * Stores   are known by one of two: barrier.c, dirty.c; the other does nothing, by the mode.
 * Above    gc.c.   Below  mark, roots, stw, barrier, dirty.
 * Active   counts threads that have grey objects where nobody else sees them. The cycle ends only in a
 *          pause that finds nobody active: a thread that was stopped in the middle has time to
 *          finish. It counts itself before it looks whether there is a cycle.
 * Locks    none held over a piece; tern_gc_state.busy for the pauses.   Context: threads.
 * Go       runtime/mgc.go gcMarkDone, mgcmark.go gcAssistAlloc, gcDrainN. Go ends without scanning
 *          stacks again; they are precise there, and black, and C stacks cannot be kept so cheaply
 *          as they are scanned once more. */
#include "gc/concurrent.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "gc/barrier.h"
#include "gc/dirty.h"
#include "gc/event.h"
#include "gc/gc.h"
#include "gc/roots.h"
#include "gc/stw.h"
#include "gc/sweep.h"
#include "lib/fault.h"
#include "lib/irq.h"
#include "mm/heap.h"

#define PAGES_AHEAD 64u /* free ones, for the queue */

bool tern_gc_is_marking(void)
{
	return atomic_load_explicit(&tern_gc_state.marking, memory_order_seq_cst);
}

static void set_marking(bool on)
{
	atomic_store_explicit(&tern_heap.pages.marking, on, memory_order_relaxed);
	atomic_store_explicit(&tern_gc_state.marking, on, memory_order_seq_cst);
	tern_barrier_watch(on);
}

/* --- the first pause ------------------------------------------------------------------------- */

static void mark_stacks_here(void *arg)
{
	struct tern_mark_work w;

	tern_mark_init(&w, &tern_gc_state.marker);
	tern_roots_mark_stacks(&w, *(uintptr_t *)arg);
	tern_mark_put_back(&w);
	tern_gc_add_up(&w.work);
}

/* The world is stopped. */
static void mark_first_roots(uintptr_t sp, unsigned others)
{
	struct tern_gc_state *g = &tern_gc_state;

	tern_pacer_start_cycle(&g->pacer, g->cycle.numbers.asked_ns, others + 1,
			       g->cycle.numbers.why);
	g->cycle.live_at_start = atomic_load_explicit(&tern_heap.pages.live, memory_order_relaxed);
	tern_roots_start(true);
	/* As if two did, on one CPU as well: a thread that marks may be preempted by another. */
	tern_mark_start(&g->marker, 2);
	tern_stw_together(tern_gc_helpers(others), mark_stacks_here, &sp);
	set_marking(true);
}

bool tern_gc_start_marking(uintptr_t sp)
{
	struct tern_cycle *n = &tern_gc_state.cycle.numbers;
	unsigned long irq;
	unsigned others;
	bool starts;

	tern_gc_sweep_all();
	tern_dirty_start();
	irq = tern_irq_save();
	others = tern_gc_begin_pause();
	starts = !tern_gc_is_held();
	if (starts)
		mark_first_roots(sp, others);
	tern_gc_end_pause(false);
	n->first_asked_ns = n->asked_ns;
	n->first_end_ns = n->end_ns;
	n->first_heap_bytes = n->heap_bytes;
	tern_irq_restore(irq);
	if (!starts)
		tern_dirty_end();
	return starts;
}

/* --- beside the program ---------------------------------------------------------------------- */

/* What marking begins with, a small part of it: false if nothing is left. */
static bool mark_first(struct tern_mark_work *w)
{
	if (tern_dirty_mark_some(w))
		return true;
	if (!tern_roots_mark_some(w))
		return false;
	w->work.scanned_bytes += TERN_PAGE_SIZE / 2;
	return true;
}

static uint64_t mark_piece(uint64_t bytes)
{
	uint64_t start_ns = tern_port_clock_ns();
	struct tern_mark_work w;
	uint64_t done = 0;

	tern_mark_init(&w, &tern_gc_state.marker);
	while (w.work.scanned_bytes < bytes && mark_first(&w))
		done = 1;
	tern_mark_drain_some(&w, bytes);
	tern_mark_put_back(&w);
	tern_gc_add_up(&w.work);
	atomic_fetch_add_explicit(&tern_gc_state.cycle.mark_ns, tern_port_clock_ns() - start_ns,
				  memory_order_relaxed);
	done += w.work.scanned_bytes;
	if (done)
		tern_event_end(TERN_EVENT_MARK, start_ns, w.work.marked_objects,
			       w.work.marked_bytes);
	return done;
}

uint64_t tern_gc_mark_some(uint64_t bytes)
{
	uint64_t done = 0;

	if (!tern_gc_is_marking())
		return 0;
	/* Grey objects are queued in free pages. Without any they would wait for the last pause, which
	 * then goes through all spans again. */
	tern_mheap_want(&tern_heap.pages, PAGES_AHEAD);
	atomic_fetch_add_explicit(&tern_gc_state.active, 1, memory_order_seq_cst);
	if (tern_gc_is_marking() &&
	    !atomic_load_explicit(&tern_gc_state.taking, memory_order_seq_cst))
		done = mark_piece(bytes);
	atomic_fetch_sub_explicit(&tern_gc_state.active, 1, memory_order_seq_cst);
	return done;
}

bool tern_gc_mark_in_background(uintptr_t sp)
{
	uint64_t done = tern_gc_mark_some(TERN_MARK_QUANTUM);

	tern_pacer_add_credit(&tern_gc_state.pacer, done);
	return done || tern_gc_try_end(sp);
}

bool tern_gc_pass_markers(void)
{
	/* With that of who counts himself and then looks at the heap. */
	atomic_thread_fence(memory_order_seq_cst);
	while (tern_gc_is_marking() &&
	       atomic_load_explicit(&tern_gc_state.active, memory_order_seq_cst)) {
		if (!tern_port_irq_enabled() || tern_port_in_interrupt())
			return false;
		arch_relax();
	}
	return true;
}

void tern_gc_filled(const void *object, size_t size)
{
	struct tern_mark_work w;
	unsigned long irq = tern_irq_save();

	if (tern_gc_is_marking()) {
		tern_mark_init(&w, &tern_gc_state.marker);
		tern_mark_range(&w, (uintptr_t)object, (uintptr_t)object + size / 8 * 8);
		tern_mark_put_back(&w);
		tern_gc_add_up(&w.work);
	}
	tern_irq_restore(irq);
}

/* --- the last pause -------------------------------------------------------------------------- */

static bool is_quiet(void)
{
	return TERN_FAULT(END_WHILE_GREY) ||
	       atomic_load_explicit(&tern_gc_state.active, memory_order_seq_cst) == 0;
}

/* False if somebody marks after all, or cycles are held. */
static bool end_marking(uintptr_t sp)
{
	unsigned long irq = tern_irq_save();
	unsigned others = tern_gc_begin_pause();
	bool ends = is_quiet() && !tern_gc_is_held();

	if (ends) {
		if (!TERN_FAULT(NO_FLUSH))
			tern_barrier_flush_all();
		tern_gc_mark_and_end(sp, others);
		set_marking(false);
	}
	tern_gc_end_pause(ends);
	tern_irq_restore(irq);
	return ends;
}

/* Grey, or written to and not looked at yet. Roots do not count: the last pause has them all in any case. */
static bool something_is_left(void)
{
	return !tern_work_is_empty(&tern_gc_state.marker.pool) || !tern_dirty_is_done();
}

static bool may_be_done(void)
{
	return tern_gc_is_marking() && is_quiet() && !something_is_left();
}

/* Nobody marks while dirty pages are taken: see dirty.c. False, and nothing is taken, if somebody does;
 * *more: there is more to mark now. */
static bool take_dirty_pages(bool *more)
{
	bool quiet;

	atomic_store_explicit(&tern_gc_state.taking, true, memory_order_seq_cst);
	quiet = is_quiet();
	*more = quiet && tern_dirty_take();
	atomic_store_explicit(&tern_gc_state.taking, false, memory_order_seq_cst);
	return quiet;
}

static void settle(void)
{
	tern_dirty_end();
	tern_mark_end(&tern_gc_state.marker);
	if (tern_gc_state.options.trace)
		tern_history_print(&tern_gc_state.cycle.numbers);
}

bool tern_gc_try_end(uintptr_t sp)
{
	bool done = false, more = false;

	if (!may_be_done() || !tern_gc_may_start() || !tern_gc_become_busy(false))
		return false;
	if (tern_gc_is_marking() && take_dirty_pages(&more) && !more)
		done = end_marking(sp);
	if (done)
		settle();
	tern_gc_end_busy();
	if (done)
		tern_port_wake_background();
	return done || more;
}

/* Who has found nothing to mark does not look again before there is something: as often as he looked he
 * would be active, and with many such waiters there would hardly be a moment when nobody is. But then he
 * looks: who took the dirty pages, or queued what is grey, may never come back to it. */
void tern_gc_finish_marking(uintptr_t sp)
{
	while (tern_gc_is_marking()) {
		if (tern_gc_mark_some(UINT64_MAX))
			continue;
		while (tern_gc_is_marking() && !something_is_left() && !tern_gc_try_end(sp))
			arch_relax();
	}
}

/* --- for programs that decide themselves ----------------------------------------------------- */

bool tern_gc_step(uint64_t budget_ns)
{
	uint64_t start_ns = tern_port_clock_ns(), passed_ns;
	bool more;

	do {
		more = tern_gc_background();
		passed_ns = tern_port_clock_ns() - start_ns;
	} while (more && passed_ns != 0 && passed_ns < budget_ns);
	return more;
}

void tern_gc_hold(void)
{
	atomic_fetch_add_explicit(&tern_gc_state.holds, 1, memory_order_relaxed);
}

void tern_gc_release(void)
{
	atomic_fetch_sub_explicit(&tern_gc_state.holds, 1, memory_order_relaxed);
}
