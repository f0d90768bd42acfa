/* SPDX-License-Identifier: MIT */
/* check.h - does the collector do what it should? Its marks, and the whole heap, looked at again in the
 * stopped world by who shares no code with those that made them. */
#ifndef GC_CHECK_H
#define GC_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/observe.h>

#include "mm/mheap.h"

/* A word that should not be as it is. */
struct tern_check_word {
	uintptr_t at, value;
	enum tern_root_kind root; /* TERN_ROOT_NONE: it stands in an object */
	uintptr_t start;          /* of what it stands in */
	size_t size;
};

/* So many of a kind are told of. */
#define TERN_CHECK_SHOWN 4u

struct tern_check {
	uint64_t reached, reached_bytes; /* objects that roots lead to */
	/* Not marked, though reached. Shown: those that a root or a marked object leads to. */
	uint64_t lost;
	struct tern_check_word lost_by[TERN_CHECK_SHOWN];
	/* Marked, though not reached. */
	uint64_t floating;
	/* Words that a type says are pointers, and that lead to what was freed: if they are asked for. */
	uint64_t dangling;
	struct tern_check_word dangling_at[TERN_CHECK_SHOWN];
};

/* Mark again, from all roots, one object after another, and compare with the mark bits, which stay as
 * they are. The stopped world; sp: see tern_port_scan_stacks(). */
void tern_check_marks(uintptr_t sp, bool dangling, struct tern_check *c);
/* Print what is wrong, and panic if anything is. */
void tern_check_judge(const struct tern_check *c);

/* When the heap is looked at: all swept and nothing marked; marked and not swept; marked beside the
 * program, so that new objects are marked, too. */
enum tern_verify_when { TERN_VERIFY_SWEPT, TERN_VERIFY_MARKED, TERN_VERIFY_MARKED_BESIDE };

/* The first thing that is wrong; what == NULL: nothing is. */
struct tern_verify {
	const char *what;
	uintptr_t at; /* the page that it is about; 0: the heap */
	uint64_t have, want;
};

/* All spans' and the arenas' invariants, and the sums. The stopped world, caches given back. */
struct tern_verify tern_verify_heap(struct tern_mheap *h, enum tern_verify_when when);
void tern_verify_judge(const struct tern_verify *v);

#endif
