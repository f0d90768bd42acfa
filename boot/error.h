/* SPDX-License-Identifier: MIT */
/* error.h - what a parser of foreign bytes says when it refuses them.
 *
 * Parsers (FDT, ACPI, PVH, Multiboot2, memory maps) are pure: they read a blob, fill a struct,
 * and answer false with one line of text and numbers. Only the caller decides to stop. */
#ifndef BOOT_ERROR_H
#define BOOT_ERROR_H

#include <stdbool.h>

#include "lib/compiler.h"

struct boot_error {
	char text[160];
};

/* Fills e (unless NULL) and returns false, so that a parser can `return boot_error(...)`. */
bool boot_error(struct boot_error *e, const char *format, ...) TERN_PRINTF(2, 3);

#endif
