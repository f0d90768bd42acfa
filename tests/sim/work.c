/* SPDX-License-Identifier: MIT */
/* work.c - what threads do with the heap, step by step.
 *
 * Job      Each thread has a few locals on its stack that lead into a graph which all share by its
 *          roots; and a bag of manual blocks, which change hands over a shelf. A step calls tern
 *          once or twice, and tells the model. A seed makes some kinds of step frequent, and leaves
 *          others out. Interrupts do some of it, with locals of their own.
 * Held     An object is in a local, or in a register, from when it comes until something leads to it.
 * At once  is what this file does between two calls of tern or touch.c: memory and model agree there.
 * End      When all threads have, nothing is reachable: a judge collects, and nothing may be left. */
#include <string.h>

#include <tern/barrier.h>
#include <tern/observe.h>
#include <tern/pool.h>
#include <tern/safety.h>
#include <tern/scavenge.h>
#include <tern/stats.h>

#include "gc/gc.h"
#include "mm/heap.h"
#include "tests/sim/model.h"
#include "tests/sim/touch.h"

#define BAG   12u
#define SHELF 4u
#define TYPED (MODEL_ROOTS - 4) /* from this root on they are registered by type */

struct locals {
	void *volatile p[MODEL_LOCALS];
};

struct worker {
	struct sim_random rng;
	struct locals *locals; /* on its stack */
	model_id *held;        /* the model of them */
	model_id bag[BAG];
	struct tern_ephemerons *table;
	struct tern_gc_worker collector;
};

struct step {
	const char *name;
	void (*fn)(struct worker *w);
	unsigned weight;
	bool in_interrupts;
	unsigned themes;
};

struct element {
	void *a;
	uint64_t x;
	void *b;
	uint64_t y;
	void *c;
	uint64_t z;
};
TERN_TYPE(element_type, struct element, a, b, c);

static struct sim_settings settings;
static struct worker workers[MODEL_LEVELS];
static void *roots[MODEL_ROOTS];
static model_id shelf[SHELF];
static struct tern_pool pool;
static unsigned chance[64], all_chances;
static void *region;
static bool sampled; /* the heap profile keeps pages for good */
static size_t more;  /* bytes that were added to the region */

/* --- locals ---------------------------------------------------------------------------------- */

static struct model_object *object(model_id id)
{
	return &model.object[id];
}

static void set_local(struct worker *w, unsigned k, void *p, model_id id)
{
	w->locals->p[k] = p;
	w->held[k] = id;
}

static unsigned any_local(struct worker *w)
{
	return sim_below(&w->rng, MODEL_LOCALS);
}

static void hold(struct worker *w, void *p, model_id id)
{
	set_local(w, any_local(w), p, id);
}

/* A local that leads to an object; false if none does. */
static bool pick(struct worker *w, unsigned *k)
{
	unsigned first = any_local(w);

	for (unsigned i = 0; i < MODEL_LOCALS; i++) {
		*k = (first + i) % MODEL_LOCALS;
		if (w->held[*k])
			return true;
	}
	return false;
}

static bool pick_kind(struct worker *w, unsigned *k, unsigned kinds)
{
	unsigned first = any_local(w);

	for (unsigned i = 0; i < MODEL_LOCALS; i++) {
		*k = (first + i) % MODEL_LOCALS;
		if (w->held[*k] && kinds >> object(w->held[*k])->kind & 1)
			return true;
	}
	return false;
}

static bool pick_own(struct worker *w, unsigned *k)
{
	return pick(w, k) && model_is_own(w->held[*k]);
}

#define WITH_FIELDS (1u << MODEL_SCAN | 1u << MODEL_TYPED)

/* A field of an object that a local leads to. */
static bool pick_field(struct worker *w, model_id *id, unsigned *i)
{
	unsigned k;

	if (!pick_kind(w, &k, WITH_FIELDS))
		return false;
	*id = w->held[k];
	*i = sim_below(&w->rng, object(*id)->nfields);
	return true;
}

/* What a local leads to, or now and then nothing. */
static model_id pick_value(struct worker *w)
{
	unsigned k;

	return sim_one_in(&w->rng, 8) || !pick(w, &k) ? 0 : w->held[k];
}

static void *address(model_id id)
{
	return id ? model_address(id) : NULL;
}

/* --- new objects ----------------------------------------------------------------------------- */

