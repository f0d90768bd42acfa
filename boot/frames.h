/* SPDX-License-Identifier: MIT */
/* frames.h - 4 KiB pages of RAM for the guest kernel itself: page tables, stacks, threads. */
#ifndef BOOT_FRAMES_H
#define BOOT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/memmap.h"

/* From now on frames come from m; until then from a small pool inside the image. */
void frames_init(struct memmap *m);
/* A cleared frame, or NULL. Physical address = pointer. */
void *frames_alloc(void);
/* The same for a page table: never grows the pool, and so never calls vm. See frames.c. */
void *frames_alloc_table(void);
/* ... that the caller fills himself: not cleared. */
void *frames_take_table(void);
/* See to it that there are a few frames for frames_alloc_table(); others may take them first.
 * False when memory has ended. */
bool frames_reserve(void);
void frames_free(void *frame);
/* How many frames are out, and how many free ones are at hand. */
size_t frames_used(void);
size_t frames_free_count(void);

#endif
