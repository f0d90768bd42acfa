/* SPDX-License-Identifier: MIT */
/* sweep.h - through all spans of collected objects once after each cycle. */
#ifndef MM_SWEEP_H
#define MM_SWEEP_H

#include "mm/mcentral.h"

/* The cycle's marks are complete: every span is to be swept. The world is stopped, and the last sweep
 * is done. */
void tern_sweep_start(struct tern_mheap *h);
/* Sweep the next few spans, if any are left to be handed out. Returns how many pages these have; 0 if
 * none are left, though other CPUs may not have finished theirs. Interrupts off; no lock held. */
uint64_t tern_sweep_some(struct tern_mheap *h, struct tern_mcentral *all);
/* The same among spans in which nothing is marked, so that their pages come free. */
uint64_t tern_sweep_dead(struct tern_mheap *h, struct tern_mcentral *all);
/* Sweep the span that an address lies in, or wait for who is at it: from then on what is dead is known to
 * be. Interrupts off; no lock held. */
void tern_sweep_at(struct tern_mheap *h, struct tern_mcentral *all, struct tern_pagecache *pages,
		   uintptr_t addr);
/* True if nothing is left, and nobody is at it. */
bool tern_sweep_is_done(struct tern_mheap *h);

#endif
