/* SPDX-License-Identifier: MIT */
/* tied.c - what is tied to objects: weak pointers, finalizers, cleanups, ephemerons, pins. What they give is
 * just what the model says. */
#include <tern/final.h>

#include "lib/compiler.h"
#include "tests/sim/work.h"

/* Something may be tied to it. */
static bool pick_for_tie(struct worker *w, unsigned *k)
{
	if (!local_pick(w, k) || model_is_crumb(model_object(w->held[*k])))
		return false;
	model_object(w->held[*k])->tied = true;
	return true;
}

/* --- weak pointers ----------------------------------------------------------------------------- */

static void make_weak(struct worker *w)
{
	struct model_weak *m = &model.weak[sim_below(&w->rng, MODEL_TIES)];
	struct tern_weak weak;
	model_id id;
	unsigned k;

	if (!pick_for_tie(w, &k))
		return;
	id = w->held[k];
	if (model_object(id)->weak_dead || tern_weak_make(&weak, model_address(id)) != TERN_OK)
		return;
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.weak[i].object == id && !tern_weak_equal(model.weak[i].weak, weak))
			sim_fail("two weak pointers to object %u differ", id);
	*m = (struct model_weak){ weak, id };
}

void tied_get_weak(struct worker *w)
{
	struct model_weak m = model.weak[sim_below(&w->rng, MODEL_TIES)];
	const struct model_object *o = model_object(m.object);
	void *p;

	if (!m.object)
		return;
	p = tern_weak_get(m.weak);
	if (p != (o->weak_dead ? NULL : model_address(m.object)))
		sim_fail("tern_weak_get() gives %p; object %u at %p is %s", p, m.object,
			 model_address(m.object), o->weak_dead ? "dead" : "alive");
	if (!p)
		return;
	model_check(m.object);
	local_hold(w, p, m.object);
}

/* --- finalizers and cleanups ------------------------------------------------------------------- */

static struct model_tie *tie_of(void *arg)
{
	return &model.tie[(uintptr_t)arg - 1];
}

static void *arg_of(const struct model_tie *t)
{
	return (void *)(uintptr_t)(t - model.tie + 1);
}

static struct model_tie *new_tie(struct worker *w, bool finalizer, model_id id)
{
	struct model_tie *t = &model.tie[sim_below(&w->rng, MODEL_TIES)];

	if (t->state != MODEL_TIE_FREE)
		return NULL;
	*t = (struct model_tie){ MODEL_TIE_WAITS, finalizer, id, { NULL, 0 }, 0 };
	return t;
}

static void finalized(void *obj, void *arg)
{
	struct model_tie *t = tie_of(arg);

	if (t->state != MODEL_TIE_DUE || !t->finalizer || obj != model_address(t->object))
		sim_fail("a finalizer is called for %p; object %u is at %p, state %d", obj,
			 t->object, model_address(t->object), t->state);
	t->state = MODEL_TIE_FREE;
	model_object(t->object)->due = false;
	model_check(t->object);
	local_hold(work_worker(), obj, t->object);
}

static void cleaned(void *arg)
{
	struct model_tie *t = tie_of(arg);

	if (t->state != MODEL_TIE_DUE || t->finalizer || model_object(t->object)->alive)
		sim_fail("a cleanup is called for object %u, which is %s, state %d", t->object,
			 model_object(t->object)->alive ? "alive" : "dead", t->state);
	t->state = MODEL_TIE_FREE;
}

static void set_finalizer(struct worker *w)
{
	struct model_tie *t;
	model_id id;
	unsigned k;

	if (!pick_for_tie(w, &k))
		return;
	id = w->held[k];
	t = model_object(id)->finalizer ? NULL : new_tie(w, true, id);
	if (!t)
		return;
	if (tern_set_finalizer(model_address(id), finalized, arg_of(t)) == TERN_OK)
		model_object(id)->finalizer = true;
	else
		t->state = MODEL_TIE_FREE;
}

static void add_cleanup(struct worker *w)
{
	struct model_tie *t;
	unsigned k;

	if (!pick_for_tie(w, &k))
		return;
	t = new_tie(w, false, w->held[k]);
	if (t &&
	    tern_add_cleanup(model_address(t->object), cleaned, arg_of(t), &t->handle) != TERN_OK)
		t->state = MODEL_TIE_FREE;
}

static void stop_cleanup(struct worker *w)
{
	struct model_tie *t = &model.tie[sim_below(&w->rng, MODEL_TIES)];
	struct tern_cleanup handle = t->handle;
	bool stopped;

	if (t->state == MODEL_TIE_FREE || t->finalizer || !handle.record)
		return;
	t->stopping++;
	stopped = tern_stop_cleanup(handle);
	if (t->handle.turn != handle.turn || t->handle.record != handle.record)
		return; /* another stopped it, and this is the next */
	t->stopping--;
	/* Another may have stopped it, and not come back yet to say so. */
	if (!stopped && t->state == MODEL_TIE_WAITS && !t->stopping)
		sim_fail("the cleanup of object %u waits, and cannot be stopped", t->object);
	if (stopped)
		t->state = MODEL_TIE_FREE;
}

