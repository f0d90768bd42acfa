/* SPDX-License-Identifier: MIT */
/* marking.c - see marking.h. */
#include "tests/unit/marking.h"

#include <tern/barrier.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "gc/concurrent.h"
#include "gc/gc.h"
#include "tests/unit/collect.h"
#include "tests/unit/hidden.h"

static struct tern_gc_options told; /* if they were changed */
static bool changed;

static bool set_options(enum tern_gc_mode mode, bool stop_the_world, bool check)
{
	bool ok = collect_all();

	tern_gc_become_busy(true);
	tern_gc_state.options.mode = mode;
	tern_gc_state.options.stop_the_world = stop_the_world;
	tern_gc_state.options.check = check;
	tern_gc_end_busy();
	return ok;
}

bool change_options(enum tern_gc_mode mode, bool stop_the_world, bool check)
{
	if (!changed)
		told = tern_gc_state.options;
	changed = true;
	return set_options(mode, stop_the_world, check);
}

bool restore_options(void)
{
	changed = false;
	return set_options(told.mode, told.stop_the_world, told.check);
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

void start_marking_and_help(void)
{
	start_marking();
	tern_gc_release();
	let_cycles_start();
}

void finish_helping(void)
{
	no_cycles_start();
	tern_gc_hold();
	finish_marking();
}

uint64_t bytes_scanned(void)
{
	return atomic_load_explicit(&tern_gc_state.cycle.scanned_bytes, memory_order_relaxed);
}

static void **volatile chain; /* a root */

struct links {
	unsigned n;
	size_t size;
};

static void make_links(void *arg)
{
	const struct links *l = arg;

	for (unsigned i = 0; i < l->n; i++) {
		void **next = tern_alloc(l->size);

		if (!next)
			return;
		tern_init_store(next, chain);
		chain = next;
	}
}

static void forget_links(void *arg)
{
	(void)arg;
	chain = NULL;
}

void make_living(unsigned n, size_t size)
{
	in_deep_frame(make_links, &(struct links){ n, size });
}

void drop_living(void)
{
	in_deep_frame(forget_links, NULL);
}
