/* SPDX-License-Identifier: MIT */
/* out.c - what is written for others to read: see out.h. */
#include "gc/out.h"

#include <tern/tern.h>

#include "lib/string.h"

void tern_out_init(struct tern_out *o, tern_write *write, void *arg)
{
	o->write = write;
	o->arg = arg;
	o->failed = false;
	o->n = 0;
}

static void flush(struct tern_out *o)
{
	if (o->n && !o->failed)
		o->failed = !o->write(o->arg, o->buf, o->n);
	o->n = 0;
}

void tern_out_bytes(struct tern_out *o, const void *bytes, size_t n)
{
	const char *from = bytes;

	while (n) {
		size_t part = sizeof(o->buf) - o->n;

		part = part < n ? part : n;
		memcpy(o->buf + o->n, from, part);
		o->n += (unsigned)part;
		from += part;
		n -= part;
		if (o->n == sizeof(o->buf))
			flush(o);
	}
}

/* A second try, if it did not fit behind what is there. */
void tern_out_printf(struct tern_out *o, const char *format, ...)
{
	for (unsigned try = 0; try < 2; try++) {
		size_t room = sizeof(o->buf) - o->n, n;
		va_list args;

		va_start(args, format);
		n = tern_vsnprintf(o->buf + o->n, room, format, args);
		va_end(args);
		if (n < room || try == 1) {
			o->n += (unsigned)(n < room ? n : room - 1);
			return;
		}
		flush(o);
	}
}

bool tern_out_end(struct tern_out *o)
{
	flush(o);
	return !o->failed;
}
