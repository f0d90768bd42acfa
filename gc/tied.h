/* SPDX-License-Identifier: MIT */
/* tied.h - roots that are tied to objects: finalizers, cleanups, pins. */
#ifndef GC_TIED_H
#define GC_TIED_H

#include "gc/mark.h"

/* In the stopped world before marking: cut them into jobs. */
void tern_tied_start(void);
/* Mark from the jobs that no other CPU has taken, until none are left. */
void tern_tied_mark(struct tern_mark_work *w);
/* Beside the program: one of the jobs, or what of it may be done there; false if there is none left. */
bool tern_tied_mark_some(struct tern_mark_work *w);
/* In the stopped world: each word, or each object, that marking begins with. */
void tern_tied_words(void (*fn)(void *arg, uintptr_t at, size_t size), void *arg);

#endif
