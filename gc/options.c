/* SPDX-License-Identifier: MIT */
/* options.c - the collector's options as text.
 *
 * Job      Read words such as "limit=64M" into a struct tern_gc_options; say which cannot be read, and why.
 * Owns     the words' names: a kernel's command line has the same ones (boot/gc_options.c).
 * Locks    none.   Context: any.
 * Go       runtime/runtime1.go parsegodebug, which passes over what it does not know. */
#include <tern/command.h>
#include <tern/gc.h>

#include "lib/compiler.h"
#include "lib/string.h"

#define VALUE_MAX 24

enum form { FLAG, BYTES, COUNT, PERCENT, MODE };

static const struct option {
	const char *name;
	enum form form;
	size_t offset;
} options[] = {
#define OPTION(name_, form_, field_)                                                               \
	{                                                                                          \
		name_, form_, offsetof(struct tern_gc_options, field_)                             \
	}
	OPTION("gcpercent", PERCENT, percent),
	OPTION("min-heap", BYTES, min_heap),
	OPTION("limit", BYTES, limit),
	OPTION("mode", MODE, mode),
	OPTION("markers", COUNT, markers),
	OPTION("watched-roots", FLAG, watched_roots),
	OPTION("no-lazy-sweep", FLAG, no_lazy_sweep),
	OPTION("gcstoptheworld", FLAG, stop_the_world),
	OPTION("spans", FLAG, spans),
	OPTION("trace", FLAG, trace),
	OPTION("check", FLAG, check),
	OPTION("invalidptr", FLAG, invalidptr),
	OPTION("clobberfree", FLAG, clobberfree),
#undef OPTION
};

static bool read_flag(const char *value, bool *flag)
{
	*flag = tern_str_eq(value, "1");
	return *flag || tern_str_eq(value, "0");
}

static bool read_number(const char *value, unsigned long long max, unsigned long long *n)
{
	return tern_command_number(value, n) && *n <= max;
}

static bool read_percent(const char *value, int *percent)
{
	unsigned long long n;

	*percent = -1;
	if (tern_str_eq(value, "off"))
		return true;
	if (!read_number(value, INT32_MAX, &n))
		return false;
	*percent = (int)n;
	return true;
}

static bool read_mode(const char *value, enum tern_gc_mode *mode)
{
	static const char *const names[] = {
		[TERN_GC_STW] = "stw",
		[TERN_GC_BARRIER] = "barrier",
		[TERN_GC_PAGES] = "pages",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (tern_str_eq(value, names[i])) {
			*mode = (enum tern_gc_mode)i;
			return true;
		}
	return false;
}

/* NULL, or what is wanted. */
static const char *read_value(enum form form, const char *value, void *field)
{
	unsigned long long n;

	switch (form) {
	case FLAG:
		return read_flag(value, field) ? NULL : "want 0 or 1";
	case BYTES:
		if (!read_number(value, SIZE_MAX, &n))
			return "want bytes, such as 64M";
		*(size_t *)field = (size_t)n;
		return NULL;
	case COUNT:
		if (!read_number(value, UINT32_MAX, &n))
			return "want a number";
		*(unsigned *)field = (unsigned)n;
		return NULL;
	case PERCENT:
		return read_percent(value, field) ? NULL : "want a number, or off";
	case MODE:
		return read_mode(value, field) ? NULL : "want stw, barrier or pages";
	}
	return "no such option";
}

static bool is_one_of(char c, const char *set)
{
	while (*set && *set != c)
		set++;
	return *set;
}

static size_t length_up_to(const char *text, const char *ends)
{
	size_t n = 0;

	while (text[n] && !is_one_of(text[n], ends))
		n++;
	return n;
}

static const struct option *find(const char *name, size_t len)
{
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (tern_str_len(options[i].name) == len && !memcmp(options[i].name, name, len))
			return &options[i];
	return NULL;
}

/* A word without a value is a flag that is set. */
static const char *read_word(struct tern_gc_options *o, const char *word, size_t len)
{
	size_t name = length_up_to(word, "=, ");
	const struct option *option;
	char value[VALUE_MAX] = "1";

	option = find(word, name);
	if (!option)
		return "no such option";
	if (name == len)
		return option->form == FLAG ? read_value(FLAG, value, (char *)o + option->offset)
					    : "want a value";
	/* What is longer is no value of any. */
	len -= name + 1;
	len = len < VALUE_MAX ? len : 0;
	memcpy(value, word + name + 1, len);
	value[len] = '\0';
	return read_value(option->form, value, (char *)o + option->offset);
}

enum tern_result tern_gc_parse_options(struct tern_gc_options *o, const char *text,
				       struct tern_gc_bad_word *bad)
{
	struct tern_gc_options read;

	if (!o || !text)
		return TERN_EINVAL;
	read = *o;
	for (size_t len; *text; text += len + (text[len] != '\0')) {
		const char *why;

		len = length_up_to(text, ", ");
		why = len ? read_word(&read, text, len) : NULL;
		if (!why)
			continue;
		if (bad)
			*bad = (struct tern_gc_bad_word){ text, len, why };
		return TERN_EINVAL;
	}
	*o = read;
	return TERN_OK;
}
