/* SPDX-License-Identifier: MIT */
/* panic.c - the end of the road for a failed check: the text goes to the port's console, then to
 * its panic. Context: any; allocates nothing and takes no lock. */
#include <stdarg.h>

#include <tern/port.h>
#include <tern/tern.h>

#include "lib/assert.h"

_Noreturn void tern_panic(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	tern_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tern_printf("tern: panic: %s\n", text);
	tern_port_panic(text);
}

_Noreturn void tern_assert_failed(const char *expr, const char *file, int line)
{
	tern_panic("%s:%d: assertion failed: %s", file, line, expr);
}
