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

/* Fills e, unless it is NULL. */
void boot_error_set(struct boot_error *e, const char *format, ...) TERN_PRINTF(2, 3);
/* The same, and false, so that a parser can `return boot_error(e, ...)`. A macro, so that checkers
 * of the code see which way its callers go on. */
#define boot_error(...) (boot_error_set(__VA_ARGS__), false)

#endif
