/* SPDX-License-Identifier: MIT */
/* model.h - the shadow heap: what must be in memory, and what leads to what.
 *
 * An object has a number, and so has each place that may hold a pointer: a field of an object, a root,
 * a local of a thread. Memory and model change together, as nobody else goes on in between. */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/final.h>

#include "tests/sim/sim.h"

#define MODEL_OBJECTS 2048u
#define MODEL_FIELDS  8u
#define MODEL_ROOTS   12u
#define MODEL_LOCALS  6u
#define MODEL_TIES    64u
#define MODEL_NEVER   UINT32_MAX
#define MODEL_LEVELS  (2 * (SIM_THREADS + 1)) /* of threads and their interrupts */

typedef uint16_t model_id; /* 0: none */

enum model_kind {
	MODEL_SCAN,
	MODEL_TYPED,
	MODEL_NOSCAN,
	MODEL_MANUAL,
	MODEL_RUN, /* of pages */
};

struct model_object {
	uintptr_t addr;
	size_t size;
	uint8_t kind, nfields, npins;
	bool alive;      /* it was not freed, and no cycle has found it dead */
	bool moves;      /* tern_realloc() is at it: it is here or there */
	bool tied;       /* something is, or was, tied to it */
	bool finalizer;  /* it has one */
	bool due;        /* its finalizer waits to be called */
	bool weak_dead;  /* weak pointers to it are NULL */
	bool pooled;     /* it lies in the pool */
	uint32_t put_at; /* ... since so many turns */
	model_id field[MODEL_FIELDS];
};

enum model_tie_state { MODEL_TIE_FREE, MODEL_TIE_WAITS, MODEL_TIE_DUE };

/* Finalizers and cleanups. */
struct model_tie {
	enum model_tie_state state;
	bool finalizer;
	model_id object;
	struct tern_cleanup handle;
	unsigned stopping; /* threads in tern_stop_cleanup() for it */
};

struct model_weak {
	struct tern_weak weak;
	model_id object;
};

struct model_entry {
	bool used, busy; /* busy: between two values */
	unsigned owner;  /* the thread that looks at it */
	model_id key, value;
};

struct model {
	struct model_object object[MODEL_OBJECTS];
	unsigned nobjects; /* numbers that were given out, and 1 */
	model_id alive[MODEL_OBJECTS];
	unsigned nalive;
	model_id root[MODEL_ROOTS];
	model_id local[MODEL_LEVELS][MODEL_LOCALS];
	struct model_tie tie[MODEL_TIES];
	struct model_weak weak[MODEL_TIES];
	struct model_entry entry[MODEL_TIES];
	uint32_t turns;
	uint64_t deaths;
};

extern struct model model;

static inline struct model_object *model_object(model_id id)
{
	return &model.object[id];
}

/* It may share a block with others, and nothing can be tied to it. */
static inline bool model_is_crumb(const struct model_object *o)
{
	return o->kind == MODEL_NOSCAN && o->size < 16;
}

void model_reset(void);

/* What runs is at this level: its thread, or an interrupt there. */
static inline unsigned model_level(void)
{
	return 2 * sim_thread_id() + sim_self->level;
}

/* A new object: it must be in no other's memory, and zero if it says so. 0: there are no more numbers.
 * What is no field is filled. */
model_id model_new(enum model_kind kind, void *p, size_t size, unsigned nfields, bool zero);
bool model_is_full(void);
/* It was freed, or is about to be. */
void model_end(model_id id);
/* It is somewhere else, with another size, as tern_realloc() leaves it. */
void model_moved(model_id id, void *p, size_t size);
/* Memory must be as it should. */
void model_check(model_id id);
void model_check_all(void);
/* An object in use that is none of the model's, in memory that is the heap's; 0: there is none. */
uintptr_t model_unknown(uintptr_t from, size_t size);
/* Nothing leads to it but one local, and nothing is tied to it. */
bool model_is_own(model_id id);

/* NULL: of none. */
void *model_address(model_id id);
void **model_field_address(model_id id, unsigned i);

/* When memory at `at` changes next, by who asks, the place holds `value`; and *before what it held. */
void model_watch(const void *at, model_id *place, model_id value, model_id *before);
/* The change came: false if not. */
bool model_was_changed(void);

#endif
