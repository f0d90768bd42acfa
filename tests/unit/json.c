/* SPDX-License-Identifier: MIT */
/* json.c - is a text JSON? The grammar of RFC 8259, without surrogate pairs. */
#include "tests/unit/json.h"

#define DEPTH_MAX 16

struct text {
	const char *at, *end;
	unsigned depth;
};

static bool value(struct text *t);

static void skip_blanks(struct text *t)
{
	while (t->at < t->end &&
	       (*t->at == ' ' || *t->at == '\n' || *t->at == '\t' || *t->at == '\r'))
		t->at++;
}

static bool take(struct text *t, char c)
{
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static bool digits(struct text *t)
{
	const char *first = t->at;

	while (t->at < t->end && *t->at >= '0' && *t->at <= '9')
		t->at++;
	return t->at > first;
}

static bool number(struct text *t)
{
	take(t, '-');
	if (!take(t, '0') && !digits(t))
		return false;
	if (take(t, '.') && !digits(t))
		return false;
	if (!take(t, 'e') && !take(t, 'E'))
		return true;
	if (!take(t, '+'))
		take(t, '-');
	return digits(t);
}

static bool escape(struct text *t)
{
	static const char one[] = "\"\\/bfnrt";

	if (take(t, 'u')) {
		for (unsigned i = 0; i < 4; i++, t->at++)
			if (t->at == t->end || !((*t->at >= '0' && *t->at <= '9') ||
						 ((*t->at | 32) >= 'a' && (*t->at | 32) <= 'f')))
				return false;
		return true;
	}
	for (const char *c = one; *c; c++)
		if (take(t, *c))
			return true;
	return false;
}

static bool string(struct text *t)
{
	if (!take(t, '"'))
		return false;
	while (t->at < t->end && (unsigned char)*t->at >= ' ') {
		if (take(t, '"'))
			return true;
		if (*t->at++ == '\\' && !escape(t))
			return false;
	}
	return false;
}

static bool word(struct text *t, const char *w)
{
	while (*w)
		if (!take(t, *w++))
			return false;
	return true;
}

static bool member(struct text *t, bool named)
{
	if (named) {
		skip_blanks(t);
		if (!string(t))
			return false;
		skip_blanks(t);
		if (!take(t, ':'))
			return false;
	}
	return value(t);
}

static bool members(struct text *t, char close)
{
	skip_blanks(t);
	if (take(t, close))
		return true;
	do {
		if (!member(t, close == '}'))
			return false;
	} while (take(t, ','));
	return take(t, close);
}

static bool plain(struct text *t)
{
	switch (t->at < t->end ? *t->at : '\0') {
	case '{':
	case '[':
		return members(t, *t->at++ == '{' ? '}' : ']');
	case '"':
		return string(t);
	case 't':
		return word(t, "true");
	case 'f':
		return word(t, "false");
	case 'n':
		return word(t, "null");
	default:
		return number(t);
	}
}

static bool value(struct text *t)
{
	bool ok;

	if (++t->depth > DEPTH_MAX)
		return false;
	skip_blanks(t);
	ok = plain(t);
	skip_blanks(t);
	t->depth--;
	return ok;
}

bool json_is_valid(const char *text, size_t n)
{
	struct text t = { .at = text, .end = text + n };

	return value(&t) && t.at == t.end;
}
