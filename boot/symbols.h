/* SPDX-License-Identifier: MIT */
/* symbols.h - names of functions, for backtraces.
 *
 * tools/syms.awk makes the table from nm's output; the image is linked twice, the second time
 * with it (text lies before the table, so that its addresses do not move). */
#ifndef BOOT_SYMBOLS_H
#define BOOT_SYMBOLS_H

#include <stdint.h>

/* The function that holds addr and the distance from its start; NULL if it is not in the text. */
const char *symbol_at(uintptr_t addr, uintptr_t *offset);
/* Address of a function by name, 0 if there is none. */
uintptr_t symbol_find(const char *name);

#endif
