/* SPDX-License-Identifier: MIT */
/* leak.c - manual objects that nothing leads to: somebody forgot to free them.
 *
 * Job      Find all that roots lead to, manual objects too. Those that are in use and were not found are
 *          leaks. What a cycle left is swept before, and marks are zero again when the world runs
 *          on: so no cycle notices.
 * Memory   The list of leaks is taken before the world stops, and reported when it runs again.
 * Context  the stopped world; observe.h.
 * Linux    mm/kmemleak.c has the idea. */
#include <tern/observe.h>
#include <tern/safety.h>

#include "gc/gc.h"
#include "gc/graph.h"
#include "gc/reach.h"
#include "lib/string.h"
#include "mm/debug.h"

#define REPORTED_MAX 1024u

struct leaks {
	struct tern_leak *list; /* with room for REPORTED_MAX */
	uint64_t found;
};

static void take_leak(void *arg, const struct tern_node *n)
{
	struct leaks *l = arg;

	if (tern_spanclass_collected(n->span->spc) || tern_node_is_seen(n) ||
	    tern_debug_is_kept(n->span, n->base))
		return;
	if (l->found < REPORTED_MAX)
		l->list[l->found] = (struct tern_leak){ .object = n->base, .size = n->size };
	l->found++;
}

static void find(void *arg, uintptr_t sp)
{
	struct leaks *l = arg;

	tern_reach(sp, true);
	tern_nodes_each(take_leak, l);
	tern_nodes_forget();
}

enum tern_result tern_find_leaks(void (*report)(void *arg, const struct tern_leak *leak), void *arg,
				 uint64_t *found)
{
	const size_t size = REPORTED_MAX * sizeof(struct tern_leak);
	struct leaks l = { .list = tern_pages_alloc(size, 0, 0) };
	struct tern_object_sites sites;
	bool ok;

	*found = 0;
	if (!l.list)
		return TERN_ENOMEM;
	/* It is a run: what was there before must keep nothing alive. */
	memset(l.list, 0, size);
	ok = tern_gc_while_stopped(find, &l);
	for (uint64_t i = 0; report && i < l.found && i < REPORTED_MAX; i++) {
		if (tern_object_sites((void *)l.list[i].object, &sites))
			l.list[i].allocated = sites.allocated;
		report(arg, &l.list[i]);
	}
	memset(l.list, 0, size);
	tern_pages_free(l.list, size);
	*found = l.found;
	return ok ? TERN_OK : TERN_EINVAL;
}
