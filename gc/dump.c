/* SPDX-License-Identifier: MIT */
/* dump.c - all of the heap as text: pages, spans, objects, roots, and what leads where.
 *
 * Job      Write a line for each stretch of pages and each root; for each span of objects which slots
 *          are in use and which the collector would find; if asked, a line for each pointer.
 *          docs/observing.md has the form; tools/picture.c makes pictures of it.
 * Context  the stopped world, in which the caller's function runs; observe.h. */
#include <tern/observe.h>
#include <tern/stats.h>

#include "gc/gc.h"
#include "gc/graph.h"
#include "gc/out.h"
#include "gc/reach.h"
#include "mm/page.h"

struct dump {
	struct tern_out out;
	bool edges;
};

static void write_pages(const struct tern_page_span *s, void *arg)
{
	static const char *const names[TERN_PAGE_STATES] = {
		[TERN_PAGE_ABSENT] = "absent", [TERN_PAGE_FREE] = "free",
		[TERN_PAGE_CACHED] = "cached", [TERN_PAGE_SMALL] = "small",
		[TERN_PAGE_LARGE] = "large",   [TERN_PAGE_RUN] = "run",
		[TERN_PAGE_STACK] = "stack",   [TERN_PAGE_RECORDS] = "records",
	};
	struct dump *d = arg;

	tern_out_printf(&d->out, "pages 0x%lx %zu %s\n", (unsigned long)s->start, s->size,
			names[s->state]);
}

static void write_root(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	static const char *const names[] = {
		[TERN_ROOT_RANGE] = "range",
		[TERN_ROOT_STACK] = "stack",
		[TERN_ROOT_OWN_STACK] = "stack",
		[TERN_ROOT_RECORD] = "record",
	};
	struct dump *d = arg;

	(void)type;
	tern_out_printf(&d->out, "root 0x%lx %zu %s\n", (unsigned long)r->start, r->size,
			names[r->kind]);
}

/* Slots in use, and those of them that were seen. */
static void write_bits(struct dump *d, const struct tern_mspan *s)
{
	for (unsigned w = 0; w * 64 < s->nelems; w++) {
		const struct tern_span_word *word = &s->word[w];
		uint64_t used = tern_mspan_slots_in(s, w) &
				~(atomic_load_explicit(&word->free, memory_order_relaxed) |
				  atomic_load_explicit(&word->remote, memory_order_relaxed));
		uint64_t seen = atomic_load_explicit(&word->mark, memory_order_relaxed);

		tern_out_printf(&d->out, "bits %016llx %016llx\n", (unsigned long long)used,
				(unsigned long long)(used & seen));
	}
}

static void write_span(void *arg, struct tern_mspan *s)
{
	static const char *const names[TERN_KINDS] = {
		[TERN_KIND_SCAN] = "scan",
		[TERN_KIND_NOSCAN] = "noscan",
		[TERN_KIND_TYPED] = "typed",
		[TERN_KIND_MANUAL] = "manual",
	};
	struct dump *d = arg;

	tern_out_printf(&d->out, "span 0x%lx %zu %s %zu %u\n", (unsigned long)s->base,
			(size_t)s->npages << TERN_PAGE_SHIFT, names[tern_spanclass_kind(s->spc)],
			s->elemsize, s->nelems);
	write_bits(d, s);
}

static void write_edge(void *arg, uintptr_t at)
{
	struct dump *d = arg;
	struct tern_node n;

	if (tern_node_at(tern_graph_load(at), &n))
		tern_out_printf(&d->out, "edge 0x%lx 0x%lx\n", (unsigned long)at,
				(unsigned long)n.base);
}

static void write_root_edges(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	tern_root_words(r, type, write_edge, arg);
}

static void write_edges(void *arg, const struct tern_node *n)
{
	tern_node_words(n, write_edge, arg);
}

static void dump(void *arg, uintptr_t sp)
{
	struct dump *d = arg;

	tern_out_printf(&d->out, "tern-heap 1 %lu\n", (unsigned long)TERN_PAGE_SIZE);
	tern_pages_walk(0, UINTPTR_MAX, write_pages, d);
	tern_graph_roots(sp, write_root, d);
	tern_reach(sp, false);
	tern_spans_each(write_span, d);
	tern_nodes_forget();
	if (d->edges) {
		tern_graph_roots(sp, write_root_edges, d);
		tern_nodes_each(write_edges, d);
	}
	tern_out_printf(&d->out, "end\n");
}

bool tern_heap_dump(bool edges, tern_write *write, void *arg)
{
	struct dump d = { .edges = edges };

	tern_out_init(&d.out, write, arg);
	return tern_gc_while_stopped(dump, &d) && tern_out_end(&d.out);
}
