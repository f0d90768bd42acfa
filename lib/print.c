/* SPDX-License-Identifier: MIT */
/* print.c - formatted text without a libc.
 *
 * Job      The printf subset that include/tern/tern.h promises, to the port or into a buffer.
 * How      One formatter writes characters to a sink; a sink that goes to the port gathers them
 *          in a small buffer on the stack. An unknown conversion is copied as it stands, so
 *          that a mistake is seen.
 * Locks    none. Context: any; needs about 200 bytes of stack. */
#include <stdbool.h>
#include <stdint.h>

#include <tern/port.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "lib/string.h"

#define GATHER 96
#define DIGITS 22 /* 64 bits in octal */
/* The most that width and precision count: sums of a few stay far from INT_MAX. */
#define PADDING_MAX 1000000

struct sink {
	char *buf;
	size_t size, used; /* used counts on past size in a buffer that is too small */
	bool to_port;
};

struct spec {
	bool left, zero, alt, plus, space, upper;
	int width;     /* 0 .. PADDING_MAX */
	int precision; /* -1, not given, .. PADDING_MAX */
};

static void put(struct sink *s, char c)
{
	if (s->to_port && s->used == s->size) {
		tern_port_write(s->buf, s->used);
		s->used = 0;
	}
	if (s->used < s->size)
		s->buf[s->used] = c;
	s->used++;
}

static void put_repeated(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

static void put_text(struct sink *s, const struct spec *spec, const char *text)
{
	size_t max = spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision;
	size_t len;
	int pad;

	if (!text)
		text = "(null)";
	len = tern_str_nlen(text, max);
	pad = (size_t)spec->width > len ? spec->width - (int)len : 0;
	if (!spec->left)
		put_repeated(s, ' ', pad);
	for (size_t i = 0; i < len; i++)
		put(s, text[i]);
	if (spec->left)
		put_repeated(s, ' ', pad);
}

/* Digits of value, last first; returns how many. */
static int to_digits(char *digits, uint64_t value, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	for (; value; value /= base)
		digits[n++] = set[value % base];
	return n;
}

/* prefix: a sign, or 0x */
static void put_number(struct sink *s, const struct spec *spec, uint64_t value, unsigned base,
		       const char *prefix)
{
	char digits[DIGITS];
	int n = to_digits(digits, value, base, spec->upper);
	int zeros = (spec->precision < 0 ? 1 : spec->precision) - n;
	int len, pad;

	if (zeros < 0)
		zeros = 0;
	if (spec->alt && base == 8 && zeros == 0)
		zeros = 1;
	len = (int)tern_str_len(prefix) + zeros + n;
	pad = spec->width > len ? spec->width - len : 0;
	if (spec->zero && !spec->left && spec->precision < 0) {
		zeros += pad;
		pad = 0;
	}
	if (!spec->left)
		put_repeated(s, ' ', pad);
	while (*prefix)
		put(s, *prefix++);
	put_repeated(s, '0', zeros);
	while (n)
		put(s, digits[--n]);
	if (spec->left)
		put_repeated(s, ' ', pad);
}

static const char *parse_flags(const char *f, struct spec *spec)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			spec->left = true;
			break;
		case '0':
			spec->zero = true;
			break;
		case '#':
			spec->alt = true;
			break;
		case '+':
			spec->plus = true;
			break;
		case ' ':
			spec->space = true;
			break;
		default:
			return f;
		}
	}
}

static const char *parse_int(const char *f, int *n)
{
	for (*n = 0; *f >= '0' && *f <= '9'; f++)
		if (*n < PADDING_MAX / 10)
			*n = *n * 10 + (*f - '0');
	return f;
}

/* A * for the width: negative means to the left. */
static void set_width(struct spec *spec, int width)
{
	if (width < 0)
		spec->left = true;
	if (width > PADDING_MAX || width < -PADDING_MAX)
		spec->width = PADDING_MAX;
	else
		spec->width = width < 0 ? -width : width;
}

static void set_precision(struct spec *spec, int precision)
{
	spec->precision = precision < 0 ? -1 : precision < PADDING_MAX ? precision : PADDING_MAX;
}

