/* SPDX-License-Identifier: MIT */
/* lineedit.h - edit a line of text on a terminal: typed bytes in, screen bytes out.
 *
 * Knows neither console nor thread: the caller gives bytes as they come, in pieces of any size,
 * and a function that takes what goes to the screen. What goes out is printable ASCII, "\n" and
 * backspaces, so that a pipe or a teletype serves as well as a terminal; only ctrl-l sends a
 * VT100 sequence. Lines that are wider than the screen scroll sideways.
 *
 *   left right ctrl-b ctrl-f     home end ctrl-a ctrl-e     up down ctrl-p ctrl-n (history)
 *   backspace delete ctrl-d      ctrl-k ctrl-u ctrl-w (to the end, to the start, a word)
 *   tab (complete; again: list)  ctrl-c (drop the line)     ctrl-l (clear the screen) */
#ifndef SAMPLES_MONITOR_LINEEDIT_H
#define SAMPLES_MONITOR_LINEEDIT_H

#include <stdbool.h>
#include <stddef.h>

#include <tern/command.h>

/* Columns in use, prompt included: one less than the narrowest screen, so that none wraps. */
#define LINEEDIT_COLUMNS 79
#define LINEEDIT_HISTORY 16

struct lineedit_host {
	const char *prompt; /* at most LINEEDIT_COLUMNS / 2 characters */
	void (*write)(void *ctx, const char *text, size_t len);
	/* The index-th word that may stand where the text ends, or NULL; may be NULL itself. */
	const char *(*complete)(void *ctx, const char *text, unsigned index);
	void *ctx;
};

struct lineedit {
	struct lineedit_host host; /* [const] */

	char line[TERN_COMMAND_LINE]; /* terminated */
	size_t len, cursor;           /* cursor <= len < sizeof(line) */

	/* what the screen shows of it behind the prompt */
	char shown[LINEEDIT_COLUMNS];
	size_t shown_len, shown_cursor; /* shown_cursor <= shown_len */
	size_t scroll;                  /* index in line of the leftmost column */

	int escape;     /* where in an escape sequence the input is */
	unsigned param; /* its first number */
	bool plain;     /* it has no more than that one */
	bool after_cr;  /* a "\n" that comes now belongs to the "\r" before it */
	bool tab_again; /* the last key was a tab that could not add anything */

	char history[LINEEDIT_HISTORY][TERN_COMMAND_LINE]; /* a ring */
	unsigned history_count; /* lines ever stored; the newest is number history_count - 1 */
	unsigned history_at;    /* the line looked at; history_count: the one being typed */
	char draft[TERN_COMMAND_LINE]; /* what was being typed before history was looked at */
};

void lineedit_init(struct lineedit *e, const struct lineedit_host *host);
/* Show the prompt and begin a new line. */
void lineedit_begin(struct lineedit *e);
/* True when this byte ended the line: it stands in e->line until the next lineedit_begin(). */
bool lineedit_byte(struct lineedit *e, unsigned char byte);

#endif
