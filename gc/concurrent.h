/* SPDX-License-Identifier: MIT */
/* concurrent.h - marking beside the program, between two short pauses. */
#ifndef GC_CONCURRENT_H
#define GC_CONCURRENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the background marks before it looks round, in bytes: whoever it has preempted waits so long. */
#define TERN_MARK_QUANTUM ((uint64_t)8 << 10)

/* Those that may stop the world take the sp of an arch_spill(): the caller's stack holds pointers from there
 * upwards, and what lies below is the collector's own. */

/* The first pause. By who is busy; no cycle is marking. False if cycles are held. */
bool tern_gc_start_marking(uintptr_t sp);
bool tern_gc_is_marking(void);
/* Mark until so many bytes were scanned. How many were; 0 if there was nothing to do. Interrupts on. */
uint64_t tern_gc_mark_some(uint64_t bytes);
/* A quantum, to the credit of those who allocate; if there is nothing to mark try to end the cycle. False
 * if there is nothing to do now. */
bool tern_gc_mark_in_background(uintptr_t sp);
/* If nothing is grey, and nobody marks: the last pause, or what makes it shorter. True if the cycle has
 * ended, or there is more to mark now. */
bool tern_gc_try_end(uintptr_t sp);
/* Mark, with all others that do, until the cycle that is marking, if any, has ended. */
void tern_gc_finish_marking(uintptr_t sp);
/* Wait until nobody marks who began to look before: what was changed by now is seen by all who mark. False
 * if the caller may not wait, and somebody may be looking. */
bool tern_gc_pass_markers(void);
/* The allocator has copied what may be pointers into a new object. */
void tern_gc_filled(const void *object, size_t size);

#endif
