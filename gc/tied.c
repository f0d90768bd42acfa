/* SPDX-License-Identifier: MIT */
/* tied.c - roots that are tied to objects: finalizers, cleanups, pins.
 *
 * Job      Mark from the records in all spans' lists, and from the queue of what is to run:
 *              finalizer  what its object leads to, but not the object; its argument
 *              cleanup    its argument
 *              pin        the object
 *              ephemeron  its value, if its key was marked before; see mark.c
 *              weak       nothing: see special.c
 *              queued     finalizer: the object, the argument; cleanup: the argument
 * So       an object that another one with a finalizer leads to outlives that one: finalizers run in the
 *          order of dependency, an object a cycle. Whatever leads to itself, perhaps by way of
 *          others, is never finalized. And when marking is done, all that a finalizer may touch is
 *          marked: so the sweep, whenever it comes, only has to keep the object itself.
 * Shared   between CPUs: the queue is the first job, 512 pages of an arena are each of the others.
 * Context  the stopped world: so the lists need no lock. Beside the program: a span at a time, with the
 *          lock and so with interrupts off; what would be long is left to the last pause, which looks
 *          at all records again. So what is tied to an object while the program runs, and values
 *          that come to keys when these are black already, need no barrier.
 * Go       runtime/mgcmark.go markrootSpans. */
#include "gc/tied.h"

#include "lib/bits.h"
#include "lib/fault.h"
#include "mm/heap.h"
#include "mm/special.h"

#define WORDS 8u /* of page_specials in a job */
#define NJOBS (TERN_ARENA_PAGES / 64 / WORDS)

static _Atomic uint64_t next_job; /* [atomic: relaxed] the first that nobody has taken */

void tern_tied_start(void)
{
	atomic_store_explicit(&next_job, 0, memory_order_relaxed);
}

static uint64_t draw(void)
{
	return atomic_fetch_add_explicit(&next_job, 1, memory_order_relaxed);
}

static uintptr_t object_of(const struct tern_special *r)
{
	return atomic_load_explicit(&r->object, memory_order_relaxed);
}

static uintptr_t start_of_object(const struct tern_mspan *s, const struct tern_special *r)
{
	return s->base + tern_special_slot(s, r->offset) * s->elemsize;
}

static void mark_queue(struct tern_mark_work *w)
{
	const struct tern_special *r = w->marker->heap->specials.first;

	for (; r && !TERN_FAULT(QUEUE_NO_ROOT); r = r->next) {
		tern_mark_address(w, (uintptr_t)r->arg);
		if (r->kind == TERN_SPECIAL_FINALIZER)
			tern_mark_address(w, object_of(r));
	}
}

/* An object of several pages is nothing to scan with interrupts off. */
static void mark_from(struct tern_mark_work *w, struct tern_mspan *s, const struct tern_special *r,
		      bool beside)
{
	switch ((enum tern_special_kind)r->kind) {
	case TERN_SPECIAL_FINALIZER:
		if ((!beside || s->magic) && !TERN_FAULT(FINALIZER_LEAF))
			tern_mark_contents(w, s, start_of_object(s, r));
		tern_mark_address(w, (uintptr_t)r->arg);
		break;
	case TERN_SPECIAL_CLEANUP:
		tern_mark_address(w, (uintptr_t)r->arg);
		break;
	case TERN_SPECIAL_PIN:
		tern_mark_address(w, object_of(r));
		break;
	case TERN_SPECIAL_EPHEMERON:
		if (tern_special_is_edge(r) && tern_special_is_marked(s, r->offset))
			tern_mark_address(w, (uintptr_t)r->arg);
		break;
	case TERN_SPECIAL_WEAK:
		break;
	}
}

static void mark_span(struct tern_mark_work *w, struct tern_mspan *s, bool beside)
{
	unsigned long irq = beside ? tern_special_lock(w->marker->heap) : 0;
	const struct tern_special *r = atomic_load_explicit(&s->specials, memory_order_relaxed);

	for (; r; r = r->next)
		mark_from(w, s, r, beside);
	if (beside)
		tern_special_unlock(w->marker->heap, irq);
}

