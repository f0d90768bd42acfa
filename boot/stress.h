/* SPDX-License-Identifier: MIT */
/* stress.h - the heap under load from several CPUs. */
#ifndef BOOT_STRESS_H
#define BOOT_STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On CPUs 0 to count - 1, for so many seconds: make objects up to a size, hand them from CPU to CPU,
 * free them. Prints what was done; false if an object was damaged or is left over. Threads; one
 * caller at a time. */
bool stress_heap(unsigned count, uint64_t seconds, size_t size);

#endif
