/* SPDX-License-Identifier: MIT */
/* blob.h - foreign bytes for the tests of boot's parsers: build them, spoil them, look at them
 * through a window as if they were physical memory.
 *
 * blob_spoil() copies a good blob to the very end of an array for each damage, so that an address
 * sanitizer sees a read of the first byte behind it. */
#ifndef TESTS_UNIT_BLOB_H
#define TESTS_UNIT_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/physmem.h"
#include "lib/compiler.h"
#include "lib/string.h"

#define BLOB_MAX 8192

/* How each byte is flipped and each word set; a guest under emulation has less time. */
#if defined(TERN_HOSTED)
#define BLOB_FLIPS    0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x7f, 0xff
#define BLOB_EXTREMES 0, 1, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff
#else
#define BLOB_FLIPS    0x01, 0x80
#define BLOB_EXTREMES 0, 0xfffffff0
#endif

/* Physical memory that holds only [base, base + len). */
struct blob_window {
	struct physmem pm;
	uint64_t base;
	const uint8_t *bytes;
	size_t len;
};

static inline const void *blob_view(const struct physmem *pm, uint64_t addr, size_t len)
{
	const struct blob_window *w = container_of((struct physmem *)pm, struct blob_window, pm);

	if (addr < w->base || addr - w->base > w->len || len > w->len - (addr - w->base))
		return NULL;
	return w->bytes + (addr - w->base);
}

static inline struct blob_window blob_window(uint64_t base, const uint8_t *bytes, size_t len)
{
	return (struct blob_window){ { blob_view }, base, bytes, len };
}

static inline void put_le(uint8_t *p, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static inline void put_be(uint8_t *p, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		p[size - 1 - i] = (uint8_t)(value >> 8 * i);
}

/* Call fn with the blob cut to every length, then with every byte changed in several ways. fn
 * says whether the parser behaved; the first time that it did not ends the walk with false. */
typedef bool (*blob_fn)(uint8_t *bytes, size_t len, void *arg);

static inline uint8_t *blob_at_end(const uint8_t *good, size_t len)
{
	static uint8_t arena[BLOB_MAX];
	uint8_t *copy = arena + BLOB_MAX - len;

	memcpy(copy, good, len);
	return copy;
}

static inline bool blob_truncate(const uint8_t *good, size_t len, blob_fn fn, void *arg)
{
	for (size_t n = 0; n < len; n++)
		if (!fn(blob_at_end(good, n), n, arg))
			return false;
	return true;
}

static inline bool blob_flip(const uint8_t *good, size_t len, blob_fn fn, void *arg)
{
	static const uint8_t flips[] = { BLOB_FLIPS };

	for (size_t at = 0; at < len; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(flips); i++) {
			uint8_t *copy = blob_at_end(good, len);

			copy[at] ^= flips[i];
			if (!fn(copy, len, arg))
				return false;
		}
	}
	return true;
}

/* Fields of 4 bytes are lengths, offsets and addresses: set each to values at the edges. */
static inline bool blob_extremes(const uint8_t *good, size_t len, blob_fn fn, void *arg)
{
	static const uint32_t extremes[] = { BLOB_EXTREMES };

	for (size_t at = 0; at + 4 <= len; at++) {
		for (size_t i = 0; i < ARRAY_SIZE(extremes); i++) {
			uint8_t *copy = blob_at_end(good, len);

			put_be(copy + at, extremes[i], 4);
			if (!fn(copy, len, arg))
				return false;
		}
	}
	return true;
}

static inline bool blob_spoil(const uint8_t *good, size_t len, blob_fn fn, void *arg)
{
	return blob_truncate(good, len, fn, arg) && blob_flip(good, len, fn, arg) &&
	       blob_extremes(good, len, fn, arg);
}

#endif
