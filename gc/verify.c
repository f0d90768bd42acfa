/* SPDX-License-Identifier: MIT */
/* verify.c - the invariants of the whole heap, one after another.
 *
 * Job      For the option `check`: see whether spans, their bits, the arenas' bits and the sums agree.
 *          Twice in a cycle: when the world stops for it, as all is swept then; and when all is marked.
 * Above    gc.c, tests.   Below  mspan, special, pagealloc, which know their own invariants.
 * Owns     nothing, changes nothing.   Locks mheap(80), for its own.
 * Context  the stopped world, with the caches of collected objects given back. Manual spans may be some
 *          CPU's, that is not in the middle of changing them. */
#include "gc/check.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "mm/guard.h"
#include "mm/heap.h"

struct verify {
	struct tern_mheap *heap;
	enum tern_verify_when when;
	struct tern_verify found;
	uint64_t live_bytes; /* of collected objects, as the spans have them */
};

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* Of all that is wrong the first is kept. True if this is right. */
static bool expect(struct verify *v, uintptr_t at, const char *what, uint64_t have, uint64_t want)
{
	if (have != want && !v->found.what)
		v->found = (struct tern_verify){ what, at, have, want };
	return have == want;
}

/* --- a span ---------------------------------------------------------------------------------- */

static uint64_t in_use(const struct tern_mspan *s, unsigned w)
{
	return tern_mspan_slots_in(s, w) & ~get(&s->word[w].free) & ~get(&s->word[w].remote);
}

static bool has_objects(const struct tern_mspan *s)
{
	uint8_t state = atomic_load_explicit(&s->state, memory_order_acquire);

	return state == TERN_SPAN_SMALL || state == TERN_SPAN_LARGE;
}

static uint64_t scanned_in(struct tern_mspan *s, unsigned w)
{
	return s->scanned ? get(&tern_mspan_scanned(s)[w]) : 0;
}

static void verify_swept(struct verify *v, struct tern_mspan *s, bool page_marked)
{
	for (unsigned w = 0; w < s->nwords; w++) {
		expect(v, s->base, "a swept span has marks", get(&s->word[w].mark), 0);
		expect(v, s->base, "a swept span was scanned", scanned_in(s, w), 0);
	}
	expect(v, s->base, "a swept span says that it has marks",
	       atomic_load_explicit(&s->marked, memory_order_relaxed), false);
	expect(v, s->base, "a swept span's page says that it has marks", page_marked, false);
}

/* New objects have marks beside the program, and so have slots that nobody took; nobody says so to the
 * span. */
static void verify_marked(struct verify *v, struct tern_mspan *s, bool page_marked)
{
	bool marked = atomic_load_explicit(&s->marked, memory_order_relaxed), any = false;

	for (unsigned w = 0; w < s->nwords; w++) {
		uint64_t marks = get(&s->word[w].mark);

		expect(v, s->base, "slots were scanned that are not marked",
		       scanned_in(s, w) & ~marks, 0);
		any |= (marks & in_use(s, w)) != 0;
		if (v->when == TERN_VERIFY_MARKED)
			expect(v, s->base, "a slot that is not in use is marked",
			       marks & ~in_use(s, w), 0);
	}
	expect(v, s->base, "a span and its page do not agree on marks", marked, page_marked);
	if (marked)
		expect(v, s->base, "a span says that it has marks", any, true);
	if (v->when == TERN_VERIFY_MARKED)
		expect(v, s->base, "a span does not say that it has marks", marked, any);
}

static void verify_collected(struct verify *v, struct tern_mspan *s, bool page_marked)
{
	expect(v, s->base, "a CPU owns a span of collected objects",
	       (uintptr_t)atomic_load_explicit(&s->owner, memory_order_relaxed), 0);
	expect(v, s->base, "a span was not swept",
	       atomic_load_explicit(&s->sweepgen, memory_order_relaxed),
	       atomic_load_explicit(&v->heap->sweepgen, memory_order_relaxed));
	expect(v, s->base, "a span is to be scanned again",
	       atomic_load_explicit(&s->rescan, memory_order_relaxed), false);
	expect(v, s->base, "a span waits to be scanned",
	       atomic_load_explicit(&s->queued, memory_order_relaxed), 0);
	if (v->when == TERN_VERIFY_SWEPT)
		verify_swept(v, s, page_marked);
	else
		verify_marked(v, s, page_marked);
	for (unsigned w = 0; w < s->nwords; w++)
		v->live_bytes += count_bits(in_use(s, w)) * s->elemsize;
}

