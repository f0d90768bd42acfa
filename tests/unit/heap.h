/* SPDX-License-Identifier: MIT */
/* heap.h - *the* heap for tests: in a guest the machine's memory, which boot/heap.c has handed over;
 * in a process a region that the first test to ask reserves. */
#ifndef TESTS_UNIT_HEAP_H
#define TESTS_UNIT_HEAP_H

#include <stdbool.h>

bool heap_for_tests(void);

#endif
