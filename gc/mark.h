/* SPDX-License-Identifier: MIT */
/* mark.h - from grey objects to black ones, until there is no grey one. */
#ifndef GC_MARK_H
#define GC_MARK_H

#include "gc/work.h"

#define TERN_MARK_FEW 32u

/* What marking has to know of the heap; nothing of it changes while the world is stopped. */
/* Where objects are. */
struct tern_mark_view {
	uintptr_t low, reach; /* in [low, low + reach] */
	/* Of all arenas, from low on; NULL: no window has them all. */
	const tern_arena_slot *tables;
	const struct tern_arena_map *arenas;
};

struct tern_marker {
	struct tern_mheap *heap;
	struct tern_mark_view view;
	/* As long as there are fewer grey objects they are scanned one by one: they would not gather. */
	unsigned few;
	struct tern_workpool pool;
	/* [atomic: relaxed] some span's objects could not be queued */
	atomic_bool overflow;
	uint64_t rescans; /* spans that were gone through again for that, in all */
};

/* m is cleared. few: TERN_MARK_FEW, or 0. */
void tern_marker_init(struct tern_marker *m, struct tern_mheap *heap, unsigned few);
/* The world is stopped, and nworkers CPUs are going to mark. */
void tern_mark_start(struct tern_marker *m, unsigned nworkers);
/* The queue's memory goes back, page by page, which is long for a pause: so when the world runs on. */
void tern_mark_end(struct tern_marker *m);

#define TERN_MARK_NOTED 64u

struct tern_mark_work {
	struct tern_marker *marker;
	/* Addresses in spans, to be made grey soon; never full between two calls. */
	struct tern_mark_place {
		uintptr_t addr;
		struct tern_mspan *span;
	} noted[TERN_MARK_NOTED], *to; /* where the next one goes */
	struct tern_gcwork work;
};
void tern_mark_init(struct tern_mark_work *w, struct tern_marker *m);

/* Every word in [low, high), multiples of 8, that could be a pointer into an object makes that one
 * grey. */
void tern_mark_range(struct tern_mark_work *w, uintptr_t low, uintptr_t high);
/* Likewise, of what begins at `base` and holds one after another of a type, the words in [low, high) that
 * hold pointers by that type. */
void tern_mark_typed(struct tern_mark_work *w, uintptr_t base, const struct tern_type *type,
		     uintptr_t low, uintptr_t high);
/* Make the object that an address lies in grey, if it lies in one that is white. */
void tern_mark_address(struct tern_mark_work *w, uintptr_t addr);
/* What the object that begins at obj leads to, grey; not the object itself, nor values of ephemerons. */
void tern_mark_contents(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj);
/* Scan what lies in [low, high), within a page, of black objects again: they have been written to. The
 * page belongs to a span of objects that may hold pointers. */
void tern_mark_again(struct tern_mark_work *w, uintptr_t low, uintptr_t high);
/* Scan until no CPU has anything grey. */
void tern_mark_drain(struct tern_mark_work *w);
/* Scan until so many bytes were scanned, in all, or nothing is left. */
void tern_mark_drain_some(struct tern_mark_work *w, uint64_t until_bytes);
/* What is left becomes everybody's. */
void tern_mark_put_back(struct tern_mark_work *w);
/* When all CPUs have drained: what could not be queued. By one of them, alone. */
void tern_mark_finish(struct tern_mark_work *w);

#endif
