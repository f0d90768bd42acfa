/* SPDX-License-Identifier: MIT */
/* commands_gc.c - what a person may ask about the collector's work: trace.
 *
 * Uses the public calls only, as any kernel could. Context: threads. */
#include <tern/command.h>
#include <tern/observe.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "lib/string.h"

static bool to_console(void *arg, const void *bytes, size_t n)
{
	(void)arg;
	tern_port_write(bytes, n);
	return true;
}

static enum tern_command_result result_of(bool ok, const char *why_not)
{
	if (ok)
		return TERN_COMMAND_OK;
	tern_printf("%s\n", why_not);
	return TERN_COMMAND_FAILED;
}

static enum tern_command_result run_trace(int argc, char **argv)
{
	if (argc != 2)
		return TERN_COMMAND_USAGE;
	if (tern_str_eq(argv[1], "on"))
		return result_of(tern_trace_start(0) == TERN_OK, "no memory for events");
	if (tern_str_eq(argv[1], "dump"))
		return result_of(tern_trace_write(to_console, NULL), "nothing was traced");
	if (!tern_str_eq(argv[1], "off"))
		return TERN_COMMAND_USAGE;
	tern_trace_stop();
	return TERN_COMMAND_OK;
}

static const char *complete_trace(unsigned i)
{
	static const char *const words[] = { "on", "off", "dump", NULL };

	return i < ARRAY_SIZE(words) ? words[i] : NULL;
}

const struct tern_command tern_gc_commands[] = {
	{ "trace", "on|off|dump", "what the collector does and when, as JSON for Perfetto",
	  run_trace, complete_trace },
	{ NULL, NULL, NULL, NULL, NULL },
};