static void came(struct worker *w, enum model_kind kind, void *p, size_t size, unsigned nfields)
{
	if (p)
		hold(w, p, model_new(kind, p, size, nfields, true));
}

static size_t any_size(struct worker *w, size_t least)
{
	return least + 8 * sim_below(&w->rng, sim_one_in(&w->rng, 8) ? 256 : 16);
}

/* If all are of one size, spans fill, empty and change hands more often. */
static size_t small_size(struct worker *w, size_t least)
{
	if (settings.size)
		return settings.size > least ? settings.size : least;
	return any_size(w, least);
}

static void make_scanned(struct worker *w)
{
	unsigned n = 1 + sim_below(&w->rng, MODEL_FIELDS);
	size_t size = small_size(w, 8 * n);

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
	size_t size = small_size(w, 8);

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
	hold(w, p, id);
	for (unsigned i = 0; i < 4; i += 1 + sim_below(&w->rng, 3)) {
		value = pick_value(w);
		if (!value)
			continue;
		model_watch(model_field_address(id, i), &object(id)->field[i], value, NULL);
		touch_init(model_field_address(id, i), address(value));
		if (!model_was_changed())
			sim_fail("tern_init_store() did not store");
	}
	hold(w, p, id);
}

/* --- the graph ------------------------------------------------------------------------------- */

static void load(struct worker *w, void **at, const model_id *place)
{
	void *p = touch_load(at);

	if (p != address(*place))
		sim_fail("a word at 0x%lx holds %p, and not object %u at %p",
			 (unsigned long)(uintptr_t)at, p, *place, address(*place));
	if (*place)
		model_check(*place);
	hold(w, p, *place);
}

static void load_field(struct worker *w)
{
	model_id id;
	unsigned i;

	if (pick_field(w, &id, &i))
		load(w, model_field_address(id, i), &object(id)->field[i]);
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
		touch_store_plainly(at, address(value));
	else
		touch_store(at, address(value));
	if (!model_was_changed())
		sim_fail("a store did not store");
}

/* A program for pauses alone has no barriers. */
static bool has_barriers(void)
{
	return settings.gc.mode == TERN_GC_BARRIER;
}

static void store_field(struct worker *w)
{
	model_id id;
	unsigned i;

	if (pick_field(w, &id, &i))
		store(model_field_address(id, i), &object(id)->field[i], pick_value(w),
		      !has_barriers());
}

static void store_root(struct worker *w)
{
	unsigned i = sim_below(&w->rng, MODEL_ROOTS);

	store(&roots[i], &model.root[i], pick_value(w), !settings.gc.watched_roots);
}

/* From one field to another: then nothing but this thread's registers has led to it for a moment. */
static void move_field(struct worker *w)
{
	model_id from, to;
	unsigned i, k;

	if (!pick_field(w, &from, &i) || !pick_field(w, &to, &k))
		return;
	load(w, model_field_address(from, i), &object(from)->field[i]);
	/* That may have taken the place of the local that led to one of them. */
	if (!pick_field(w, &to, &k))
		return;
	store(model_field_address(to, k), &object(to)->field[k], pick_value(w), !has_barriers());
}

static void exchange_field(struct worker *w)
{
	unsigned i, k = any_local(w);
	model_id id, value = pick_value(w);
	void **at;

	if (!has_barriers() || !pick_field(w, &id, &i))
		return;
	at = model_field_address(id, i);
	model_watch(at, &object(id)->field[i], value, &w->held[k]);
	w->locals->p[k] = touch_exchange(at, address(value));
	if (!model_was_changed() || w->locals->p[k] != address(w->held[k]))
		sim_fail("tern_exchange() of field %u of object %u", i, id);
}

static void compare_field(struct worker *w)
{
	model_id id, value = pick_value(w);
	void **at, *expected;
	unsigned i;
	bool done;

	if (!has_barriers() || !pick_field(w, &id, &i))
		return;
	at = model_field_address(id, i);
	expected = touch_load(at);
	model_watch(at, &object(id)->field[i], value, NULL);
	done = touch_compare_exchange(at, expected, address(value));
	if (model_was_changed() != done)
		sim_fail("tern_compare_exchange() of field %u of object %u: %d", i, id, done);
}

