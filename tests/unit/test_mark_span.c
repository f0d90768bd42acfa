/* SPDX-License-Identifier: MIT */
/* test_mark_span.c - the two ways to scan small objects, gc/mark.c and gc/mark_span.c, mark the same of
 * the same graph: what a model says can be reached.
 *
 * With a marker of their own on a heap of their own: no stack keeps what should not be, and memory for
 * queues may be taken away. */
#include <tern/tern.h>
#include <tern/type.h>

#include "gc/mark.h"
#include "lib/bits.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/own_heap.h"

#define NODES     3000u
#define EDGES     3u
#define HEAP_SIZE MiB(2)

struct node {
	struct node *edge[EDGES];
	uint64_t data;
};
TERN_TYPE(small_type, struct node, TERN_PTR_ARRAY(edge));
struct wide {
	struct node node;
	uint64_t data[20];
};
TERN_TYPE(wide_type, struct wide, TERN_PTR_ARRAY(node.edge));
TERN_TYPE_NOSCAN(plain_type, struct node);

/* In the order in which they are made; the first is the root. */
static struct shadow {
	struct node *node;
	bool leaf; /* no pointers in it */
	bool reached;
	uint16_t edge[EDGES]; /* index + 1; 0: none */
} *const shadow = (struct shadow *)test_scratch;

enum marking { ALONE, FEW_ONE_BY_ONE, AS_ONE_OF_TWO, IN_PIECES, MARKINGS };

static struct node *make(unsigned kind, size_t rest)
{
	switch (kind) {
	case 0:
		return tern_new(&small_type);
	case 1:
		return tern_new(&wide_type);
	case 2:
		return tern_new_array(&small_type, 1 + rest / 200);
	case 3:
		return tern_new(&plain_type);
	case 4:
		return tern_alloc_noscan(sizeof(struct node) + rest);
	default:
		return tern_alloc(sizeof(struct node) + rest);
	}
}

/* Up to 632 bytes: some are too large to be scanned with others. */
static bool make_nodes(struct test *t)
{
	for (unsigned i = 0; i < NODES; i++) {
		unsigned kind = i ? (unsigned)test_random_below(t, 12) : 0;
		size_t rest = test_random_below(t, test_random_below(t, 8) ? 80 : 600);

		shadow[i] =
			(struct shadow){ make(kind, rest), kind == 3 || kind == 4, false, { 0 } };
		if (!EXPECT(shadow[i].node))
			return false;
	}
	return true;
}

/* Chains in the order of addresses, and edges to anywhere. */
static void connect(struct test *t)
{
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned e = 0; e < EDGES; e++) {
			unsigned to = i + 1;

			if (e || test_random_below(t, 8) == 0)
				to = 1 + (unsigned)test_random_below(t, 2 * NODES);
			if (to > NODES)
				continue;
			shadow[i].edge[e] = (uint16_t)to;
			shadow[i].node->edge[e] = shadow[to - 1].node;
		}
}

static unsigned reach(void)
{
	uint16_t *work = (uint16_t *)&shadow[NODES];
	unsigned n = 0, reached = 0;

	shadow[0].reached = true;
	work[n++] = 0;
	while (n) {
		struct shadow *s = &shadow[work[--n]];

		reached++;
		for (unsigned e = 0; e < EDGES && !s->leaf; e++)
			if (s->edge[e] && !shadow[s->edge[e] - 1].reached) {
				shadow[s->edge[e] - 1].reached = true;
				work[n++] = (uint16_t)(s->edge[e] - 1);
			}
	}
	return reached;
}

static struct tern_mspan *span_of(const struct node *n)
{
	return tern_heap_span((uintptr_t)n);
}

static void mark_in_pieces(struct tern_marker *m, struct tern_mark_work *w)
{
	do {
		tern_mark_drain_some(w, w->work.scanned_bytes + 500);
		tern_mark_put_back(w);
	} while (!tern_work_is_empty(&m->pool));
}

static struct tern_gcwork mark(enum marking how)
{
	struct tern_marker m = { 0 };
	struct tern_mark_work w;
	unsigned long irq = tern_irq_save();

	tern_marker_init(&m, &tern_heap.pages, how == FEW_ONE_BY_ONE ? TERN_MARK_FEW : 0);
	tern_mark_start(&m, how == ALONE || how == FEW_ONE_BY_ONE ? 1 : 2);
	tern_mark_init(&w, &m);
	tern_mark_address(&w, (uintptr_t)shadow[0].node);
	if (how == ALONE || how == FEW_ONE_BY_ONE)
		tern_mark_drain(&w);
	else if (how == AS_ONE_OF_TWO)
		tern_mark_drain_some(&w, UINT64_MAX);
	else
		mark_in_pieces(&m, &w);
	tern_mark_finish(&w);
	tern_mark_end(&m);
	tern_irq_restore(irq);
	return w.work;
}

/* True if all that became grey became black: nothing is left for the next cycle. */
static bool is_done(struct tern_mspan *s)
{
	uint64_t strange = 0;

	for (unsigned i = 0; s->scanned && i < s->nwords; i++)
		strange |= atomic_load(&tern_mspan_scanned(s)[i]) & ~atomic_load(&s->word[i].mark);
	return !strange && atomic_load(&s->queued) == 0;
}

static void take_all_pages(void)
{
	while (tern_pages_alloc(TERN_HEAP_PAGE, 0, 0))
		;
}

static void check_marks(struct test *t, bool spans)
{
	unsigned in_spans = 0;

	for (unsigned i = 0; i < NODES; i++) {
		struct tern_mspan *s = span_of(shadow[i].node);
		unsigned slot = tern_mspan_slot(s, (uintptr_t)shadow[i].node);

		if (!EXPECT_EQ(tern_mspan_slot_marked(s, slot), shadow[i].reached) ||
		    !EXPECT(is_done(s)))
			return;
		in_spans += s->scanned != 0;
	}
	EXPECT(spans ? in_spans > NODES / 2 && in_spans < NODES : in_spans == 0);
}

static void mark_graph(struct test *t, bool spans, enum marking how, bool starve)
{
	struct tern_gcwork found;

	atomic_store(&tern_heap.pages.scans_spans, spans);
	if (!EXPECT(own_heap_add()) || !make_nodes(t))
		return;
	connect(t);
	if (starve)
		take_all_pages();
	found = mark(how);
	EXPECT_EQ(found.marked_objects, reach());
	check_marks(t, spans);
}

static void mark_all_ways(struct test *t, bool starve)
{
	for (unsigned i = 0; i < 2 * MARKINGS; i++) {
		if (own_heap_begin(HEAP_SIZE) < HEAP_SIZE) {
			own_heap_end();
			SKIP("too little memory");
		}
		mark_graph(t, i % 2, i / 2, starve);
		own_heap_end();
	}
}

TEST(mark_span, marks_what_the_other_way_marks)
{
	mark_all_ways(t, false);
}

TEST(mark_span, marks_all_when_there_is_no_memory_for_queues)
{
	mark_all_ways(t, true);
}
