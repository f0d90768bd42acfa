/* SPDX-License-Identifier: MIT */
/* command.h - commands that a person types at a kernel's prompt.
 *
 * A part of the system exports an array of commands; a kernel lists the arrays that it wants in
 * a NULL-terminated table and gives lines of text to tern_command_run(). samples/monitor is such
 * a kernel. Nothing here allocates. Not locked: one prompt, one caller at a time for a table. */
#ifndef TERN_COMMAND_H
#define TERN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The public door: everything else of the library is built hidden. */
#pragma GCC visibility push(default)

/* Words in one line, the command's name among them. */
#define TERN_COMMAND_ARGS 16
/* Bytes in one line with its NUL. */
#define TERN_COMMAND_LINE 256

enum tern_command_result {
	TERN_COMMAND_OK,
	TERN_COMMAND_FAILED,  /* the command ran and says that something is wrong */
	TERN_COMMAND_USAGE,   /* words missing or wrong; the usage line was printed */
	TERN_COMMAND_UNKNOWN, /* no such command; that was printed */
};

/* An array of these ends with an entry whose name is NULL. */
struct tern_command {
	const char *name;  /* one word */
	const char *usage; /* what follows the name, such as "ADDR [COUNT]"; "" for nothing */
	const char *help;  /* one line, no full stop */
	/* argv[0] is the name; argv[argc] is NULL. */
	enum tern_command_result (*run)(int argc, char **argv);
	/* Offer the index-th completion of an argument, or NULL at the end; may be NULL itself. */
	const char *(*complete)(unsigned index);
};

/* NULL-terminated list of command arrays, in the order in which help shows them. */
typedef const struct tern_command *const *tern_command_table;

/**
 * tern_command_run - run one line: words split at blanks, "..." keeps blanks, # starts a comment
 *
 * An empty line is OK. The built-in `help [NAME]` is answered here, from the table.
 */
enum tern_command_result tern_command_run(tern_command_table table, const char *line);

/**
 * tern_command_complete - how the last word of a line may go on
 * @line:  what is typed so far
 * @index: 0 for the first candidate, and so on
 *
 * Returns the whole candidate word, or NULL when there are no more. The first word completes to
 * command names, later ones to what the command offers.
 */
const char *tern_command_complete(tern_command_table table, const char *line, unsigned index);

/**
 * tern_command_number - read a number: 123, 0x1f, 64K, 16M, 4G, 1T (powers of 1024)
 *
 * False, and *value unchanged, when the word is not wholly a number or does not fit.
 */
bool tern_command_number(const char *word, unsigned long long *value);

/* The library's own commands: pages, map, heap, alloc, free. */
extern const struct tern_command tern_page_commands[];
/* Of the collector: trace, roots, why, leaks, dump. */
extern const struct tern_command tern_gc_commands[];

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