static void copy_fields(struct worker *w)
{
	unsigned to, from, n;
	struct model_object *a, *b;

	if (!has_barriers() || !pick_kind(w, &to, 1u << MODEL_SCAN) ||
	    !pick_kind(w, &from, 1u << MODEL_SCAN))
		return;
	a = object(w->held[to]);
	b = object(w->held[from]);
	n = a->nfields < b->nfields ? a->nfields : b->nfields;
	tern_copy((void *)a->addr, (void *)b->addr, 8 * n);
	memmove(a->field, b->field, n * sizeof(a->field[0]));
}

static void clear_fields(struct worker *w)
{
	struct model_object *o;
	unsigned k;

	if (!has_barriers() || !pick_kind(w, &k, 1u << MODEL_SCAN))
		return;
	o = object(w->held[k]);
	tern_clear_pointers((void *)o->addr, 8 * o->nfields);
	memset(o->field, 0, sizeof(o->field));
}

static void drop(struct worker *w)
{
	set_local(w, any_local(w), NULL, 0);
}

static void point_inside(struct worker *w)
{
	unsigned k;

	if (pick(w, &k))
		w->locals->p[k] = (char *)address(w->held[k]) +
				  sim_below(&w->rng, (unsigned)object(w->held[k])->size);
}

static void look(struct worker *w)
{
	unsigned k;

	if (pick(w, &k))
		model_check(w->held[k]);
}

static void free_collected(struct worker *w)
{
	unsigned k;
	model_id id;

	if (!pick_own(w, &k))
		return;
	id = w->held[k];
	set_local(w, k, NULL, 0);
	model_end(id);
	tern_free(address(id));
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

	if (!pick_own(w, &k))
		return;
	o = object(w->held[k]);
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

/* --- manual blocks --------------------------------------------------------------------------- */

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
	unsigned i = sim_below(&w->rng, BAG);
	size_t size = sim_one_in(&w->rng, 32) ? 40u << 10 : small_size(w, 8);
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
	unsigned i = sim_below(&w->rng, BAG);
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
	const struct model_object *o = object(id);

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
	model_id *at = sim_one_in(&w->rng, 2) ? &w->bag[sim_below(&w->rng, BAG)]
					      : &shelf[sim_below(&w->rng, SHELF)];
	model_id id = *at;

	*at = 0;
	if (id)
		end_manual(id);
}

static void resize_manual(struct worker *w)
{
	unsigned i = sim_below(&w->rng, BAG);
	size_t size = any_size(w, 8);
	model_id id = w->bag[i];
	void *p;

	if (!id || object(id)->kind != MODEL_MANUAL)
		return;
	model_check(id);
	object(id)->moves = true;
	p = tern_realloc(address(id), size);
	if (p)
		model_moved(id, p, size);
	else
		object(id)->moves = false;
}

/* So others free it. */
static void hand_over(struct worker *w)
{
	unsigned i = sim_below(&w->rng, BAG), k = sim_below(&w->rng, SHELF);
	model_id id = shelf[k];

	shelf[k] = w->bag[i];
	w->bag[i] = id;
}

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
	tern_gc_hold();
	for (unsigned i = 0; i < 3; i++) {
		sim_step();
		make_scanned(w);
	}
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

	if (!is_rare(w) || !pick(w, &k))
		return;
	result = tern_why_alive(address(w->held[k]), steps, ARRAY_SIZE(steps), &n);
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
		sampled = true;
}

/* A part of what was kept back. */
static void add_memory(struct worker *w)
{
	uintptr_t at = (uintptr_t)region + settings.memory + more;
	size_t size = 1 + sim_below(&w->rng, 10 * TERN_HEAP_PAGE);

	if (more + size > settings.more)
		return;
	more += size;
	tern_add_region(at, size);
}

/* --- what is tied to objects ----------------------------------------------------------------- */

static bool is_crumb(const struct model_object *o)
{
	return o->kind == MODEL_NOSCAN && o->size < 16;
}

/* Something may be tied to it. */
static bool pick_for_tie(struct worker *w, unsigned *k)
{
	if (!pick(w, k) || is_crumb(object(w->held[*k])))
		return false;
	object(w->held[*k])->tied = true;
	return true;
}

