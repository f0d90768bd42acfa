/* SPDX-License-Identifier: MIT */
/* mspan.h - a run of pages that is cut into slots of one size, or is one large object.
 *
 * Behind the record stand three bits for each slot:
 *
 *   free     1: may be handed out. Plain reads and writes, by the span's owner alone.
 *   remote   1: freed by somebody who does not own the span. Set atomically by anybody; moved to
 *            `free` by who owns the span next (tern_mspan_collect).
 *   mark     1: reached by the collector in this cycle. Sweeping frees what is in use and not
 *            marked, and clears the marks. Of a manual object: freed, and parked by a CPU that did not
 *            own the span; set and cleared atomically, see parked.c.
 *
 * So a slot is in use if neither its free nor its remote bit is set, and it is not parked. Bits past the last slot are
 * never free. The owner is one CPU's cache, or nobody: then the record lies in a central list
 * or, if all slots are taken, nowhere, until the first remote free lists it.
 *
 * Behind the bits of a span of typed objects stands its map, which says where their pointers are: see
 * typed.h. Behind all that, if the collector scans by spans, stand `scanned` bits, a word for each of
 * the others: a mark without one is a grey object, see gc/mark_span.c. */
#ifndef MM_MSPAN_H
#define MM_MSPAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/fault.h"
#include "mm/sizeclass.h"

enum tern_span_state {
	TERN_SPAN_DEAD,  /* the record is not in use, or its pages are gone */
	TERN_SPAN_SMALL, /* slots */
	TERN_SPAN_LARGE, /* one object */
	TERN_SPAN_PAGES, /* a run for somebody: tern_pages_alloc(), stacks */
};

/* Where a span of slots is: the low bits of `place`. The rest of it counts changes, so that who looks
 * at the bits, and then changes the place, fails if anybody owned the span in between. */
enum tern_span_where {
	TERN_SPAN_OWNED,  /* by a CPU's cache, or by who has just taken it */
	TERN_SPAN_FULL,   /* in no list: no slot is free, as far as its last owner saw */
	TERN_SPAN_LISTED, /* in its central list */
	TERN_SPAN_EMPTY,  /* in the list, but its pages are gone: the record alone is left */
};
#define TERN_SPAN_WHERE_BITS 2

/* What a large object serves as. */
enum tern_chunk {
	TERN_CHUNK_NONE,       /* an object, and no more */
	TERN_CHUNK_LIVE,       /* part of a user arena: smaller objects lie in it */
	TERN_CHUNK_QUARANTINE, /* it was; as long as it is marked its memory serves nobody */
};

/* 8 KiB in slots of 8 bytes. */
#define TERN_SPAN_MAX_WORDS 16

/* Records have a form for each number of words, and a form for each class of typed spans. Those of
 * collected spans are no others': who marks while the program runs may look at a record that he found
 * by an address, as no collected span goes away meanwhile. */
#define TERN_SPAN_MANUAL_FORMS (TERN_SPAN_MAX_WORDS + 1)
#define TERN_SPAN_TYPED_FORMS  (2 * TERN_SPAN_MANUAL_FORMS)
/* Each again, with bits of what was scanned: struct tern_mspan. */
#define TERN_SPAN_SCANNED_FORMS (TERN_SPAN_TYPED_FORMS + TERN_SIZECLASSES)
#define TERN_SPAN_FORMS         (2 * TERN_SPAN_SCANNED_FORMS)

/* Objects so large, at most, are scanned with others of their span. */
#define TERN_SPAN_SCANNED_MAX 512u

struct tern_mcache;
struct tern_remap;
struct tern_special;

/* How marking treats the objects of a span. If they are small and all alike, shading one looks at nothing
 * else of the record but where its slots are; if not, the rest of the record tells. */
#define TERN_MARK_WORDS 0xffffu    /* a bit for each word of each that may hold a pointer */
#define TERN_MARK_TYPED (1u << 16) /* each has a mask of its own: typed.h */
#define TERN_MARK_ALIKE (1u << 17) /* this is so: collected, no scanned bits, no keys */
#define TERN_MARK_KEYS  (1u << 18) /* one may be a key to an ephemeron */

/* 64 slots. One cache line tells all about a slot. */
struct tern_span_word {
	_Atomic uint64_t free, remote, mark;
};

