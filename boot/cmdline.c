/* SPDX-License-Identifier: MIT */
/* cmdline.c - options and script of the kernel's command line.
 *
 * Job      Find words in the text that cmdline.h describes.
 * Owns     nothing; the text stays as it is.
 * Locks    none.   Context: any.
 * Holds    "--" counts only as a word of its own; behind it no word is an option. Words are
 *          separated by blanks and have no quotes: options are numbers and names. */
#include "boot/cmdline.h"

#include "lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct word {
	const char *text;
	size_t len;
};

/* The next word at or after *at, which moves behind it; false at the end. */
static bool next_word(const char **at, struct word *w)
{
	const char *p = *at;

	while (is_blank(*p))
		p++;
	w->text = p;
	while (*p && !is_blank(*p))
		p++;
	w->len = (size_t)(p - w->text);
	*at = p;
	return w->len > 0;
}

static bool is_separator(const struct word *w)
{
	return w->len == 2 && w->text[0] == '-' && w->text[1] == '-';
}

/* True if w is `key` or `key=value`; *value is what follows the "=", or nothing. */
static bool match_option(const struct word *w, const char *key, struct word *value)
{
	size_t len = tern_str_len(key);

	if (w->len < len || memcmp(w->text, key, len) != 0)
		return false;
	if (w->len > len && w->text[len] != '=')
		return false;
	*value = (struct word){ w->text + w->len, 0 };
	if (w->len > len)
		*value = (struct word){ w->text + len + 1, w->len - len - 1 };
	return true;
}

static bool copy_value(const struct word *v, char *value, size_t size)
{
	if (!v->text || v->len >= size)
		return false;
	memcpy(value, v->text, v->len);
	value[v->len] = '\0';
	return true;
}

bool cmdline_option(const char *cmdline, const char *key, char *value, size_t size)
{
	struct word w, v, found = { NULL, 0 };

	while (next_word(&cmdline, &w) && !is_separator(&w))
		if (match_option(&w, key, &v))
			found = v;
	return copy_value(&found, value, size);
}

bool cmdline_next_option(const char **at, const char *key, char *value, size_t size)
{
	struct word w, v;

	while (next_word(at, &w) && !is_separator(&w))
		if (match_option(&w, key, &v) && copy_value(&v, value, size))
			return true;
	return false;
}

bool cmdline_next_word(const char **at, char *word, size_t size)
{
	struct word w;

	while (next_word(at, &w) && !is_separator(&w))
		if (copy_value(&w, word, size))
			return true;
	return false;
}

const char *cmdline_script(const char *cmdline)
{
	struct word w;

	while (next_word(&cmdline, &w)) {
		if (!is_separator(&w))
			continue;
		while (is_blank(*cmdline))
			cmdline++;
		return cmdline;
	}
	return NULL;
}
