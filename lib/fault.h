/* SPDX-License-Identifier: MIT */
/* fault.h - faults that the simulation plants, to show that it finds them.
 *
 * TERN_FAULT(NAME) stands where something would be left out, or done twice. It is constant false, and
 * leaves no trace, unless all is compiled with TERN_FAULTS=1: then the simulation chooses one of them
 * (make sim FAULT=name; docs/testing.md). */
#ifndef LIB_FAULT_H
#define LIB_FAULT_H

#include <stdbool.h>

#include "lib/compiler.h"

#define TERN_FAULTS_ALL(X)                                                                         \
	X(NO_SHADE)        /* a store does not note what it puts in */                             \
	X(NO_FLUSH)        /* what stores noted last is lost in the last pause */                  \
	X(LATELY_KEPT)     /* what stores noted in the last cycle is not noted in this one */      \
	X(STACKS_ONCE)     /* the last pause scans no stacks */                                    \
	X(ROOTS_ONCE)      /* the last pause scans no registered ranges again */                   \
	X(END_WHILE_GREY)  /* the cycle ends though a thread has grey objects of its own */        \
	X(WORK_LEFT)       /* who stops marking forgets the grey objects in one of his buffers */  \
	X(SPAN_LOOKED_AT)  /* a span is looked through, and only then is no longer queued */       \
	X(NO_RESCAN)       /* what could not be queued is forgotten */                             \
	X(SWEEP_TWICE)     /* a span is swept by who did not claim it */                           \
	X(TAKE_UNSWEPT)    /* slots are taken of a span that is not swept */                       \
	X(NOT_MARKING)     /* the allocator does not know that objects are marked */               \
	X(DROP_OLD_LOOK)   /* a span goes back by a look from before somebody owned it */          \
	X(STALE_WORD)      /* a CPU takes slots of a span that it gave up */                       \
	X(CACHE_KEPT)      /* a CPU that stops keeps its spans */                                  \
	X(REMOTE_LOST)     /* frees that come while a span is looked through are lost */           \
	X(PARKED_TWICE)    /* a slot that a CPU parked is taken, and stays parked */               \
	X(PARKED_LOST)     /* what a CPU parked does not go back with its other caches */          \
	X(WEAK_UNSWEPT)    /* a weak pointer gives an object that is dead and not swept */         \
	X(EPHEMERON_VALUE) /* a black key does not lead to its value */                            \
	X(QUEUE_NO_ROOT)   /* finalizers that wait to be called keep nothing */                    \
	X(FINALIZER_LEAF)  /* an object with a finalizer keeps nothing */                          \
	X(NOT_REVIVED)     /* an object whose finalizer is due is freed */                         \
	X(POOL_YOUNG)      /* a pool drops what was put there since the last cycle */              \
	X(NO_LAST_LOOK)    /* the last pause does not ask which pages were written to */           \
	X(NEW_PAGE_CLEAN)  /* a new span's page does not count as written to */                    \
	X(DIRTY_LOST)      /* a page that was written to is taken, and not looked at */            \
	X(LOCK_NOT_ATOMIC) /* two CPUs may take a lock that both saw free */

enum tern_fault {
	TERN_FAULT_NONE,
#define TERN_FAULT_NAME_(name) TERN_FAULT_##name,
	TERN_FAULTS_ALL(TERN_FAULT_NAME_)
#undef TERN_FAULT_NAME_
};

#if defined(TERN_FAULTS)
extern enum tern_fault tern_fault_planted;
#define TERN_FAULT(name) unlikely(tern_fault_planted == TERN_FAULT_##name)
#else
#define TERN_FAULT(name) (false && TERN_FAULT_##name != TERN_FAULT_NONE)
#endif

#endif
