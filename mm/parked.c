/* SPDX-License-Identifier: MIT */
/* parked.c - slots of others' spans that a CPU freed, and takes again before any others.
 *
 * Job      What one CPU allocates and another frees would go back to a span that neither owns, one bit at
 *          a time, and come back with a span that has little else to give. So a CPU keeps the last of
 *          them, by class, and takes them when its own span's word is used up: they are in its memory
 *          cache. When there are too many, the oldest go back, those of a word of bits together.
 * Above    malloc.   Below  mcentral (where slots go back to), mheap (memory for the lists).
 * Owns     a list for each class of manual objects of up to 1 KiB, made when the CPU first gets a span of it:
 *          to free takes no memory.
 * Parked   bit of a slot, which is its mark bit: manual objects have no other use for it. It is set by
 *          who frees the object, at once and atomically, so that a second free is told. To its span
 *          the slot is in use: nobody else takes it, and the span does not go. It is in one list.
 * Bounds   8 KiB a class, as much as the smallest span. All go back with the CPU's other caches, when
 *          memory is short or the CPU goes offline, and while somebody looks at all objects.
 * Counts   The object is freed when its slot is parked, and allocated when it is taken from here.
 * Not      while a heap profile, or hardening, wants to see each slot come and go.
 * Locks    mheap(80), for a list's memory.   Context: interrupts off; also interrupt handlers.
 * Go       has nothing like it, as nothing is freed there. tcmalloc's CPU caches hold any object that
 *          the CPU freed. */
#include "mm/parked.h"

#include "lib/assert.h"
#include "lib/fault.h"
#include "lib/string.h"
#include "mm/heap.h"

#define LIST_BYTES 8192u

/* --- going back ------------------------------------------------------------------------------ */

/* Slots of one word. First they are no longer parked: who takes the span finds them free, and no trace. A double
 * free in between is told when the slot is found to be both. */
static void free_slots(struct tern_mcache *c, struct tern_mspan *s, unsigned w, uint64_t bits)
{
	struct tern_mcentral *all = tern_tables.central;
	struct tern_mcentral *its_class = &all[s->spc];
	struct tern_span_word *word = &s->word[w];
	uint64_t slots = tern_mspan_slots_in(s, w);

	atomic_fetch_and_explicit(&word->mark, ~bits, memory_order_relaxed);
	/* release: the program's last writes to the objects; seq_cst: see mcentral.c */
	bits &= atomic_fetch_or_explicit(&word->remote, bits, memory_order_seq_cst);
	TERN_CHECK(!bits,
		   "double free in the span at 0x%lx: slots 0x%llx of word %u, twice at once",
		   (unsigned long)s->base, (unsigned long long)bits, w);
	tern_mcentral_freed(all, &tern_heap.pages, &c->pages, s, slots, word);
	/* For who lists all spans if slots have become free since: counted when they are, or he would look too
	 * early and not again. The span may be gone. */
	atomic_fetch_add_explicit(&its_class->nloose, 1, memory_order_release);
}

/* The n oldest. What was freed in turn mostly lies side by side. */
static void give_back(struct tern_mcache *c, struct tern_parked *k, unsigned n)
{
	for (unsigned i = 0, next; i < n; i = next) {
		struct tern_mspan *s = k->slot[i].span;
		unsigned w = k->slot[i].slot / 64;
		uint64_t bits = 0;

		for (next = i; next < n && k->slot[next].span == s && k->slot[next].slot / 64 == w;
		     next++)
			bits |= 1ull << k->slot[next].slot % 64;
		free_slots(c, s, w, bits);
	}
	k->n -= n;
	memmove(k->slot, k->slot + n, k->n * sizeof(k->slot[0]));
}

void tern_parked_release(struct tern_mcache *c)
{
	for (unsigned i = 0; i < TERN_PARKED_CLASSES; i++)
		if (c->parked[i] && !TERN_FAULT(PARKED_LOST))
			give_back(c, c->parked[i], c->parked[i]->n);
}

void tern_parked_release_all(void)
{
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		tern_parked_release(tern_heap_cache_of(i));
}

/* --- put and take ---------------------------------------------------------------------------- */

void tern_parked_begin(struct tern_mcache *c, size_t spc)
{
	size_t manual = spc - TERN_SPANCLASSES_COLLECTED;
	struct tern_parked *k;
	unsigned most;

	if (manual >= TERN_PARKED_CLASSES || c->parked[manual])
		return;
	k = tern_mheap_lasting(&tern_heap.pages, sizeof(*k));
	if (!k)
		return;
	most = LIST_BYTES / tern_sizeclass_size[manual];
	k->most = most < TERN_PARKED_MAX ? most : TERN_PARKED_MAX;
	c->parked[manual] = k;
}

struct tern_parked *tern_parked_make_room(struct tern_mcache *c, size_t manual)
{
	struct tern_parked *k = c->parked[manual];

	if (k)
		give_back(c, k, k->most / 2);
	return k;
}

void *tern_parked_take(struct tern_mcache *c, size_t spc)
{
	size_t manual = spc - TERN_SPANCLASSES_COLLECTED;
	struct tern_parked *k = manual < TERN_PARKED_CLASSES ? c->parked[manual] : NULL;
	struct tern_parked_slot last;
	struct tern_span_word *word;
	uint64_t bit;

	if (!k || !k->n || tern_sample_wanted())
		return NULL;
	last = k->slot[k->n - 1];
	k->n -= !TERN_FAULT(PARKED_TWICE);
	word = &last.span->word[last.slot / 64];
	bit = 1ull << last.slot % 64;
	TERN_CHECK(!((atomic_load_explicit(&word->free, memory_order_relaxed) |
		      atomic_load_explicit(&word->remote, memory_order_relaxed)) &
		     bit),
		   "double free in the span at 0x%lx: slot %u, twice at once",
		   (unsigned long)last.span->base, last.slot);
	atomic_fetch_and_explicit(&word->mark, ~bit, memory_order_relaxed);
	tern_mcache_count(&c->nmalloc[spc], 1);
	return (void *)(last.span->base + last.slot * last.span->elemsize);
}
