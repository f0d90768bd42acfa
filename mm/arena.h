/* SPDX-License-Identifier: MIT */
/* arena.h - from an address to what the heap knows about it, in four loads.
 *
 * The address space is cut into arenas of 64 MiB. A map of two levels leads to the record of each
 * arena in which the heap has pages; the record has a table for each 4 MiB, which says for every
 * page which span it belongs to. What the heap does not use costs nothing: there stands NULL. Tables
 * are never given back, so readers need no lock.
 *
 * A heap's arenas are neighbours, mostly: then a window leads from an address to its table at once. */
#ifndef MM_ARENA_H
#define MM_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tern/port.h>

#include "lib/compiler.h"
#include "mm/meta.h"
#include "mm/page.h"

#define TERN_ARENA_SHIFT 26
#define TERN_ARENA_SIZE  ((uintptr_t)1 << TERN_ARENA_SHIFT)
#define TERN_ARENA_PAGES (TERN_ARENA_SIZE >> TERN_PAGE_SHIFT)

#define ARENA_L2_BITS     11
#define ARENA_L1_BITS     (TERN_ADDR_BITS - TERN_ARENA_SHIFT - ARENA_L2_BITS)
#define ARENA_TABLE_PAGES 512u
#define ARENA_TABLES      (TERN_ARENA_PAGES / ARENA_TABLE_PAGES)

struct tern_mspan;

struct tern_arena_table {
	/* [atomic: release by who makes a span, relaxed by readers: what they read next depends
	 * on it] NULL: no span */
	_Atomic(struct tern_mspan *) span[ARENA_TABLE_PAGES];
};

typedef _Atomic(struct tern_arena_table *) tern_arena_slot; /* [atomic: release, relaxed] */

struct tern_arena {
	struct tern_arena *next; /* [const] the one that was made before */
	uint64_t first_page;     /* [const] */
	tern_arena_slot table[ARENA_TABLES];
	/* [atomic: relaxed] pages of the arena from this one on read as zero and were never used */
	_Atomic uint32_t zeroed_base;
	/* A bit for each page. [atomic: relaxed] */
	_Atomic uint64_t page_in_use[TERN_ARENA_PAGES / 64];   /* a span of objects begins here */
	_Atomic uint64_t page_marks[TERN_ARENA_PAGES / 64];    /* ... and has a marked object */
	_Atomic uint64_t page_specials[TERN_ARENA_PAGES / 64]; /* ... and has specials */
	_Atomic uint64_t
		page_pointers[TERN_ARENA_PAGES / 64]; /* of a span whose objects may hold some */
	/* A bit for each word of those: it has a bit. [atomic: relaxed; changed with the lock: special] */
	_Atomic uint64_t special_words[TERN_ARENA_PAGES / 64 / 64];
	/* For gc/dirty.c: a bit for each page; then the first word of the following that may not be 0, and
	 * a bit for each 4 KiB */
	uint64_t page_watched[TERN_ARENA_PAGES / 64];
	_Atomic uint32_t next_dirty;
	_Atomic uint64_t page_dirty[TERN_ARENA_SIZE / TERN_WATCHED_PAGE / 64];
};

struct tern_arena_block {
	_Atomic(struct tern_arena *) arena[1u << ARENA_L2_BITS];
};

/* Tables side by side, of n times 4 MiB from table number `first` on. When it is too small another
 * one takes its place. */
struct tern_arena_window {
	uint64_t first, n; /* [const] */
	/* [atomic: relaxed, changed with the lock of the owner] of them there are so many */
	_Atomic uint64_t ntables;
	tern_arena_slot table[];
};

struct tern_arena_map {
	_Atomic(struct tern_arena_window *)
		window; /* [atomic: release, dependent] NULL: none yet */
	/* [atomic: relaxed, changed with the lock of the owner] how many tables there are, the number of
	 * the first and of the last */
	_Atomic uint64_t ntables, low, high;
	_Atomic(struct tern_arena *) newest; /* [atomic: release by who makes one, acquire] */
	_Atomic(struct tern_arena_block *) block[1u << ARENA_L1_BITS];
};

/* The block that leads to a page's arena; NULL if there is none. */
static inline struct tern_arena_block *tern_arena_block_of(const struct tern_arena_map *m,
							   uint64_t page)
{
	return atomic_load_explicit(
		&m->block[page >> (TERN_ARENA_SHIFT - TERN_PAGE_SHIFT + ARENA_L2_BITS)],
		memory_order_relaxed);
}

/* The page's arena, if it is one of this block's; else another. NULL if the heap has none there. */
static inline struct tern_arena *tern_arena_in(const struct tern_arena_block *b, uint64_t page)
{
	uint64_t arena = page >> (TERN_ARENA_SHIFT - TERN_PAGE_SHIFT);

	return atomic_load_explicit(&b->arena[arena & ((1u << ARENA_L2_BITS) - 1)],
				    memory_order_relaxed);
}

