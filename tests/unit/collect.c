/* SPDX-License-Identifier: MIT */
/* collect.c - the collector for tests: see collect.h. Locks: none, one test at a time. */
#include "tests/unit/collect.h"

#include <tern/gc.h>

#include "gc/concurrent.h"
#include "gc/gc.h"
#include "mm/gchook.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

static const struct tern_gchooks *hooks;

void let_cycles_start(void)
{
	atomic_store_explicit(&tern_gchooks, hooks, memory_order_release);
}

void no_cycles_start(void)
{
	atomic_store_explicit(&tern_gchooks, NULL, memory_order_release);
}

void hold_between_cycles(void)
{
	bool marking;

	do {
		tern_gc();
		tern_gc_hold();
		/* Who is about to end one may be past the last pause, but not done. */
		tern_gc_become_busy(true);
		marking = tern_gc_is_marking();
		tern_gc_end_busy();
		if (marking)
			tern_gc_release();
	} while (marking);
}

static bool cycles_were_asked_for(void)
{
	int percent = tern_gc_set_percent(-1);

	tern_gc_set_percent(percent);
	return percent >= 0;
}

/* Between tests nothing is kept where no collector looks. */
static void collect_what_is_left(void)
{
	tern_gc();
}

bool collector_for_tests(void)
{
	if (hooks)
		return true;
	if (!heap_for_tests() || !start_collector())
		return false;
	hooks = atomic_load_explicit(&tern_gchooks, memory_order_acquire);
	test_after_each = collect_what_is_left;
	if (!cycles_were_asked_for())
		no_cycles_start();
	return true;
}
