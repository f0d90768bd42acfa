/* SPDX-License-Identifier: MIT */
/* arena.c - what the heap knows about each page, by address: see arena.h.
 *
 * Job      Records of arenas, made when the heap grows into them; a page's span; which memory was
 *          never used.
 * Window   over all tables, as long as a part of it that is worth it has some, and there was memory
 *          for it. Who looks a page up in one that is replaced meanwhile misses tables that are
 *          newer, and came by no address in them.
 * Owns     the map and the records, from meta.
 * Locks    making records: the owner's. The rest takes none: a page's entry is changed by who has
 *          the page, and words that pages share are changed atomically.
 * Holds    I-ARE-1 all pages of a span in use lead to it, and no other page does.
 *          I-ARE-2 a page at or above zeroed_base that the heap has reads as zero.
 * Go       runtime/mheap.go heapArena, arenas, allocNeedsZero. */
#include "mm/arena.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/compiler.h"

/* In tables: the smallest window, the largest one that is made in any case, and of how many of a larger
 * one at least one must be there. */
#define WINDOW_MIN    64u
#define WINDOW_SMALL  1024u
#define WINDOW_SPARSE 64u

static struct tern_arena_table *table_of(const struct tern_arena_map *m, uint64_t page)
{
	struct tern_arena *a = tern_arena_of(m, page);

	return a ? tern_arena_page_table(a, page) : NULL;
}

struct tern_mspan *tern_arena_span_beyond(const struct tern_arena_map *m, uint64_t page)
{
	const struct tern_arena_table *t = table_of(m, page);

	return t ? tern_arena_table_span(t, page) : NULL;
}

size_t tern_arena_missing(const struct tern_arena_map *m, uint64_t page)
{
	struct tern_arena *a = tern_arena_of(m, page);

	if (!tern_arena_block_of(m, page))
		return sizeof(struct tern_arena_block);
	if (!a)
		return sizeof(struct tern_arena);
	return table_of(m, page) ? 0 : sizeof(struct tern_arena_table);
}

/* Others see it at once, with no table yet. */
static void list_arena(struct tern_arena_map *m, struct tern_arena *a, uint64_t page)
{
	a->first_page = page & ~(uint64_t)(TERN_ARENA_PAGES - 1);
	a->next = atomic_load_explicit(&m->newest, memory_order_relaxed);
	atomic_store_explicit(&m->newest, a, memory_order_release);
}

/* --- the window ------------------------------------------------------------------------------ */