/* Length modifiers as the number of bytes that the argument has. */
static const char *parse_length(const char *f, unsigned *bytes)
{
	bool twice = *f && f[1] == *f;

	switch (*f) {
	case 'h':
		*bytes = twice ? 1 : 2;
		return f + (twice ? 2 : 1);
	case 'l':
		*bytes = 8;
		return f + (twice ? 2 : 1);
	case 'z':
	case 't':
	case 'j':
		*bytes = 8;
		return f + 1;
	default:
		*bytes = 4;
		return f;
	}
}

/* The argument as it was before promotion: cut to its bytes, with or without sign. */
static uint64_t cut(uint64_t value, unsigned bytes, bool is_signed)
{
	unsigned shift = 64 - 8 * bytes;

	return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value << shift >> shift;
}

static void put_signed(struct sink *s, const struct spec *spec, int64_t value)
{
	const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

	put_number(s, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, sign);
}

static void put_char(struct sink *s, const struct spec *spec, char c)
{
	if (!spec->left)
		put_repeated(s, ' ', spec->width - 1);
	put(s, c);
	if (spec->left)
		put_repeated(s, ' ', spec->width - 1);
}

static void put_hex(struct sink *s, const struct spec *spec, uint64_t value)
{
	const char *prefix = spec->upper ? "0X" : "0x";

	put_number(s, spec, value, 16, spec->alt && value ? prefix : "");
}

/* A va_list that can be passed on by address, on every machine. */
struct arg_list {
	va_list v;
};

static uint64_t integer_arg(struct arg_list *args, unsigned bytes, bool is_signed)
{
	uint64_t value = bytes == 8 ? va_arg(args->v, uint64_t) : va_arg(args->v, unsigned);

	return cut(value, bytes, is_signed);
}

/* One conversion; f is behind the %. Returns what follows, or NULL if it is none. */
static const char *convert(struct sink *s, const char *f, struct arg_list *args)
{
	struct spec spec = { .precision = -1 };
	unsigned bytes;

	f = parse_flags(f, &spec);
	if (*f == '*') {
		f++;
		set_width(&spec, va_arg(args->v, int));
	} else {
		f = parse_int(f, &spec.width);
	}
	if (*f == '.' && f[1] == '*') {
		f += 2;
		set_precision(&spec, va_arg(args->v, int));
	} else if (*f == '.') {
		f = parse_int(f + 1, &spec.precision);
	}
	f = parse_length(f, &bytes);
	switch (*f) {
	case 'd':
	case 'i':
		put_signed(s, &spec, (int64_t)integer_arg(args, bytes, true));
		break;
	case 'u':
		put_number(s, &spec, integer_arg(args, bytes, false), 10, "");
		break;
	case 'o':
		put_number(s, &spec, integer_arg(args, bytes, false), 8, "");
		break;
	case 'X':
		spec.upper = true;
		__attribute__((fallthrough));
	case 'x':
		put_hex(s, &spec, integer_arg(args, bytes, false));
		break;
	case 'c':
		put_char(s, &spec, (char)va_arg(args->v, int));
		break;
	case 's':
		put_text(s, &spec, va_arg(args->v, const char *));
		break;
	case 'p':
		put_number(s, &spec, (uintptr_t)va_arg(args->v, void *), 16, "0x");
		break;
	case '%':
		put(s, '%');
		break;
	default:
		return NULL;
	}
	return f + 1;
}

static void format_to(struct sink *s, const char *f, va_list v)
{
	struct arg_list args;

	va_copy(args.v, v);
	while (*f) {
		const char *after = *f == '%' ? convert(s, f + 1, &args) : NULL;

		if (after)
			f = after;
		else
			put(s, *f++);
	}
	va_end(args.v);
}

void tern_vprintf(const char *format, va_list args)
{
	char gathered[GATHER];
	struct sink s = { .buf = gathered, .size = sizeof(gathered), .to_port = true };

	format_to(&s, format, args);
	if (s.used)
		tern_port_write(s.buf, s.used);
}

void tern_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tern_vprintf(format, args);
	va_end(args);
}

size_t tern_vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct sink s = { .buf = buf, .size = size ? size - 1 : 0 };

	format_to(&s, format, args);
	if (size)
		buf[s.used < s.size ? s.used : s.size] = '\0';
	return s.used;
}

size_t tern_snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	size_t len;

	va_start(args, format);
	len = tern_vsnprintf(buf, size, format, args);
	va_end(args);
	return len;
}
