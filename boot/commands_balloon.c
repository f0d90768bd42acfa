/* SPDX-License-Identifier: MIT */
/* commands_balloon.c - a person, or a test outside of the guest, plays with memory and the host.
 *
 * Job      balloon: show the device, use memory, give it back. `pages alloc` tells addresses.
 * Rule     As in commands_memory.c: no address faults. What is released is lost, whosever it is.
 * Locks    none.   Context: a thread; see include/tern/command.h. */
#include "boot/commands.h"

#include <tern/port.h>
#include <tern/tern.h>

#include "boot/balloon.h"
#include "boot/machine.h"
#include "boot/memmap.h"
#include "boot/report.h"
#include "lib/bits.h"
#include "lib/string.h"

static enum tern_command_result show(void)
{
	struct balloon_stats s;

	balloon_stats(&s);
	tern_printf("balloon: %s", s.state);
	if (s.regs)
		tern_printf(", registers at 0x%lx", (unsigned long)s.regs);
	tern_printf("\nreleased: %s in %llu messages, the longest took %llu us\n",
		    size_text(s.released).text, (unsigned long long)s.reports,
		    (unsigned long long)s.longest_ns / 1000);
	return TERN_COMMAND_OK;
}

static enum tern_command_result touch(uintptr_t start, size_t size)
{
	for (size_t at = 0; at < size; at += PAGE_SIZE)
		if (!mach_probe_write(start + at, sizeof(uint64_t), start + at)) {
			tern_printf("cannot write 0x%lx\n", (unsigned long)(start + at));
			return TERN_COMMAND_FAILED;
		}
	tern_printf("touched\n");
	return TERN_COMMAND_OK;
}

static enum tern_command_result release(uintptr_t start, size_t size)
{
	bool gone = tern_port_release(start, size);

	tern_printf("%s\n", gone ? "released" : "not released");
	return gone ? TERN_COMMAND_OK : TERN_COMMAND_FAILED;
}

static enum tern_command_result run_balloon(int argc, char **argv)
{
	unsigned long long start, size;

	if (argc == 1)
		return show();
	if (argc != 4 || !tern_command_number(argv[2], &start) ||
	    !tern_command_number(argv[3], &size) || !is_aligned(start | size, TERN_HEAP_PAGE))
		return TERN_COMMAND_USAGE;
	if (tern_str_eq(argv[1], "touch"))
		return touch(start, size);
	if (tern_str_eq(argv[1], "release"))
		return release(start, size);
	return TERN_COMMAND_USAGE;
}

static const char *complete_way(unsigned index)
{
	static const char *const ways[] = { "touch", "release" };

	return index < ARRAY_SIZE(ways) ? ways[index] : NULL;
}

const struct tern_command boot_balloon_commands[] = {
	{ "balloon", "[touch|release ADDR SIZE]", "write to memory, or give it back to the host",
	  run_balloon, complete_way },
	{ NULL, NULL, NULL, NULL, NULL },
};
