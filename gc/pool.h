/* SPDX-License-Identifier: MIT */
/* pool.h - what a cycle does to pools of objects: see include/tern/pool.h. */
#ifndef GC_POOL_H
#define GC_POOL_H

#include "gc/mark.h"

/* A cycle begins: what was in a pool already when the last one began is dropped. */
void tern_pools_age(void);
/* All objects in pools are to be marked. */
void tern_pools_start(void);
/* Mark what is in the pools that no other CPU has taken, until none is left. */
void tern_pools_mark(struct tern_mark_work *w);
/* In the stopped world: the address of each word that holds an object in a pool. */
void tern_pools_words(void (*fn)(void *arg, uintptr_t at), void *arg);

#endif
