/* SPDX-License-Identifier: MIT */
/* mempicture.h - a memory map as rows of characters. */
#ifndef BOOT_MEMPICTURE_H
#define BOOT_MEMPICTURE_H

#include "boot/memmap.h"

void mempicture_print(const struct memmap *m);

#endif
