/* SPDX-License-Identifier: MIT */
/* why.c - why is an object alive? A shortest path that leads to it from a root.
 *
 * Job      Look through all that roots lead to, level by level, until the object is found. Each object
 *          that is seen is noted with the word that led to it and the note of who has that word: so
 *          the path can be followed back.
 * Order    The stack of who asks comes when all else has led nowhere: he has a pointer to the object,
 *          or he would not ask.
 * Memory   for notes comes from free pages, 64 KiB at a time, and goes back at the end. Without it
 *          there is no answer.
 * Locks    mheap(80).   Context: the stopped world; observe.h. */
#include <tern/observe.h>

#include "gc/gc.h"
#include "gc/graph.h"
#include "mm/heap.h"
#include "mm/page.h"

/* Whoever notes something of a root. */
#define NO_NOTE UINT64_MAX

struct note {
	uintptr_t at;    /* of the word that leads to the object */
	uint64_t parent; /* the note of the object that has the word */
};

#define PIECE_PAGES 8u
#define PIECE_BYTES (PIECE_PAGES * TERN_PAGE_SIZE)
#define PIECE_NOTES (PIECE_BYTES / sizeof(struct note))
#define PIECES_MAX  (PIECE_BYTES / sizeof(struct note *))

struct search {
	uintptr_t p;
	struct tern_why_step *steps;
	size_t max, *n;
	enum tern_result result;

	struct tern_node target;
	bool manual;            /* it is: so may be what leads to it */
	struct note **piece;    /* one piece of pointers to the others */
	uint64_t nnotes, first; /* made; looked at */
	uint64_t found;         /* the note of the target */
	uint64_t parent;        /* of what is being looked at */
	bool own_stack;         /* it is the turn of */
};

/* --- notes ----------------------------------------------------------------------------------- */

/* Not a run: what stands in notes leads to objects, and must not be found there. */
static void *take_piece(void)
{
	struct tern_mheap *h = &tern_heap.pages;
	uint64_t page = tern_mheap_take(h, NULL, PIECE_PAGES, 1, TERN_PAGES_END);

	if (page == TERN_NO_PAGE)
		return NULL;
	/* Asked only to note that the pages are used. */
	tern_arenas_need_zero(h->arenas, page, PIECE_PAGES);
	return (void *)tern_page_addr(page);
}

static void free_piece(void *piece)
{
	tern_mheap_free(&tern_heap.pages, NULL, tern_page_of((uintptr_t)piece), PIECE_PAGES);
}

static struct note *note_of(const struct search *s, uint64_t i)
{
	return &s->piece[i / PIECE_NOTES][i % PIECE_NOTES];
}

static bool make_note(struct search *s, uintptr_t at)
{
	uint64_t i = s->nnotes / PIECE_NOTES;

	if (s->nnotes % PIECE_NOTES == 0 && (i == PIECES_MAX || !(s->piece[i] = take_piece())))
		return false;
	*note_of(s, s->nnotes++) = (struct note){ at, s->parent };
	return true;
}

static void free_notes(struct search *s)
{
	for (uint64_t i = 0; i < s->nnotes; i += PIECE_NOTES)
		free_piece(s->piece[i / PIECE_NOTES]);
	free_piece(s->piece);
}

/* --- the search ------------------------------------------------------------------------------ */

static bool is_over(const struct search *s)
{
	return s->found != NO_NOTE || s->result != TERN_OK;
}

static void look_at_word(void *arg, uintptr_t at)
{
	struct search *s = arg;
	struct tern_node n;

	if (is_over(s) || !tern_node_at(tern_graph_load(at), &n) ||
	    (!s->manual && !tern_spanclass_collected(n.span->spc)) || !tern_node_see(&n))
		return;
	if (!make_note(s, at))
		s->result = TERN_ENOMEM;
	else if (n.base == s->target.base)
		s->found = s->nnotes - 1;
}

static void look_at_root(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	struct search *s = arg;

	if ((r->kind == TERN_ROOT_OWN_STACK) == s->own_stack)
		tern_root_words(r, type, look_at_word, s);
}

