/* SPDX-License-Identifier: MIT */
/* blocked.c - see blocked.h. An object goes to the beginning of a run that was just large enough for it and
 * a page; unless another run fits it better, and then that is no more. */
#include "tests/unit/blocked.h"

#include <tern/tern.h>

#include "mm/heap.h"

#define TRIES 16u

static void *try_to_make(size_t size, void **wall, void **misfit)
{
	char *run = tern_pages_alloc(size + TERN_HEAP_PAGE, 0, 0);

	if (!run)
		return NULL;
	tern_pages_free(run, size);
	*misfit = tern_malloc(size);
	*wall = run + size;
	if (*misfit == run)
		return run;
	tern_pages_free(*wall, TERN_HEAP_PAGE);
	return NULL;
}

void *make_blocked(size_t size, void **wall)
{
	void *misfit[TRIES], *p = NULL;
	unsigned n = 0;

	while (!p && n < TRIES) {
		misfit[n] = NULL;
		p = try_to_make(size, wall, &misfit[n]);
		n += !p;
	}
	while (n)
		tern_free(misfit[--n]);
	return p;
}

void *make_remapped(size_t size)
{
	void *wall, *p = make_blocked(size, &wall), *q;

	if (!p)
		return NULL;
	q = tern_realloc(p, size + TERN_HEAP_PAGE);
	tern_pages_free(wall, TERN_HEAP_PAGE);
	if (q && tern_mspan_remap(tern_heap_span((uintptr_t)q)))
		return q;
	tern_free(q ? q : p);
	return NULL;
}
