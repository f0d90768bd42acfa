/* SPDX-License-Identifier: MIT */
/* remap.c - large objects that grow by addresses for their pages, not by copies.
 *
 * Job      Give an object that tern_realloc() makes larger a range of addresses with room to grow, and
 *          have it lead to the object's own pages and to more, which need not lie side by side.
 * Above    malloc.c, large.c.   Below  range, mheap.
 * Owns     the pages of remapped objects, and lists of these.
 * Locks    mheap(80).   Context  threads, as other CPUs must forget addresses that are taken away; an
 *          object that is freed elsewhere waits in `ended` for who can tell them.
 * Holds    I-REM-1 addresses [start, start + npages) of the range are committed to the listed pages, in
 *          their order, and no others.
 *          I-REM-2 listed pages lead to tern_mheap_elsewhere, pages of lists to tern_mheap_closed.
 * Manual objects only: marking knows collected ones by the addresses of their pages (watched pages, the
 *          order of what is grey), and its modes would have to follow them.
 * Go       has no realloc. Linux has mremap(2). */
#include "mm/remap.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/large.h"
#include "mm/range.h"
#include "mm/scavenge.h"
#include "mm/special.h"

/* An object that has grown twice over its size has done so in place. */
#define ROOM_FACTOR 2u
/* Ranges of few sizes are used again. */
#define ROOM_MAX TiB(1)

struct list_page;

struct tern_remap {
	struct tern_range range;
	uint64_t npages;         /* listed and committed */
	struct list_page *last;  /* of the list */
	struct tern_remap *next; /* in `ended` */
};

/* Of an object's list, which is a stack of them. */
struct list_page {
	struct list_page *before;
	struct tern_remap remap; /* in the first: the object's */
	uint64_t n;
	uint64_t page[];
};

#define LISTED_MAX ((TERN_PAGE_SIZE - sizeof(struct list_page)) / sizeof(uint64_t))

/* [atomic: release by who puts one in, acquire by who takes all] */
static struct tern_remap *_Atomic ended;
static _Atomic uint64_t ended_pages; /* [atomic: relaxed] of these, until they are free */

static struct tern_mheap *heap(void)
{
	return &tern_heap.pages;
}

static size_t bytes(uint64_t npages)
{
	return npages << TERN_PAGE_SHIFT;
}

static uintptr_t end_of(const struct tern_remap *r)
{
	return r->range.start + bytes(r->npages);
}

static bool can_tell_others(void)
{
	return tern_port_irq_enabled() && !tern_port_in_interrupt();
}

static uint64_t less_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* --- pages ------------------------------------------------------------------------------- */

/* A run of *n pages, or of fewer, if there is none as long. */
static uint64_t take_run(uint64_t *n, enum tern_search *search)
{
	uint64_t first, run = *n;

	for (;;) {
		first = tern_mheap_take(heap(), NULL, run, 1, TERN_PAGES_END);
		if (first != TERN_NO_PAGE)
			break;
		if (run > 1)
			run /= 2;
		else if (tern_heap_find_memory(search, *n))
			run = *n;
		else
			break;
	}
	*n = run;
	return first;
}

static void give_run(uint64_t first, uint64_t n)
{
	tern_arenas_set_span(heap()->arenas, first, n, NULL);
	tern_mheap_free(heap(), NULL, first, n);
}

/* Pages of lists are runs, for the statistics. */
static void count_runs(uint64_t taken, uint64_t freed)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();

	tern_mcache_count_any(c, &c->run_malloc_pages, taken);
	tern_mcache_count_any(c, &c->run_free_pages, freed);
	tern_irq_restore(irq);
}

static struct list_page *new_list_page(struct list_page *before, enum tern_search *search)
{
	uint64_t n = 1, page = take_run(&n, search);
	struct list_page *l;

	if (page == TERN_NO_PAGE)
		return NULL;
	tern_mheap_set_closed(heap(), page, 1);
	count_runs(1, 0);
	l = (struct list_page *)tern_page_addr(page);
	l->before = before;
	l->n = 0;
	return l;
}

static void free_list_page(struct list_page *l)
{
	give_run(tern_page_of((uintptr_t)l), 1);
	count_runs(0, 1);
}

/* Room in the list for one more at least. */
static bool make_list_room(struct tern_remap *r, enum tern_search *search)
{
	struct list_page *l;

	if (r->last->n < LISTED_MAX)
		return true;
	l = new_list_page(r->last, search);
	if (l)
		r->last = l;
	return l;
}

