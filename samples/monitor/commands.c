/* SPDX-License-Identifier: MIT */
/* commands.c - what the monitor has beside the kernel's own commands: tests, benchmarks, the end.
 *
 * Options of the kernel's command line: seed=N for the tests' random numbers, quick to leave out
 * slow ones. Locks: none. Context: thread 0; see include/tern/command.h. */
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/cmdline.h"
#include "boot/gc.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "lib/string.h"
#include "samples/monitor/monitor.h"
#include "tests/test.h"

/* test ------------------------------------------------------------------------------------ */

static uint64_t test_seed(void)
{
	unsigned long long seed;
	char word[24];

	if (cmdline_option(boot_info.cmdline, "seed", word, sizeof(word)) &&
	    tern_command_number(word, &seed))
		return seed;
	return arch_ticks();
}

static enum tern_command_result list_tests(void)
{
	const char *group, *name;

	for (unsigned i = 0; (name = test_name(i, &group)); i++)
		tern_printf("%s.%s\n", group, name);
	return TERN_COMMAND_OK;
}

/* Whichever it is: what a test finds in its CPU's caches must not depend on whether another CPU was idle. */
static void stay_on_this_cpu(void)
{
	thread_pin(tern_port_cpu_id());
}

static enum tern_command_result run_test(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : NULL;
	char word[8];
	bool quick = cmdline_option(boot_info.cmdline, "quick", word, sizeof(word));
	int failed;

	if (argc > 2)
		return TERN_COMMAND_USAGE;
	if (pattern && tern_str_eq(pattern, "list"))
		return list_tests();
	if (!gc_add_test_roots())
		return TERN_COMMAND_FAILED;
	test_before_each = stay_on_this_cpu;
	failed = test_run(pattern, test_seed(), quick);
	thread_pin(THREAD_ANY_CPU);
	if (failed < 0)
		tern_printf("no test matches %s\n", pattern ? pattern : "");
	else
		tern_printf("# %d failed\n", failed);
	return failed == 0 ? TERN_COMMAND_OK : TERN_COMMAND_FAILED;
}

/* Groups: the tests of one stand together, as they are of one file. */
static const char *complete_test(unsigned index)
{
	const char *group, *before = "list";

	if (index == 0)
		return before;
	for (unsigned i = 0; test_name(i, &group); i++) {
		if (tern_str_eq(group, before))
			continue;
		if (--index == 0)
			return group;
		before = group;
	}
	return NULL;
}

/* bench ----------------------------------------------------------------------------------- */

/* make bench runs the machine so that one instruction takes one nanosecond. Only how long boot
 * took is known afterwards; all else is measured when asked. */
static bool bench_boot(const char *pattern)
{
	static const char name[] = "boot.main";

	if (pattern && !tern_str_match(pattern, name))
		return false;
	bench_row(name, boot_ns, "instructions");
	return true;
}

static enum tern_command_result run_bench(int argc, char **argv)
{
	const char *pattern = argc > 1 ? argv[1] : NULL;
	bool found;

	if (argc > 2)
		return TERN_COMMAND_USAGE;
	found = bench_boot(pattern);
	if (bench_run(pattern) == 0 && !found) {
		tern_printf("no benchmark matches %s\n", pattern);
		return TERN_COMMAND_FAILED;
	}
	return TERN_COMMAND_OK;
}

/* power ----------------------------------------------------------------------------------- */

static const char *power_way(unsigned index)
{
	static const char *const ways[] = { "off", "fail", "reset" };

	return index < ARRAY_SIZE(ways) ? ways[index] : NULL;
}

static enum tern_command_result run_power(int argc, char **argv)
{
	if (argc > 2)
		return TERN_COMMAND_USAGE;
	if (argc == 1 || tern_str_eq(argv[1], "off"))
		monitor_leave(true);
	if (tern_str_eq(argv[1], "fail"))
		monitor_leave(false);
	if (tern_str_eq(argv[1], "reset"))
		mach_reset();
	return TERN_COMMAND_USAGE;
}

const struct tern_command monitor_commands[] = {
	{ "test", "[list|PATTERN]", "run all tests, or a group, or by pattern", run_test,
	  complete_test },
	{ "bench", "[PATTERN]", "run benchmarks; for numbers: make bench", run_bench, NULL },
	{ "power", "[off|fail|reset]", "leave with a verdict that passes or fails", run_power,
	  power_way },
	{ NULL, NULL, NULL, NULL, NULL },
};