/* The bits may change, but no span of collected objects goes away while they are marked. */
static void mark_word(struct tern_mark_work *w, const struct tern_arena *a, unsigned word,
		      bool beside)
{
	uint64_t bits = atomic_load_explicit(&a->page_specials[word], memory_order_relaxed);

	for (; bits; bits &= bits - 1) {
		uint64_t page = a->first_page + word * 64 + (unsigned)__builtin_ctzll(bits);

		mark_span(w, tern_arena_span(w->marker->heap->arenas, tern_page_addr(page)),
			  beside);
	}
}

static uint64_t words_from(const struct tern_arena *a, unsigned word)
{
	return atomic_load_explicit(&a->special_words[word / 64], memory_order_relaxed) >>
	       word % 64;
}

static void mark_job(struct tern_mark_work *w, const struct tern_arena *a, uint64_t job,
		     bool beside)
{
	unsigned first = (unsigned)job * WORDS;
	uint64_t words = words_from(a, first) & ((1u << WORDS) - 1);

	for (; words; words &= words - 1)
		mark_word(w, a, first + (unsigned)__builtin_ctzll(words), beside);
}

static bool has_any(const struct tern_arena *a)
{
	uint64_t any = 0;

	for (unsigned i = 0; i < TERN_ARENA_PAGES / 64; i += 64)
		any |= words_from(a, i);
	return any;
}

static const struct tern_arena *newest(const struct tern_mark_work *w)
{
	return atomic_load_explicit(&w->marker->heap->arenas->newest, memory_order_acquire);
}

/* What one CPU draws rises, so it goes through the arenas once: those that have any, which stay the same in
 * a pause. */
void tern_tied_mark(struct tern_mark_work *w)
{
	const struct tern_arena *a = newest(w);
	uint64_t job = draw(), first = 1;

	if (job == 0) {
		mark_queue(w);
		job = draw();
	}
	for (; a; a = a->next) {
		if (!has_any(a))
			continue;
		for (; job - first < NJOBS; job = draw())
			mark_job(w, a, job - first, false);
		first += NJOBS;
	}
}

/* The first job is left to the last pause. If an arena was made since, a number is not the same piece as
 * in its turn: some are done twice. */
bool tern_tied_mark_some(struct tern_mark_work *w)
{
	const struct tern_arena *a = newest(w);
	uint64_t job = draw(), first = 1;

	if (job == 0)
		job = draw();
	for (; a && job - first >= NJOBS; a = a->next)
		first += NJOBS;
	if (a)
		mark_job(w, a, job - first, true);
	return a;
}

/* --- for those who only look ------------------------------------------------------------------ */

struct show {
	void (*fn)(void *arg, uintptr_t at, size_t size);
	void *arg;
};

static void show_word(const struct show *s, const void *word)
{
	s->fn(s->arg, (uintptr_t)word, sizeof(uintptr_t));
}

static void show_record(const struct show *show, const struct tern_mspan *s,
			const struct tern_special *r)
{
	if (r->kind == TERN_SPECIAL_FINALIZER && tern_spanclass_kind(s->spc) != TERN_KIND_NOSCAN)
		show->fn(show->arg, start_of_object(s, r), s->elemsize);
	if (r->kind == TERN_SPECIAL_FINALIZER || r->kind == TERN_SPECIAL_CLEANUP)
		show_word(show, &r->arg);
	if (r->kind == TERN_SPECIAL_PIN)
		show_word(show, (const void *)&r->object);
}

static void show_queued(const struct show *show, const struct tern_special *r)
{
	show_word(show, &r->arg);
	if (r->kind == TERN_SPECIAL_FINALIZER)
		show_word(show, (const void *)&r->object);
}

void tern_tied_words(void (*fn)(void *arg, uintptr_t at, size_t size), void *arg)
{
	const struct tern_arena_map *map = &tern_tables.pages.arenas;
	const struct tern_special *r = tern_heap.pages.specials.first;
	struct show show = { fn, arg };

	for (; r; r = r->next)
		show_queued(&show, r);
	for (uint64_t page = 0; tern_arenas_next_in_use(map, &page); page++) {
		const struct tern_mspan *s = tern_arena_span(map, tern_page_addr(page));

		r = atomic_load_explicit(&s->specials, memory_order_relaxed);
		for (; r; r = r->next)
			show_record(&show, s, r);
	}
}
