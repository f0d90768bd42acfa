/* SPDX-License-Identifier: MIT */
/* work.c - what threads do with the heap, step by step: see work.h.
 *
 * Job      A seed makes some kinds of step frequent, and leaves others out; each thread draws from them.
 * Held     The order of the kinds is part of what a seed means. */
#include <string.h>

#include <tern/safety.h>

#include "gc/gc.h"
#include "lib/compiler.h"
#include "lib/log.h"
#include "tests/sim/work.h"

#define MAX_STEPS 64u

struct work work;
static const struct step *steps[MAX_STEPS];
static unsigned nsteps, chance[MAX_STEPS], all_chances;

/* --- kinds of step --------------------------------------------------------------------------- */

static void list_steps(void)
{
	static const struct step_list *const lists[] = { &graph_steps, &manual_steps, &whole_steps,
							 &tied_steps, &pool_steps };

	nsteps = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++)
		for (unsigned k = 0; k < lists[i]->n; k++) {
			if (nsteps == MAX_STEPS)
				sim_fail("more than %u kinds of step", MAX_STEPS);
			steps[nsteps++] = &lists[i]->step[k];
		}
}

static void draw_chances(uint64_t seed)
{
	static const unsigned factors[] = { 0, 0, 1, 1, 2, 2, 2, 8 };
	struct sim_random rng = { seed };
	unsigned theme = sim_one_in(&rng, 2) ? 1u << sim_below(&rng, 5) : 0;

	all_chances = 0;
	for (unsigned i = 0; i < nsteps; i++) {
		chance[i] = steps[i]->weight * factors[sim_below(&rng, ARRAY_SIZE(factors))];
		if (steps[i]->themes & theme)
			chance[i] = 2 * chance[i] + 16 * steps[i]->weight;
		all_chances += chance[i];
	}
}

const char *sim_work_mix(void)
{
	static char text[1024];
	size_t n = 0;

	for (unsigned i = 0; i < nsteps; i++)
		if (chance[i])
			n += tern_snprintf(text + n, sizeof(text) - n, " %s=%u", steps[i]->name,
					   chance[i]);
	return text;
}

static const struct step *draw_step(struct worker *w)
{
	unsigned at = sim_below(&w->rng, all_chances), i = 0;

	while (at >= chance[i])
		at -= chance[i++];
	return steps[i];
}

static void do_step(struct worker *w, const struct step *s)
{
	sim_note(s->name, sim_thread_id(), sim_self->level);
	s->fn(w);
}

/* --- a thread -------------------------------------------------------------------------------- */

size_t work_any_size(struct worker *w, size_t least)
{
	return least + 8 * sim_below(&w->rng, sim_one_in(&w->rng, 8) ? 256 : 16);
}

size_t work_small_size(struct worker *w, size_t least)
{
	if (work.settings.size)
		return work.settings.size > least ? work.settings.size : least;
	return work_any_size(w, least);
}

struct worker *work_worker(void)
{
	return &work.worker[model_level()];
}

struct worker *work_begin(struct locals *locals)
{
	struct worker *w = work_worker();

	memset(locals, 0, sizeof(*locals));
	w->locals = locals;
	return w;
}

void work_end(struct worker *w)
{
	for (unsigned i = 0; i < MODEL_LOCALS; i++)
		local_set(w, i, NULL, 0);
}

static void make_heap(void *memory)
{
	enum tern_result (*add)(uintptr_t, size_t) =
		work.settings.zeroed ? tern_add_zeroed_region : tern_add_region;

	sim_quiet++;
	if (add((uintptr_t)memory, work.settings.memory) != TERN_OK ||
	    tern_gc_init(&work.settings.gc) != TERN_OK || !graph_add_roots())
		sim_fail("the heap cannot be made");
	tern_gc_state.marker.few = work.settings.few;
	tern_set_hardening(work.settings.hardening);
	sim_quiet--;
}

void sim_work_start(const struct sim_settings *s, uint64_t seed, void *memory)
{
	memset(&work, 0, sizeof(work));
	work.settings = *s;
	work.region = memory;
	model_reset();
	graph_start();
	manual_start();
	pool_start();
	list_steps();
	draw_chances(seed);
	/* Somebody has to make something. */
	chance[0] += 10;
	all_chances += 10;
	for (unsigned i = 0; i < MODEL_LEVELS; i++) {
		work.worker[i].rng.state = seed + 77 * i;
		work.worker[i].held = model.local[i];
	}
}

void sim_work(unsigned thread)
{
	struct locals locals;
	struct worker *w = work_begin(&locals);

	if (thread == 0)
		make_heap(work.region);
	for (unsigned i = 0; i < work.settings.steps; i++) {
		sim_step();
		do_step(w, draw_step(w));
	}
	work_end(w);
}

void sim_work_in_interrupt(void)
{
	struct locals locals;
	struct worker *w = work_begin(&locals);

	for (unsigned i = sim_below(&w->rng, 4); i > 0; i--) {
		const struct step *s = draw_step(w);

		if (s->in_interrupts)
			do_step(w, s);
	}
	work_end(w);
}
