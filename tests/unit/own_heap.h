/* SPDX-License-Identifier: MIT */
/* own_heap.h - for one test, *the* heap is a fresh one on a run of pages of the other: it may be used
 * to the last page, or starved of records, and nobody else is disturbed. */
#ifndef TESTS_UNIT_OWN_HEAP_H
#define TESTS_UNIT_OWN_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/test.h"

/* Begin with a run of `size` bytes, or if there is no such run with a half, a quarter ... Returns its
 * size; 0 if there is not even a page. The heap has no region yet. No other CPU may be using it. */
size_t own_heap_begin(size_t size);
/* Hand the run over. False when there is no memory for a record. */
bool own_heap_add(void);
/* Both: a heap of `size` bytes that is empty, in which each CPU has its cache, wherever the test may wander.
 * False if that cannot be; if it is for lack of memory, the test is said to be skipped, unless
 * it asks for less. */
bool own_heap_for(struct test *t, size_t size);
/* The other heap is *the* heap again; whatever was in this one is gone. */
void own_heap_end(void);

#endif
