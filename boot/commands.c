/* SPDX-License-Identifier: MIT */
/* commands.c - commands about the machine and the kernel as a whole.
 *
 * Locks: none. Context: a thread; see include/tern/command.h. */
#include "boot/commands.h"

#include <tern/tern.h>

#include "boot/machine.h"
#include "boot/report.h"
#include "boot/thread.h"
#include "lib/log.h"

#define NS_PER_S 1000000000ull

static enum tern_command_result run_report(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	boot_report();
	boot_report_map_found();
	boot_report_map_used();
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_version(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	tern_printf("tern %s\n", tern_version());
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_uptime(int argc, char **argv)
{
	uint64_t ns = mach_clock_ns();

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	tern_printf("%llu.%06llu s\n", (unsigned long long)(ns / NS_PER_S),
		    (unsigned long long)(ns % NS_PER_S / 1000));
	return TERN_COMMAND_OK;
}

/* In the order of enum tern_log_level. */
static const char *log_level_name(unsigned index)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return index < ARRAY_SIZE(names) ? names[index] : NULL;
}

static enum tern_command_result run_log(int argc, char **argv)
{
	int level = argc == 2 ? tern_log_level_by_name(argv[1]) : -1;

	if (argc > 2 || (argc == 2 && level < 0))
		return TERN_COMMAND_USAGE;
	if (argc == 2)
		tern_log_set_level(level);
	tern_printf("log level: %s\n", log_level_name(tern_log_level()));
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_sleep(int argc, char **argv)
{
	unsigned long long seconds;

	if (argc != 2 || !tern_command_number(argv[1], &seconds) || seconds > UINT32_MAX)
		return TERN_COMMAND_USAGE;
	thread_sleep(seconds * NS_PER_S);
	return TERN_COMMAND_OK;
}

static enum tern_command_result run_echo(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		tern_printf("%s%s", i > 1 ? " " : "", argv[i]);
	tern_printf("\n");
	return TERN_COMMAND_OK;
}

const struct tern_command boot_commands[] = {
	{ "report", "", "the machine, its memory as found and used", run_report, NULL },
	{ "version", "", "which tern this is", run_version, NULL },
	{ "uptime", "", "time since the clock was found", run_uptime, NULL },
	{ "log", "[error|warn|info|debug]", "show or set what is logged", run_log, log_level_name },
	{ "sleep", "SECONDS", "do nothing for a while", run_sleep, NULL },
	{ "echo", "[WORD]...", "print the words", run_echo, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
