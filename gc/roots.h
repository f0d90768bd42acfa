/* SPDX-License-Identifier: MIT */
/* roots.h - where marking begins: memory that was registered, and what the kernel shows of threads. */
#ifndef GC_ROOTS_H
#define GC_ROOTS_H

#include "gc/mark.h"

/* In the stopped world, before marking: cut the roots into jobs; ranges too, or the stacks only. */
void tern_roots_start(bool ranges);
/* All of the ranges were handed out, and none came or went since. */
bool tern_roots_are_done(void);
/* Mark from the jobs that no other CPU has taken, until none are left. sp: see
 * tern_port_scan_stacks(). */
void tern_roots_mark(struct tern_mark_work *w, uintptr_t sp);
/* The two halves of it: one piece of the registered ranges, or of what is tied to objects, also while the program runs, false if there
 * is none left; and the stacks, in the stopped world. */
bool tern_roots_mark_some(struct tern_mark_work *w);
void tern_roots_mark_stacks(struct tern_mark_work *w, uintptr_t sp);
/* In the stopped world: each registered range, but for what is tern's own in it. A type repeats from low
 * on; NULL: any word may hold a pointer. */
typedef void tern_show_range(void *arg, uintptr_t low, uintptr_t high,
			     const struct tern_type *type);
void tern_roots_ranges(tern_show_range *fn, void *arg);
/* Bytes that the cycle scanned: registered ranges, and stacks. */
uint64_t tern_roots_range_bytes(void);
uint64_t tern_roots_stack_bytes(void);

#endif
