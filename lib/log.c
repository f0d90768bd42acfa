/* SPDX-License-Identifier: MIT */
/* log.c - one line at a time, with a level and the time: see log.h. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdatomic.h>

#include <tern/port.h>
#include <tern/tern.h>

#include "lib/string.h"

static const char *const names[] = { "error", "warn", "info", "debug" };

/* [atomic: relaxed] a late change only shows or hides a line */
static _Atomic(enum tern_log_level) max_level = TERN_LOG_INFO;

void tern_log_set_level(enum tern_log_level level)
{
	atomic_store_explicit(&max_level, level, memory_order_relaxed);
}

enum tern_log_level tern_log_level(void)
{
	return atomic_load_explicit(&max_level, memory_order_relaxed);
}

int tern_log_level_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (tern_str_eq(name, names[i]))
			return (int)i;
	return -1;
}

void tern_log(enum tern_log_level level, const char *format, ...)
{
	static const char cut[] = "...";
	char line[TERN_LOG_LINE];
	size_t room = sizeof(line) - 1, used; /* one for the newline */
	uint64_t us;
	va_list args;

	if (level > tern_log_level())
		return;
	us = tern_port_clock_ns() / 1000;
	used = tern_snprintf(line, room, "[%5llu.%06llu] %s: ", (unsigned long long)(us / 1000000),
			     (unsigned long long)(us % 1000000), names[level]);
	va_start(args, format);
	used += tern_vsnprintf(line + used, room - used, format, args);
	va_end(args);
	if (used >= room) {
		used = room - 1;
		memcpy(line + used - (sizeof(cut) - 1), cut, sizeof(cut) - 1);
	}
	line[used++] = '\n';
	tern_port_write(line, used);
}
