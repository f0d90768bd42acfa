/* SPDX-License-Identifier: MIT */
/* written.c - see written.h. */
#include "tests/unit/written.h"

#include <tern/tern.h>

#include "lib/string.h"

/* What is in a small machine takes less room, too. */
#define WRITTEN_MIN (256u << 10)

bool written_init(struct written *w, size_t size)
{
	*w = (struct written){ .size = size };
	while (!(w->bytes = tern_pages_alloc(w->size, 0, 0)) && w->size / 2 >= WRITTEN_MIN)
		w->size /= 2;
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