struct tern_mspan {
	_Atomic(struct tern_mspan *) next; /* [atomic: relaxed] the list it is in; must be first */

	/* [lock: special; atomic: relaxed, for who only asks whether there are any] records tied to its
	 * objects: special.h */
	_Atomic(struct tern_special *) specials;
	uint64_t balance; /* [owner; atomic: relaxed] see mcache.c: slots taken, less collected */
	_Atomic(struct tern_mcache *) owner; /* [atomic: relaxed] only the owner itself changes it
					      * while it is set */
	union {
		/* [owner] of typed objects: the entry in the map of the first slot in the word that the
		 * owner takes slots from */
		void *entries;
		struct tern_remap
			*remap; /* [const] of a large manual object: see remap.h, or NULL */
	};
	_Atomic uint32_t place; /* [atomic] see mcentral.c */
	/* [atomic: seq_cst, see mcentral.c] which cycle's marks are worked in, with the heap's as g:
	 * g - 2 not yet, g - 1 somebody is at it, g done. Of a manual span: nothing. */
	_Atomic uint32_t sweepgen;
	uint32_t npages;    /* [const] but that tern_realloc() may change it */
	uint16_t nelems;    /* [const] */
	bool needzero;      /* [owner] a free slot may hold something else than zeros */
	uint8_t margin;     /* [const] of a large object: pages on either side, for guards */
	atomic_bool rescan; /* [atomic: relaxed] marked objects could not be queued: gc/mark.c */

	/* From here on: what marking and freeing look at. */
	atomic_bool marked;    /* [atomic: relaxed] the collector has marked an object of it */
	_Atomic uint8_t state; /* [atomic: release by who makes it, acquire by readers without a
				* lock] enum tern_span_state */
	uint8_t nwords;        /* [const] for ever */
	atomic_bool sampled;   /* [atomic: relaxed] the heap profile has an object of it */
	/* [atomic: seq_cst] whether the span waits to be scanned: gc/mark_span.c */
	_Atomic uint8_t queued;
	tern_spanclass spc;    /* [const] */
	uint8_t form;          /* [const] for ever */
	_Atomic uint8_t chunk; /* [atomic: relaxed] of a large object: enum tern_chunk */
	uint16_t scanned;      /* [const] for ever: where its scanned bits are; 0: it has none */
	/* [atomic: relaxed, changed with lock: special] TERN_MARK_... */
	_Atomic uint32_t marking;
	uint32_t nbytes; /* [const] of a span of slots: what these take; else 0 */
	uint32_t magic;  /* [const] divMul: offset * magic >> 32 is the slot; large: 0 */
	uintptr_t base;  /* [const] */
	size_t elemsize; /* [const] bytes in a slot; of a large object: of the whole span */
	struct tern_span_word word[];
};

static inline enum tern_chunk tern_mspan_chunk(const struct tern_mspan *s)
{
	return (enum tern_chunk)atomic_load_explicit(&s->chunk, memory_order_relaxed);
}

static inline uint32_t tern_mspan_marking(const struct tern_mspan *s)
{
	return atomic_load_explicit(&s->marking, memory_order_relaxed);
}

/* NULL unless it is an object whose pages have other addresses. */
static inline struct tern_remap *tern_mspan_remap(const struct tern_mspan *s)
{
	return s->magic == 0 && tern_spanclass_kind(s->spc) == TERN_KIND_MANUAL ? s->remap : NULL;
}

static inline enum tern_span_where tern_span_where(uint32_t place)
{
	return place & ((1u << TERN_SPAN_WHERE_BITS) - 1);
}

/* The place that follows on `before`. */
static inline uint32_t tern_span_place(enum tern_span_where where, uint32_t before)
{
	uint32_t turn = (before >> TERN_SPAN_WHERE_BITS) + !TERN_FAULT(DROP_OLD_LOOK);

	return turn << TERN_SPAN_WHERE_BITS | where;
}

static inline size_t tern_mspan_record_size(unsigned nwords)
{
	return sizeof(struct tern_mspan) + nwords * sizeof(struct tern_span_word);
}

