/* SPDX-License-Identifier: MIT */
/* whole.c - calls that are about the whole heap: cycles, what is asked of it, its memory. */
#include <tern/observe.h>
#include <tern/scavenge.h>
#include <tern/stats.h>

#include "lib/compiler.h"
#include "mm/heap.h"
#include "tests/phases.h"
#include "tests/sim/work.h"

/* --- the collector --------------------------------------------------------------------------- */

static void collect(struct worker *w)
{
	(void)w;
	tern_gc();
}

static void collect_some(struct worker *w)
{
	tern_gc_step(sim_below(&w->rng, 20000));
}

static void collect_as_worker(struct worker *w)
{
	tern_gc_work(&w->collector, sim_one_in(&w->rng, 2));
}

static void hold_cycles(struct worker *w)
{
	uint64_t before;

	tern_gc_hold();
	before = phases_passed();
	for (unsigned i = 0; i < 3; i++) {
		sim_step();
		graph_make_scanned(w);
	}
	if (phases_passed() != before)
		sim_fail("a cycle began or ended while cycles were held");
	tern_gc_release();
}

static void set_percent(struct worker *w)
{
	tern_gc_set_percent((int)(10 + 30 * sim_below(&w->rng, 4)));
}

static void go_offline(struct worker *w)
{
	(void)w;
	tern_cpu_offline();
}

static void ask_statistics(struct worker *w)
{
	struct tern_heap_stats s;
	struct tern_gc_stats g;

	(void)w;
	tern_heap_stats(&s);
	tern_gc_stats(&g);
}

/* --- looking at the heap, and its memory ------------------------------------------------------- */

/* What goes through all of the heap takes as many steps as all else together. */
static bool is_rare(struct worker *w)
{
	return sim_one_in(&w->rng, 8);
}

/* A local leads to it, if nothing else does. */
static void ask_why(struct worker *w)
{
	struct tern_why_step steps[4];
	enum tern_result result;
	size_t n = 0;
	unsigned k;

	if (!is_rare(w) || !local_pick(w, &k))
		return;
	result = tern_why_alive(model_address(w->held[k]), steps, ARRAY_SIZE(steps), &n);
	if (result == TERN_OK && n == 0)
		sim_fail("tern_why_alive() knows of nothing that leads to object %u", w->held[k]);
}

static void find_leaks(struct worker *w)
{
	uint64_t n;

	if (is_rare(w))
		tern_find_leaks(NULL, NULL, &n);
}

static void scavenge(struct worker *w)
{
	tern_set_scavenging(true);
	tern_scavenge(sim_one_in(&w->rng, 2) ? SIZE_MAX : 64u << 10);
}

static void work_in_background(struct worker *w)
{
	(void)w;
	tern_background();
}

static void sample(struct worker *w)
{
	if (sim_one_in(&w->rng, 3))
		tern_profile_stop();
	else if (tern_profile_start(64u << sim_below(&w->rng, 8)) == TERN_OK)
		work.sampled = true;
}

/* A part of what was kept back. */
static void add_memory(struct worker *w)
{
	uintptr_t at = (uintptr_t)work.region + work.settings.memory + work.added;
	size_t size = 1 + sim_below(&w->rng, 10 * TERN_HEAP_PAGE);

	if (work.added + size > work.settings.more)
		return;
	work.added += size;
	tern_add_region(at, size);
}

static const struct step steps[] = {
	{ "gc", collect, 2, false, LARGE | TIES | POOL },
	{ "gc-step", collect_some, 6, false, GRAPH | TIES },
	{ "gc-work", collect_as_worker, 6, false, GRAPH | TIES },
	{ "hold", hold_cycles, 1, false, 0 },
	{ "percent", set_percent, 1, false, 0 },
	{ "offline", go_offline, 2, false, MANUAL },
	{ "statistics", ask_statistics, 1, true, 0 },
	{ "why", ask_why, 1, false, 0 },
	{ "leaks", find_leaks, 1, false, 0 },
	{ "scavenge", scavenge, 1, false, 0 },
	{ "background", work_in_background, 1, false, 0 },
	{ "sample", sample, 1, false, 0 },
	{ "memory", add_memory, 1, false, 0 },
};
const struct step_list whole_steps = { steps, ARRAY_SIZE(steps) };
