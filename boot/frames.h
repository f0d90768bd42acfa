/* SPDX-License-Identifier: MIT */
/* frames.h - 4 KiB pages of RAM for the guest kernel itself: page tables, stacks, threads.
 *
 * Job      Hand out single frames, mapped one to one and readable; take them back.
 * Owns     a list of free frames, refilled from the memory map a piece of at most 2 MiB at a
 *          time: boot touches what it uses, however much RAM there is.
 * Locks    frames(110), a leaf but for vm(100) above it. Context: any but NMI. */
#ifndef BOOT_FRAMES_H
#define BOOT_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "boot/memmap.h"

/* From now on frames come from m; until then from a small pool inside the image. */
void frames_init(struct memmap *m);
/* A cleared frame, or NULL. Physical address = pointer. */
void *frames_alloc(void);
void frames_free(void *frame);
/* How many frames are out, and how many free ones are at hand. */
size_t frames_used(void);
size_t frames_free_count(void);

#endif
