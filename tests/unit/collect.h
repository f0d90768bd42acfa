/* SPDX-License-Identifier: MIT */
/* collect.h - the collector for tests: in a guest started with the command line's options, in a
 * process with the environment's; the program's data are roots, as are the stacks of all threads and
 * of what plays CPUs. It starts no cycle by itself unless the options say so. */
#ifndef TESTS_UNIT_COLLECT_H
#define TESTS_UNIT_COLLECT_H

#include <stdbool.h>

/* The heap for tests, with the collector on: from the first call to the end of the program. */
bool collector_for_tests(void);

#endif
