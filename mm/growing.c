/* SPDX-License-Identifier: MIT */
/* growing.c - stacks that start small and get pages as they are used.
 *
 * Job      Reserve addresses; commit pages from the top down, in faults; take the lower half back
 *          when little is used. Nothing is ever copied, so pointers into a stack stay good.
 * Owns     the pages of growing stacks, and a few kept for faults.
 * Faults   come at any instruction, whatever locks the interrupted code holds. So the way from an
 *          address to its stack has no lock; the heap's is only tried; and if it stays taken, pages
 *          come from the reserve, whose slots are taken one by one with an exchange. What a
 *          thread can need while it holds the heap's lock is the depth of this library: one page.
 * Locks    mheap(80).   Context  tern/stack.h.
 * Holds    I-GRO-1 [low, top) is committed, [guard, low) is not, but while the state says so.
 *          I-GRO-2 page[i] lies at top - (i + 1) pages, for all that is committed.
 * Go       runtime/stack.go newstack, copystack, shrinkstack. Go moves a stack to one of twice the
 *          size, as it knows all pointers into it. C's are not known; so the addresses stay. */
#include <tern/port.h>
#include <tern/stack.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/range.h"
#include "mm/stack.h"

#define GUARD_PAGES 1
/* Kept between a stack pointer and the end of the pages by who shrinks: interrupts go on there. */
#define HEADROOM KiB(16)
#define RESERVE  32u
/* How often a fault looks whether the heap is free, before it takes from the reserve; and before it
 * gives up, as the reserve is empty too. */
#define PATIENCE_HEAP (1u << 14)
#define PATIENCE      (1u << 22)

enum state { IDLE, GROWING, SHRINKING };

struct tern_stack {
	struct tern_mspan *span; /* [const] what its addresses lead to */
	uintptr_t guard, top;    /* [const] */
	size_t start;            /* [const] */
	_Atomic uintptr_t low;   /* [state; atomic: relaxed] */
	_Atomic enum state
		state;   /* [atomic: acquire by who leaves IDLE, release by who comes back] */
	uint64_t nready; /* [state] pages behind the committed ones, which a failure left over */
	uint64_t page[]; /* [state] the heap's, from the top down */
};

static _Atomic uint64_t
	reserve[RESERVE];   /* [atomic: relaxed] a page's number + 1; 0: an empty slot */
static atomic_uint nstacks; /* [atomic: relaxed] */
/* [atomic: relaxed] for statistics */
static _Atomic uint64_t committed_bytes, reserved_bytes;

static uint64_t pages_in(size_t bytes)
{
	return bytes >> TERN_PAGE_SHIFT;
}

static uintptr_t low_of(const struct tern_stack *k)
{
	return atomic_load_explicit(&k->low, memory_order_relaxed);
}

static void set_low(struct tern_stack *k, uintptr_t low)
{
	atomic_fetch_add_explicit(&committed_bytes, low_of(k) - low, memory_order_relaxed);
	atomic_store_explicit(&k->low, low, memory_order_relaxed);
}

/* --- the reserve ------------------------------------------------------------------------- */

static uint64_t take_spare(void)
{
	for (unsigned i = 0; i < RESERVE; i++) {
		uint64_t page = atomic_exchange_explicit(&reserve[i], 0, memory_order_relaxed);

		if (page)
			return page - 1;
	}
	return TERN_NO_PAGE;
}