/* The form for slots of a class, or for a large object (0), and what a record of a form has. */
unsigned tern_mspan_form(enum tern_kind kind, unsigned sizeclass);
/* The same with scanned bits; without, if its objects are scanned one by one in any case. */
unsigned tern_mspan_scanned_form(enum tern_kind kind, unsigned sizeclass);
unsigned tern_mspan_form_words(unsigned form);
size_t tern_mspan_form_size(unsigned form);
/* Where scanned bits are in such a record; 0: it has none. */
size_t tern_mspan_form_scanned(unsigned form);

/* Words in each bitmap of a class. What is left over at a span's end has a bit too, which is never
 * free: so every offset in a span has one. */
unsigned tern_mspan_words(unsigned sizeclass);
/* Make a record into a span of slots, all free, or into one large object that is in use. The
 * record has room for the class, nwords and scanned are set, and all else is as its last user left it. */
void tern_mspan_init_small(struct tern_mspan *s, uintptr_t base, tern_spanclass spc);
void tern_mspan_init_large(struct tern_mspan *s, uintptr_t base, uint32_t npages,
			   enum tern_kind kind);

/* With the lock of the specials: an object of it may be a key to an ephemeron from now on, or none is. */
void tern_mspan_set_keys(struct tern_mspan *s, bool keys);
/* Owner: make what others freed free. Returns how many slots that were. Panics if one of them was
 * free already: a double free that two CPUs raced for. */
unsigned tern_mspan_collect(struct tern_mspan *s);
/* Nobody else changes free bits meanwhile: free what is in use and not marked, and forget the marks.
 * Returns how many slots that were. */
unsigned tern_mspan_sweep(struct tern_mspan *s);
/* True if none is marked; *n: how many are in use, which sweeping would free. As before, nobody else changes
 * free bits. */
bool tern_mspan_is_dead(const struct tern_mspan *s, unsigned *n);
/* The same, but only of a span in which no slot is free. */
static inline bool tern_mspan_is_dead_and_full(const struct tern_mspan *s)
{
	const struct tern_span_word *w = s->word, *end = w + s->nwords;
	uint64_t any;

	do
		any = atomic_load_explicit(&w->mark, memory_order_relaxed) |
		      atomic_load_explicit(&w->free, memory_order_relaxed) |
		      atomic_load_explicit(&w->remote, memory_order_relaxed);
	while (!any && ++w < end);
	return !any;
}
/* Owner: objects that will be allocated in the span are marked already. */
void tern_mspan_blacken(struct tern_mspan *s);
/* Owner: the lowest word with a free slot; nwords if there is none. */
unsigned tern_mspan_next_word(const struct tern_mspan *s);
/* Slots that are not free for the owner: in use, parked, or freed remotely and not collected yet. */
unsigned tern_mspan_taken(const struct tern_mspan *s);
/* The slots that word w of a bitmap stands for. */
static inline uint64_t tern_mspan_slots_in(const struct tern_mspan *s, unsigned w)
{
	unsigned left = s->nelems - w * 64;

	if (w * 64 >= s->nelems)
		return 0;
	return left >= 64 ? ~0ull : (1ull << left) - 1;
}
/* True if no slot is taken: exact for who owns the span, else a hint. */
bool tern_mspan_is_empty(const struct tern_mspan *s);
/* The slot that holds an address; the address lies in the span. */
static inline unsigned tern_mspan_slot(const struct tern_mspan *s, uintptr_t addr)
{
	return (unsigned)((addr - s->base) * s->magic >> 32);
}
/* Neither free nor freed remotely: in use, or parked. */
bool tern_mspan_slot_taken(const struct tern_mspan *s, unsigned slot);
bool tern_mspan_slot_in_use(const struct tern_mspan *s, unsigned slot);
static inline bool tern_mspan_slot_marked(const struct tern_mspan *s, unsigned slot)
{
	return atomic_load_explicit(&s->word[slot / 64].mark, memory_order_relaxed) >> slot % 64 &
	       1;
}
static inline _Atomic uint64_t *tern_mspan_scanned(struct tern_mspan *s)
{
	return (_Atomic uint64_t *)((char *)s + s->scanned);
}
/* The type's invariants, for an owner or in a quiet moment. */
bool tern_mspan_check(const struct tern_mspan *s);

#endif
