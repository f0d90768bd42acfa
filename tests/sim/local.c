/* SPDX-License-Identifier: MIT */
/* local.c - what threads hold: a few locals on the stack of each lead to objects, and the model knows which.
 * Locks: none, as this happens at once. */
#include "tests/sim/work.h"

void local_set(struct worker *w, unsigned k, void *p, model_id id)
{
	w->locals->p[k] = p;
	w->held[k] = id;
}

unsigned local_any(struct worker *w)
{
	return sim_below(&w->rng, MODEL_LOCALS);
}

void local_hold(struct worker *w, void *p, model_id id)
{
	local_set(w, local_any(w), p, id);
}

/* A local that leads to an object; false if none does. */
bool local_pick(struct worker *w, unsigned *k)
{
	unsigned first = local_any(w);

	for (unsigned i = 0; i < MODEL_LOCALS; i++) {
		*k = (first + i) % MODEL_LOCALS;
		if (w->held[*k])
			return true;
	}
	return false;
}

bool local_pick_kind(struct worker *w, unsigned *k, unsigned kinds)
{
	unsigned first = local_any(w);

	for (unsigned i = 0; i < MODEL_LOCALS; i++) {
		*k = (first + i) % MODEL_LOCALS;
		if (w->held[*k] && kinds >> model_object(w->held[*k])->kind & 1)
			return true;
	}
	return false;
}

bool local_pick_own(struct worker *w, unsigned *k)
{
	return local_pick(w, k) && model_is_own(w->held[*k]);
}

#define WITH_FIELDS (1u << MODEL_SCAN | 1u << MODEL_TYPED)

/* A field of an object that a local leads to. */
bool local_pick_field(struct worker *w, model_id *id, unsigned *i)
{
	unsigned k;

	if (!local_pick_kind(w, &k, WITH_FIELDS))
		return false;
	*id = w->held[k];
	*i = sim_below(&w->rng, model_object(*id)->nfields);
	return true;
}

/* What a local leads to, or now and then nothing. */
model_id local_pick_value(struct worker *w)
{
	unsigned k;

	return sim_one_in(&w->rng, 8) || !local_pick(w, &k) ? 0 : w->held[k];
}
