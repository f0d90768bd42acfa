/* SPDX-License-Identifier: MIT */
/* gc_options.c - the collector's options, from a command line.
 *
 * Locks: none. Context: any. */
#include "boot/gc_options.h"

#include <tern/command.h>

#include "boot/cmdline.h"
#include "lib/log.h"
#include "lib/string.h"

#define WORD_MAX 24

static bool number_option(const char *cmdline, const char *key, unsigned long long *value)
{
	char word[WORD_MAX];

	if (!cmdline_option(cmdline, key, word, sizeof(word)))
		return false;
	if (tern_command_number(word, value))
		return true;
	log_warn("%s=%s: want a number", key, word);
	return false;
}

static int percent(const char *cmdline)
{
	unsigned long long n;
	char word[WORD_MAX];

	if (!cmdline_option(cmdline, "gc", word, sizeof(word)) || tern_str_eq(word, "off"))
		return -1;
	if (*word && number_option(cmdline, "gc", &n) && n <= INT32_MAX)
		return (int)n;
	return 0;
}

struct tern_gc_options gc_options(const char *cmdline)
{
	struct tern_gc_options o = { .percent = percent(cmdline) };
	unsigned long long limit;
	char word[WORD_MAX];

	if (number_option(cmdline, "gc-limit", &limit))
		o.limit = limit;
	o.trace = cmdline_option(cmdline, "gc-trace", word, sizeof(word));
	o.check = cmdline_option(cmdline, "gc-check", word, sizeof(word));
	o.watched_roots = cmdline_option(cmdline, "gc-watched-roots", word, sizeof(word));
	if (cmdline_option(cmdline, "gc-mode", word, sizeof(word)) && tern_str_eq(word, "barrier"))
		o.mode = TERN_GC_BARRIER;
	return o;
}
