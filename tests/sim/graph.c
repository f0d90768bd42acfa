/* SPDX-License-Identifier: MIT */
/* graph.c - collected objects, and the graph that all threads share by its roots.
 *
 * Held     An object is in a local, or in a register, from when it comes until something leads to it. */
#include <string.h>

#include <tern/barrier.h>
#include <tern/type.h>

#include "lib/compiler.h"
#include "tests/sim/touch.h"
#include "tests/sim/work.h"

#define TYPED (MODEL_ROOTS - 4) /* from this root on they are registered by type */

struct element {
	void *a;
	uint64_t x;
	void *b;
	uint64_t y;
	void *c;
	uint64_t z;
};
TERN_TYPE(element_type, struct element, a, b, c);

static void *roots[MODEL_ROOTS];

/* --- new objects ----------------------------------------------------------------------------- */

static void came(struct worker *w, enum model_kind kind, void *p, size_t size, unsigned nfields)
{
	if (p)
		local_hold(w, p, model_new(kind, p, size, nfields, true));
}

void graph_make_scanned(struct worker *w)
{
	unsigned n = 1 + sim_below(&w->rng, MODEL_FIELDS);
	size_t size = work_small_size(w, 8 * n);

	if (!model_is_full())
		came(w, MODEL_SCAN, tern_alloc(size), size, n);
}

static void make_typed(struct worker *w)
{
	size_t n = 1 + sim_below(&w->rng, sim_one_in(&w->rng, 6) ? 60 : 4);
	void *p;

	if (model_is_full())
		return;
	p = n == 1 ? tern_new(&element_type) : tern_new_array(&element_type, n);
	came(w, MODEL_TYPED, p, n * sizeof(struct element), n == 1 ? 3 : 6);
}

static void make_noscan(struct worker *w)
{
	size_t size = work_small_size(w, 8);

	if (!model_is_full())
		came(w, MODEL_NOSCAN, tern_alloc_noscan(size), size, 0);
}

static void make_large(struct worker *w)
{
	size_t size = (33 + sim_below(&w->rng, 32)) << 10;
	bool scan = sim_one_in(&w->rng, 2);

	if (model_is_full())
		return;
	if (scan)
		came(w, MODEL_SCAN, tern_alloc(size), size, MODEL_FIELDS);
	else
		came(w, MODEL_NOSCAN, tern_alloc_noscan(size), size, 0);
}

/* Linked at once to what was there before, as programs do. */
static void make_linked(struct worker *w)
{
	model_id id, value;
	void *p;

	if (model_is_full())
		return;
	p = tern_alloc(48);
	if (!p)
		return;
	id = model_new(MODEL_SCAN, p, 48, 4, true);
	local_hold(w, p, id);
	for (unsigned i = 0; i < 4; i += 1 + sim_below(&w->rng, 3)) {
		value = local_pick_value(w);
		if (!value)
			continue;
		model_watch(model_field_address(id, i), &model_object(id)->field[i], value, NULL);
		touch_init(model_field_address(id, i), model_address(value));
		if (!model_was_changed())
			sim_fail("tern_init_store() did not store");
	}
	local_hold(w, p, id);
}

/* --- fields and roots ------------------------------------------------------------------------ */

static void load(struct worker *w, void **at, const model_id *place)
{
	void *p = touch_load(at);

	if (p != model_address(*place))
		sim_fail("a word at 0x%lx holds %p, and not object %u at %p",
			 (unsigned long)(uintptr_t)at, p, *place, model_address(*place));
	if (*place)
		model_check(*place);
	local_hold(w, p, *place);
}

static void load_field(struct worker *w)
{
	model_id id;
	unsigned i;

	if (local_pick_field(w, &id, &i))
		load(w, model_field_address(id, i), &model_object(id)->field[i]);
}

static void load_root(struct worker *w)
{
	unsigned i = sim_below(&w->rng, MODEL_ROOTS);

	load(w, &roots[i], &model.root[i]);
}

static void store(void **at, model_id *place, model_id value, bool plainly)
{
	model_watch(at, place, value, NULL);
	if (plainly)
		touch_store_plainly(at, model_address(value));
	else
		touch_store(at, model_address(value));
	if (!model_was_changed())
		sim_fail("a store did not store");
}

/* A program for pauses alone has no barriers. */
static bool has_barriers(void)
{
	return work.settings.gc.mode == TERN_GC_BARRIER;
}

static void store_field(struct worker *w)
{
	model_id id;
	unsigned i;

	if (local_pick_field(w, &id, &i))
		store(model_field_address(id, i), &model_object(id)->field[i], local_pick_value(w),
		      !has_barriers());
}

static void store_root(struct worker *w)
{
	unsigned i = sim_below(&w->rng, MODEL_ROOTS);

	store(&roots[i], &model.root[i], local_pick_value(w), !work.settings.gc.watched_roots);
}

/* From one field to another: then nothing but this thread's registers has led to it for a moment. */
static void move_field(struct worker *w)
{
	model_id from, to;
	unsigned i, k;

	if (!local_pick_field(w, &from, &i) || !local_pick_field(w, &to, &k))
		return;
	load(w, model_field_address(from, i), &model_object(from)->field[i]);
	/* That may have taken the place of the local that led to one of them. */
	if (!local_pick_field(w, &to, &k))
		return;
	store(model_field_address(to, k), &model_object(to)->field[k], local_pick_value(w),
	      !has_barriers());
}

