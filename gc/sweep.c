/* SPDX-License-Identifier: MIT */
/* sweep.c - who sweeps, when, and how much at a time.
 *
 * Job      Sweep by hand of who allocates, in proportion; by a thread in the background; all of it
 *          for who waits; and first of all what is dead as a whole, for who wants pages.
 * Above    gc.c.   Below  mm/sweep.c (the next spans, and how a span is swept).
 * Locks    none here.   Context: sweep.h. A piece is swept with interrupts off: at most 64 spans.
 * Go       runtime/mgcsweep.go bgsweep, deductSweepCredit; mheap.go reclaim. */
#include "gc/sweep.h"

#include <tern/gc.h>
#include <tern/port.h>

#include "gc/event.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/sweep.h"

static uint64_t sweep_piece(bool dead)
{
	unsigned long irq = tern_irq_save();
	uint64_t start_ns = tern_event_start();
	uint64_t n =
		(dead ? tern_sweep_dead : tern_sweep_some)(&tern_heap.pages, tern_tables.central);

	if (n)
		tern_event_end(TERN_EVENT_SWEEP, start_ns, n, dead);
	tern_irq_restore(irq);
	return n;
}

uint64_t tern_gc_sweep_some(void)
{
	return sweep_piece(false);
}

/* While this waits for what others sweep, a cycle may come, whose sweep nobody else may do. */
void tern_gc_sweep_all(void)
{
	while (!tern_sweep_is_done(&tern_heap.pages))
		if (!tern_gc_sweep_some())
			arch_relax();
}

static uint64_t free_pages(void)
{
	struct tern_mheap_stats s;

	tern_mheap_stats(&tern_heap.pages, &s);
	return s.free >> TERN_PAGE_SHIFT;
}

void tern_gc_sweep_for(uint64_t n)
{
	uint64_t until = free_pages() + n;

	while (free_pages() < until && sweep_piece(true))
		;
}
