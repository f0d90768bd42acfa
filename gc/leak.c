/* SPDX-License-Identifier: MIT */
/* leak.c - manual objects that nothing leads to: somebody forgot to free them.
 *
 * Job      Mark as the collector does, but manual objects too, with one CPU and by simple rules. Those
 *          that are in use and not marked are leaks. What a cycle left is swept before, and marks
 *          are zero again when the world runs on: so no cycle notices.
 * Memory   The list of leaks is taken before the world stops, and reported when it runs again. Objects
 *          that could not be queued, for want of memory, are marked, and all marked ones looked at
 *          once more, as often as it takes.
 * Runs     of pages are roots, so that what a kernel keeps in pages of its own is no leak. As buffers
 *          of the queue are runs as well, and may hold what was true a while ago, objects that runs
 *          lead to are only marked at first: the second look takes care of them.
 * Context  the stopped world; observe.h.
 * Linux    mm/kmemleak.c has the idea. */
#include <tern/observe.h>

#include "gc/gc.h"
#include "gc/graph.h"
#include "gc/work.h"
#include "lib/string.h"
#include "mm/heap.h"

#define REPORTED_MAX 1024u

struct leaks {
	struct tern_leak *list; /* with room for REPORTED_MAX */
	uint64_t found;
	struct tern_gcwork *work;
	bool look_again; /* not all that is marked was queued */
};

static void see_word(void *arg, uintptr_t at)
{
	struct leaks *l = arg;
	struct tern_node n;

	if (tern_node_at(tern_graph_load(at), &n) && tern_node_see(&n))
		l->look_again = true;
}

static void queue_word(void *arg, uintptr_t at)
{
	struct leaks *l = arg;
	struct tern_node n;

	if (tern_node_at(tern_graph_load(at), &n) && tern_node_see(&n) &&
	    !tern_work_put(l->work, n.base))
		l->look_again = true;
}

static void see_run(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	tern_root_words(r, type, see_word, arg);
}

static void drain(struct leaks *l)
{
	struct tern_node n;
	uintptr_t obj;

	while ((obj = tern_work_get_fast(l->work)) || (obj = tern_work_get_slow(l->work)))
		if (tern_node_at(obj, &n))
			tern_node_words(&n, queue_word, l);
}

static void look_from_root(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	tern_root_words(r, type, queue_word, arg);
	drain(arg);
}

static void look_from_marked(void *arg, const struct tern_node *n)
{
	if (!tern_node_is_seen(n))
		return;
	tern_node_words(n, queue_word, arg);
	drain(arg);
}

static void mark(struct leaks *l, uintptr_t sp)
{
	struct tern_workpool *pool = &tern_gc_state.marker.pool;
	struct tern_gcwork work;

	tern_graph_runs(see_run, l);
	tern_work_start(pool, 1);
	tern_work_init(&work, pool);
	l->work = &work;
	tern_graph_roots(sp, look_from_root, l);
	while (l->look_again) {
		l->look_again = false;
		tern_nodes_each(look_from_marked, l);
	}
	tern_work_dispose(&work);
	tern_work_end(pool);
}

static void take_leak(void *arg, const struct tern_node *n)
{
	struct leaks *l = arg;

	if (tern_spanclass_collected(n->span->spc) || tern_node_is_seen(n))
		return;
	if (l->found < REPORTED_MAX)
		l->list[l->found] = (struct tern_leak){ .object = n->base, .size = n->size };
	l->found++;
}

static void find(void *arg, uintptr_t sp)
{
	struct leaks *l = arg;

	mark(l, sp);
	tern_nodes_each(take_leak, l);
	tern_nodes_forget();
}

enum tern_result tern_find_leaks(void (*report)(void *arg, const struct tern_leak *leak), void *arg,
				 uint64_t *found)
{
	const size_t size = REPORTED_MAX * sizeof(struct tern_leak);
	struct leaks l = { .list = tern_pages_alloc(size, 0, 0) };
	bool ok;

	*found = 0;
	if (!l.list)
		return TERN_ENOMEM;
	/* It is a run: what was there before must keep nothing alive. */
	memset(l.list, 0, size);
	ok = tern_gc_while_stopped(find, &l);
	for (uint64_t i = 0; report && i < l.found && i < REPORTED_MAX; i++)
		report(arg, &l.list[i]);
	memset(l.list, 0, size);
	tern_pages_free(l.list, size);
	*found = l.found;
	return ok ? TERN_OK : TERN_EINVAL;
}
