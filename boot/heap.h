/* SPDX-License-Identifier: MIT */
/* heap.h - hand the machine's memory over to tern, and map what it uses of it. */
#ifndef BOOT_HEAP_H
#define BOOT_HEAP_H

#include "boot/memmap.h"

/* All usable memory but what the kernel keeps for itself becomes regions of the heap. */
void heap_hand_over(struct memmap *m);
/* The heap begins to use [start, start + size), both whole pages. False: out of page tables. */
bool heap_map(const struct memmap *m, uint64_t start, uint64_t size);

#endif
