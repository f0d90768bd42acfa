/* SPDX-License-Identifier: MIT */
/* judge.c - the end of a schedule: all that leads to something is dropped, a judge collects, and nothing may be
 * left, neither objects nor pages, but what is kept for a reason. */
#include <string.h>

#include <tern/final.h>
#include <tern/stats.h>

#include "mm/heap.h"
#include "tests/sim/work.h"

/* All that leads to something, but for finalizers and cleanups. */
static void drop_all(void)
{
	graph_drop_roots();
	memset(model.entry, 0, sizeof(model.entry));
	for (unsigned i = 0; i < MODEL_LEVELS; i++) {
		manual_end_bag(&work.worker[i]);
		tern_ephemerons_free(work.worker[i].table);
	}
	manual_end_shelf();
	tied_unpin_all();
	pool_end();
}

/* On a stack of its own, which holds nothing of what was before. */
static void collect_all(unsigned thread)
{
	struct locals locals;
	struct worker *w = work_begin(&locals);

	(void)thread;
	if (tern_gc() != TERN_OK)
		sim_fail("the judge cannot collect");
	tern_run_finalizers();
	work_end(w);
	if (tied_any_due())
		sim_fail("a finalizer or cleanup is due, and was not called");
}

static bool kept[MODEL_OBJECTS];

static void keep(model_id id)
{
	for (unsigned i = 0; i < model_object(id)->nfields; i++) {
		model_id next = model_object(id)->field[i];

		if (next && !kept[next]) {
			kept[next] = true;
			keep(next);
		}
	}
}

static bool share_block(model_id a, model_id b)
{
	return model_is_crumb(model_object(a)) && model_is_crumb(model_object(b)) &&
	       model_object(a)->addr / 16 == model_object(b)->addr / 16;
}

/* It may live: itself, or what shares a block with it. */
static bool is_kept(model_id id)
{
	for (unsigned i = 0; !kept[id] && i < model.nalive; i++)
		kept[id] = kept[model.alive[i]] && share_block(id, model.alive[i]);
	return kept[id];
}

static bool is_in_block_before(unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (share_block(model.alive[k], model.alive[i]))
			return true;
	return false;
}

/* What leads to itself and has a finalizer lives for ever, with what it leads to. */
static void keep_all(void)
{
	memset(kept, 0, sizeof(kept));
	for (unsigned i = 0; i < model.nalive; i++)
		if (model_object(model.alive[i])->finalizer)
			keep(model.alive[i]);
}

/* Objects in use that nobody knows of would be lost; a block of crumbs is one. */
static uint64_t count_kept(void)
{
	uint64_t n = 0;

	keep_all();
	for (unsigned i = 0; i < model.nalive; i++) {
		model_id id = model.alive[i];

		if (!is_kept(id))
			sim_fail("object %u at %p is garbage, and lives", id, model_address(id));
		n += !is_in_block_before(i);
	}
	return n;
}

static void check_nothing_lost(void)
{
	uint64_t n = count_kept();
	struct tern_heap_stats s;

	tern_cpu_offline();
	tern_heap_stats(&s);
	if (s.live != n)
		sim_fail(
			"%lu objects are in use, and %lu are known; not one at 0x%lx",
			(unsigned long)s.live, (unsigned long)n,
			(unsigned long)model_unknown((uintptr_t)work.region, work.settings.memory));
	if ((s.runs && !work.sampled) || (!n && (s.small || s.large)))
		sim_fail(
			"of memory are left: %lu bytes of runs, %lu of spans, %lu of large objects",
			(unsigned long)s.runs, (unsigned long)s.small, (unsigned long)s.large);
	if (!tern_mheap_check(&tern_heap.pages))
		sim_fail("the heap of pages is not in order");
}

static void drop_on_stack(unsigned thread)
{
	(void)thread;
	model_check_all();
	drop_all();
}

static void look_on_stack(unsigned thread)
{
	struct locals locals;
	struct worker *w = work_begin(&locals);

	(void)thread;
	for (unsigned i = 0; i < 4 * MODEL_TIES; i++)
		tied_get_weak(w);
	work_end(w);
	check_nothing_lost();
}

/* Twice, as what a cycle sweeps at its start may stand on its stack. */
void sim_judge(void)
{
	uint64_t before;

	sim_run_alone(drop_on_stack);
	do {
		before = model.deaths;
		sim_run_alone(collect_all);
		sim_run_alone(collect_all);
	} while (model.deaths != before);
	sim_run_alone(look_on_stack);
}
