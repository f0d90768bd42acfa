/* SPDX-License-Identifier: MIT */
/* commands_gc.c - collect by hand, and what the collector has done so far; who allocates.
 *
 * Locks: none. Context: a thread; see include/tern/command.h. */
#include "boot/commands.h"

#include <tern/gc.h>
#include <tern/observe.h>

#include "boot/gc.h"
#include "boot/symbols.h"
#include "lib/compiler.h"
#include "lib/string.h"

#define US 1000ull

extern char text_start[], text_end[];

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
	if (s.checks)
		tern_printf("checked: %llu cycles, in which %llu objects were marked in vain\n",
			    (unsigned long long)s.checks, (unsigned long long)s.floating);
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

/* --- the heap profile: here, as it names this kernel's functions ----------------------------- */

/* A console takes no bytes that are not text: in hexadecimal, 32 a line. */
struct hex {
	unsigned n;
};

static bool write_hex(void *arg, const void *bytes, size_t n)
{
	const unsigned char *b = bytes;
	struct hex *h = arg;

	for (size_t i = 0; i < n; i++, h->n++) {
		if (h->n % 32 == 0)
			tern_printf("%spb ", h->n ? "\n" : "");
		tern_printf("%02x", b[i]);
	}
	return true;
}

static enum tern_command_result dump_profile(void)
{
	const struct tern_profile_image image = {
		.path = "kernel.elf",
		.start = (uintptr_t)text_start,
		.limit = (uintptr_t)text_end,
		.function = symbol_at,
	};
	struct hex h = { 0 };
	bool ok = tern_profile_write(&image, write_hex, &h);

	tern_printf("\n");
	return ok ? TERN_COMMAND_OK : TERN_COMMAND_FAILED;
}

static enum tern_command_result start_profile(unsigned long long interval)
{
	enum tern_result result = tern_profile_start(interval);

	if (result == TERN_ENOMEM)
		tern_printf("no memory for the profile\n");
	if (result == TERN_EINVAL)
		return TERN_COMMAND_USAGE;
	return result == TERN_OK ? TERN_COMMAND_OK : TERN_COMMAND_FAILED;
}

static enum tern_command_result run_profile(int argc, char **argv)
{
	unsigned long long interval = 0;

	if (argc > 1 && argc < 4 && tern_str_eq(argv[1], "on") &&
	    (argc == 2 || tern_command_number(argv[2], &interval)))
		return start_profile(interval);
	if (argc == 2 && tern_str_eq(argv[1], "dump"))
		return dump_profile();
	if (argc != 2 || !tern_str_eq(argv[1], "off"))
		return TERN_COMMAND_USAGE;
	tern_profile_stop();
	return TERN_COMMAND_OK;
}

static const char *complete_profile(unsigned i)
{
	static const char *const words[] = { "on", "off", "dump", NULL };

	return i < ARRAY_SIZE(words) ? words[i] : NULL;
}

const struct tern_command boot_gc_commands[] = {
	{ "profile", "on [INTERVAL]|off|dump",
	  "who allocates, for go tool pprof; dump is hexadecimal", run_profile, complete_profile },
	{ "gc", "", "collect now, and say what was found and freed so far", run_gc, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
