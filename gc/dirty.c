/* SPDX-License-Identifier: MIT */
/* dirty.c - the pages that the program wrote to while objects were marked.
 *
 * Job      For programs whose stores note nothing: ask the page tables instead. Watch the pages of
 *          objects that may hold pointers before a cycle begins; when nothing is grey, take those that
 *          were written to, and have black objects on them scanned again, beside the program; so a few
 *          times, as long as each time is less to do than before; and once more in the last pause.
 * Sound    What must hold is that in the last pause no black object leads to a white one that nothing
 *          finds there (concurrent.c). Say one did. What is in its slot now was stored after the object
 *          was last looked into, or the look had found it. The page was watched by then; or its span
 *          is new, and it counts as written to the first time that it is asked about. So the first
 *          taking after that store, or the last pause's, reports the page, and the port promises that
 *          the store is seen from then on. The object is looked into again then, if it is black: and so
 *          the slot was, which it was not. If it is not black yet, it is looked into later still, when
 *          it becomes so: likewise.
 * Order    Whether it is black yet, its mark tells. On a CPU that orders little, who marks may have looked
 *          into an object before others see the mark he set. So nobody marks while pages are taken
 *          (concurrent.c: taking): who begins later sees what was stored before.
 * New      Objects are black, and what they hold was stored since, so it counts. Slots of typed objects
 *          that are being taken have no entry yet: mark.c leaves their span for the last pause.
 * Which    Pages of objects that may hold pointers, which arenas have a bit for, no others: neither
 *          records, nor the marks, nor the buffers of grey objects are watched, so nothing that
 *          marking itself does is slow or counts. None such goes away while a cycle marks. Those
 *          that come are found the next time.
 * Deleted  What a program drops from the heap while it has it in a local is found in the last pause, with
 *          all that hangs on it: here no store notes it before, as barrier.c does.
 * Owns     page_watched of arenas: what was asked about last [busy]; and page_dirty: who is busy sets bits
 *          while nobody marks; who takes one from there looks at the page.
 * Locks    none.   Context: see dirty.h.
 * Papers   Boehm, Demers, Shenker: Mostly Parallel Garbage Collection, 1991. */
#include "gc/dirty.h"

#include <tern/gc.h>
#include <tern/port.h>

#include "gc/gc.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/fault.h"

/* Beside the program, at most so often; and not for less than so many pages, which the last pause looks
 * at in less time than it takes to ask once more. */
#define TAKES_MAX 6u
#define FEW_PAGES 16u

#define WORDS    ARRAY_SIZE(((struct tern_arena *)NULL)->page_dirty)
#define PER_PAGE (TERN_PAGE_SIZE / TERN_WATCHED_PAGE)

TERN_STATIC_ASSERT(PER_PAGE == 2, "a page has two bits");

/* Of the cycle that marks; [busy] but for what is left. */
static struct {
	unsigned takes;
	uint64_t npages;       /* that the last taking found */
	_Atomic uint64_t left; /* [atomic: relaxed] that nobody has looked at yet */
} dirty;

static struct tern_arena_map *map(void)
{
	return tern_gc_state.marker.heap->arenas;
}

static struct tern_arena *newest(void)
{
	return atomic_load_explicit(&map()->newest, memory_order_acquire);
}

static bool is_wanted(void)
{
	return tern_gc_state.options.mode == TERN_GC_PAGES;
}

/* --- which pages ----------------------------------------------------------------------------- */

/* Each bit of a half word twice. */
static uint64_t spread(uint64_t bits)
{
	bits = (bits | bits << 16) & 0x0000ffff0000ffffull;
	bits = (bits | bits << 8) & 0x00ff00ff00ff00ffull;
	bits = (bits | bits << 4) & 0x0f0f0f0f0f0f0f0full;
	bits = (bits | bits << 2) & 0x3333333333333333ull;
	bits = (bits | bits << 1) & 0x5555555555555555ull;
	return bits | bits << 1;
}

/* How many were not there before. */
static uint64_t note_word(struct tern_arena *a, unsigned i, uint64_t bits)
{
	if (!bits)
		return 0;
	return count_bits(bits &
			  ~atomic_fetch_or_explicit(&a->page_dirty[i], bits, memory_order_relaxed));
}

/* Of 64 pages of the heap, some of which may hold pointers, or not the same as before. */
static TERN_NOINLINE uint64_t find_mixed(struct tern_arena *a, unsigned i, uint64_t pages,
					 uint64_t bits[2])
{
	uint64_t fresh = pages & ~a->page_watched[i];

	bits[0] = spread(pages & UINT32_MAX);
	bits[1] = spread(pages >> 32);
	if (pages == a->page_watched[i] || TERN_FAULT(NEW_PAGE_CLEAN))
		return 0;
	a->page_watched[i] = pages;
	return note_word(a, 2 * i, spread(fresh & UINT32_MAX)) +
	       note_word(a, 2 * i + 1, spread(fresh >> 32));
}

/* Those to ask about. Spans may come meanwhile, but none of those that are meant go away. Pages that were not
 * asked about the last time, of which the port need not know, are noted here: returns how many. */