static bool keep_spare(uint64_t page)
{
	for (unsigned i = 0; i < RESERVE; i++) {
		uint64_t none = 0;

		if (atomic_compare_exchange_strong_explicit(&reserve[i], &none, page + 1,
							    memory_order_relaxed,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

static unsigned count_spares(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < RESERVE; i++)
		n += atomic_load_explicit(&reserve[i], memory_order_relaxed) != 0;
	return n;
}

static void free_page(uint64_t page)
{
	tern_mheap_free(&tern_heap.pages, NULL, page, 1);
}

static uint64_t take_page_locked(struct tern_mheap *h)
{
	uint64_t page = tern_pagealloc_take(&h->pages, 1);

	if (page == TERN_NO_PAGE)
		return page;
	if (!tern_mheap_tables_locked(h, page, 1)) {
		tern_pagealloc_free(&h->pages, page, 1);
		return TERN_NO_PAGE;
	}
	/* Asked only to note that the page is used. */
	tern_arenas_need_zero(h->arenas, page, 1);
	return page;
}

static void fill_reserve_locked(struct tern_mheap *h)
{
	for (unsigned n = count_spares(); n < RESERVE; n++) {
		uint64_t page = h->pages.nfree > h->nreserve ? take_page_locked(h) : TERN_NO_PAGE;

		if (page == TERN_NO_PAGE)
			return;
		if (!keep_spare(page))
			tern_pagealloc_free(&h->pages, page, 1);
	}
}

static void empty_reserve(void)
{
	uint64_t page;

	while ((page = take_spare()) != TERN_NO_PAGE)
		free_page(page);
}

/* --- growing ----------------------------------------------------------------------------- */

/* Pages from the heap, up to `want` with the n that are there; its own reserve is for who needs. */
static uint64_t from_heap_locked(uint64_t *pages, uint64_t n, uint64_t need, uint64_t want)
{
	struct tern_mheap *h = &tern_heap.pages;

	while (n < need || (n < want && h->pages.nfree > h->nreserve)) {
		pages[n] = take_page_locked(h);
		if (pages[n] == TERN_NO_PAGE)
			break;
		n++;
	}
	fill_reserve_locked(h);
	return n;
}

static uint64_t from_reserve(uint64_t *pages, uint64_t n, uint64_t need)
{
	while (n < need && (pages[n] = take_spare()) != TERN_NO_PAGE)
		n++;
	return n;
}

/* Besides the n that are there; as many as are needed, or all that there are. If another CPU has the
 * heap's lock it is free soon. If it is this one, it never is: then there is the reserve. */
static uint64_t get_pages(uint64_t *pages, uint64_t n, uint64_t need, uint64_t want)
{
	struct tern_lock *lock = &tern_heap.pages.lock;

	for (unsigned i = 0; n < need && i < PATIENCE; i++) {
		if (tern_lock_try(lock)) {
			n = from_heap_locked(pages, n, need, want);
			tern_unlock(lock);
			return from_reserve(pages, n, need);
		}
		if (i >= PATIENCE_HEAP)
			n = from_reserve(pages, n, need);
		arch_relax();
	}
	return n;
}

/* Pages [have, have + n) of the stack; returns how many could be mapped. */
static uint64_t commit(struct tern_stack *k, uint64_t have, uint64_t n)
{
	for (uint64_t i = have; i < have + n; i++)
		if (!tern_port_range_commit(k->top - ((i + 1) << TERN_PAGE_SHIFT),
					    (void *)tern_page_addr(k->page[i]), TERN_PAGE_SIZE))
			return i - have;
	return n;
}

static bool grow(struct tern_stack *k, uintptr_t addr)
{
	uintptr_t low = low_of(k);
	uint64_t have = pages_in(k->top - low);
	uint64_t room = pages_in(low - k->guard) - GUARD_PAGES;
	uint64_t need, want = have < room ? have : room, got, done;

	/* Another CPU was here. */
	if (addr >= low)
		return true;
	need = pages_in(low - align_down(addr, TERN_PAGE_SIZE));
	got = get_pages(&k->page[have], k->nready, need, want < need ? need : want);
	done = got < need ? 0 : commit(k, have, got);
	k->nready = got - done;
	set_low(k, low - (done << TERN_PAGE_SHIFT));
	return done >= need;
}

static struct tern_stack *stack_at(uintptr_t addr)
{
	struct tern_mspan *s = tern_stack_span_of(addr);

	return s ? tern_stacks_of(s)->growing : NULL;
}

static bool is_guard(const struct tern_stack *k, uintptr_t addr)
{
	return addr - k->guard < GUARD_PAGES * TERN_PAGE_SIZE;
}

/* Growing ends soon and is waited for; shrinking may take long, and then it is false. */
static bool enter(struct tern_stack *k, enum state state)
{
	enum state now = IDLE;

	while (!atomic_compare_exchange_weak_explicit(&k->state, &now, state, memory_order_acquire,
						      memory_order_relaxed)) {
		if (now == SHRINKING)
			return false;
		now = IDLE;
		arch_relax();
	}
	return true;
}

static void leave(struct tern_stack *k)
{
	atomic_store_explicit(&k->state, IDLE, memory_order_release);
}

bool tern_stack_fault(uintptr_t addr)
{
	struct tern_stack *k = stack_at(addr);
	unsigned long irq;
	bool grown;

	if (!k || is_guard(k, addr))
		return false;
	irq = tern_irq_save();
	grown = enter(k, GROWING);
	if (grown) {
		grown = grow(k, addr);
		leave(k);
	}
	tern_irq_restore(irq);
	return grown;
}

/* --- shrinking --------------------------------------------------------------------------- */

/* Keep the upper `keep` bytes. */
static void cut(struct tern_stack *k, size_t keep)
{
	uintptr_t low = low_of(k);
	uint64_t first = pages_in(keep), end = pages_in(k->top - low);

	if (first < end) {
		set_low(k, k->top - keep);
		tern_port_range_uncommit(low, k->top - keep - low);
	}
	for (uint64_t i = first; i < end + k->nready; i++)
		free_page(k->page[i]);
	k->nready = 0;
}

static size_t max_of(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* How much of it to keep. */
static size_t shrunk(const struct tern_stack *k, size_t used)
{
	size_t committed = k->top - low_of(k), keep;

	if (used >= committed / 4)
		return committed;
	keep = align_up(max_of(committed / 2, used + HEADROOM), TERN_PAGE_SIZE);
	keep = max_of(keep, k->start);
	return keep < committed ? keep : committed;
}

size_t tern_stack_shrink(struct tern_stack *k, uintptr_t sp)
{
	size_t before, keep;

	TERN_CHECK(sp - k->guard <= k->top - k->guard,
		   "tern_stack_shrink: 0x%lx is not in the stack 0x%lx..0x%lx", (unsigned long)sp,
		   (unsigned long)k->guard, (unsigned long)k->top);
	if (!enter(k, SHRINKING))
		return 0;
	before = k->top - low_of(k);
	keep = shrunk(k, k->top - sp);
	cut(k, keep);
	leave(k);
	return before - keep;
}

/* --- beginning and end ------------------------------------------------------------------- */

static uint64_t take_page(void)
{
	struct tern_mheap *h = &tern_heap.pages;
	enum tern_search search = TERN_SEARCH_HEAP;
	uint64_t page;

	do {
		unsigned long irq = tern_lock_irqsave(&h->lock);

		page = h->pages.nfree > h->nreserve ? take_page_locked(h) : TERN_NO_PAGE;
		fill_reserve_locked(h);
		tern_unlock_irqrestore(&h->lock, irq);
	} while (page == TERN_NO_PAGE && tern_heap_find_memory(&search, RESERVE));
	return page;
}

static bool commit_start(struct tern_stack *k)
{
	for (uint64_t i = 0; i < pages_in(k->start); i++) {
		k->page[i] = take_page();
		if (k->page[i] == TERN_NO_PAGE)
			return false;
		if (!commit(k, i, 1)) {
			free_page(k->page[i]);
			return false;
		}
		set_low(k, low_of(k) - TERN_PAGE_SIZE);
	}
	return true;
}

static bool set_up(struct tern_stack *k)
{
	k->span = tern_stack_new_record(k);
	if (!k->span)
		return false;
	tern_stack_publish(k->span, k->guard, pages_in(k->top - k->guard), k->top - k->guard);
	return commit_start(k);
}

static struct tern_stack *reserve_range(size_t start, size_t limit)
{
	struct tern_stack *k = tern_malloc(sizeof(*k) + pages_in(limit) * sizeof(k->page[0]));
	struct tern_range range;

	if (!k)
		return NULL;
	*k = (struct tern_stack){ .start = start };
	range = tern_range_reserve(limit + GUARD_PAGES * TERN_PAGE_SIZE);
	if (!range.start) {
		tern_free(k);
		return NULL;
	}
	k->guard = range.start;
	k->top = range.start + range.size;
	atomic_store_explicit(&k->low, k->top, memory_order_relaxed);
	atomic_fetch_add_explicit(&reserved_bytes, range.size, memory_order_relaxed);
	atomic_fetch_add_explicit(&nstacks, 1, memory_order_relaxed);
	return k;
}

struct tern_stack *tern_stack_create(size_t start, size_t limit)
{
	struct tern_stack *k;

	if (limit == 0 || limit > TERN_STACK_LIMIT || start > limit)
		return NULL;
	start = align_up(start ? start : 1, TERN_PAGE_SIZE);
	k = reserve_range(start, align_up(limit, TERN_PAGE_SIZE));
	if (k && !set_up(k)) {
		tern_stack_destroy(k);
		return NULL;
	}
	return k;
}

void tern_stack_destroy(struct tern_stack *k)
{
	if (!k)
		return;
	TERN_CHECK(atomic_load_explicit(&k->state, memory_order_acquire) == IDLE,
		   "tern_stack_destroy: 0x%lx..0x%lx grows or shrinks", (unsigned long)k->guard,
		   (unsigned long)k->top);
	cut(k, 0);
	if (k->span)
		tern_stack_retract(k->span);
	tern_range_release((struct tern_range){ k->guard, k->top - k->guard });
	atomic_fetch_sub_explicit(&reserved_bytes, k->top - k->guard, memory_order_relaxed);
	if (atomic_fetch_sub_explicit(&nstacks, 1, memory_order_relaxed) == 1)
		empty_reserve();
	tern_free(k);
}

/* --- asking ------------------------------------------------------------------------------ */

void tern_stack_info(const struct tern_stack *k, struct tern_stack_info *info)
{
	*info = (struct tern_stack_info){
		.guard = k->guard,
		.low = low_of(k),
		.top = k->top,
		.limit = k->top - k->guard - GUARD_PAGES * TERN_PAGE_SIZE,
	};
}

bool tern_stack_describe(uintptr_t addr, char *buf, size_t size)
{
	const struct tern_stack *k = stack_at(addr);
	struct tern_stack_info i;
	const char *what = "";

	if (!k)
		return false;
	tern_stack_info(k, &i);
	if (is_guard(k, addr))
		what = "guard page of ";
	else if (addr < i.low)
		what = "no page left for ";
	tern_snprintf(buf, size, "%sa growing stack, %zu of %zu bytes in use", what,
		      (size_t)(i.top - i.low), i.limit);
	return true;
}

void tern_growing_bytes(struct tern_growing_bytes *b)
{
	b->committed = atomic_load_explicit(&committed_bytes, memory_order_relaxed);
	b->reserved = atomic_load_explicit(&reserved_bytes, memory_order_relaxed);
	b->spare = (uint64_t)count_spares() << TERN_PAGE_SHIFT;
}
