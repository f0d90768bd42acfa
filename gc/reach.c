/* SPDX-License-Identifier: MIT */
/* reach.c - all that roots lead to, found by one CPU and simple rules.
 *
 * Job      See every object that can be reached: its mark bit is set, it is queued, and every word in it
 *          that may hold a pointer is looked at.
 * Above    leak, dump.   Below  graph (the rules), work (the queue).
 * No room  in the queue: the object is seen, and all that are seen are looked at once more, as often as
 *          it takes.
 * Runs     of pages come first, and what they lead to is only seen then: buffers of the queue will be
 *          runs too, and hold what was true a while ago. The second look takes care of them.
 * Context  the stopped world. */
#include "gc/reach.h"

#include "gc/gc.h"
#include "gc/graph.h"
#include "gc/work.h"

struct reach {
	bool manual;
	struct tern_gcwork work;
	bool look_again; /* not all that was seen was queued */
};

static bool see(const struct reach *r, uintptr_t at, struct tern_node *n)
{
	return tern_node_at(tern_graph_load(at), n) &&
	       (r->manual || tern_spanclass_collected(n->span->spc)) && tern_node_see(n);
}

static void see_word(void *arg, uintptr_t at)
{
	struct reach *r = arg;
	struct tern_node n;

	if (see(r, at, &n))
		r->look_again = true;
}

static void queue_word(void *arg, uintptr_t at)
{
	struct reach *r = arg;
	struct tern_node n;

	if (see(r, at, &n) && !tern_work_put(&r->work, n.base))
		r->look_again = true;
}

static void see_run(void *arg, const struct tern_root *root, const struct tern_type *type)
{
	tern_root_words(root, type, see_word, arg);
}

static void drain(struct reach *r)
{
	struct tern_node n;

	while (tern_work_any(&r->work))
		if (tern_node_at((uintptr_t)tern_work_get(&r->work), &n))
			tern_node_words(&n, queue_word, r);
}

static void look_from_root(void *arg, const struct tern_root *root, const struct tern_type *type)
{
	tern_root_words(root, type, queue_word, arg);
	drain(arg);
}

static void look_from_seen(void *arg, const struct tern_node *n)
{
	if (!tern_node_is_seen(n))
		return;
	tern_node_words(n, queue_word, arg);
	drain(arg);
}

void tern_reach(uintptr_t sp, bool manual)
{
	struct tern_workpool *pool = &tern_gc_state.marker.pool;
	struct reach r = { .manual = manual };

	if (manual)
		tern_graph_runs(see_run, &r);
	tern_work_start(pool, 1);
	tern_work_init(&r.work, pool);
	tern_graph_roots(sp, look_from_root, &r);
	while (r.look_again) {
		r.look_again = false;
		tern_nodes_each(look_from_seen, &r);
	}
	tern_work_dispose(&r.work);
	tern_work_end(pool);
}
