/* SPDX-License-Identifier: MIT */
/* clear.c - see clear.h. Pure; any context. */
#include "lib/clear.h"

void tern_clear(void *p, size_t size)
{
	tern_clear_inline(p, size);
}