static void exchange_field(struct worker *w)
{
	unsigned i, k = local_any(w);
	model_id id, value = local_pick_value(w);
	void **at;

	if (!has_barriers() || !local_pick_field(w, &id, &i))
		return;
	at = model_field_address(id, i);
	model_watch(at, &model_object(id)->field[i], value, &w->held[k]);
	w->locals->p[k] = touch_exchange(at, model_address(value));
	if (!model_was_changed() || w->locals->p[k] != model_address(w->held[k]))
		sim_fail("tern_exchange() of field %u of object %u", i, id);
}

static void compare_field(struct worker *w)
{
	model_id id, value = local_pick_value(w);
	void **at, *expected;
	unsigned i;
	bool done;

	if (!has_barriers() || !local_pick_field(w, &id, &i))
		return;
	at = model_field_address(id, i);
	expected = touch_load(at);
	model_watch(at, &model_object(id)->field[i], value, NULL);
	done = touch_compare_exchange(at, expected, model_address(value));
	if (model_was_changed() != done)
		sim_fail("tern_compare_exchange() of field %u of object %u: %d", i, id, done);
}

static void copy_fields(struct worker *w)
{
	unsigned to, from, n;
	struct model_object *a, *b;

	if (!has_barriers() || !local_pick_kind(w, &to, 1u << MODEL_SCAN) ||
	    !local_pick_kind(w, &from, 1u << MODEL_SCAN))
		return;
	a = model_object(w->held[to]);
	b = model_object(w->held[from]);
	n = a->nfields < b->nfields ? a->nfields : b->nfields;
	tern_copy((void *)a->addr, (void *)b->addr, 8 * n);
	memmove(a->field, b->field, n * sizeof(a->field[0]));
}

static void clear_fields(struct worker *w)
{
	struct model_object *o;
	unsigned k;

	if (!has_barriers() || !local_pick_kind(w, &k, 1u << MODEL_SCAN))
		return;
	o = model_object(w->held[k]);
	tern_clear_pointers((void *)o->addr, 8 * o->nfields);
	memset(o->field, 0, sizeof(o->field));
}

static void drop(struct worker *w)
{
	local_set(w, local_any(w), NULL, 0);
}

static void point_inside(struct worker *w)
{
	unsigned k;

	if (local_pick(w, &k))
		w->locals->p[k] = (char *)model_address(w->held[k]) +
				  sim_below(&w->rng, (unsigned)model_object(w->held[k])->size);
}

static void look(struct worker *w)
{
	unsigned k;

	if (local_pick(w, &k))
		model_check(w->held[k]);
}

static void free_collected(struct worker *w)
{
	unsigned k;
	model_id id;

	if (!local_pick_own(w, &k))
		return;
	id = w->held[k];
	local_set(w, k, NULL, 0);
	model_end(id);
	tern_free(model_address(id));
}

/* Of another class, mostly, so that it moves; its fields have room. */
static size_t other_size(struct worker *w, const struct model_object *o)
{
	size_t least = (o->kind == MODEL_TYPED ? 16 : 8) * o->nfields + 8;
	size_t size = sim_one_in(&w->rng, 3) ? o->size / 3 : o->size * 2;

	size = size > 16384 ? 16384 : size / 8 * 8;
	return size > least ? size : least;
}

static void resize_collected(struct worker *w)
{
	struct model_object *o;
	size_t size;
	unsigned k;
	void *p;

	if (!local_pick_own(w, &k))
		return;
	o = model_object(w->held[k]);
	size = other_size(w, o);
	o->moves = true;
	p = tern_realloc((void *)o->addr, size);
	if (p) {
		w->locals->p[k] = p;
		model_moved(w->held[k], p, size);
	} else {
		o->moves = false;
	}
}

static const struct step steps[] = {
	{ "scanned", graph_make_scanned, 12, true, GRAPH },
	{ "typed", make_typed, 6, false, GRAPH },
	{ "noscan", make_noscan, 6, true, 0 },
	{ "large", make_large, 2, false, LARGE },
	{ "linked", make_linked, 10, false, GRAPH },
	{ "load-field", load_field, 12, false, GRAPH },
	{ "load-root", load_root, 12, true, GRAPH },
	{ "store-field", store_field, 16, false, GRAPH },
	{ "store-root", store_root, 12, true, GRAPH },
	{ "move", move_field, 8, false, GRAPH },
	{ "exchange", exchange_field, 4, false, GRAPH },
	{ "compare", compare_field, 4, false, 0 },
	{ "copy", copy_fields, 2, false, GRAPH },
	{ "clear", clear_fields, 2, false, 0 },
	{ "drop", drop, 12, true, GRAPH | LARGE | TIES | POOL },
	{ "inside", point_inside, 2, false, 0 },
	{ "look", look, 2, true, 0 },
	{ "free", free_collected, 4, false, LARGE },
	{ "resize", resize_collected, 4, false, GRAPH },
};
const struct step_list graph_steps = { steps, ARRAY_SIZE(steps) };

/* --- beginning and end ------------------------------------------------------------------------ */

void graph_start(void)
{
	memset(roots, 0, sizeof(roots));
}

bool graph_add_roots(void)
{
	return tern_gc_add_root(roots, TYPED * sizeof(void *)) == TERN_OK &&
	       tern_gc_add_root_typed(&roots[TYPED], &tern_pointer_type, MODEL_ROOTS - TYPED) ==
		       TERN_OK;
}

void graph_drop_roots(void)
{
	for (unsigned i = 0; i < MODEL_ROOTS; i++)
		store(&roots[i], &model.root[i], 0, false);
}