static struct tern_arena_table *load_table(const tern_arena_slot *slot)
{
	return atomic_load_explicit(slot, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static bool is_in(const struct tern_arena_window *w, uint64_t i)
{
	return w && i - w->first < w->n;
}

/* What the old window has, and what was made beside it. */
static void fill_window(const struct tern_arena_map *m, struct tern_arena_window *w,
			const struct tern_arena_window *old)
{
	uint64_t ntables = 0, high = get(&m->high);

	for (uint64_t at = get(&m->low); at <= high; at++) {
		struct tern_arena_table *t = is_in(old, at)
						     ? load_table(&old->table[at - old->first])
						     : table_of(m, at * ARENA_TABLE_PAGES);

		atomic_store_explicit(&w->table[at - w->first], t, memory_order_relaxed);
		ntables += t != NULL;
	}
	set(&w->ntables, ntables);
}

/* Twice as much as there is, which lies in the middle: so it lasts until the heap has grown by half, to
 * whichever side, and all windows together take a few words for each table. Tables far from all others
 * are not worth it. */
static void widen(struct tern_arena_map *m, struct tern_meta *meta)
{
	const struct tern_arena_window *old =
		atomic_load_explicit(&m->window, memory_order_relaxed);
	uint64_t n = WINDOW_MIN, size = get(&m->high) - get(&m->low) + 1;
	uint64_t middle = get(&m->low) + size / 2;
	struct tern_arena_window *w;

	while (n < 2 * size)
		n *= 2;
	if (n > WINDOW_SMALL && n > WINDOW_SPARSE * get(&m->ntables))
		return;
	w = tern_meta_alloc(meta, sizeof(*w) + n * sizeof(w->table[0]), sizeof(uint64_t));
	if (!w)
		return;
	w->first = middle > n / 2 ? middle - n / 2 : 0;
	w->n = n;
	fill_window(m, w, old);
	/* release: with the dependent loads of who looks a page up */
	atomic_store_explicit(&m->window, w, memory_order_release);
}

static void show_table(struct tern_arena_map *m, struct tern_meta *meta, uint64_t page,
		       struct tern_arena_table *t)
{
	struct tern_arena_window *w = atomic_load_explicit(&m->window, memory_order_relaxed);
	uint64_t i = page / ARENA_TABLE_PAGES;

	if (get(&m->ntables) == 0 || i < get(&m->low))
		set(&m->low, i);
	if (i > get(&m->high))
		set(&m->high, i);
	set(&m->ntables, get(&m->ntables) + 1);
	if (is_in(w, i)) {
		set(&w->ntables, get(&w->ntables) + 1);
		atomic_store_explicit(&w->table[i - w->first], t, memory_order_release);
	}
	if (!is_in(w, get(&m->low)) || !is_in(w, get(&m->high)))
		widen(m, meta);
}

const tern_arena_slot *tern_arena_all_slots(const struct tern_arena_map *m, uintptr_t *low,
					    uintptr_t *reach)
{
	struct tern_arena_window *w = atomic_load_explicit(&m->window, memory_order_acquire);
	uint64_t first = get(&m->low), last = get(&m->high);

	if (!w || get(&w->ntables) != get(&m->ntables) || !is_in(w, first) || !is_in(w, last))
		return NULL;
	*low = tern_page_addr(first * ARENA_TABLE_PAGES);
	*reach = (last - first + 1) * ARENA_TABLE_PAGES * TERN_PAGE_SIZE - 1;
	return &w->table[first - w->first];
}

/* --- records --------------------------------------------------------------------------------- */

bool tern_arena_make(struct tern_arena_map *m, struct tern_meta *meta, uint64_t page)
{
	struct tern_arena_block *b = tern_arena_block_of(m, page);
	struct tern_arena *a = tern_arena_of(m, page);
	void *record = tern_meta_alloc(meta, tern_arena_missing(m, page), sizeof(uint64_t));

	if (!record)
		return false;
	if (b && !a)
		list_arena(m, record, page);
	/* release, in each: with the dependent loads of who looks a page up */
	if (!b)
		atomic_store_explicit(&m->block[page / TERN_ARENA_PAGES >> ARENA_L2_BITS], record,
				      memory_order_release);
	else if (!a)
		atomic_store_explicit(
			&b->arena[page / TERN_ARENA_PAGES & ((1u << ARENA_L2_BITS) - 1)], record,
			memory_order_release);
	else
		atomic_store_explicit(&a->table[page / ARENA_TABLE_PAGES % ARENA_TABLES], record,
				      memory_order_release);
	if (b && a)
		show_table(m, meta, page, record);
	return true;
}

/* Of pages that were taken, all this is there (I-MHP-3). */
static struct tern_arena *arena_of_taken(const struct tern_arena_map *m, uint64_t page)
{
	TERN_ASSERT(tern_arena_of(m, page));
	return tern_arena_in(tern_arena_block_of(m, page), page);
}

static struct tern_arena_table *table_of_taken(const struct tern_arena_map *m, uint64_t page)
{
	TERN_ASSERT(table_of(m, page));
	return tern_arena_page_table(arena_of_taken(m, page), page);
}

/* The part of a run of pages that lies within one unit of its first page. */
struct part {
	uint32_t i, n;
};

static struct part part_at(uint64_t first, uint64_t n, uint64_t unit)
{
	uint32_t i = first & (unit - 1);
	uint32_t room = (uint32_t)unit - i;

	return (struct part){ i, n < room ? (uint32_t)n : room };
}

/* The base rises to `end`; false if it was higher than `start` already. */
static bool raise_base(struct tern_arena *a, uint32_t start, uint32_t end)
{
	uint32_t base = atomic_load_explicit(&a->zeroed_base, memory_order_relaxed);

	while (base < end)
		if (atomic_compare_exchange_weak_explicit(&a->zeroed_base, &base, end,
							  memory_order_relaxed,
							  memory_order_relaxed))
			break;
	return base <= start;
}

void tern_arena_given(struct tern_arena_map *m, uint64_t first, uint64_t n, bool zeroed)
{
	struct part at = part_at(first, n, TERN_ARENA_PAGES);

	TERN_ASSERT(at.n == n);
	if (!zeroed)
		raise_base(tern_arena_of(m, first), at.i, at.i + at.n);
}

/* Most lie in one arena. */
bool tern_arenas_need_zero(struct tern_arena_map *m, uint64_t first, uint64_t n)
{
	uint32_t i = first & (TERN_ARENA_PAGES - 1);
	bool need = false;

	if (likely(n <= TERN_ARENA_PAGES - i))
		return !raise_base(arena_of_taken(m, first), i, i + (uint32_t)n);
	while (n) {
		struct part at = part_at(first, n, TERN_ARENA_PAGES);

		need |= !raise_base(arena_of_taken(m, first), at.i, at.i + at.n);
		first += at.n;
		n -= at.n;
	}
	return need;
}

static _Atomic(struct tern_mspan *) *place_of_taken(const struct tern_arena_map *m, uint64_t page)
{
	return &table_of_taken(m, page)->span[page % ARENA_TABLE_PAGES];
}

static TERN_NOINLINE void set_many(struct tern_arena_map *m, uint64_t first, uint64_t n,
				   struct tern_mspan *s)
{
	while (n) {
		struct part at = part_at(first, n, ARENA_TABLE_PAGES);
		_Atomic(struct tern_mspan *) *place = place_of_taken(m, first);

		/* release: with the dependent loads of who looks the span up */
		for (uint32_t i = 0; i < at.n; i++)
			atomic_store_explicit(&place[i], s, memory_order_release);
		first += at.n;
		n -= at.n;
	}
}

/* Most are of one page. */
void tern_arenas_set_span(struct tern_arena_map *m, uint64_t first, uint64_t n,
			  struct tern_mspan *s)
{
	if (likely(n == 1))
		atomic_store_explicit(place_of_taken(m, first), s, memory_order_release);
	else
		set_many(m, first, n, s);
}

static TERN_NOINLINE void use_many(struct tern_arena_map *m, uint64_t first, uint64_t n,
				   struct tern_mspan *s)
{
	tern_arenas_need_zero(m, first, n);
	set_many(m, first, n, s);
}

void tern_arenas_use(struct tern_arena_map *m, uint64_t first, uint64_t n, struct tern_mspan *s)
{
	uint32_t i = first & (TERN_ARENA_PAGES - 1);

	if (unlikely(n != 1)) {
		use_many(m, first, n, s);
		return;
	}
	raise_base(arena_of_taken(m, first), i, i + 1);
	atomic_store_explicit(place_of_taken(m, first), s, memory_order_release);
}

static TERN_NOINLINE bool are_all_in(const struct tern_arena_map *m, uint64_t first, uint64_t n,
				     const struct tern_mspan *s)
{
	while (n) {
		struct part at = part_at(first, n, ARENA_TABLE_PAGES);
		struct tern_arena_table *t = table_of(m, first);

		if (!t)
			return false;
		for (uint32_t i = at.i; i < at.i + at.n; i++)
			if (atomic_load_explicit(&t->span[i], memory_order_relaxed) != s)
				return false;
		first += at.n;
		n -= at.n;
	}
	return true;
}

bool tern_arenas_all_in(const struct tern_arena_map *m, uint64_t first, uint64_t n,
			const struct tern_mspan *s)
{
	if (likely(n == 1))
		return tern_arena_span(m, tern_page_addr(first)) == s;
	return are_all_in(m, first, n, s);
}

void tern_arenas_set_in_use(struct tern_arena_map *m, uint64_t page)
{
	struct tern_arena *a = arena_of_taken(m, page);

	/* release: with who comes by the bit, not by an address */
	atomic_fetch_or_explicit(&a->page_in_use[page % TERN_ARENA_PAGES / 64], 1ull << page % 64,
				 memory_order_release);
}

void tern_arenas_set_pointers(struct tern_arena_map *m, uint64_t first, uint64_t n, bool may)
{
	while (n) {
		struct part at = part_at(first, n, 64);
		_Atomic uint64_t *word =
			&arena_of_taken(m, first)->page_pointers[first % TERN_ARENA_PAGES / 64];
		uint64_t bits = bits_at(at.i, at.n);

		if (may)
			/* release: with who comes by the bit */
			atomic_fetch_or_explicit(word, bits, memory_order_release);
		else if (atomic_load_explicit(word, memory_order_relaxed) & bits)
			atomic_fetch_and_explicit(word, ~bits, memory_order_relaxed);
		first += at.n;
		n -= at.n;
	}
}

void tern_arenas_end_span(struct tern_arena_map *m, uint64_t first, uint64_t n)
{
	struct tern_arena *a = arena_of_taken(m, first);
	uint64_t i = first % TERN_ARENA_PAGES / 64, bit = 1ull << first % 64;

	atomic_fetch_and_explicit(&a->page_in_use[i], ~bit, memory_order_relaxed);
	/* Its pages are alike. */
	if (atomic_load_explicit(&a->page_pointers[i], memory_order_relaxed) & bit)
		tern_arenas_set_pointers(m, first, n, false);
	tern_arenas_set_span(m, first, n, NULL);
}

void tern_arenas_end_spans(struct tern_arena_map *m, uint64_t base, uint64_t begins, uint64_t pages)
{
	struct tern_arena *a = arena_of_taken(m, base);
	_Atomic(struct tern_mspan *) *place = place_of_taken(m, base);
	uint64_t i = base % TERN_ARENA_PAGES / 64;

	atomic_fetch_and_explicit(&a->page_in_use[i], ~begins, memory_order_relaxed);
	if (atomic_load_explicit(&a->page_pointers[i], memory_order_relaxed) & pages)
		atomic_fetch_and_explicit(&a->page_pointers[i], ~pages, memory_order_relaxed);
	for (; pages; pages &= pages - 1)
		atomic_store_explicit(&place[__builtin_ctzll(pages)], NULL, memory_order_release);
}

/* Within the arena of *page; false, and *page is the next arena's first, if there is none. */
static bool next_in_arena(const struct tern_arena *a, uint64_t *page)
{
	uint64_t base = *page & ~(TERN_ARENA_PAGES - 1);
	unsigned w = (unsigned)(*page - base) / 64;
	uint64_t mask = ~0ull << *page % 64;

	for (; w < ARRAY_SIZE(a->page_in_use); w++, mask = ~0ull) {
		uint64_t word =
			mask & atomic_load_explicit(&a->page_in_use[w], memory_order_relaxed);

		if (word) {
			*page = base + w * 64 + (unsigned)__builtin_ctzll(word);
			return true;
		}
	}
	*page = base + TERN_ARENA_PAGES;
	return false;
}

bool tern_arenas_next_in_use(const struct tern_arena_map *m, uint64_t *page)
{
	const uint64_t block = TERN_ARENA_PAGES << ARENA_L2_BITS;

	while (*page < TERN_PAGES_END) {
		const struct tern_arena *a = tern_arena_of(m, *page);

		if (a && next_in_arena(a, page))
			return true;
		if (!a)
			*page = tern_arena_block_of(m, *page) ? (*page | (TERN_ARENA_PAGES - 1)) + 1
							      : (*page | (block - 1)) + 1;
	}
	return false;
}
