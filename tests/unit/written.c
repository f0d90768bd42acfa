/* SPDX-License-Identifier: MIT */
/* written.c - see written.h. */
#include "tests/unit/written.h"

#include <tern/tern.h>

#include "lib/string.h"

bool written_init(struct written *w, size_t size)
{
	*w = (struct written){ .bytes = tern_pages_alloc(size, 0, 0), .size = size };
	return w->bytes;
}

void written_free(struct written *w)
{
	tern_pages_free(w->bytes, w->size);
}

bool written_add(void *arg, const void *bytes, size_t n)
{
	struct written *w = arg;

	if (n > w->size - w->n || (w->refuse_at && w->n + n > w->refuse_at))
		return false;
	memcpy(w->bytes + w->n, bytes, n);
	w->n += n;
	return true;
}

unsigned written_count(const struct written *w, const char *text)
{
	size_t len = tern_str_len(text);
	unsigned count = 0;

	for (size_t i = 0; i + len <= w->n; i++)
		count += memcmp(w->bytes + i, text, len) == 0;
	return count;
}