static void make_weak(struct worker *w)
{
	struct model_weak *m = &model.weak[sim_below(&w->rng, MODEL_TIES)];
	struct tern_weak weak;
	model_id id;
	unsigned k;

	if (!pick_for_tie(w, &k))
		return;
	id = w->held[k];
	if (object(id)->weak_dead || tern_weak_make(&weak, address(id)) != TERN_OK)
		return;
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.weak[i].object == id && !tern_weak_equal(model.weak[i].weak, weak))
			sim_fail("two weak pointers to object %u differ", id);
	*m = (struct model_weak){ weak, id };
}

static void get_weak(struct worker *w)
{
	struct model_weak m = model.weak[sim_below(&w->rng, MODEL_TIES)];
	const struct model_object *o = object(m.object);
	void *p;

	if (!m.object)
		return;
	p = tern_weak_get(m.weak);
	if (p != (o->weak_dead ? NULL : address(m.object)))
		sim_fail("tern_weak_get() gives %p; object %u at %p is %s", p, m.object,
			 address(m.object), o->weak_dead ? "dead" : "alive");
	if (!p)
		return;
	model_check(m.object);
	hold(w, p, m.object);
}

static struct worker *this_worker(void)
{
	return &workers[model_level()];
}

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

	if (t->state != MODEL_TIE_DUE || !t->finalizer || obj != address(t->object))
		sim_fail("a finalizer is called for %p; object %u is at %p, state %d", obj,
			 t->object, address(t->object), t->state);
	t->state = MODEL_TIE_FREE;
	object(t->object)->due = false;
	model_check(t->object);
	hold(this_worker(), obj, t->object);
}

static void cleaned(void *arg)
{
	struct model_tie *t = tie_of(arg);

	if (t->state != MODEL_TIE_DUE || t->finalizer || object(t->object)->alive)
		sim_fail("a cleanup is called for object %u, which is %s, state %d", t->object,
			 object(t->object)->alive ? "alive" : "dead", t->state);
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
	t = object(id)->finalizer ? NULL : new_tie(w, true, id);
	if (!t)
		return;
	if (tern_set_finalizer(address(id), finalized, arg_of(t)) == TERN_OK)
		object(id)->finalizer = true;
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
	if (t && tern_add_cleanup(address(t->object), cleaned, arg_of(t), &t->handle) != TERN_OK)
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
	model_id value = pick_value(w);
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
	if (tern_ephemeron_set(w->table, address(e->key), address(value)) == TERN_OK)
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
	p = tern_ephemeron_get(w->table, address(w->held[k]));
	e = entry_of(sim_thread_id(), w->held[k]);
	value = e ? e->value : 0;
	if (p != address(value))
		sim_fail("tern_ephemeron_get() of key %u gives %p, and not object %u at %p",
			 w->held[k], p, value, address(value));
	if (value)
		model_check(value);
	hold(w, p, value);
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
	had = tern_ephemeron_delete(w->table, address(w->held[k]));
	if (had != (e != NULL))
		sim_fail("tern_ephemeron_delete() of key %u: %d", w->held[k], had);
	if (e)
		e->used = e->busy = false;
}

static void pin(struct worker *w)
{
	unsigned k;

	if (pick_for_tie(w, &k) && object(w->held[k])->npins < 200 &&
	    tern_pin(address(w->held[k])) == TERN_OK)
		object(w->held[k])->npins++;
}

static void unpin_one(model_id id)
{
	object(id)->npins--;
	if (tern_unpin(address(id)) != TERN_OK)
		sim_fail("object %u is pinned, and cannot be unpinned", id);
}

static void unpin(struct worker *w)
{
	unsigned k;

	if (pick(w, &k) && object(w->held[k])->npins)
		unpin_one(w->held[k]);
}

/* --- the pool -------------------------------------------------------------------------------- */

/* For a note of what is put into the pool there must be; else it is left to the collector. */
static bool is_memory(void)
{
	const struct tern_mheap *h = &tern_heap.pages;

	return h->regions.npages + h->pages.nfree >= 32;
}

static void put_into_pool(struct worker *w)
{
	bool before = is_memory();
	struct model_object *o;
	unsigned k;

	if (!pick_own(w, &k))
		return;
	o = object(w->held[k]);
	o->pooled = true;
	o->put_at = model.turns;
	tern_pool_put(&pool, (void *)o->addr);
	if (!before || !is_memory())
		o->put_at = MODEL_NEVER;
	set_local(w, k, NULL, 0);
}

