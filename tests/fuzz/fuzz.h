/* SPDX-License-Identifier: MIT */
/* fuzz.h - what all fuzz targets share.
 *
 * A target is one function with libFuzzer's name. It gets bytes that may be anything, runs one
 * parser on an exact copy of them (so that ASan sees the first byte read behind the end) and
 * checks the answer. The same function runs under standalone.c where there is no libFuzzer. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "boot/error.h"
#include "boot/memmap.h"
#include "lib/string.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond);   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* A copy on the heap, of exactly this size; the caller frees it. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* A refusal says one line of printable text. */
static inline void fuzz_check_error(const struct boot_error *e)
{
	size_t len = tern_str_nlen(e->text, sizeof(e->text));

	FUZZ_CHECK(len > 0 && len < sizeof(e->text));
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK(e->text[i] >= ' ' && e->text[i] <= '~');
}

/* A map that a loader's parser accepted. */
static inline void fuzz_check_map(const struct memmap *m)
{
	FUZZ_CHECK(memmap_check(m));
	FUZZ_CHECK(memmap_top(m) > 0);
}

#endif
