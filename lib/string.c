/* SPDX-License-Identifier: MIT */
/* string.c - text without a libc. Pure; any context. */
#include "lib/string.h"

size_t tern_str_len(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t tern_str_nlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

bool tern_str_eq(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

bool tern_str_starts(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix)
		s++, prefix++;
	return !*prefix;
}

bool tern_str_copy(char *to, size_t size, const char *from)
{
	size_t n = tern_str_nlen(from, size);
	bool fits = n < size;

	if (!fits)
		n = size - 1;
	memcpy(to, from, n);
	to[n] = '\0';
	return fits;
}

/* Each * first matches nothing; on a mismatch the last one takes a character more. */
bool tern_str_match(const char *pattern, const char *s)
{
	const char *star = NULL, *star_s = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			star_s = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = ++star_s;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