static void run_finalizers(struct worker *w)
{
	(void)w;
	tern_run_finalizers();
}

/* --- ephemerons -------------------------------------------------------------------------------- */

static struct model_entry *entry_of(unsigned owner, model_id key)
{
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.entry[i].used && model.entry[i].owner == owner &&
		    model.entry[i].key == key)
			return &model.entry[i];
	return NULL;
}

static struct model_entry *make_entry(struct worker *w, unsigned owner, model_id key)
{
	struct model_entry *e = entry_of(owner, key);

	if (e)
		return e;
	e = &model.entry[sim_below(&w->rng, MODEL_TIES)];
	if (e->used)
		return NULL;
	*e = (struct model_entry){ .used = true, .owner = owner, .key = key };
	return e;
}

static void set_ephemeron(struct worker *w)
{
	model_id value = local_pick_value(w);
	struct model_entry *e;
	bool was;
	unsigned k;

	if (!w->table)
		w->table = tern_ephemerons_make();
	if (!w->table || !pick_for_tie(w, &k))
		return;
	was = entry_of(sim_thread_id(), w->held[k]);
	e = make_entry(w, sim_thread_id(), w->held[k]);
	if (!e)
		return;
	e->busy = true;
	if (tern_ephemeron_set(w->table, model_address(e->key), model_address(value)) == TERN_OK)
		e->value = value;
	else
		e->used = was;
	e->busy = false;
}

static void get_ephemeron(struct worker *w)
{
	const struct model_entry *e;
	model_id value;
	unsigned k;
	void *p;

	if (!w->table || !pick_for_tie(w, &k))
		return;
	p = tern_ephemeron_get(w->table, model_address(w->held[k]));
	e = entry_of(sim_thread_id(), w->held[k]);
	value = e ? e->value : 0;
	if (p != model_address(value))
		sim_fail("tern_ephemeron_get() of key %u gives %p, and not object %u at %p",
			 w->held[k], p, value, model_address(value));
	if (value)
		model_check(value);
	local_hold(w, p, value);
}

static void delete_ephemeron(struct worker *w)
{
	struct model_entry *e;
	bool had;
	unsigned k;

	if (!w->table || !pick_for_tie(w, &k))
		return;
	e = entry_of(sim_thread_id(), w->held[k]);
	if (e)
		e->busy = true;
	had = tern_ephemeron_delete(w->table, model_address(w->held[k]));
	if (had != (e != NULL))
		sim_fail("tern_ephemeron_delete() of key %u: %d", w->held[k], had);
	if (e)
		e->used = e->busy = false;
}

/* --- pins -------------------------------------------------------------------------------------- */

static void pin(struct worker *w)
{
	unsigned k;

	if (pick_for_tie(w, &k) && model_object(w->held[k])->npins < 200 &&
	    tern_pin(model_address(w->held[k])) == TERN_OK)
		model_object(w->held[k])->npins++;
}

static void unpin_one(model_id id)
{
	model_object(id)->npins--;
	if (tern_unpin(model_address(id)) != TERN_OK)
		sim_fail("object %u is pinned, and cannot be unpinned", id);
}

static void unpin(struct worker *w)
{
	unsigned k;

	if (local_pick(w, &k) && model_object(w->held[k])->npins)
		unpin_one(w->held[k]);
}

static const struct step steps[] = {
	{ "weak", make_weak, 3, false, TIES },
	{ "get-weak", tied_get_weak, 6, true, TIES },
	{ "finalizer", set_finalizer, 3, false, TIES },
	{ "cleanup", add_cleanup, 2, false, TIES },
	{ "stop-cleanup", stop_cleanup, 1, false, TIES },
	{ "finalize", run_finalizers, 4, false, TIES },
	{ "ephemeron", set_ephemeron, 3, false, TIES },
	{ "get-ephemeron", get_ephemeron, 3, false, TIES },
	{ "no-ephemeron", delete_ephemeron, 1, false, TIES },
	{ "pin", pin, 2, false, TIES },
	{ "unpin", unpin, 2, false, TIES },
};
const struct step_list tied_steps = { steps, ARRAY_SIZE(steps) };

/* --- the end --------------------------------------------------------------------------------- */

void tied_unpin_all(void)
{
	for (unsigned i = 0; i < model.nalive; i++)
		while (model_object(model.alive[i])->npins)
			unpin_one(model.alive[i]);
}

bool tied_any_due(void)
{
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.tie[i].state == MODEL_TIE_DUE)
			return true;
	return false;
}