static model_id pooled_at(const void *p)
{
	for (unsigned i = 0; i < model.nalive; i++)
		if (address(model.alive[i]) == p && object(model.alive[i])->pooled)
			return model.alive[i];
	return 0;
}

static void get_from_pool(struct worker *w)
{
	void *p = tern_pool_get(&pool);
	model_id id;

	if (!p)
		return;
	id = pooled_at(p);
	if (!id)
		sim_fail("the pool gives %p, which does not lie in it", p);
	object(id)->pooled = false;
	model_check(id);
	hold(w, p, id);
}

/* --- a thread -------------------------------------------------------------------------------- */

/* What a seed may be about: more of these. */
enum { GRAPH = 1, MANUAL = 2, LARGE = 4, TIES = 8, POOL = 16 };

static const struct step all_steps[] = {
	{ "scanned", make_scanned, 12, true, GRAPH },
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
	{ "manual", make_manual, 10, true, MANUAL },
	{ "run", make_run, 2, false, MANUAL },
	{ "free-manual", free_manual, 8, true, MANUAL },
	{ "resize-manual", resize_manual, 3, false, MANUAL },
	{ "hand-over", hand_over, 8, true, MANUAL },
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
	{ "weak", make_weak, 3, false, TIES },
	{ "get-weak", get_weak, 6, true, TIES },
	{ "finalizer", set_finalizer, 3, false, TIES },
	{ "cleanup", add_cleanup, 2, false, TIES },
	{ "stop-cleanup", stop_cleanup, 1, false, TIES },
	{ "finalize", run_finalizers, 4, false, TIES },
	{ "ephemeron", set_ephemeron, 3, false, TIES },
	{ "get-ephemeron", get_ephemeron, 3, false, TIES },
	{ "no-ephemeron", delete_ephemeron, 1, false, TIES },
	{ "pin", pin, 2, false, TIES },
	{ "unpin", unpin, 2, false, TIES },
	{ "put", put_into_pool, 3, true, POOL },
	{ "get", get_from_pool, 3, true, POOL },
};
#define STEPS (sizeof(all_steps) / sizeof(all_steps[0]))
_Static_assert(STEPS <= sizeof(chance) / sizeof(chance[0]), "each kind of step has a chance");

static const struct step *draw_step(struct worker *w)
{
	unsigned at = sim_below(&w->rng, all_chances), i = 0;

	while (at >= chance[i])
		at -= chance[i++];
	return &all_steps[i];
}

static void do_step(struct worker *w, const struct step *s)
{
	sim_note(s->name, sim_thread_id(), sim_self->level);
	s->fn(w);
}

static void make_heap(void *memory)
{
	enum tern_result (*add)(uintptr_t, size_t) =
		settings.zeroed ? tern_add_zeroed_region : tern_add_region;

	sim_quiet++;
	if (add((uintptr_t)memory, settings.memory) != TERN_OK ||
	    tern_gc_init(&settings.gc) != TERN_OK ||
	    tern_gc_add_root(roots, TYPED * sizeof(void *)) != TERN_OK ||
	    tern_gc_add_root_typed(&roots[TYPED], &tern_pointer_type, MODEL_ROOTS - TYPED) !=
		    TERN_OK)
		sim_fail("the heap cannot be made");
	tern_gc_state.marker.few = settings.few;
	tern_set_hardening(settings.hardening);
	sim_quiet--;
}

static void draw_chances(uint64_t seed)
{
	static const unsigned factors[] = { 0, 0, 1, 1, 2, 2, 2, 8 };
	struct sim_random rng = { seed };
	unsigned theme = sim_one_in(&rng, 2) ? 1u << sim_below(&rng, 5) : 0;

	all_chances = 0;
	for (unsigned i = 0; i < STEPS; i++) {
		chance[i] = all_steps[i].weight * factors[sim_below(&rng, ARRAY_SIZE(factors))];
		if (all_steps[i].themes & theme)
			chance[i] = 2 * chance[i] + 16 * all_steps[i].weight;
		all_chances += chance[i];
	}
}

const char *sim_work_mix(void)
{
	static char text[1024];
	size_t n = 0;

	for (unsigned i = 0; i < STEPS; i++)
		if (chance[i])
			n += tern_snprintf(text + n, sizeof(text) - n, " %s=%u", all_steps[i].name,
					   chance[i]);
	return text;
}

