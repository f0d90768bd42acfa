/* SPDX-License-Identifier: MIT */
/* marking.h - marking beside the program, step by step, for tests that act in the middle of it. */
#ifndef TESTS_UNIT_MARKING_H
#define TESTS_UNIT_MARKING_H

#include <stdbool.h>

#include <tern/gc.h>

/* Cycles are of that kind from now on. A cycle comes first: false if it does not. */
bool change_options(enum tern_gc_mode mode, bool stop_the_world, bool check);
/* The first pause; mark nothing yet, but for what the kernel's background does, which does not end the
 * cycle. */
void start_marking(void);
/* Mark what is left, and the last pause: one for each start. */
void finish_marking(void);

#endif
