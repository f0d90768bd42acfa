/* SPDX-License-Identifier: MIT */
/* barrier.h - pointers that stores note while objects are marked. */
#ifndef GC_BARRIER_H
#define GC_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tern/barrier.h>
#include <tern/config.h>

#include "lib/compiler.h"

#define TERN_BARRIER_NOTES  62u
#define TERN_BARRIER_LATELY 64u

/* What a CPU has noted: no roots. */
struct tern_barrier_buffer {
	/* [atomic: relaxed; written by the CPU alone] complements of what it saw in this cycle, each at
	 * the place that its address says; 0: none. At the struct's beginning, which saves an addition. */
	_Atomic uintptr_t lately[TERN_BARRIER_LATELY];
	uint64_t n;
	uintptr_t note[TERN_BARRIER_NOTES];
	bool used; /* in this cycle */
} TERN_ALIGNED(TERN_CACHE_LINE);
extern struct tern_barrier_buffer tern_barrier_buffers[TERN_MAX_CPUS];

/* The world is stopped. */
void tern_barrier_watch(bool on);
/* What all CPUs have noted becomes grey. The world is stopped. */
void tern_barrier_flush_all(void);

#endif