static uint64_t list_room(const struct tern_remap *r)
{
	return LISTED_MAX - r->last->n;
}

static void list_run(struct tern_remap *r, uint64_t first, uint64_t n)
{
	r->npages += n;
	while (n--)
		r->last->page[r->last->n++] = first++;
}

/* The last run of the list, of at most n pages: unlisted. */
static uint64_t unlist_run(struct tern_remap *r, uint64_t *n)
{
	struct list_page *l = r->last;
	uint64_t most = less_of(*n, l->n), run = 1;

	while (run < most && l->page[l->n - run - 1] == l->page[l->n - run] - 1)
		run++;
	l->n -= run;
	r->npages -= run;
	*n = run;
	return l->page[l->n];
}

static void drop_empty(struct tern_remap *r)
{
	struct list_page *l = r->last;

	if (l->n || !l->before)
		return;
	r->last = l->before;
	free_list_page(l);
}

/* --- a list and its range ---------------------------------------------------------------- */

/* Up to n pages more. False if there was none. */
static bool add_some(struct tern_remap *r, uint64_t n, enum tern_search *search)
{
	uint64_t first;

	if (!make_list_room(r, search))
		return false;
	n = less_of(n, list_room(r));
	first = take_run(&n, search);
	if (first == TERN_NO_PAGE)
		return false;
	tern_mheap_set_elsewhere(heap(), first, n);
	if (!tern_port_range_commit(end_of(r), (void *)tern_page_addr(first), bytes(n))) {
		give_run(first, n);
		return false;
	}
	list_run(r, first, n);
	return true;
}

/* All but the first n pages go back. */
static void cut(struct tern_remap *r, uint64_t n)
{
	uint64_t gone = r->npages - n, run;

	if (gone)
		tern_port_range_uncommit(end_of(r) - bytes(gone), bytes(gone));
	while (r->npages > n) {
		uint64_t first;

		run = r->npages - n;
		first = unlist_run(r, &run);
		give_run(first, run);
		drop_empty(r);
	}
	drop_empty(r);
}

static bool extend(struct tern_remap *r, uint64_t n)
{
	enum tern_search search = TERN_SEARCH_HEAP;
	uint64_t before = r->npages;

	tern_heap_make_room(n - before);
	while (r->npages < n)
		if (!add_some(r, n - r->npages, &search)) {
			cut(r, before);
			return false;
		}
	return true;
}

static void free_list(struct tern_remap *r)
{
	for (struct list_page *l = r->last, *before; l; l = before) {
		before = l->before;
		free_list_page(l);
	}
}

/* Of an object whose pages have their own addresses. */
static struct tern_remap *list_of(const struct tern_mspan *s)
{
	enum tern_search search = TERN_SEARCH_HEAP;
	struct list_page *l = new_list_page(NULL, &search);
	uint64_t first = tern_page_of(s->base), end = first + s->npages, n;
	struct tern_remap *r = l ? &l->remap : NULL;

	if (!r)
		return NULL;
	*r = (struct tern_remap){ .last = l };
	for (; first < end; first += n) {
		if (!make_list_room(r, &search)) {
			free_list(r);
			return NULL;
		}
		n = less_of(end - first, list_room(r));
		list_run(r, first, n);
	}
	return r;
}

/* --- moving ------------------------------------------------------------------------------ */

static size_t room_for(size_t size)
{
	size_t room = TERN_REMAP_MIN;

	while (room < size * ROOM_FACTOR)
		room *= 2;
	return room;
}

/* To the range that is its own from now on. */
static bool enter(struct tern_remap *r, const struct tern_mspan *s, uint64_t n)
{
	if (!tern_port_range_commit(r->range.start, (void *)s->base, s->elemsize))
		return false;
	if (extend(r, n))
		return true;
	tern_port_range_uncommit(r->range.start, s->elemsize);
	return false;
}

/* From one span to the other in one step, for all who look at spans. */
static void switch_over(struct tern_mspan *s, struct tern_mspan *to, struct tern_remap *r)
{
	uintptr_t base = s->base;
	uint64_t npages = s->npages;
	bool moved = tern_mspan_remap(s);
	unsigned long irq = tern_irq_save();

	TERN_CHECK(tern_large_end(heap(), s), "tern_realloc: 0x%lx was freed meanwhile",
		   (unsigned long)base);
	tern_mheap_retract(heap(), base, npages);
	if (!moved)
		tern_mheap_set_elsewhere(heap(), tern_page_of(base), npages);
	tern_mheap_publish_remapped(heap(), to, r->range.start, r->npages, r);
	tern_mheap_free_record(heap(), s);
	tern_irq_restore(irq);
}

