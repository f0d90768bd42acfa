/* SPDX-License-Identifier: MIT */
/* out.h - what is written for others to read: gathered in a small buffer, given to a caller's function.
 *
 * Whoever writes has one on his stack. When the caller's function says no, all that follows is
 * dropped. No lock, no memory. */
#ifndef GC_OUT_H
#define GC_OUT_H

#include <tern/observe.h>

#include "lib/compiler.h"

#define TERN_OUT_BYTES 512u

struct tern_out {
	tern_write *write;
	void *arg;
	bool failed;
	unsigned n;
	char buf[TERN_OUT_BYTES];
};

void tern_out_init(struct tern_out *o, tern_write *write, void *arg);
void tern_out_bytes(struct tern_out *o, const void *bytes, size_t n);
/* At most TERN_OUT_BYTES - 1 at a time; what is longer is cut. */
void tern_out_printf(struct tern_out *o, const char *format, ...) TERN_PRINTF(2, 3);
/* The end: false if the caller's function ever said no. */
bool tern_out_end(struct tern_out *o);

#endif
