/* SPDX-License-Identifier: MIT */
/* clear.h - set memory to zero whose size and place are multiples of 8. */
#ifndef LIB_CLEAR_H
#define LIB_CLEAR_H

#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"

typedef uint64_t __attribute__((may_alias)) tern_word;

/* Objects of a few words are the rule: the last word by itself, which may be the odd one, and then
 * two to a turn. size > 0. */
static inline void tern_clear_inline(void *p, size_t size)
{
	tern_word *w = p, *end = w + size / sizeof(*w);

	if (size > 256) {
		arch_clear(p, size);
		return;
	}
	for (end[-1] = 0; w < end - 1; w += 2)
		w[0] = w[1] = 0;
}

/* Where a call does not matter. */
void tern_clear(void *p, size_t size);

#endif
