/* SPDX-License-Identifier: MIT */
/* barrier.h - pointers that stores note while objects are marked. */
#ifndef GC_BARRIER_H
#define GC_BARRIER_H

#include <tern/barrier.h>

/* The world is stopped. */
void tern_barrier_watch(bool on);
/* What all CPUs have noted becomes grey. The world is stopped. */
void tern_barrier_flush_all(void);

#endif