static void leave(struct tern_range range, uint64_t npages)
{
	if (!range.start)
		return;
	tern_port_range_uncommit(range.start, bytes(npages));
	tern_range_release(range);
}

static struct tern_mspan *new_record(void)
{
	unsigned long irq = tern_irq_save();
	struct tern_mspan *s = tern_mheap_new_remapped(heap());

	tern_irq_restore(irq);
	return s;
}

bool tern_remap_suits(const struct tern_mspan *s)
{
	return s->magic == 0 && s->elemsize >= TERN_REMAP_MIN &&
	       tern_spanclass_kind(s->spc) == TERN_KIND_MANUAL && !s->margin &&
	       !tern_special_any(s) && can_tell_others();
}

static void drop_record(struct tern_mspan *s)
{
	unsigned long irq = tern_irq_save();

	tern_mheap_free_record(heap(), s);
	tern_irq_restore(irq);
}

static struct tern_mspan *move_to(struct tern_range range, struct tern_mspan *s, uint64_t n)
{
	struct tern_remap *old = tern_mspan_remap(s), *r = old ? old : list_of(s);
	struct tern_mspan *to = r ? new_record() : NULL;
	struct tern_range before = r ? r->range : range;
	uint64_t npages = s->npages;

	if (r)
		r->range = range;
	if (to && enter(r, s, n)) {
		switch_over(s, to, r);
		leave(before, npages);
		return to;
	}
	if (to)
		drop_record(to);
	if (r)
		r->range = before;
	if (r && !old)
		free_list(r);
	return NULL;
}

static bool has_room(const struct tern_remap *r, uint64_t n)
{
	return n <= r->range.size >> TERN_PAGE_SHIFT;
}

struct tern_mspan *tern_remap_move(struct tern_mspan *s, uint64_t n)
{
	const struct tern_remap *r = tern_mspan_remap(s);
	struct tern_range range;
	struct tern_mspan *to;

	/* There is room, and no memory. */
	if (r && has_room(r, n))
		return NULL;
	if (n > ROOM_MAX >> TERN_PAGE_SHIFT)
		return NULL;
	tern_remap_finish();
	range = tern_range_reserve(room_for(bytes(n)));
	if (!range.start)
		return NULL;
	to = move_to(range, s, n);
	if (!to)
		tern_range_release(range);
	return to;
}

/* --- in place, and the end --------------------------------------------------------------- */

static void set_size(struct tern_mspan *s, uint64_t n)
{
	unsigned long irq = tern_irq_save();

	tern_mheap_resize_remapped(heap(), s, n);
	tern_irq_restore(irq);
}

bool tern_remap_resize(struct tern_mspan *s, uint64_t n)
{
	struct tern_remap *r = tern_mspan_remap(s);

	if (!can_tell_others() || !has_room(r, n))
		return false;
	if (n > s->npages && !extend(r, n))
		return false;
	set_size(s, n);
	cut(r, n);
	return true;
}

void tern_remap_end(struct tern_remap *r)
{
	tern_mheap_retract(heap(), r->range.start, r->npages);
	atomic_fetch_add_explicit(&ended_pages, r->npages, memory_order_relaxed);
	r->next = atomic_load_explicit(&ended, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&ended, &r->next, r, memory_order_release,
						      memory_order_relaxed))
		;
}

static void finish(struct tern_remap *r)
{
	uint64_t npages = r->npages;

	cut(r, 0);
	atomic_fetch_sub_explicit(&ended_pages, npages, memory_order_relaxed);
	tern_range_release(r->range);
	free_list(r);
}

bool tern_remap_finish(void)
{
	struct tern_remap *r, *next;

	if (!atomic_load_explicit(&ended, memory_order_relaxed) || !can_tell_others())
		return false;
	r = atomic_exchange_explicit(&ended, NULL, memory_order_acquire);
	for (struct tern_remap *one = r; one; one = next) {
		next = one->next;
		finish(one);
	}
	return r;
}

uint64_t tern_remap_ended_bytes(void)
{
	return bytes(atomic_load_explicit(&ended_pages, memory_order_relaxed));
}