static void look_at_objects(struct search *s)
{
	struct tern_node n;

	for (; s->first < s->nnotes && !is_over(s); s->first++) {
		s->parent = s->first;
		/* Nothing has changed since the note was made. */
		tern_node_at(tern_graph_load(note_of(s, s->first)->at), &n);
		tern_node_words(&n, look_at_word, s);
	}
}

static void look_from(struct search *s, uintptr_t sp, bool own_stack)
{
	s->parent = NO_NOTE;
	s->own_stack = own_stack;
	tern_graph_roots(sp, look_at_root, s);
	if (s->manual && !own_stack)
		tern_graph_runs(look_at_root, s);
	look_at_objects(s);
}

/* --- the path -------------------------------------------------------------------------------- */

/* Step i of the path, if there is room: of the first half, or of the end. */
static struct tern_why_step *room_for(const struct search *s, size_t i)
{
	size_t left_out = *s->n > s->max ? *s->n - s->max : 0, half = s->max / 2;

	if (i < half)
		return &s->steps[i];
	return i >= half + left_out ? &s->steps[i - left_out] : NULL;
}

struct find_root {
	uintptr_t at;
	struct tern_root root;
};

static void is_it(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	struct find_root *f = arg;

	(void)type;
	if (f->at - r->start < r->size)
		f->root = *r;
}

static void write_root(const struct search *s, uintptr_t sp, uintptr_t at)
{
	struct find_root f = { .at = at };

	tern_graph_roots(sp, is_it, &f);
	if (f.root.kind == TERN_ROOT_NONE)
		tern_graph_runs(is_it, &f);
	*room_for(s, 0) =
		(struct tern_why_step){ f.root.kind, f.root.start, f.root.size, at - f.root.start };
}

/* What an ephemeron leads to stands beside the object: behind its end, for who reads the path. */
static size_t offset_in(const struct tern_node *n, uintptr_t at)
{
	size_t offset = at - n->base;

	return offset < n->size ? offset : n->size;
}

static void write_path(const struct search *s, uintptr_t sp)
{
	uintptr_t to = s->p;
	size_t i;

	*s->n = 1;
	for (uint64_t k = s->found; k != NO_NOTE; k = note_of(s, k)->parent)
		++*s->n;
	i = *s->n;
	for (uint64_t k = s->found; k != NO_NOTE; k = note_of(s, k)->parent) {
		struct tern_why_step *step = room_for(s, --i);
		struct tern_node n;

		tern_node_at(tern_graph_load(note_of(s, k)->at), &n);
		if (step)
			*step = (struct tern_why_step){ TERN_ROOT_NONE, n.base, n.size,
							offset_in(&n, to) };
		to = note_of(s, k)->at;
	}
	write_root(s, sp, to);
}

static void search(void *arg, uintptr_t sp)
{
	struct search *s = arg;

	if (!tern_node_at(s->p, &s->target)) {
		s->result = TERN_EINVAL;
		return;
	}
	s->manual = !tern_spanclass_collected(s->target.span->spc);
	s->piece = take_piece();
	if (!s->piece) {
		s->result = TERN_ENOMEM;
		return;
	}
	look_from(s, sp, false);
	if (!is_over(s))
		look_from(s, sp, true);
	tern_nodes_forget();
	if (s->found != NO_NOTE)
		write_path(s, sp);
	free_notes(s);
}

enum tern_result tern_why_alive(const void *p, struct tern_why_step *steps, size_t max, size_t *n)
{
	struct search s = {
		.p = (uintptr_t)p, .steps = steps, .max = max, .n = n, .found = NO_NOTE
	};

	*n = 0;
	if (max < 2 || !tern_gc_while_stopped(search, &s))
		return TERN_EINVAL;
	return s.result;
}

/* --- roots ----------------------------------------------------------------------------------- */

struct list {
	struct tern_root *roots;
	size_t max, n;
};

static void list_root(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	struct list *l = arg;

	(void)type;
	if (l->n < l->max)
		l->roots[l->n] = *r;
	l->n++;
}

static void list_roots(void *arg, uintptr_t sp)
{
	tern_graph_roots(sp, list_root, arg);
}

enum tern_result tern_roots(struct tern_root *roots, size_t max, size_t *n)
{
	struct list l = { roots, max, 0 };
	bool ok = tern_gc_while_stopped(list_roots, &l);

	*n = l.n;
	return ok ? TERN_OK : TERN_EINVAL;
}
