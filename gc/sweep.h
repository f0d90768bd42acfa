/* SPDX-License-Identifier: MIT */
/* sweep.h - who sweeps, when, and how much at a time. */
#ifndef GC_SWEEP_H
#define GC_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

/* A few spans, on this CPU. Returns how many pages they have; 0 when none are left to be taken. Any
 * context but NMIs. */
uint64_t tern_gc_sweep_some(void);
/* All that is left, and wait for those who are at it. Interrupts on. */
void tern_gc_sweep_all(void);
/* Until n pages came free, or nothing is left: spans without a mark first. */
void tern_gc_sweep_for(uint64_t n);

#endif
