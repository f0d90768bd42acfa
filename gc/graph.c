/* SPDX-License-Identifier: MIT */
/* graph.c - objects, what they lead to, and where all begins.
 *
 * Job      Let others walk the heap by simple rules: what is an object, which of its words may hold
 *          pointers, what are roots.
 * Above    leak, why, dump.   Below  roots, mm/arena, mm/mspan, mm/typed.
 * Owns     nothing. The mark bits are lent while no cycle runs, and zero before and after.
 * Context  the stopped world, with the caches of collected objects given back, and all parked slots of
 *          manual ones: tern_gc_while_stopped().
 * Manual   objects have spans, bits and words as others do; a CPU may own their spans, but is not in
 *          the middle of changing them. Those in the pool of guarded objects have no bits: they
 *          are taken for roots. */
#include "gc/graph.h"

#include "gc/pool.h"
#include "gc/roots.h"
#include "gc/tied.h"
#include "lib/bits.h"
#include "mm/guard.h"
#include "mm/heap.h"
#include "mm/special.h"
#include "mm/typed.h"

static struct tern_arena_map *const map = &tern_tables.pages.arenas;

uintptr_t TERN_NO_SANITIZE tern_graph_load(uintptr_t at)
{
	return *(const uintptr_t *)at;
}

/* --- objects --------------------------------------------------------------------------------- */

static bool has_objects(const struct tern_mspan *s)
{
	uint8_t state = atomic_load_explicit(&s->state, memory_order_acquire);

	return state == TERN_SPAN_SMALL || state == TERN_SPAN_LARGE;
}

struct tern_node tern_node_of(struct tern_mspan *s, unsigned slot)
{
	return (struct tern_node){ .span = s,
				   .slot = slot,
				   .base = s->base + slot * (s->magic ? s->elemsize : 0),
				   .size = s->elemsize };
}

bool tern_node_around(uintptr_t addr, struct tern_node *n)
{
	struct tern_mspan *s = tern_arena_span(map, addr);

	if (!s || !has_objects(s) || (s->magic && addr - s->base >= s->nbytes))
		return false;
	*n = tern_node_of(s, tern_mspan_slot(s, addr));
	return true;
}

bool tern_node_at(uintptr_t addr, struct tern_node *n)
{
	return tern_node_around(addr, n) && tern_mspan_slot_taken(n->span, n->slot);
}

void tern_spans_each(void (*fn)(void *arg, struct tern_mspan *s), void *arg)
{
	for (uint64_t page = 0; tern_arenas_next_in_use(map, &page); page++)
		fn(arg, tern_arena_span(map, tern_page_addr(page)));
}

struct each_node {
	void (*fn)(void *arg, const struct tern_node *n);
	void *arg;
};

static void each_in_span(void *arg, struct tern_mspan *s)
{
	const struct each_node *e = arg;

	for (unsigned slot = 0; slot < s->nelems; slot++) {
		struct tern_node n = tern_node_of(s, slot);

		if (tern_mspan_slot_taken(s, slot))
			e->fn(e->arg, &n);
	}
}

void tern_nodes_each(void (*fn)(void *arg, const struct tern_node *n), void *arg)
{
	struct each_node e = { fn, arg };

	tern_spans_each(each_in_span, &e);
}

/* --- words ----------------------------------------------------------------------------------- */

/* By a type that repeats from the start on. */
static bool type_has(const struct tern_type *type, size_t offset)
{
	size_t word = offset % type->size / sizeof(uintptr_t);

	return word * sizeof(uintptr_t) < type->ptrdata && (type->mask[word / 64] >> word % 64 & 1);
}

/* No type: all of them. */
static void words_of_type(uintptr_t low, uintptr_t high, const struct tern_type *type,
			  tern_graph_word *fn, void *arg)
{
	for (uintptr_t at = low; at < high; at += sizeof(uintptr_t))
		if (!type || type_has(type, at - low))
			fn(arg, at);
}

static void words_of_mask(uintptr_t at, uint64_t mask, tern_graph_word *fn, void *arg)
{
	for (; mask; mask &= mask - 1)
		fn(arg, at + (unsigned)__builtin_ctzll(mask) * sizeof(uintptr_t));
}

/* Values that an object is the key of stand in records. */
static void words_of_key(const struct tern_node *n, tern_graph_word *fn, void *arg)
{
	const struct tern_special *r =
		atomic_load_explicit(&n->span->specials, memory_order_relaxed);

	for (; r; r = r->next)
		if (tern_special_slot(n->span, r->offset) == n->slot && tern_special_is_edge(r))
			fn(arg, (uintptr_t)&r->arg);
}

