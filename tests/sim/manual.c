/* SPDX-License-Identifier: MIT */
/* manual.c - blocks that are freed by hand: each thread has a bag of them, and they change hands over a shelf,
 * so that others free them. */
#include <string.h>

#include <tern/tern.h>

#include "lib/compiler.h"
#include "tests/sim/work.h"

#define SHELF 4u

static model_id shelf[SHELF];

static void *manual(struct worker *w, size_t size, bool *zero)
{
	*zero = false;
	switch (sim_below(&w->rng, 4)) {
	case 0:
		*zero = true;
		return tern_calloc(1, size);
	case 1:
		return tern_aligned_alloc(64, size);
	default:
		return tern_malloc(size);
	}
}

static void make_manual(struct worker *w)
{
	unsigned i = sim_below(&w->rng, WORK_BAG);
	size_t size = sim_one_in(&w->rng, 32) ? 40u << 10 : work_small_size(w, 8);
	bool zero;
	void *p;

	if (w->bag[i] || model_is_full())
		return;
	p = manual(w, size, &zero);
	if (p)
		w->bag[i] = model_new(MODEL_MANUAL, p, size, 0, zero);
}

static void make_run(struct worker *w)
{
	unsigned i = sim_below(&w->rng, WORK_BAG);
	size_t size = (1 + sim_below(&w->rng, 3)) * TERN_HEAP_PAGE;
	void *p;

	if (w->bag[i] || model_is_full())
		return;
	p = tern_pages_alloc(size, 0, 0);
	if (p)
		w->bag[i] = model_new(MODEL_RUN, p, size, 0, false);
}

static void end_manual(model_id id)
{
	const struct model_object *o = model_object(id);

	model_check(id);
	model_end(id);
	if (o->kind == MODEL_RUN)
		tern_pages_free((void *)o->addr, o->size);
	else
		tern_free((void *)o->addr);
}

/* This thread's, or what lies on the shelf: whoever's that was. */
static void free_manual(struct worker *w)
{
	model_id *at = sim_one_in(&w->rng, 2) ? &w->bag[sim_below(&w->rng, WORK_BAG)]
					      : &shelf[sim_below(&w->rng, SHELF)];
	model_id id = *at;

	*at = 0;
	if (id)
		end_manual(id);
}

static void resize_manual(struct worker *w)
{
	unsigned i = sim_below(&w->rng, WORK_BAG);
	size_t size = work_any_size(w, 8);
	model_id id = w->bag[i];
	void *p;

	if (!id || model_object(id)->kind != MODEL_MANUAL)
		return;
	model_check(id);
	model_object(id)->moves = true;
	p = tern_realloc(model_address(id), size);
	if (p)
		model_moved(id, p, size);
	else
		model_object(id)->moves = false;
}

/* So others free it. */
static void hand_over(struct worker *w)
{
	unsigned i = sim_below(&w->rng, WORK_BAG), k = sim_below(&w->rng, SHELF);
	model_id id = shelf[k];

	shelf[k] = w->bag[i];
	w->bag[i] = id;
}

static const struct step steps[] = {
	{ "manual", make_manual, 10, true, MANUAL },
	{ "run", make_run, 2, false, MANUAL },
	{ "free-manual", free_manual, 8, true, MANUAL },
	{ "resize-manual", resize_manual, 3, false, MANUAL },
	{ "hand-over", hand_over, 8, true, MANUAL },
};
const struct step_list manual_steps = { steps, ARRAY_SIZE(steps) };

/* --- beginning and end ------------------------------------------------------------------------ */

void manual_start(void)
{
	memset(shelf, 0, sizeof(shelf));
}

static void end_all(model_id *bag, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (bag[i])
			end_manual(bag[i]);
	memset(bag, 0, n * sizeof(bag[0]));
}

void manual_end_bag(struct worker *w)
{
	end_all(w->bag, WORK_BAG);
}

void manual_end_shelf(void)
{
	end_all(shelf, SHELF);
}
