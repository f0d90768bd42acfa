/* SPDX-License-Identifier: MIT */
/* commands_gc.c - what a person may ask about the collector's work: trace, roots, why, leaks, dump.
 *
 * Uses the public calls only, as any kernel could. Context: threads. */
#include <tern/command.h>
#include <tern/observe.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "lib/string.h"

#define ROOTS_SHOWN 64u
#define STEPS_SHOWN 32u

static const char no_collector[] = "the collector is not on: gc turns it on";

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

static const char *name_of(enum tern_root_kind kind)
{
	static const char *const names[] = {
		[TERN_ROOT_NONE] = "object",     [TERN_ROOT_RANGE] = "range",
		[TERN_ROOT_STACK] = "stack",     [TERN_ROOT_OWN_STACK] = "this stack",
		[TERN_ROOT_RECORD] = "record",   [TERN_ROOT_RUN] = "run of pages",
		[TERN_ROOT_GUARDED] = "guarded",
	};

	return names[kind];
}

static enum tern_command_result run_roots(int argc, char **argv)
{
	struct tern_root roots[ROOTS_SHOWN];
	size_t n;

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	if (tern_roots(roots, ROOTS_SHOWN, &n) != TERN_OK)
		return result_of(false, no_collector);
	for (size_t i = 0; i < n && i < ROOTS_SHOWN; i++)
		tern_printf("%-12s 0x%016lx %10zu\n", name_of(roots[i].kind),
			    (unsigned long)roots[i].start, roots[i].size);
	if (n > ROOTS_SHOWN)
		tern_printf("and %zu more\n", n - ROOTS_SHOWN);
	return TERN_COMMAND_OK;
}

static void print_path(const struct tern_why_step *steps, size_t n)
{
	size_t left_out = n > STEPS_SHOWN ? n - STEPS_SHOWN : 0;

	for (size_t i = 0; i < n - left_out; i++) {
		if (left_out && i == STEPS_SHOWN / 2)
			tern_printf("... %zu more ...\n", left_out);
		tern_printf("%-12s 0x%016lx %10zu  +%zu\n", name_of(steps[i].root),
			    (unsigned long)steps[i].start, steps[i].size, steps[i].offset);
	}
}

static enum tern_command_result run_why(int argc, char **argv)
{
	struct tern_why_step steps[STEPS_SHOWN];
	unsigned long long addr;
	enum tern_result result;
	size_t n;

	if (argc != 2 || !tern_command_number(argv[1], &addr))
		return TERN_COMMAND_USAGE;
	if (!tern_base((void *)(uintptr_t)addr))
		return result_of(false, "no object in use is there");
	result = tern_why_alive((void *)(uintptr_t)addr, steps, STEPS_SHOWN, &n);
	if (result != TERN_OK)
		return result_of(false,
				 result == TERN_ENOMEM ? "no memory to find out" : no_collector);
	if (n == 0)
		tern_printf("no root leads to it\n");
	print_path(steps, n);
	return TERN_COMMAND_OK;
}

static void print_leak(void *arg, const struct tern_leak *leak)
{
	(void)arg;
	tern_printf("0x%016lx %10zu", (unsigned long)leak->object, leak->size);
	for (unsigned i = 0; i < TERN_TRACE_DEPTH && leak->allocated.ret[i]; i++)
		tern_printf("%s0x%lx", i ? ", " : "  allocated at ",
			    (unsigned long)leak->allocated.ret[i]);
	tern_printf("\n");
}

static enum tern_command_result run_leaks(int argc, char **argv)
{
	enum tern_result result;
	uint64_t n;

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	result = tern_find_leaks(print_leak, NULL, &n);
	if (result != TERN_OK)
		return result_of(false,
				 result == TERN_ENOMEM ? "no memory to find out" : no_collector);
	tern_printf("leaks: %llu\n", (unsigned long long)n);
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_dump(int argc, char **argv)
{
	bool edges = argc == 2 && tern_str_eq(argv[1], "edges");

	if (argc > 2 || (argc == 2 && !edges))
		return TERN_COMMAND_USAGE;
	return result_of(tern_heap_dump(edges, to_console, NULL), no_collector);
}

static const char *complete_dump(unsigned i)
{
	return i ? NULL : "edges";
}

const struct tern_command tern_gc_commands[] = {
	{ "trace", "on|off|dump", "what the collector does and when, as JSON for Perfetto",
	  run_trace, complete_trace },
	{ "roots", "", "where marking begins", run_roots, NULL },
	{ "why", "ADDR", "a path from a root to an object", run_why, NULL },
	{ "leaks", "", "objects of tern_malloc() that nothing leads to", run_leaks, NULL },
	{ "dump", "[edges]", "all of the heap as text: pages, roots, spans, bits", run_dump,
	  complete_dump },
	{ NULL, NULL, NULL, NULL, NULL },
};
