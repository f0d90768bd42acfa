/* SPDX-License-Identifier: MIT */
/* commands.c - what a person may ask the heap at a kernel's prompt: the table, and pages.
 *
 * Uses the public calls only, as any kernel could. Context: threads. */
#include <tern/command.h>
#include <tern/scavenge.h>
#include <tern/tern.h>

#include "lib/string.h"
#include "mm/commands.h"

static void print_row(const char *what, uint64_t bytes)
{
	tern_printf("  %-14s %12llu KiB\n", what, (unsigned long long)(bytes / 1024));
}

static void print_stats(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	print_row("waiting", s.waiting);
	print_row("free", s.free);
	print_row("released", s.released);
	print_row("used", s.used);
	print_row("records", s.records);
	print_row("longest free", s.longest_free);
}

static enum tern_command_result run_alloc(int argc, char **argv)
{
	unsigned long long size, align = 0, below = 0;
	void *p;

	if (argc < 3 || argc > 5 || !tern_command_number(argv[2], &size) ||
	    (argc > 3 && !tern_command_number(argv[3], &align)) ||
	    (argc > 4 && !tern_command_number(argv[4], &below)))
		return TERN_COMMAND_USAGE;
	p = tern_pages_alloc(size, align, below);
	if (!p) {
		tern_printf("no such run\n");
		return TERN_COMMAND_FAILED;
	}
	tern_printf("%p\n", p);
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_free(int argc, char **argv)
{
	unsigned long long addr, size;

	if (argc != 4 || !tern_command_number(argv[2], &addr) ||
	    !tern_command_number(argv[3], &size))
		return TERN_COMMAND_USAGE;
	tern_pages_free((void *)(uintptr_t)addr, size);
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_release(int argc, char **argv)
{
	unsigned long long size = SIZE_MAX;

	if (argc > 3 || (argc == 3 && !tern_command_number(argv[2], &size)))
		return TERN_COMMAND_USAGE;
	print_row("released now", tern_scavenge(size));
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_pages(int argc, char **argv)
{
	if (argc > 1 && tern_str_eq(argv[1], "alloc"))
		return run_alloc(argc, argv);
	if (argc > 1 && tern_str_eq(argv[1], "free"))
		return run_free(argc, argv);
	if (argc > 1 && tern_str_eq(argv[1], "release"))
		return run_release(argc, argv);
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	print_stats();
	return TERN_COMMAND_OK;
}

static const char *complete_pages(unsigned i)
{
	static const char *const words[] = { "alloc", "free", "release", NULL };

	return i < 4 ? words[i] : NULL;
}

const struct tern_command tern_page_commands[] = {
	{ "pages", "[alloc SIZE [ALIGN [BELOW]]|free ADDR SIZE|release [SIZE]]",
	  "the heap's pages; take, give back, release to the host", run_pages, complete_pages },
	{ "map", "", "the heap's pages as a picture", tern_commands_map, NULL },
	{ "heap", "[scan|noscan|typed|manual]|check|ADDR",
	  "objects by size, and where memory is; what is damaged; one object", tern_commands_heap,
	  tern_commands_complete_heap },
	{ "alloc", "SIZE [COUNT]", "objects by tern_malloc()", tern_commands_alloc, NULL },
	{ "free", "ADDR", "the end of an object", tern_commands_free, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
