/* SPDX-License-Identifier: MIT */
/* marking.c - see marking.h. */
#include "tests/unit/marking.h"

#include "arch/arch.h"
#include "gc/concurrent.h"
#include "gc/gc.h"
#include "tests/unit/hidden.h"

bool change_options(enum tern_gc_mode mode, bool stop_the_world, bool check)
{
	bool ok = collect_all();

	tern_gc_become_busy(true);
	tern_gc_state.options.mode = mode;
	tern_gc_state.options.stop_the_world = stop_the_world;
	tern_gc_state.options.check = check;
	tern_gc_end_busy();
	return ok;
}

static void start_at(uintptr_t sp, void *arg)
{
	(void)arg;
	tern_gc_start_marking(sp);
}

void start_marking(void)
{
	tern_gc_become_busy(true);
	tern_gc_state.cycle = (struct tern_gc_running){ .numbers.why = TERN_PACER_EXPLICIT };
	arch_spill(start_at, NULL);
	tern_gc_hold();
	tern_gc_end_busy();
}

static void finish_at(uintptr_t sp, void *arg)
{
	(void)arg;
	tern_gc_finish_marking(sp);
}

void finish_marking(void)
{
	tern_gc_release();
	arch_spill(finish_at, NULL);
}
