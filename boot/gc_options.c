/* SPDX-License-Identifier: MIT */
/* gc_options.c - the collector's options, from a command line.
 *
 * Locks: none. Context: any. */
#include "boot/gc_options.h"

#include <tern/tern.h>

#include "boot/cmdline.h"
#include "lib/log.h"
#include "lib/string.h"

#define WORD_MAX 128

static void read(struct tern_gc_options *o, const char *text)
{
	struct tern_gc_bad_word bad;

	if (tern_gc_parse_options(o, text, &bad) != TERN_OK)
		log_warn("gc: %.*s: %s", (int)bad.len, bad.at, bad.why);
}

static void read_percent(struct tern_gc_options *o, const char *value)
{
	char text[WORD_MAX + 10];

	o->percent = 0;
	tern_snprintf(text, sizeof(text), "gcpercent=%s", value);
	read(o, text);
}

struct tern_gc_options gc_options(const char *cmdline)
{
	struct tern_gc_options o = { .percent = -1 };
	char word[WORD_MAX];

	while (cmdline_next_word(&cmdline, word, sizeof(word)))
		if (tern_str_eq(word, "gc"))
			o.percent = 0;
		else if (tern_str_starts(word, "gc="))
			read_percent(&o, word + 3);
		else if (tern_str_starts(word, "gc-"))
			read(&o, word + 3);
	return o;
}
