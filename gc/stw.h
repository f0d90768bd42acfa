/* SPDX-License-Identifier: MIT */
/* stw.h - stop the world, let all of it work together, start it. */
#ifndef GC_STW_H
#define GC_STW_H

#include <stdint.h>

/* Stop every other CPU. Returns how many stopped, when all have given their caches back. Interrupts
 * off; one CPU at a time. Panics, with their numbers, if some do not come. */
unsigned tern_stw_stop(void);
/* Run fn on this CPU and on `helpers` of those that stopped; returns when all are done. */
void tern_stw_together(unsigned helpers, void (*fn)(void *arg), void *arg);
/* All that stopped run on. */
void tern_stw_start(void);

#endif
