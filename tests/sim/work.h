/* SPDX-License-Identifier: MIT */
/* work.h - what threads do with the heap: what the files of it know of each other.
 *
 * A thread has a few locals on its stack, which lead into a graph that all share by its roots, and a bag
 * of manual blocks. It does step after step; each kind of step calls tern once or twice, and tells the
 * model. Interrupts do some of it, with locals of their own.
 *
 *   work.c     a thread: which kinds of step, how often, and one after another
 *   local.c    its locals
 *   graph.c    steps with collected objects, fields and roots
 *   manual.c   ... with blocks that are freed by hand
 *   whole.c    ... about the whole heap
 *   tied.c     ... with what is tied to objects
 *   pool.c     ... with the pool
 *   judge.c    the end of all
 *
 * At once  is what these files do between two calls of tern or touch.c: memory and model agree there. */
#ifndef TESTS_SIM_WORK_H
#define TESTS_SIM_WORK_H

#include "tests/sim/model.h"

#define WORK_BAG 12u

struct locals {
	void *volatile p[MODEL_LOCALS];
};

struct worker {
	struct sim_random rng;
	struct locals *locals; /* on its stack */
	model_id *held;        /* the model of them */
	model_id bag[WORK_BAG];
	struct tern_ephemerons *table;
	struct tern_gc_worker collector;
};

struct work {
	struct sim_settings settings;
	struct worker worker[MODEL_LEVELS];
	void *region;
	size_t added; /* bytes behind it that are the heap's as well */
	bool sampled; /* the heap profile keeps pages for good */
};

extern struct work work;

/* --- kinds of step --------------------------------------------------------------------------- */

/* What a seed may be about: more of these. */
enum { GRAPH = 1, MANUAL = 2, LARGE = 4, TIES = 8, POOL = 16 };

struct step {
	const char *name;
	void (*fn)(struct worker *w);
	unsigned weight;
	bool in_interrupts;
	unsigned themes;
};

struct step_list {
	const struct step *step;
	unsigned n;
};

extern const struct step_list graph_steps, manual_steps, whole_steps, tied_steps, pool_steps;

/* --- a thread: work.c ------------------------------------------------------------------------ */

/* Whose locals stand in the caller's frame, until work_end(). */
struct worker *work_begin(struct locals *locals);
void work_end(struct worker *w);
/* Who runs, or the interrupt there. */
struct worker *work_worker(void);

/* Of a new object, at least so much; a small one's is the settings', if they have one: if all are of one
 * size, spans fill, empty and change hands more often. */
size_t work_any_size(struct worker *w, size_t least);
size_t work_small_size(struct worker *w, size_t least);

/* --- its locals: local.c --------------------------------------------------------------------- */

void local_set(struct worker *w, unsigned k, void *p, model_id id);
unsigned local_any(struct worker *w);
/* In any of them. */
void local_hold(struct worker *w, void *p, model_id id);
/* One that leads to an object, to one of these kinds (bits), or to one of the thread's own; false if none
 * does. */
bool local_pick(struct worker *w, unsigned *k);
bool local_pick_kind(struct worker *w, unsigned *k, unsigned kinds);
bool local_pick_own(struct worker *w, unsigned *k);
/* A field of an object that a local leads to. */
bool local_pick_field(struct worker *w, model_id *id, unsigned *i);
/* What a local leads to, or now and then nothing. */
model_id local_pick_value(struct worker *w);

/* --- the graph: graph.c ---------------------------------------------------------------------- */

void graph_start(void);
/* To tern; false if it cannot be. */
bool graph_add_roots(void);
void graph_make_scanned(struct worker *w);
void graph_drop_roots(void);

/* --- manual blocks: manual.c ----------------------------------------------------------------- */

void manual_start(void);
void manual_end_bag(struct worker *w);
void manual_end_shelf(void);

/* --- what is tied to objects: tied.c --------------------------------------------------------- */

void tied_get_weak(struct worker *w);
void tied_unpin_all(void);
bool tied_any_due(void);

/* --- the pool: pool.c ------------------------------------------------------------------------ */

void pool_start(void);
void pool_end(void);

#endif
