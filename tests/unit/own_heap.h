/* SPDX-License-Identifier: MIT */
/* own_heap.h - for one test, *the* heap is a fresh one on a run of pages of the other: it may be used
 * to the last page, or starved of records, and nobody else is disturbed. */
#ifndef TESTS_UNIT_OWN_HEAP_H
#define TESTS_UNIT_OWN_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begin with a run of `size` bytes, or if there is no such run with a half, a quarter ... Returns its
 * size; 0 if there is not even a page. The heap has no region yet. No other CPU may be using it. */
size_t own_heap_begin(size_t size);
/* Hand the run over. False when there is no memory for a record. */
bool own_heap_add(void);
/* Bytes that are in use once no CPU holds anything back. */
uint64_t own_heap_used(void);
/* The other heap is *the* heap again; whatever was in this one is gone. */
void own_heap_end(void);

#endif
