/* SPDX-License-Identifier: MIT */
/* mspan.c - the slots of one span: see mspan.h.
 *
 * Job      Know which slots are in use, with no lock and for one bit a slot.
 * Owns     the bits.   Not: the pages (spans.c), which list the span is in (mcentral.c).
 * Holds    I-SPN-1 a bit past the last slot is neither free nor remote.   I-SPN-2 no slot is both
 *          free and remote.   I-SPN-3 base and pages are whole, nelems * elemsize fit in them.
 * Go       runtime/mheap.go mspan. Go clears allocBits once a cycle and walks over them with
 *          freeindex and allocCache; here frees are explicit as well, so that the bits always tell
 *          the truth, and a cache takes slots straight out of the word that it stands at. */
#include "mm/mspan.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/fault.h"
#include "mm/debug.h"
#include "mm/page.h"
#include "mm/typed.h"

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

unsigned tern_mspan_words(unsigned c)
{
	size_t used = (size_t)tern_sizeclass_nelems[c] * tern_sizeclass_size[c];
	bool rest = used < (size_t)tern_sizeclass_pages[c] << TERN_PAGE_SHIFT;

	return (tern_sizeclass_nelems[c] + rest + 63) / 64;
}

unsigned tern_mspan_form(enum tern_kind kind, unsigned c)
{
	unsigned words = c ? tern_mspan_words(c) : 1;

	if (kind == TERN_KIND_TYPED)
		return TERN_SPAN_TYPED_FORMS + c;
	return kind == TERN_KIND_MANUAL ? TERN_SPAN_MANUAL_FORMS + words : words;
}

unsigned tern_mspan_scanned_form(enum tern_kind kind, unsigned c)
{
	unsigned form = tern_mspan_form(kind, c);
	bool has = (kind == TERN_KIND_SCAN || kind == TERN_KIND_TYPED) &&
		   tern_sizeclass_size[c] <= TERN_SPAN_SCANNED_MAX;

	return has ? TERN_SPAN_SCANNED_FORMS + form : form;
}

unsigned tern_mspan_form_words(unsigned form)
{
	form %= TERN_SPAN_SCANNED_FORMS;
	if (form >= TERN_SPAN_TYPED_FORMS)
		return tern_mspan_form(TERN_KIND_SCAN, form - TERN_SPAN_TYPED_FORMS);
	return form % TERN_SPAN_MANUAL_FORMS;
}

size_t tern_mspan_form_size(unsigned form)
{
	unsigned nwords = tern_mspan_form_words(form);
	size_t size = tern_mspan_record_size(nwords) + nwords * TERN_DEBUG_WORD_BYTES;

	if (form >= TERN_SPAN_SCANNED_FORMS)
		size += nwords * sizeof(uint64_t);
	form %= TERN_SPAN_SCANNED_FORMS;
	if (form >= TERN_SPAN_TYPED_FORMS)
		size += tern_typed_map_size(form - TERN_SPAN_TYPED_FORMS);
	return size;
}

/* Before what debug.c has at the end. */
size_t tern_mspan_form_scanned(unsigned form)
{
	size_t end = tern_mspan_form_words(form) * (TERN_DEBUG_WORD_BYTES + sizeof(uint64_t));

	return form >= TERN_SPAN_SCANNED_FORMS ? tern_mspan_form_size(form) - end : 0;
}

static TERN_NOINLINE void forget_scanned(struct tern_mspan *s)
{
	for (unsigned i = 0; i < s->nwords; i++)
		set(&tern_mspan_scanned(s)[i], 0);
}

void tern_mspan_blacken(struct tern_mspan *s)
{
	for (unsigned i = 0; i < s->nwords; i++) {
		uint64_t free = get(&s->word[i].free);

		if (s->scanned)
			atomic_fetch_or_explicit(&tern_mspan_scanned(s)[i], free,
						 memory_order_relaxed);
		/* release: who sees the mark, in gc/mark_span.c, sees that it is scanned */
		atomic_fetch_or_explicit(&s->word[i].mark, free, memory_order_release);
	}
}

static void set_word(struct tern_span_word *w, uint64_t free)
{
	set(&w->free, free);
	set(&w->remote, 0);
	set(&w->mark, 0);
}

/* A remote free may still look at the span that the record was before (mcentral.c): what it looks
 * at is written whole, after the place has changed. */
