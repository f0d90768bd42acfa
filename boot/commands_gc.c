/* SPDX-License-Identifier: MIT */
/* commands_gc.c - collect by hand, and what the collector has done so far.
 *
 * Locks: none. Context: a thread; see include/tern/command.h. */
#include "boot/commands.h"

#include <tern/gc.h>

#include "boot/gc.h"

#define US 1000ull

static unsigned long long kib(uint64_t bytes)
{
	return bytes >> 10;
}

static void print_stats(void)
{
	struct tern_gc_stats s;

	tern_gc_stats(&s);
	tern_printf("cycles: %llu, of them %llu asked for\n", (unsigned long long)s.cycles,
		    (unsigned long long)s.forced);
	tern_printf("pauses: the last %llu us, the longest %llu us, all together %llu us\n",
		    (unsigned long long)(s.last_pause_ns / US),
		    (unsigned long long)(s.max_pause_ns / US),
		    (unsigned long long)(s.pause_ns / US));
	tern_printf("found alive: %llu objects, %llu KiB; %llu KiB of roots were scanned\n",
		    (unsigned long long)s.live_objects, kib(s.live_bytes), kib(s.root_bytes));
	tern_printf("freed so far: %llu objects, %llu KiB%s\n", (unsigned long long)s.swept_objects,
		    kib(s.swept_bytes), s.sweeping ? "; sweeping goes on" : "");
	tern_printf("heap: %llu KiB, the next cycle ", kib(s.heap_bytes));
	if (s.goal_bytes == UINT64_MAX)
		tern_printf("when asked\n");
	else
		tern_printf("at %llu KiB\n", kib(s.goal_bytes));
}

static enum tern_command_result run_gc(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	if (!gc_start() || tern_gc() != TERN_OK)
		return TERN_COMMAND_FAILED;
	print_stats();
	return TERN_COMMAND_OK;
}

const struct tern_command boot_gc_commands[] = {
	{ "gc", "", "collect now, and say what was found and freed so far", run_gc, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
