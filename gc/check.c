/* SPDX-License-Identifier: MIT */
/* check.c - mark again, serially and simply, and compare: is every object marked that roots lead to?
 *
 * Job      For the option `check`. An object that is found here and was not marked is lost: the sweep
 *          would free what the program uses. One that was marked and is not found floats: it became
 *          garbage while the program ran, or was new then.
 * Above    gc.c, tests.   Below  graph (the rules).   Not: mark.c, work.c, which are on trial.
 * Seen     A slot has three bits, and none to spare for a second mark; but no slot is free and remotely
 *          freed at once (I-SPN-2), and nobody else looks at either bit while the world is stopped.
 *          So that is what an object in use looks like once it was seen here. tern_node_at() takes
 *          it for free, and so each is seen once. In the end both bits are cleared.
 * Memory   None. What there is no room for in the list of what is to be scanned is seen, its span is
 *          noted, and all that was seen in such spans is scanned again, as often as it takes. The list
 *          lies on the stack, below what is scanned.
 * Context  the stopped world, with the caches of collected objects given back.
 * Go       runtime/mcheckmark.go, which has a bitmap of its own. */
#include "gc/check.h"

#include <tern/stats.h>

#include "gc/gc.h"
#include "gc/graph.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/heap.h"

#define TO_SCAN 128u

struct check {
	struct tern_check *result;
	bool beside;                 /* the program ran while it was marked */
	bool dangling;               /* to be looked for */
	bool typed;                  /* what is scanned says where its pointers are */
	bool by_marked;              /* what is scanned is marked, or a root */
	struct tern_check_word from; /* what is scanned */
	bool overflow;               /* some spans have the note `rescan` */
	unsigned n;
	uintptr_t to_scan[TO_SCAN];
};

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* --- seen ------------------------------------------------------------------------------------ */

static void see(const struct tern_node *n)
{
	struct tern_span_word *w = &n->span->word[n->slot / 64];
	uint64_t bit = 1ull << n->slot % 64;

	atomic_fetch_or_explicit(&w->free, bit, memory_order_relaxed);
	atomic_fetch_or_explicit(&w->remote, bit, memory_order_relaxed);
}

static uint64_t seen_in(const struct tern_span_word *w)
{
	return get(&w->free) & get(&w->remote);
}

static bool is_seen(const struct tern_node *n)
{
	return seen_in(&n->span->word[n->slot / 64]) >> n->slot % 64 & 1;
}

/* --- words ----------------------------------------------------------------------------------- */

static void note_word(const struct check *c, uint64_t *count, struct tern_check_word *list,
		      uintptr_t at)
{
	uint64_t i = (*count)++;

	if (i >= TERN_CHECK_SHOWN)
		return;
	list[i] = c->from;
	list[i].at = at;
	list[i].value = tern_graph_load(at);
}

/* Those that only lost ones lead to are lost by the same mistake: they are counted, not shown. */
static void note_lost(struct check *c, uintptr_t at)
{
	uint64_t shown = c->result->lost;

	if (c->by_marked)
		note_word(c, &shown, c->result->lost_by, at);
	c->result->lost++;
}

static void scan_later(struct check *c, const struct tern_node *n)
{
	if (tern_spanclass_kind(n->span->spc) == TERN_KIND_NOSCAN && !tern_special_any(n->span))
		return;
	if (c->n < TO_SCAN) {
		c->to_scan[c->n++] = n->base;
		return;
	}
	atomic_store_explicit(&n->span->rescan, true, memory_order_relaxed);
	c->overflow = true;
}

static void see_state(const struct tern_page_span *s, void *arg)
{
	*(enum tern_page_state *)arg = s->state;
}

static bool is_free_page(uintptr_t addr)
{
	enum tern_page_state state = TERN_PAGE_ABSENT;

	if (!tern_arena_of(&tern_tables.pages.arenas, tern_page_of(addr)))
		return false;
	tern_pages_walk(addr, addr, see_state, &state);
	return state == TERN_PAGE_FREE || state == TERN_PAGE_CACHED;
}

/* The word leads to no object that is in use and was not seen yet. */
static bool is_dangling(uintptr_t addr)
{
	struct tern_node n;

	return tern_node_around(addr, &n) ? !is_seen(&n) : is_free_page(addr);
}

static void look_at_word(void *arg, uintptr_t at)
{
	struct check *c = arg;
	uintptr_t addr = tern_graph_load(at);
	struct tern_node n;

	if (!tern_node_at(addr, &n)) {
		if (c->dangling && c->typed && is_dangling(addr))
			note_word(c, &c->result->dangling, c->result->dangling_at, at);
		return;
	}
	if (!tern_spanclass_collected(n.span->spc))
		return;
	see(&n);
	c->result->reached++;
	c->result->reached_bytes += n.size;
	if (!tern_node_is_seen(&n))
		note_lost(c, at);
	scan_later(c, &n);
}

