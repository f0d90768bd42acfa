/* SPDX-License-Identifier: MIT */
/* heap.h - hand the machine's memory over to tern. */
#ifndef BOOT_HEAP_H
#define BOOT_HEAP_H

#include "boot/memmap.h"

/* All usable memory but what the kernel keeps for itself becomes regions of the heap. */
void heap_hand_over(struct memmap *m);

#endif
