/* SPDX-License-Identifier: MIT */
/* collect.h - the collector for tests: in a guest started with the command line's options, in a
 * process with those in the environment (boot/host/stop.h). Its roots are the program's data, and the
 * stacks of all threads, or of those that play CPUs.
 *
 * Other tests keep collected objects where no collector looks. So unless the options ask for cycles
 * that start by themselves, there are none, not even when memory is short. */
#ifndef TESTS_UNIT_COLLECT_H
#define TESTS_UNIT_COLLECT_H

#include <stdbool.h>

/* The heap for tests, with the collector on: from the first call to the end of the program. */
bool collector_for_tests(void);
/* Between these, cycles start by themselves: at the goal, which tern_gc_set_percent() moves, and when
 * memory is short. */
void let_cycles_start(void);
void no_cycles_start(void);
/* No cycle marks, begins or ends until tern_gc_release(); also where there is no collector. */
void hold_between_cycles(void);

/* What collect.c asks of the place. */
bool start_collector(void);

#endif