/* --- objects --------------------------------------------------------------------------------- */

/* A large object may hold what was there before, as it is cleared while the world may stop. */
static bool is_not_cleared(const struct tern_mspan *s)
{
	return !s->magic && s->needzero;
}

/* A user arena's chunk may have untyped objects. */
static bool says_where_pointers_are(const struct tern_mspan *s)
{
	return tern_spanclass_kind(s->spc) == TERN_KIND_TYPED && !is_not_cleared(s) &&
	       tern_mspan_chunk(s) == TERN_CHUNK_NONE;
}

/* Beside the program an object that is not cleared was born black: marking need not have looked at it. */
static void scan(struct check *c, const struct tern_node *n)
{
	if (c->beside && is_not_cleared(n->span))
		return;
	c->typed = says_where_pointers_are(n->span);
	c->by_marked = tern_node_is_seen(n);
	c->from = (struct tern_check_word){ .start = n->base, .size = n->size };
	tern_node_words(n, look_at_word, c);
}

static void drain(struct check *c)
{
	struct tern_node n;

	while (c->n)
		if (tern_node_around(c->to_scan[--c->n], &n))
			scan(c, &n);
}

static void look_from_root(void *arg, const struct tern_root *r, const struct tern_type *type)
{
	struct check *c = arg;

	c->typed = type;
	c->by_marked = true;
	c->from = (struct tern_check_word){ .root = r->kind, .start = r->start, .size = r->size };
	tern_root_words(r, type, look_at_word, c);
	drain(c);
}

static void look_again(void *arg, struct tern_mspan *s)
{
	struct check *c = arg;

	if (!atomic_exchange_explicit(&s->rescan, false, memory_order_relaxed))
		return;
	for (unsigned slot = 0; slot < s->nelems; slot++) {
		struct tern_node n = tern_node_of(s, slot);

		if (!is_seen(&n))
			continue;
		scan(c, &n);
		drain(c);
	}
}

static void compare_and_forget(void *arg, struct tern_mspan *s)
{
	struct tern_check *result = arg;

	if (!tern_spanclass_collected(s->spc))
		return;
	for (struct tern_span_word *w = s->word; w < s->word + s->nwords; w++) {
		uint64_t seen = seen_in(w);

		result->floating += count_bits(get(&w->mark) & ~get(&w->free) & ~get(&w->remote));
		atomic_fetch_and_explicit(&w->free, ~seen, memory_order_relaxed);
		atomic_fetch_and_explicit(&w->remote, ~seen, memory_order_relaxed);
	}
}

void tern_check_marks(uintptr_t sp, bool dangling, struct tern_check *result)
{
	struct check c;

	*result = (struct tern_check){ 0 };
	c.result = result;
	c.beside = atomic_load_explicit(&tern_gc_state.marking, memory_order_relaxed);
	c.dangling = dangling;
	c.overflow = false;
	c.n = 0;
	tern_graph_roots(sp, look_from_root, &c);
	while (c.overflow) {
		c.overflow = false;
		tern_spans_each(look_again, &c);
	}
	tern_spans_each(compare_and_forget, result);
}

/* --- verdict --------------------------------------------------------------------------------- */

static void print_word(const struct tern_check_word *w)
{
	static const char *const kinds[TERN_KINDS] = {
		[TERN_KIND_SCAN] = "scan",
		[TERN_KIND_NOSCAN] = "noscan",
		[TERN_KIND_TYPED] = "typed",
		[TERN_KIND_MANUAL] = "manual",
	};
	struct tern_node n;

	tern_printf("tern: 0x%lx: 0x%lx in the %s of %zu bytes at 0x%lx", (unsigned long)w->at,
		    (unsigned long)w->value, w->root ? "root" : "object", w->size,
		    (unsigned long)w->start);
	if (tern_node_around(w->value, &n))
		tern_printf(" leads to the %s object of %zu bytes at 0x%lx, slot %u of the span at "
			    "0x%lx",
			    kinds[tern_spanclass_kind(n.span->spc)], n.size, (unsigned long)n.base,
			    n.slot, (unsigned long)n.span->base);
	tern_printf("\n");
}

static void print_words(const struct tern_check_word *list, uint64_t n)
{
	for (uint64_t i = 0; i < n && i < TERN_CHECK_SHOWN; i++)
		if (list[i].at)
			print_word(&list[i]);
}

void tern_check_judge(const struct tern_check *c)
{
	print_words(c->lost_by, c->lost);
	print_words(c->dangling_at, c->dangling);
	TERN_CHECK(!c->lost, "%llu objects can be reached, and the collector has not marked them",
		   (unsigned long long)c->lost);
	TERN_CHECK(!c->dangling, "%llu pointers in typed memory lead to what was freed",
		   (unsigned long long)c->dangling);
}