static bool bit_of(const _Atomic uint64_t *bits, uint64_t i)
{
	return get(&bits[i / 64]) >> i % 64 & 1;
}

static void verify_span(struct verify *v, const struct tern_arena *a, uint64_t i)
{
	uintptr_t base = tern_page_addr(a->first_page + i);
	struct tern_mspan *s = tern_arena_span(v->heap->arenas, base);

	if (!expect(v, base, "a page at which a span should begin is none's", s != NULL, true) ||
	    !expect(v, base, "a span has no objects", has_objects(s), true) ||
	    !expect(v, base, "a span begins elsewhere", s->base, base) ||
	    !expect(v, base, "a span's bits contradict each other", tern_mspan_check(s), true))
		return;
	expect(v, base, "a span's pages are another's",
	       tern_arenas_all_in(v->heap->arenas, a->first_page + i, s->npages, s), true);
	expect(v, base, "records tied to objects are wrong", tern_special_check(s), true);
	expect(v, base, "a page does not say whether its span has records",
	       bit_of(a->page_specials, i), tern_special_any(s));
	if (tern_spanclass_collected(s->spc))
		verify_collected(v, s, bit_of(a->page_marks, i));
	else
		expect(v, base, "a manual span has marks", bit_of(a->page_marks, i), false);
}

/* --- an arena -------------------------------------------------------------------------------- */

/* A page at which no span begins: it is some span's, or none's. */
static void verify_page(struct verify *v, const struct tern_arena *a, uint64_t i)
{
	uint64_t page = a->first_page + i;
	const struct tern_mspan *s = tern_arena_span(v->heap->arenas, tern_page_addr(page)), *first;
	uintptr_t at = tern_page_addr(page);

	expect(v, at, "a page is marked at which no span begins", bit_of(a->page_marks, i), false);
	expect(v, at, "a page has records at which no span begins", bit_of(a->page_specials, i),
	       false);
	if (!s || !has_objects(s))
		return;
	first = tern_arena_span(v->heap->arenas, s->base);
	expect(v, at, "a page is a span's that has gone", first == s && s->base < at, true);
	expect(v, at, "a page lies behind its span's end", page - tern_page_of(s->base) < s->npages,
	       true);
}

static void verify_pointers(struct verify *v, const struct tern_arena *a, uint64_t i)
{
	uintptr_t at = tern_page_addr(a->first_page + i);
	const struct tern_mspan *s = tern_arena_span(v->heap->arenas, at);
	bool may = s && has_objects(s) && tern_spanclass_collected(s->spc) &&
		   tern_spanclass_kind(s->spc) != TERN_KIND_NOSCAN &&
		   (s->magic || tern_mspan_chunk(s) != TERN_CHUNK_QUARANTINE);

	expect(v, at, "a page does not say whether its objects may hold pointers",
	       bit_of(a->page_pointers, i), may);
}

static void verify_special_words(struct verify *v, const struct tern_arena *a)
{
	for (uint64_t i = 0; i < TERN_ARENA_PAGES / 64; i++)
		expect(v, tern_page_addr(a->first_page + i * 64),
		       "64 pages do not say whether one of them has records",
		       bit_of(a->special_words, i), get(&a->page_specials[i]) != 0);
}

static void verify_arena(struct verify *v, const struct tern_arena *a)
{
	for (uint64_t i = 0; i < TERN_ARENA_PAGES && !v->found.what; i++) {
		if (bit_of(a->page_in_use, i))
			verify_span(v, a, i);
		else
			verify_page(v, a, i);
		verify_pointers(v, a, i);
	}
	verify_special_words(v, a);
}

struct tern_verify tern_verify_heap(struct tern_mheap *h, enum tern_verify_when when)
{
	const struct tern_arena *a = atomic_load_explicit(&h->arenas->newest, memory_order_acquire);
	struct verify v = { .heap = h, .when = when };

	for (; a; a = a->next)
		verify_arena(&v, a);
	expect(&v, 0, "bytes of collected objects", get(&h->live), v.live_bytes);
	expect(&v, 0, "which pages are free", tern_mheap_check(h), true);
	return v.found;
}

void tern_verify_judge(const struct tern_verify *v)
{
	TERN_CHECK(!v->what, "check: %s: at 0x%lx: 0x%llx, should be 0x%llx", v->what,
		   (unsigned long)v->at, (unsigned long long)v->have, (unsigned long long)v->want);
}
