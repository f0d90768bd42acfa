/* SPDX-License-Identifier: MIT */
/* trace.c - return addresses by frame pointers.
 *
 * The frame that is given and the one above it are tern's, which keeps frame pointers. Further up a
 * kernel's may be anything: only what shares 4 KiB with a frame that is there is read, so a trace has
 * one address at least, and touches nothing that may not be there. Code is expected within 2 GiB of
 * tern's: what else stands where a return address would is none, and ends the trace.
 *
 * Locks: none. Context: any. */
#include "lib/trace.h"

#include <stdbool.h>

#include "lib/bits.h"

static bool same_4k(uintptr_t a, uintptr_t b)
{
	return (a ^ b) >> 12 == 0;
}

static bool is_code(uintptr_t addr)
{
	uintptr_t here = (uintptr_t)tern_trace_from;

	return (addr > here ? addr - here : here - addr) < GiB(2);
}

struct tern_trace tern_trace_from(const void *frame)
{
	struct tern_trace trace = { { 0 } };
	uintptr_t fp = *(const uintptr_t *)frame, next;

	for (unsigned i = 0; i < TERN_TRACE_DEPTH; i++, fp = next) {
		next = ((const uintptr_t *)fp)[0];
		if (i && !is_code(((const uintptr_t *)fp)[1]))
			break;
		trace.ret[i] = ((const uintptr_t *)fp)[1];
		if (next <= fp || next % sizeof(next) || !same_4k(fp, next) ||
		    !same_4k(fp, next + sizeof(next)))
			break;
	}
	return trace;
}
