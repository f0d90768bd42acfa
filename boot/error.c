/* SPDX-License-Identifier: MIT */
/* error.c - the one line that a parser leaves when it refuses its input.
 *
 * Job      Format the line into the caller's struct boot_error.
 * Owns     nothing.
 * Locks    none.   Context: any; before the console is up as well.
 * Holds    the text is always terminated, cut if it is too long. */
#include "boot/error.h"

#include <stdarg.h>
#include <stddef.h>

#include <tern/tern.h>

void boot_error_set(struct boot_error *e, const char *format, ...)
{
	va_list args;

	if (!e)
		return;
	va_start(args, format);
	tern_vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
}
