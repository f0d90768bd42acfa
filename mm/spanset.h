/* SPDX-License-Identifier: MIT */
/* spanset.h - a bag of spans that any CPU may put into and take from, without a lock. */
#ifndef MM_SPANSET_H
#define MM_SPANSET_H

#include <stdatomic.h>
#include <stdint.h>

struct tern_mspan;

/* All zero: empty. */
struct tern_spanset {
	_Atomic uint64_t top; /* [atomic: release by push, acquire by pop] pointer << 16 | turn */
};

void tern_spanset_push(struct tern_spanset *set, struct tern_mspan *s);
/* The span that was put in last; NULL when there is none. */
struct tern_mspan *tern_spanset_pop(struct tern_spanset *set);
/* All of them, linked by next. */
struct tern_mspan *tern_spanset_take_all(struct tern_spanset *set);

#endif
