/* SPDX-License-Identifier: MIT */
/* marking.h - marking beside the program, step by step, for tests that act in the middle of it. */
#ifndef TESTS_UNIT_MARKING_H
#define TESTS_UNIT_MARKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/gc.h>

/* Cycles are of that kind from now on, or as they were told to be before the first change. A cycle comes first:
 * false if it does not. There is a collector. */
bool change_options(enum tern_gc_mode mode, bool stop_the_world, bool check);
bool restore_options(void);
/* The first pause; mark nothing yet, but for what the kernel's background does, which does not end the
 * cycle. */
void start_marking(void);
/* Mark what is left, and the last pause: one for each start. */
void finish_marking(void);
/* The same, but this thread may help, and its allocations pay; it may be that the cycle ends by that. */
void start_marking_and_help(void);
void finish_helping(void);
/* What was scanned in this cycle, by all. */
uint64_t bytes_scanned(void);
/* A chain of n objects that lives, from a root, until it is dropped. */
void make_living(unsigned n, size_t size);
void drop_living(void);

#endif