static void words_of_object(const struct tern_node *n, tern_graph_word *fn, void *arg)
{
	enum tern_kind kind = tern_spanclass_kind(n->span->spc);
	uint64_t entry;

	if (kind == TERN_KIND_NOSCAN)
		return;
	if (kind != TERN_KIND_TYPED) {
		words_of_type(n->base, n->base + n->size, NULL, fn, arg);
		return;
	}
	entry = tern_typed_get(n->span, n->slot);
	if (n->size <= TERN_MASK16_MAX)
		words_of_mask(n->base, entry, fn, arg);
	else
		words_of_type(n->base, n->base + n->size, (const struct tern_type *)entry, fn, arg);
}

void tern_node_words(const struct tern_node *n, tern_graph_word *fn, void *arg)
{
	if (tern_special_any(n->span))
		words_of_key(n, fn, arg);
	words_of_object(n, fn, arg);
}

/* --- roots ----------------------------------------------------------------------------------- */

struct each_root {
	tern_graph_root *fn;
	void *arg;
	uintptr_t sp;
};

static void show_range(void *arg, uintptr_t low, uintptr_t high, const struct tern_type *type)
{
	const struct each_root *e = arg;
	struct tern_root r = { .kind = TERN_ROOT_RANGE, .start = low, .size = high - low };

	e->fn(e->arg, &r, type);
}

static void show_stack(void *arg, uintptr_t low, uintptr_t high)
{
	const struct each_root *e = arg;
	struct tern_root r = { .kind = TERN_ROOT_STACK };

	r.start = align_up(low, sizeof(uintptr_t));
	high = align_down(high, sizeof(uintptr_t));
	if (r.start >= high)
		return;
	r.size = high - r.start;
	if (e->sp - low < high - low)
		r.kind = TERN_ROOT_OWN_STACK;
	e->fn(e->arg, &r, NULL);
}

static void show_tied(void *arg, uintptr_t at, size_t size)
{
	const struct each_root *e = arg;

	e->fn(e->arg, &(struct tern_root){ TERN_ROOT_RECORD, at, size }, NULL);
}

static void show_record(void *arg, uintptr_t at)
{
	const struct each_root *e = arg;

	e->fn(e->arg, &(struct tern_root){ TERN_ROOT_RECORD, at, sizeof(uintptr_t) }, NULL);
}

void tern_graph_roots(uintptr_t sp, tern_graph_root *fn, void *arg)
{
	struct each_root e = { .fn = fn, .arg = arg, .sp = sp };

	tern_roots_ranges(show_range, &e);
	tern_pools_words(show_record, &e);
	tern_port_scan_stacks(sp, show_stack, &e);
	tern_tied_words(show_tied, &e);
}

/* Runs one page at a time, as two runs side by side look like one. */
static void show_page(const struct each_root *e, uint64_t page)
{
	const struct tern_mspan *s = tern_arena_span(map, tern_page_addr(page));
	struct tern_root r = { .kind = TERN_ROOT_RUN, .start = tern_page_addr(page) };

	r.size = TERN_PAGE_SIZE;
	if (s && tern_guard_owns(s))
		r = (struct tern_root){ TERN_ROOT_GUARDED, s->base, s->elemsize };
	else if (s != &tern_mheap_run)
		return;
	e->fn(e->arg, &r, NULL);
}

void tern_graph_runs(tern_graph_root *fn, void *arg)
{
	const struct tern_arena *a = atomic_load_explicit(&map->newest, memory_order_acquire);
	struct each_root e = { .fn = fn, .arg = arg };

	for (; a; a = a->next)
		for (uint64_t i = 0; i < TERN_ARENA_PAGES; i++)
			show_page(&e, a->first_page + i);
}

void tern_root_words(const struct tern_root *r, const struct tern_type *type, tern_graph_word *fn,
		     void *arg)
{
	struct tern_node n;

	/* What a finalizer will be shown, as opposed to a word in a record. */
	if (r->kind == TERN_ROOT_RECORD && tern_node_around(r->start, &n))
		words_of_object(&n, fn, arg);
	else
		words_of_type(r->start, r->start + r->size, type, fn, arg);
}

/* --- seen ------------------------------------------------------------------------------------ */

bool tern_node_is_seen(const struct tern_node *n)
{
	return tern_mspan_slot_marked(n->span, n->slot);
}

bool tern_node_see(const struct tern_node *n)
{
	uint64_t bit = 1ull << n->slot % 64;

	return !(atomic_fetch_or_explicit(&n->span->word[n->slot / 64].mark, bit,
					  memory_order_relaxed) &
		 bit);
}

static void forget_span(void *arg, struct tern_mspan *s)
{
	(void)arg;
	for (unsigned w = 0; w < s->nwords; w++)
		atomic_store_explicit(&s->word[w].mark, 0, memory_order_relaxed);
}

void tern_nodes_forget(void)
{
	tern_spans_each(forget_span, NULL);
}
