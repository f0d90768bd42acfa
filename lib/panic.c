/* SPDX-License-Identifier: MIT */
/* panic.c - the end of the road for a failed check.
 *
 * Job      The text goes to the port's console, then to its panic. A check that fails while the
 *          text is written, in the port's own code, goes to its panic at once.
 * Owns     who is writing; ranks of locks do not bind that CPU, or a panic with locks held could
 *          not be told.
 * Locks    none of its own. Context: any; interrupts stay off from here on. */
#include <stdarg.h>
#include <stdatomic.h>

#include <tern/port.h>
#include <tern/tern.h>

#include "lib/assert.h"

/* CPU id + 1, or 0. [atomic: relaxed] each CPU looks only for itself; when two write at a time,
 * the first counts as done, which costs it no more than a repeated text. */
static atomic_uint writer;

bool tern_panic_here(void)
{
	return atomic_load_explicit(&writer, memory_order_relaxed) == tern_port_cpu_id() + 1;
}

_Noreturn void tern_panic(const char *format, ...)
{
	char text[256];
	va_list args;

	(void)tern_port_irq_save();
	va_start(args, format);
	tern_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!tern_panic_here()) {
		atomic_store_explicit(&writer, tern_port_cpu_id() + 1, memory_order_relaxed);
		tern_printf("tern: panic: %s\n", text);
	}
	atomic_store_explicit(&writer, 0, memory_order_relaxed);
	tern_port_panic(text);
}

_Noreturn void tern_assert_failed(const char *expr, const char *file, int line)
{
	tern_panic("%s:%d: assertion failed: %s", file, line, expr);
}
