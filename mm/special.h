/* SPDX-License-Identifier: MIT */
/* special.h - records that are tied to an object: what is to be done when it dies.
 *
 * A span has a list of them, sorted by address and kind; most spans have none. The collector knows
 * what the kinds mean to marking (gc/tied.c); here is what they mean to the end of an object:
 *
 *              the sweep finds it dead                     tern_free()
 *   finalizer  queued, and the object lives once more      gone
 *   weak       NULL                                        NULL
 *   cleanup    queued, unless a finalizer keeps the object queued
 *   ephemeron  gone                                        gone
 *   pin        (a pinned object is found alive)            gone
 *
 * All records of an object are seen to together, before its slot is free. */
#ifndef MM_SPECIAL_H
#define MM_SPECIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/tern.h>

#include "lib/lock.h"
#include "mm/fixalloc.h"
#include "mm/mspan.h"

struct tern_mheap;

enum tern_special_kind {
	TERN_SPECIAL_FINALIZER,
	TERN_SPECIAL_WEAK,
	TERN_SPECIAL_CLEANUP,
	TERN_SPECIAL_EPHEMERON,
	TERN_SPECIAL_PIN,
};

/* Records that may be given up together: an ephemeron table. */
struct tern_special_group {
	struct tern_fixrecord link;
	_Atomic uint64_t nrefs; /* [atomic: acq_rel] its records, and one for who made it */
	atomic_bool dropped;    /* [atomic: relaxed] records that are left mean nothing */
};

struct tern_special {
	struct tern_fixrecord link; /* while it is free */
	struct tern_special *next;  /* [lock] of its span, or in the queue */
	/* Who has a pointer to the record and its turn, however old, may ask whether that is still so:
	 * the object and then the turn are read. [atomic: release by who changes them, acquire] */
	_Atomic uint64_t turn;    /* counts the record's lives */
	_Atomic uintptr_t object; /* the address that it is tied to; 0: none */
	uint64_t offset;          /* [const] where that is in the span */
	union {
		void (*finalize)(void *obj, void *arg);
		void (*cleanup)(void *arg);
		struct tern_special_group *group; /* of an ephemeron */
		uint64_t npins;                   /* [lock] */
	};
	void *arg;    /* [lock] of an ephemeron: the value */
	uint8_t kind; /* [const] enum tern_special_kind */
	bool listed;  /* [lock] in its span's list, as opposed to the queue */
};

struct tern_specials {
	struct tern_lock lock;             /* of all spans' lists, and the queue */
	struct tern_fixalloc records;      /* [mheap's lock] */
	struct tern_fixalloc groups;       /* [mheap's lock] */
	struct tern_special *first, *last; /* [lock] the queue: finalizers and cleanups to run */
	uint64_t nqueued;                  /* [lock] */
};

extern const struct tern_lock_class tern_special_class;

/* What a record may be tied to: an address in a collected object in use. */
struct tern_special_place {
	struct tern_mspan *span;
	uintptr_t object; /* where it begins */
	uintptr_t addr;   /* in it */
	bool crumb;       /* the object is a block of several that nobody tells apart */
};

/* Where p is. TERN_EINVAL for what is not in a collected object, or misaligned; panics, in the name of
 * the call, if it is in one that was freed. Who goes on to use the place keeps p alive. */
enum tern_result tern_special_place(const char *call, const void *p, struct tern_special_place *at);
/* True if p lies in the same object, and so would keep it alive. */
bool tern_special_is_same(const struct tern_special_place *at, const void *p);

/* The record of a kind at a place (of an ephemeron: of a group), or a new one, which is `made`; a
 * cleanup is always new. NULL: no memory, and the lock is not held. Else it is, until the caller
 * is done: tern_special_unlock(). No lock is held before. */
struct tern_special *tern_special_get(struct tern_mheap *h, const struct tern_special_place *at,
				      enum tern_special_kind kind, struct tern_special_group *group,
				      bool *made, unsigned long *irq);
/* The one that is there already, or NULL. */
struct tern_special *tern_special_find_locked(const struct tern_special_place *at,
					      enum tern_special_kind kind,
					      const struct tern_special_group *group);
/* Take a record out of its span's list, for good. */
void tern_special_drop_locked(struct tern_mheap *h, struct tern_mspan *s, struct tern_special *r);
unsigned long tern_special_lock(struct tern_mheap *h);
void tern_special_unlock(struct tern_mheap *h, unsigned long irq);

/* NULL: no memory. No lock is held. */
struct tern_special_group *tern_special_make_group(struct tern_mheap *h);
/* All its records mean nothing from now on. They go when their spans are swept. */
void tern_special_drop_group(struct tern_mheap *h, struct tern_special_group *g);

/* Take what has waited longest out of the queue; false if it is empty. */
struct tern_special_job {
	void *object; /* of a finalizer */
	void (*finalize)(void *obj, void *arg);
	void (*cleanup)(void *arg);
	void *arg;
};
bool tern_special_take_job(struct tern_mheap *h, struct tern_special_job *job);

/* A hint, but true for who knows an object with a record. */
static inline bool tern_special_any(const struct tern_mspan *s)
{
	return atomic_load_explicit(&s->specials, memory_order_relaxed) != NULL;
}

/* The slot that an offset lies in. */
static inline unsigned tern_special_slot(const struct tern_mspan *s, uint64_t offset)
{
	return s->magic ? tern_mspan_slot(s, s->base + offset) : 0;
}

/* Is the object that an offset lies in marked? */
static inline bool tern_special_is_marked(const struct tern_mspan *s, uint64_t offset)
{
	return tern_mspan_slot_marked(s, tern_special_slot(s, offset));
}

static inline uint64_t tern_special_turn(const struct tern_special *r)
{
	return atomic_load_explicit(&r->turn, memory_order_relaxed);
}

/* An ephemeron that an edge leads from its object to its value for. */
static inline bool tern_special_is_edge(const struct tern_special *r)
{
	return r->kind == TERN_SPECIAL_EPHEMERON &&
	       !atomic_load_explicit(&r->group->dropped, memory_order_relaxed);
}

/* Between marking and freeing, by who sweeps the span: see the table above. Interrupts off, no lock
 * held. */
void tern_special_sweep(struct tern_mheap *h, struct tern_mspan *s);
/* The object that begins at addr is about to be freed. Likewise. */
void tern_special_free(struct tern_mheap *h, struct tern_mspan *s, uintptr_t addr);
/* A large object was cut: weak pointers to what is gone are NULL. No lock held. */
void tern_special_cut(struct tern_mheap *h, struct tern_mspan *s);
/* The list's invariants; with the lock, or in a quiet moment. */
bool tern_special_check(const struct tern_mspan *s);

#endif