static void start_over(struct tern_mspan *s, uintptr_t base, uint32_t npages, uint16_t nelems,
		       tern_spanclass spc)
{
	uint32_t place = atomic_load_explicit(&s->place, memory_order_relaxed);

	atomic_store_explicit(&s->place, tern_span_place(TERN_SPAN_OWNED, place),
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	__atomic_store_n(&s->base, base, __ATOMIC_RELAXED);
	__atomic_store_n(&s->npages, npages, __ATOMIC_RELAXED);
	__atomic_store_n(&s->nelems, nelems, __ATOMIC_RELAXED);
	__atomic_store_n(&s->spc, spc, __ATOMIC_RELAXED);
	atomic_store_explicit(&s->specials, NULL, memory_order_relaxed);
	atomic_store_explicit(&s->marked, false, memory_order_relaxed);
	atomic_store_explicit(&s->rescan, false, memory_order_relaxed);
	atomic_store_explicit(&s->queued, 0, memory_order_relaxed);
	if (unlikely(s->scanned))
		forget_scanned(s);
	atomic_store_explicit(&s->owner, NULL, memory_order_relaxed);
}

/* As long as there are no keys. */
static uint32_t marking_of(const struct tern_mspan *s)
{
	enum tern_kind kind = tern_spanclass_kind(s->spc);

	if (s->magic == 0 || kind == TERN_KIND_MANUAL)
		return 0;
	if (kind == TERN_KIND_NOSCAN)
		return TERN_MARK_ALIKE;
	if (s->scanned || s->elemsize > TERN_MASK16_MAX)
		return 0;
	if (kind == TERN_KIND_TYPED)
		return TERN_MARK_ALIKE | TERN_MARK_TYPED;
	return TERN_MARK_ALIKE | ((1u << s->elemsize / sizeof(uintptr_t)) - 1);
}

void tern_mspan_set_keys(struct tern_mspan *s, bool keys)
{
	atomic_store_explicit(&s->marking, keys ? TERN_MARK_KEYS : marking_of(s),
			      memory_order_relaxed);
}

void tern_mspan_init_small(struct tern_mspan *s, uintptr_t base, tern_spanclass spc)
{
	unsigned c = tern_spanclass_size(spc);

	TERN_ASSERT(s->nwords == tern_mspan_words(c));
	start_over(s, base, tern_sizeclass_pages[c], tern_sizeclass_nelems[c], spc);
	s->elemsize = tern_sizeclass_size[c];
	s->nbytes = s->nelems * (uint32_t)s->elemsize;
	__atomic_store_n(&s->magic, tern_sizeclass_magic[c], __ATOMIC_RELAXED);
	tern_mspan_set_keys(s, false);
	for (unsigned w = 0; w < s->nwords; w++)
		set_word(&s->word[w], tern_mspan_slots_in(s, w));
}

void tern_mspan_init_large(struct tern_mspan *s, uintptr_t base, uint32_t npages,
			   enum tern_kind kind)
{
	TERN_ASSERT(s->nwords == 1);
	start_over(s, base, npages, 1, (tern_spanclass)tern_spanclass_of(kind, 0));
	__atomic_store_n(&s->magic, 0, __ATOMIC_RELAXED);
	set_word(&s->word[0], 0);
	s->nbytes = 0;
	s->margin = 0;
	s->remap = NULL;
	atomic_store_explicit(&s->chunk, TERN_CHUNK_NONE, memory_order_relaxed);
	s->elemsize = (size_t)npages << TERN_PAGE_SHIFT;
	tern_mspan_set_keys(s, false);
}

static uint64_t parked_in(const struct tern_mspan *s, const struct tern_span_word *w)
{
	return tern_spanclass_collected(s->spc) ? 0 : get(&w->mark);
}

static TERN_NOINLINE unsigned collect_word(struct tern_mspan *s, struct tern_span_word *w,
					   uint64_t seen)
{
	uint64_t freed, twice;

	/* acquire: with the release of who freed, whose last writes to the object come before whatever
	 * its next user does */
	freed = atomic_exchange_explicit(&w->remote, 0, memory_order_acquire);
	if (TERN_FAULT(REMOTE_LOST))
		freed = seen;
	twice = freed & (get(&w->free) | parked_in(s, w));
	TERN_CHECK(!twice,
		   "double free in the span at 0x%lx: slots 0x%llx of word %u, twice at once",
		   (unsigned long)s->base, (unsigned long long)twice, (unsigned)(w - s->word));
	set(&w->free, get(&w->free) | freed);
	s->needzero = true;
	return count_bits(freed);
}

/* At each word's end: mostly nobody else freed any. */
unsigned tern_mspan_collect(struct tern_mspan *s)
{
	struct tern_span_word *end = s->word + s->nwords;
	unsigned count = 0;

	for (struct tern_span_word *w = s->word; w < end; w++) {
		uint64_t seen = get(&w->remote);

		if (unlikely(seen || TERN_FAULT(REMOTE_LOST)))
			count += collect_word(s, w, seen);
	}
	return count;
}

/* Out of line: most words that are swept have no dead object. */
static TERN_NOINLINE unsigned free_dead(struct tern_span_word *w, uint64_t dead)
{
	set(&w->free, get(&w->free) | dead);
	return ~dead ? count_bits(dead) : 64;
}

static TERN_INLINE unsigned sweep_word(struct tern_span_word *w, uint64_t slots)
{
	uint64_t dead = slots & ~(get(&w->free) | get(&w->remote) | get(&w->mark));

	set(&w->mark, 0);
	return unlikely(dead) ? free_dead(w, dead) : 0;
}

unsigned tern_mspan_sweep(struct tern_mspan *s)
{
	struct tern_span_word *w = s->word, *last = w + s->nelems / 64;
	unsigned count = 0, rest = s->nelems % 64;

	for (; w < last; w++)
		count += sweep_word(w, ~0ull);
	if (rest)
		count += sweep_word(w, (1ull << rest) - 1);
	if (unlikely(s->scanned))
		forget_scanned(s);
	if (count)
		s->needzero = true;
	atomic_store_explicit(&s->marked, false, memory_order_relaxed);
	return count;
}

static uint64_t free_in(const struct tern_mspan *s, unsigned w)
{
	return get(&s->word[w].free) | get(&s->word[w].remote);
}

bool tern_mspan_is_dead(const struct tern_mspan *s, unsigned *n)
{
	*n = s->nelems;
	for (unsigned w = 0; w < s->nwords; w++) {
		if (get(&s->word[w].mark))
			return false;
		*n -= count_bits(free_in(s, w));
	}
	return true;
}

unsigned tern_mspan_next_word(const struct tern_mspan *s)
{
	unsigned w = 0;

	while (w < s->nwords && get(&s->word[w].free) == 0)
		w++;
	return w;
}

unsigned tern_mspan_taken(const struct tern_mspan *s)
{
	unsigned taken = s->nelems;

	for (unsigned w = 0; w < s->nwords; w++)
		if (get(&s->word[w].free))
			taken -= count_bits(get(&s->word[w].free));
	return taken;
}

bool tern_mspan_is_empty(const struct tern_mspan *s)
{
	for (unsigned w = 0; w < s->nwords; w++)
		if (free_in(s, w) != tern_mspan_slots_in(s, w))
			return false;
	return true;
}

bool tern_mspan_slot_taken(const struct tern_mspan *s, unsigned slot)
{
	return slot < s->nelems && !(free_in(s, slot / 64) >> slot % 64 & 1);
}

bool tern_mspan_slot_in_use(const struct tern_mspan *s, unsigned slot)
{
	return tern_mspan_slot_taken(s, slot) &&
	       (tern_spanclass_collected(s->spc) || !tern_mspan_slot_marked(s, slot));
}

bool tern_mspan_check(const struct tern_mspan *s)
{
	uint32_t marking = tern_mspan_marking(s); /* the first key may come at any moment */

	if (!is_aligned(s->base, TERN_PAGE_SIZE) || s->npages == 0 || s->nelems == 0 ||
	    s->nelems * s->elemsize > (uint64_t)s->npages << TERN_PAGE_SHIFT)
		return false;
	if (marking != TERN_MARK_KEYS && marking != marking_of(s))
		return false;
	for (unsigned w = 0; w < s->nwords; w++)
		if ((get(&s->word[w].free) & get(&s->word[w].remote)) ||
		    (free_in(s, w) & ~tern_mspan_slots_in(s, w)))
			return false;
	return true;
}