static TERN_NOINLINE uint64_t find_pages(struct tern_arena *a, uint64_t bits[WORDS])
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORDS / PER_PAGE; i++) {
		/* acquire: with who makes the span */
		uint64_t pages = atomic_load_explicit(&a->page_pointers[i], memory_order_acquire);

		/* Neighbours are alike for the most part. */
		if (likely(pages == a->page_watched[i]) && (pages == 0 || pages == UINT64_MAX))
			bits[2 * i] = bits[2 * i + 1] = pages;
		else
			n += find_mixed(a, i, pages, &bits[2 * i]);
	}
	return n;
}

/* --- taking ---------------------------------------------------------------------------------- */

static void forget(struct tern_arena *a)
{
	for (unsigned i = 0; i < WORDS; i++)
		atomic_store_explicit(&a->page_dirty[i], 0, memory_order_relaxed);
}

static TERN_NOINLINE uint64_t note(struct tern_arena *a, const uint64_t bits[WORDS])
{
	uint64_t n = 0;

	/* Few were written to, and those lie together. */
	for (unsigned i = 0; i < WORDS; i += 8) {
		if (!any_of_8(&bits[i]))
			continue;
		for (unsigned k = i; k < i + 8; k++)
			n += note_word(a, k, bits[k]);
	}
	atomic_store_explicit(&a->next_dirty, 0, memory_order_relaxed);
	return n;
}

void tern_dirty_start(void)
{
	uint64_t bits[WORDS];

	if (!is_wanted())
		return;
	dirty.takes = 0;
	dirty.npages = UINT64_MAX;
	atomic_store_explicit(&dirty.left, 0, memory_order_relaxed);
	for (struct tern_arena *a = newest(); a; a = a->next) {
		find_pages(a, bits);
		tern_port_watch_pages(tern_page_addr(a->first_page), bits, WORDS);
		forget(a);
	}
}

bool tern_dirty_take(void)
{
	uint64_t bits[WORDS], n = 0, before = dirty.npages;

	if (!is_wanted() || dirty.takes == TAKES_MAX || before <= FEW_PAGES)
		return false;
	for (struct tern_arena *a = newest(); a; a = a->next) {
		n += find_pages(a, bits);
		tern_port_watch_pages(tern_page_addr(a->first_page), bits, WORDS);
		n += note(a, bits);
	}
	atomic_fetch_add_explicit(&dirty.left, n, memory_order_relaxed);
	/* If it does not become less, it will not. */
	dirty.takes = n < before / 2 ? dirty.takes + 1 : TAKES_MAX;
	dirty.npages = n;
	return n != 0;
}

void tern_dirty_take_last(void)
{
	uint64_t bits[WORDS], n = 0;

	/* A cycle that is one pause has nothing to look at again. */
	if (!is_wanted() || !tern_gc_state.marking || TERN_FAULT(NO_LAST_LOOK))
		return;
	for (struct tern_arena *a = newest(); a; a = a->next) {
		n += find_pages(a, bits);
		tern_port_written_pages(tern_page_addr(a->first_page), bits, WORDS);
		n += note(a, bits);
	}
	atomic_fetch_add_explicit(&dirty.left, n, memory_order_relaxed);
}

void tern_dirty_end(void)
{
	if (!is_wanted())
		return;
	for (struct tern_arena *a = newest(); a; a = a->next)
		tern_port_unwatch_pages(tern_page_addr(a->first_page), TERN_ARENA_SIZE);
}

/* --- looking again --------------------------------------------------------------------------- */

/* A page of the arena that nobody else has; false if there is none. */
static bool claim(struct tern_arena *a, uintptr_t *page)
{
	uint32_t i;

	while ((i = atomic_load_explicit(&a->next_dirty, memory_order_relaxed)) < WORDS) {
		uint64_t bits = atomic_load_explicit(&a->page_dirty[i], memory_order_relaxed);
		uint64_t bit = bits & -bits;

		if (!bits)
			atomic_compare_exchange_strong_explicit(&a->next_dirty, &i, i + 1,
								memory_order_relaxed,
								memory_order_relaxed);
		else if (atomic_fetch_and_explicit(&a->page_dirty[i], ~bit, memory_order_relaxed) &
			 bit) {
			*page = tern_page_addr(a->first_page) +
				(i * 64 + (unsigned)__builtin_ctzll(bit)) * TERN_WATCHED_PAGE;
			return true;
		}
	}
	return false;
}

bool tern_dirty_mark_some(struct tern_mark_work *w)
{
	uintptr_t page;

	if (tern_dirty_is_done())
		return false;
	for (struct tern_arena *a = newest(); a; a = a->next)
		if (claim(a, &page)) {
			atomic_fetch_sub_explicit(&dirty.left, 1, memory_order_relaxed);
			if (!TERN_FAULT(DIRTY_LOST))
				tern_mark_again(w, page, page + TERN_WATCHED_PAGE);
			return true;
		}
	return false;
}

bool tern_dirty_is_done(void)
{
	return atomic_load_explicit(&dirty.left, memory_order_relaxed) == 0;
}

/* --- a kernel that cannot -------------------------------------------------------------------- */

TERN_WEAK bool tern_port_watch_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	(void)start;
	(void)bits;
	(void)n;
	return false;
}

TERN_WEAK void tern_port_written_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	(void)start;
	(void)bits;
	(void)n;
}

TERN_WEAK void tern_port_unwatch_pages(uintptr_t start, size_t size)
{
	(void)start;
	(void)size;
}
