/* SPDX-License-Identifier: MIT */
/* fdt_builder.h - put a flattened device tree together, for tests.
 *
 *	struct fdt_builder b;
 *	fb_init(&b);
 *	fb_node(&b, "");
 *	fb_cells(&b, "#address-cells", 1, 2);
 *	fb_end(&b);
 *	len = fb_finish(&b, out);
 *
 * Sizes are the test's own business: what does not fit overruns the arrays, which a sanitizer or
 * the next look at the test shows. */
#ifndef TESTS_UNIT_FDT_BUILDER_H
#define TESTS_UNIT_FDT_BUILDER_H

#include <stdarg.h>

#include "tests/unit/blob.h"

#define FB_MAX 8192

struct fdt_builder {
	uint8_t structure[FB_MAX];
	size_t nstructure;
	uint8_t strings[1024];
	size_t nstrings;
	uint8_t reservations[256];
	size_t nreservations;
};

/* Where fb_finish() puts the blocks. */
enum { FB_HEADER = 40 };

static inline void fb_init(struct fdt_builder *b)
{
	memset(b, 0, sizeof(*b));
}

static inline void fb_token(struct fdt_builder *b, uint32_t token)
{
	put_be(b->structure + b->nstructure, token, 4);
	b->nstructure += 4;
}

static inline void fb_raw(struct fdt_builder *b, const void *bytes, size_t len)
{
	memcpy(b->structure + b->nstructure, bytes, len);
	b->nstructure = (b->nstructure + len + 3) & ~(size_t)3;
}

static inline void fb_node(struct fdt_builder *b, const char *name)
{
	fb_token(b, 1);
	fb_raw(b, name, tern_str_len(name) + 1);
}

static inline void fb_end(struct fdt_builder *b)
{
	fb_token(b, 2);
}

static inline uint32_t fb_string(struct fdt_builder *b, const char *name)
{
	size_t at = 0;

	while (at < b->nstrings && !tern_str_eq((const char *)b->strings + at, name))
		at += tern_str_len((const char *)b->strings + at) + 1;
	if (at == b->nstrings) {
		memcpy(b->strings + at, name, tern_str_len(name) + 1);
		b->nstrings += tern_str_len(name) + 1;
	}
	return (uint32_t)at;
}

static inline void fb_prop(struct fdt_builder *b, const char *name, const void *bytes, size_t len)
{
	fb_token(b, 3);
	fb_token(b, (uint32_t)len);
	fb_token(b, fb_string(b, name));
	fb_raw(b, bytes, len);
}

static inline void fb_str(struct fdt_builder *b, const char *name, const char *text)
{
	fb_prop(b, name, text, tern_str_len(text) + 1);
}

/* n cells follow, each an unsigned int. */
static inline void fb_cells(struct fdt_builder *b, const char *name, unsigned n, ...)
{
	uint8_t bytes[64 * 4];
	va_list args;

	va_start(args, n);
	for (unsigned i = 0; i < n; i++)
		put_be(bytes + 4 * i, va_arg(args, unsigned), 4);
	va_end(args);
	fb_prop(b, name, bytes, (size_t)n * 4);
}

static inline void fb_reserve(struct fdt_builder *b, uint64_t addr, uint64_t size)
{
	put_be(b->reservations + b->nreservations, addr, 8);
	put_be(b->reservations + b->nreservations + 8, size, 8);
	b->nreservations += 16;
}

/* The blob: header, reservations, structure, strings. The end token is added here. */
static inline size_t fb_finish(struct fdt_builder *b, uint8_t *out)
{
	size_t rsv = b->nreservations + 16, structure = FB_HEADER + rsv, strings, total;
	const uint32_t versions[] = { 17, 16, 0 };

	fb_token(b, 9);
	strings = structure + b->nstructure;
	total = strings + b->nstrings;
	memset(out, 0, total);
	put_be(out, 0xd00dfeed, 4);
	put_be(out + 4, total, 4);
	put_be(out + 8, structure, 4);
	put_be(out + 12, strings, 4);
	put_be(out + 16, FB_HEADER, 4);
	for (unsigned i = 0; i < 3; i++)
		put_be(out + 20 + 4 * i, versions[i], 4);
	put_be(out + 32, b->nstrings, 4);
	put_be(out + 36, b->nstructure, 4);
	memcpy(out + FB_HEADER, b->reservations, b->nreservations);
	memcpy(out + structure, b->structure, b->nstructure);
	memcpy(out + strings, b->strings, b->nstrings);
	return total;
}

#endif