/* The record of a page's arena; NULL if the heap has none. */
static inline struct tern_arena *tern_arena_of(const struct tern_arena_map *m, uint64_t page)
{
	struct tern_arena_block *b;

	if (page >= TERN_PAGES_END)
		return NULL;
	b = tern_arena_block_of(m, page);
	return b ? tern_arena_in(b, page) : NULL;
}

/* What the page's own table says. */
static inline struct tern_mspan *tern_arena_table_span(const struct tern_arena_table *t,
						       uint64_t page)
{
	return atomic_load_explicit(&t->span[page % ARENA_TABLE_PAGES], memory_order_relaxed);
}

/* What the slot leads to says of a page; NULL: no span. */
static inline struct tern_mspan *tern_arena_slot_span(const tern_arena_slot *slot, uint64_t page)
{
	struct tern_arena_table *t = atomic_load_explicit(slot, memory_order_relaxed);

	return t ? tern_arena_table_span(t, page) : NULL;
}

/* The table of a page of the arena; NULL if there is none. */
static inline struct tern_arena_table *tern_arena_page_table(const struct tern_arena *a,
							     uint64_t page)
{
	return atomic_load_explicit(&a->table[page / ARENA_TABLE_PAGES % ARENA_TABLES],
				    memory_order_relaxed);
}

/* Of a page that the window does not know. */
struct tern_mspan *tern_arena_span_beyond(const struct tern_arena_map *m, uint64_t page);

/* The span that an address lies in; NULL if it lies in none. Any address at all. */
static inline struct tern_mspan *tern_arena_span(const struct tern_arena_map *m, uintptr_t addr)
{
	uint64_t page = tern_page_of(addr), i;
	const struct tern_arena_window *w = atomic_load_explicit(&m->window, TERN_DEPENDENT);

	if (likely(w) && likely((i = page / ARENA_TABLE_PAGES - w->first) < w->n))
		return tern_arena_slot_span(&w->table[i], page);
	return tern_arena_span_beyond(m, page);
}

/* Slots from the first table to the last, the first of them for *low on, if the window has all; all that
 * the heap has lies in [*low, *low + *reach]. Tables that come later may be elsewhere. */
const tern_arena_slot *tern_arena_all_slots(const struct tern_arena_map *m, uintptr_t *low,
					    uintptr_t *reach);

/* How large the next record is that a page lacks: the first level's block, its arena's record, its
 * table; 0 if it has all. tern_arena_make() makes that one. False when meta has no room. Owner's
 * lock. */
size_t tern_arena_missing(const struct tern_arena_map *m, uint64_t page);
bool tern_arena_make(struct tern_arena_map *m, struct tern_meta *meta, uint64_t page);

/* Pages of an arena that has its record are the heap's from now on; unless they are zeroed, nothing
 * below their end is known to be zero. */
void tern_arena_given(struct tern_arena_map *m, uint64_t first, uint64_t n, bool zeroed);
/* Pages are about to be used: true unless all of them read as zero. */
bool tern_arenas_need_zero(struct tern_arena_map *m, uint64_t first, uint64_t n);

/* Pages [first, first + n) belong to a span from now on, or to none (NULL). */
void tern_arenas_set_span(struct tern_arena_map *m, uint64_t first, uint64_t n,
			  struct tern_mspan *s);
/* Both: used, whatever they read as, and a span's. */
void tern_arenas_use(struct tern_arena_map *m, uint64_t first, uint64_t n, struct tern_mspan *s);
/* True if all of the pages belong to this span. */
bool tern_arenas_all_in(const struct tern_arena_map *m, uint64_t first, uint64_t n,
			const struct tern_mspan *s);
/* The first page at or after *page at which a span of objects begins; false if there is none. */
bool tern_arenas_next_in_use(const struct tern_arena_map *m, uint64_t *page);
/* A span begins there. */
void tern_arenas_set_in_use(struct tern_arena_map *m, uint64_t page);
/* Objects on these pages may hold pointers from now on, or do not any more. */
void tern_arenas_set_pointers(struct tern_arena_map *m, uint64_t first, uint64_t n, bool may);
/* The span of n pages that begins at a page is none any more. */
void tern_arenas_end_span(struct tern_arena_map *m, uint64_t first, uint64_t n);
/* Nor are those that begin at these pages of the 64 from base on, a multiple of 64, and have all of `pages`. */
void tern_arenas_end_spans(struct tern_arena_map *m, uint64_t base, uint64_t begins,
			   uint64_t pages);

#endif