void sim_work_start(const struct sim_settings *s, uint64_t seed, void *memory)
{
	settings = *s;
	region = memory;
	more = 0;
	sampled = false;
	model_reset();
	memset(workers, 0, sizeof(workers));
	memset(roots, 0, sizeof(roots));
	memset(shelf, 0, sizeof(shelf));
	pool = (struct tern_pool)TERN_POOL_INIT(NULL);
	draw_chances(seed);
	/* Somebody has to make something. */
	chance[0] += 10;
	all_chances += 10;
	for (unsigned i = 0; i < MODEL_LEVELS; i++) {
		workers[i].rng.state = seed + 77 * i;
		workers[i].held = model.local[i];
	}
}

/* A worker whose locals stand in the caller's frame. */
static struct worker *begin(struct locals *locals)
{
	struct worker *w = this_worker();

	memset(locals, 0, sizeof(*locals));
	w->locals = locals;
	return w;
}

static void end(struct worker *w)
{
	for (unsigned i = 0; i < MODEL_LOCALS; i++)
		set_local(w, i, NULL, 0);
}

void sim_work(unsigned thread)
{
	struct locals locals;
	struct worker *w = begin(&locals);

	if (thread == 0)
		make_heap(region);
	for (unsigned i = 0; i < settings.steps; i++) {
		sim_step();
		do_step(w, draw_step(w));
	}
	end(w);
}

void sim_work_in_interrupt(void)
{
	struct locals locals;
	struct worker *w = begin(&locals);

	for (unsigned i = sim_below(&w->rng, 4); i > 0; i--) {
		const struct step *s = draw_step(w);

		if (s->in_interrupts)
			do_step(w, s);
	}
	end(w);
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_bag(model_id *bag, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (bag[i])
			end_manual(bag[i]);
	memset(bag, 0, n * sizeof(bag[0]));
}

static void unpin_all(void)
{
	for (unsigned i = 0; i < model.nalive; i++)
		while (object(model.alive[i])->npins)
			unpin_one(model.alive[i]);
}

/* All that leads to something, but for finalizers and cleanups. */
static void drop_all(void)
{
	for (unsigned i = 0; i < MODEL_ROOTS; i++)
		store(&roots[i], &model.root[i], 0, false);
	memset(model.entry, 0, sizeof(model.entry));
	for (unsigned i = 0; i < MODEL_LEVELS; i++) {
		end_bag(workers[i].bag, BAG);
		tern_ephemerons_free(workers[i].table);
	}
	end_bag(shelf, SHELF);
	unpin_all();
	tern_pool_destroy(&pool);
	for (unsigned i = 0; i < model.nalive; i++)
		object(model.alive[i])->pooled = false;
}

static bool any_due(void)
{
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.tie[i].state == MODEL_TIE_DUE)
			return true;
	return false;
}

/* On a stack of its own, which holds nothing of what was before. */
static void collect_all(unsigned thread)
{
	struct locals locals;
	struct worker *w = begin(&locals);

	(void)thread;
	if (tern_gc() != TERN_OK)
		sim_fail("the judge cannot collect");
	tern_run_finalizers();
	end(w);
	if (any_due())
		sim_fail("a finalizer or cleanup is due, and was not called");
}

static bool kept[MODEL_OBJECTS];

static void keep(model_id id)
{
	for (unsigned i = 0; i < object(id)->nfields; i++) {
		model_id next = object(id)->field[i];

		if (next && !kept[next]) {
			kept[next] = true;
			keep(next);
		}
	}
}

static bool share_block(model_id a, model_id b)
{
	return is_crumb(object(a)) && is_crumb(object(b)) &&
	       object(a)->addr / 16 == object(b)->addr / 16;
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
		if (object(model.alive[i])->finalizer)
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
			sim_fail("object %u at %p is garbage, and lives", id, address(id));
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
		sim_fail("%lu objects are in use, and %lu are known; not one at 0x%lx",
			 (unsigned long)s.live, (unsigned long)n,
			 (unsigned long)model_unknown((uintptr_t)region, settings.memory));
	if ((s.runs && !sampled) || (!n && (s.small || s.large)))
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
	struct worker *w = begin(&locals);

	(void)thread;
	for (unsigned i = 0; i < 4 * MODEL_TIES; i++)
		get_weak(w);
	end(w);
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
