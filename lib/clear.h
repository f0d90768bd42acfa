/* SPDX-License-Identifier: MIT */
/* clear.h - set memory to zero whose size and place are multiples of 8. */
#ifndef LIB_CLEAR_H
#define LIB_CLEAR_H

#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

typedef uint64_t __attribute__((may_alias)) tern_word;

static inline void tern_clear_8(tern_word *w)
{
	w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = 0;
}

/* Objects of a few words are the rule: the last word by itself, which may be the odd one, and then
 * two to a turn. Of more, the last eight, and eight to a turn. size > 0. */
static inline void tern_clear_inline(void *p, size_t size)
{
	tern_word *w = p, *end = w + size / sizeof(*w);

	if (size < 64) {
		for (end[-1] = 0; w < end - 1; w += 2)
			w[0] = w[1] = 0;
	} else if (size < ARCH_CLEAR_MIN) {
		for (tern_clear_8(end - 8); w < end - 8; w += 8)
			tern_clear_8(w);
	} else {
		arch_clear(p, size);
	}
}

/* Where a call does not matter. */
void tern_clear(void *p, size_t size);

#endif
