/* SPDX-License-Identifier: MIT */
/* command.c - commands that a person types: split a line, find the name, run it.
 *
 * Job      tern_command_run(), completion, numbers, and the built-in help.
 * Owns     nothing: a line is split in a copy on the stack.
 * Locks    none; the caller's thread. Context: wherever the commands themselves may run. */
#include <stdint.h>

#include <tern/command.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "lib/string.h"

/* Found and listed like any other; to run it takes the table. */
static const struct tern_command help = { .name = "help",
					  .usage = "[NAME]",
					  .help = "this list, or one command of it" };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cut line into words, in place. Returns how many, or -1 after saying what is wrong. */
static int split(char *line, char **argv)
{
	char *p = line;
	int argc = 0;

	for (;;) {
		while (is_blank(*p))
			p++;
		if (!*p || *p == '#')
			break;
		if (argc == TERN_COMMAND_ARGS) {
			tern_printf("more than %d words in a line\n", TERN_COMMAND_ARGS);
			return -1;
		}
		if (*p == '"') {
			argv[argc++] = ++p;
			while (*p && *p != '"')
				p++;
			if (!*p) {
				tern_printf("a \" is not closed\n");
				return -1;
			}
		} else {
			argv[argc++] = p;
			while (*p && !is_blank(*p))
				p++;
			if (!*p)
				break;
		}
		*p++ = '\0';
	}
	argv[argc] = NULL;
	return argc;
}

static const struct tern_command *find(tern_command_table table, const char *name)
{
	if (tern_str_eq(help.name, name))
		return &help;
	for (; *table; table++)
		for (const struct tern_command *c = *table; c->name; c++)
			if (tern_str_eq(c->name, name))
				return c;
	return NULL;
}

static enum tern_command_result unknown(const char *name)
{
	tern_printf("%s: no such command; help lists them\n", name);
	return TERN_COMMAND_UNKNOWN;
}

static void print_usage(const struct tern_command *c)
{
	tern_printf("usage: %s%s%s\n", c->name, *c->usage ? " " : "", c->usage);
}

static enum tern_command_result explain(tern_command_table table, const char *name)
{
	const struct tern_command *c = find(table, name);

	if (!c)
		return unknown(name);
	print_usage(c);
	tern_printf("%s\n", c->help);
	return TERN_COMMAND_OK;
}

static void print_line(const struct tern_command *c)
{
	tern_printf("  %-10s %-24s %s\n", c->name, c->usage, c->help);
}

static enum tern_command_result run_help(tern_command_table table, int argc, char **argv)
{
	if (argc > 2)
		return TERN_COMMAND_USAGE;
	if (argc == 2)
		return explain(table, argv[1]);
	print_line(&help);
	for (; *table; table++)
		for (const struct tern_command *c = *table; c->name; c++)
			print_line(c);
	return TERN_COMMAND_OK;
}

enum tern_command_result tern_command_run(tern_command_table table, const char *line)
{
	char copy[TERN_COMMAND_LINE];
	char *argv[TERN_COMMAND_ARGS + 1];
	const struct tern_command *c;
	enum tern_command_result result;
	int argc;

	if (!tern_str_copy(copy, sizeof(copy), line)) {
		tern_printf("a line has at most %d characters\n", TERN_COMMAND_LINE - 1);
		return TERN_COMMAND_USAGE;
	}
	argc = split(copy, argv);
	if (argc <= 0)
		return argc ? TERN_COMMAND_USAGE : TERN_COMMAND_OK;
	c = find(table, argv[0]);
	if (!c)
		return unknown(argv[0]);
	result = c == &help ? run_help(table, argc, argv) : c->run(argc, argv);
	if (result == TERN_COMMAND_USAGE)
		print_usage(c);
	return result;
}

/* The index-th command name that starts with prefix; help is the first of all. */
static const char *complete_name(tern_command_table table, const char *prefix, unsigned index)
{
	if (tern_str_starts(help.name, prefix) && index-- == 0)
		return help.name;
	for (; *table; table++)
		for (const struct tern_command *c = *table; c->name; c++)
			if (tern_str_starts(c->name, prefix) && index-- == 0)
				return c->name;
	return NULL;
}

static const char *complete_argument(const struct tern_command *c, const char *prefix,
				     unsigned index)
{
	const char *word;

	if (!c || !c->complete)
		return NULL;
	for (unsigned i = 0; (word = c->complete(i)); i++)
		if (tern_str_starts(word, prefix) && index-- == 0)
			return word;
	return NULL;
}

const char *tern_command_complete(tern_command_table table, const char *line, unsigned index)
{
	char name[TERN_COMMAND_LINE];
	const struct tern_command *c;
	const char *first, *last;
	size_t len = 0;

	while (is_blank(*line))
		line++;
	first = last = line;
	for (const char *p = line; *p; p++)
		if (is_blank(*p))
			last = p + 1;
	if (last == first)
		return complete_name(table, first, index);
	while (first[len] && !is_blank(first[len]))
		len++;
	if (len >= sizeof(name))
		return NULL;
	memcpy(name, first, len);
	name[len] = '\0';
	c = find(table, name);
	return c == &help ? complete_name(table, last, index) : complete_argument(c, last, index);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* 1 for the end of the word, 0 for what is no suffix. */
static unsigned long long unit_of(const char *suffix)
{
	static const char letters[] = "kKmMgGtT";

	if (!*suffix)
		return 1;
	for (unsigned i = 0; letters[i]; i++)
		if (letters[i] == *suffix && !suffix[1])
			return 1024ull << (i / 2 * 10);
	return 0;
}

bool tern_command_number(const char *word, unsigned long long *value)
{
	unsigned base = 10;
	unsigned long long n = 0, unit;
	const char *p = word;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit_of(*p) >= (int)base)
		return false;
	for (; digit_of(*p) < (int)base; p++)
		if (__builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, (unsigned)digit_of(*p), &n))
			return false;
	unit = unit_of(p);
	if (!unit || __builtin_mul_overflow(n, unit, &n))
		return false;
	*value = n;
	return true;
}
