/* SPDX-License-Identifier: MIT */
/* stack.c - plain stacks, from the heap's pages.
 *
 * Job      Stacks of five orders: from this CPU's cache; else from the pool that all share; else
 *          from a new span of 32 KiB. Larger ones are spans of their own.
 * Owns     the records of spans that hold stacks. Nothing is kept in a stack itself: a thread that
 *          overruns its stack, or uses it after the end, spoils no list.
 * Below    mheap.   Locks  stackpool(75), then mheap(80).   Context  threads, interrupts off,
 *          interrupt handlers.
 * Holds    I-STK-1 a stack is in one of: somebody's hands (used), the pool, a CPU's cache.
 *          I-STK-2 a span is listed in its pool exactly while it has a stack there.
 *          I-STK-3 a span whose stacks are all in the pool is given back at once.
 *          I-STK-4 bytes of all spans = in use + caches + pools.
 * Go       runtime/stack.go stackalloc, stackpoolalloc, stackcache. Go links free stacks through
 *          themselves and keeps empty spans while it marks, as its collector frees stacks; here
 *          whoever frees one says that nobody stands on it, and the pages go at once. */
#include "mm/stack.h"

#include <tern/stack.h>

#include "lib/assert.h"
#include "lib/irq.h"
#include "lib/list.h"
#include "mm/heap.h"

#define SPAN_PAGES (TERN_STACK_SPAN >> TERN_PAGE_SHIFT)
/* Of all orders together, as each has half as many as the one before. */
#define CACHE_SLOTS      (2 * CACHE_MAX(0) - CACHE_MAX(TERN_STACK_ORDERS - 1))
#define CACHE_MAX(order) (TERN_STACK_CACHED / TERN_STACK_MIN >> (order))

struct pool {
	struct tern_lock lock;
	struct list spans; /* [lock] those with a stack in the pool */
	uint64_t nfree;    /* [lock] stacks in the pool */
};

/* Used by its CPU alone, with interrupts off. The newest is the last of its order. */
struct cache {
	void *stack[CACHE_SLOTS];
	_Atomic uint32_t n[TERN_STACK_ORDERS]; /* [atomic: relaxed] others may read them */
};

static const struct tern_lock_class pool_class = {
	.name = "stackpool", .rank = 75, .irq = true, .protects = "free stacks that no CPU keeps"
};

#define POOL(order)                                                                                \
	{                                                                                          \
		.lock = TERN_LOCK_INIT(&pool_class), .spans = LIST_INIT(pools[order].spans)        \
	}
static struct pool pools[TERN_STACK_ORDERS] = { POOL(0), POOL(1), POOL(2), POOL(3), POOL(4) };
static struct cache *_Atomic caches[TERN_MAX_CPUS]; /* [atomic: relaxed] made by its CPU, once */
static struct tern_fixalloc records;                /* [lock: the heap's] */
static _Atomic uint64_t span_bytes;                 /* [atomic: relaxed] */

/* --- records ----------------------------------------------------------------------------- */

/* One word each of free, remote and mark bits stands before what is ours. */
#define RECORD_WORDS 1u
/* Whatever the offset, slot 0, whose free bit is set, and which is past the last slot: so no address
 * is an object's. The record of a large object, and of a run of pages, has 0. */
#define STACK_MAGIC 1u

struct tern_stacks *tern_stacks_of(struct tern_mspan *s)
{
	return (struct tern_stacks *)((char *)s + tern_mspan_record_size(RECORD_WORDS));
}

static void start_over(struct tern_stacks *k, struct tern_stack *growing)
{
	atomic_store_explicit(&k->used, 0, memory_order_relaxed);
	k->pooled = 0;
	list_init(&k->link);
	k->growing = growing;
}

struct tern_mspan *tern_stack_new_record(struct tern_stack *growing)
{
	struct tern_mheap *h = &tern_heap.pages;
	size_t size = tern_mspan_record_size(RECORD_WORDS) + sizeof(struct tern_stacks);
	unsigned long irq = tern_lock_irqsave(&h->lock);
	struct tern_mspan *s = NULL;

	if (records.free || tern_mheap_records_locked(h, size + TERN_CACHE_LINE))
		s = tern_fixalloc_take(&records, &h->meta, size);
	tern_unlock_irqrestore(&h->lock, irq);
	if (s)
		start_over(tern_stacks_of(s), growing);
	return s;
}

static void free_record(struct tern_mspan *s)
{
	unsigned long irq = tern_lock_irqsave(&tern_heap.pages.lock);

	tern_fixalloc_free(&records, s);
	tern_unlock_irqrestore(&tern_heap.pages.lock, irq);
}

static struct tern_mspan *record_of(struct tern_stacks *k)
{
	return (struct tern_mspan *)((char *)k - tern_mspan_record_size(RECORD_WORDS));
}

void tern_stack_publish(struct tern_mspan *s, uintptr_t base, uint64_t npages, size_t elemsize)
{
	s->base = base;
	s->npages = (uint32_t)npages;
	s->elemsize = elemsize;
	s->magic = STACK_MAGIC;
	s->nelems = 0;
	s->nwords = RECORD_WORDS;
	s->spc = tern_spanclass_of(TERN_KIND_MANUAL, 0);
	atomic_store_explicit(&s->word[0].free, 1, memory_order_relaxed);
	/* release: with tern_stack_span_of() */
	atomic_store_explicit(&s->state, TERN_SPAN_PAGES, memory_order_release);
	tern_arenas_set_span(&tern_tables.pages.arenas, tern_page_of(base), npages, s);
}

void tern_stack_retract(struct tern_mspan *s)
{
	atomic_store_explicit(&s->state, TERN_SPAN_DEAD, memory_order_relaxed);
	tern_arenas_set_span(&tern_tables.pages.arenas, tern_page_of(s->base), s->npages, NULL);
	free_record(s);
}

struct tern_mspan *tern_stack_span_of(uintptr_t addr)
{
	struct tern_mspan *s = tern_heap_span(addr);

	if (!s || atomic_load_explicit(&s->state, memory_order_acquire) != TERN_SPAN_PAGES)
		return NULL;
	return s->magic == STACK_MAGIC ? s : NULL;
}

/* --- spans ------------------------------------------------------------------------------- */

static struct tern_stacks *new_span(uint64_t npages, uint64_t align, size_t elemsize)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct tern_mspan *s = tern_stack_new_record(NULL);
	uint64_t first;

	if (!s)
		return NULL;
	first = tern_mheap_take(h, NULL, npages, align, TERN_PAGES_END);
	if (first == TERN_NO_PAGE) {
		free_record(s);
		return NULL;
	}
	/* Asked only to note that the pages are used. */
	tern_arenas_need_zero(h->arenas, first, npages);
	tern_stack_publish(s, tern_page_addr(first), npages, elemsize);
	atomic_fetch_add_explicit(&span_bytes, npages << TERN_PAGE_SHIFT, memory_order_relaxed);
	return tern_stacks_of(s);
}

static void free_span(struct tern_mspan *s)
{
	uint64_t first = tern_page_of(s->base), npages = s->npages;

	atomic_fetch_sub_explicit(&span_bytes, npages << TERN_PAGE_SHIFT, memory_order_relaxed);
	tern_stack_retract(s);
	tern_mheap_free(&tern_heap.pages, NULL, first, npages);
}

static uint64_t bit_of(const struct tern_mspan *s, uintptr_t addr)
{
	return 1ull << (addr - s->base) / s->elemsize;
}

static void *hand_out(void *stack)
{
	struct tern_mspan *s = tern_stack_span_of((uintptr_t)stack);
	struct tern_stacks *k = tern_stacks_of(s);
	uint64_t bit = bit_of(s, (uintptr_t)stack);

	TERN_CHECK(!(atomic_fetch_or_explicit(&k->used, bit, memory_order_relaxed) & bit),
		   "tern_stack_alloc: 0x%lx, %zu bytes, is free and in use",
		   (unsigned long)(uintptr_t)stack, s->elemsize);
	return stack;
}

/* --- the pools --------------------------------------------------------------------------- */

/* All stacks of a span. */
static uint64_t whole(unsigned order)
{
	return (1ull << (TERN_STACK_SPAN / TERN_STACK_MIN >> order)) - 1;
}

static bool check_pool(const struct pool *p)
{
	unsigned order = (unsigned)(p - pools);
	uint64_t n = 0;

	list_for_each (l, &p->spans) {
		const struct tern_stacks *k = list_entry(l, struct tern_stacks, link);

		if (k->pooled == 0 || k->pooled & ~whole(order) || k->pooled == whole(order) ||
		    k->pooled & atomic_load_explicit(&k->used, memory_order_relaxed))
			return false;
		n += count_bits(k->pooled);
	}
	return n == p->nfree;
}

bool tern_stack_check(void)
{
	bool good = true;

	for (unsigned order = 0; order < TERN_STACK_ORDERS; order++) {
		unsigned long irq = tern_lock_irqsave(&pools[order].lock);

		good &= check_pool(&pools[order]);
		tern_unlock_irqrestore(&pools[order].lock, irq);
	}
	return good;
}

static struct tern_stacks *some_span_locked(struct pool *p, unsigned order)
{
	struct tern_stacks *k;

	if (!list_empty(&p->spans))
		return list_entry(p->spans.next, struct tern_stacks, link);
	k = new_span(SPAN_PAGES, SPAN_PAGES, TERN_STACK_MIN << order);
	if (!k)
		return NULL;
	k->pooled = whole(order);
	p->nfree += count_bits(k->pooled);
	list_push_back(&p->spans, &k->link);
	return k;
}

static void *take_locked(struct pool *p, unsigned order)
{
	struct tern_stacks *k = some_span_locked(p, order);
	unsigned i;

	if (!k)
		return NULL;
	i = (unsigned)__builtin_ctzll(k->pooled);
	k->pooled &= k->pooled - 1;
	p->nfree--;
	if (k->pooled == 0)
		list_remove(&k->link);
	return (void *)(record_of(k)->base + ((uintptr_t)TERN_STACK_MIN << order) * i);
}

/* Up to n stacks; returns how many there were. */
static unsigned pool_take(unsigned order, void **to, unsigned n)
{
	struct pool *p = &pools[order];
	unsigned got = 0;

	tern_lock(&p->lock);
	while (got < n && (to[got] = take_locked(p, order)))
		got++;
	TERN_VERIFY(check_pool(p));
	tern_unlock(&p->lock);
	return got;
}

static void give_locked(struct pool *p, unsigned order, void *stack)
{
	struct tern_mspan *s = tern_stack_span_of((uintptr_t)stack);
	struct tern_stacks *k = tern_stacks_of(s);

	if (k->pooled == 0)
		list_push_back(&p->spans, &k->link);
	k->pooled |= bit_of(s, (uintptr_t)stack);
	p->nfree++;
	if (k->pooled != whole(order))
		return;
	p->nfree -= count_bits(k->pooled);
	list_remove(&k->link);
	free_span(s);
}

static void pool_give(unsigned order, void *const *from, unsigned n)
{
	struct pool *p = &pools[order];

	tern_lock(&p->lock);
	while (n--)
		give_locked(p, order, from[n]);
	TERN_VERIFY(check_pool(p));
	tern_unlock(&p->lock);
}

/* --- this CPU's cache -------------------------------------------------------------------- */

static struct cache *this_cache(void)
{
	return atomic_load_explicit(&caches[TERN_CPU_ID()], memory_order_relaxed);
}

/* NULL when there is no memory for it. */
static struct cache *make_cache(void)
{
	struct cache *c = this_cache();

	if (c)
		return c;
	c = tern_mheap_lasting(&tern_heap.pages, sizeof(*c));
	atomic_store_explicit(&caches[TERN_CPU_ID()], c, memory_order_relaxed);
	return c;
}

/* Where an order's part of the array begins: after 32, 16, 8, 4. */
static void **part(struct cache *c, unsigned order)
{
	return &c->stack[2 * CACHE_MAX(0) - 2 * CACHE_MAX(order)];
}

static uint32_t count(const struct cache *c, unsigned order)
{
	return atomic_load_explicit(&c->n[order], memory_order_relaxed);
}

static void set_count(struct cache *c, unsigned order, uint32_t n)
{
	atomic_store_explicit(&c->n[order], n, memory_order_relaxed);
}

static void *take(unsigned order)
{
	struct cache *c = make_cache();
	void *one;
	uint32_t n;

	if (!c)
		return pool_take(order, &one, 1) ? one : NULL;
	n = count(c, order);
	if (n == 0)
		n = pool_take(order, part(c, order), CACHE_MAX(order) / 2);
	if (n == 0)
		return NULL;
	set_count(c, order, --n);
	return part(c, order)[n];
}

/* The n that have lain there the longest go. */
static void flush(struct cache *c, unsigned order, uint32_t n)
{
	void **stacks = part(c, order);
	uint32_t left = count(c, order) - n;

	pool_give(order, stacks, n);
	for (uint32_t i = 0; i < left; i++)
		stacks[i] = stacks[i + n];
	set_count(c, order, left);
}

static void give(unsigned order, void *stack)
{
	struct cache *c = make_cache();

	if (!c) {
		pool_give(order, &stack, 1);
		return;
	}
	if (count(c, order) == CACHE_MAX(order))
		flush(c, order, CACHE_MAX(order) / 2);
	part(c, order)[count(c, order)] = stack;
	set_count(c, order, count(c, order) + 1);
}

void tern_stack_flush(void)
{
	struct cache *c = this_cache();

	for (unsigned order = 0; c && order < TERN_STACK_ORDERS; order++)
		if (count(c, order))
			flush(c, order, count(c, order));
}

/* --- the public calls -------------------------------------------------------------------- */

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while (order < TERN_STACK_ORDERS && size > TERN_STACK_MIN << order)
		order++;
	return order;
}

static size_t rounded(size_t size)
{
	unsigned order = order_of(size);

	return order < TERN_STACK_ORDERS ? TERN_STACK_MIN << order
					 : (size_t)align_up(size, TERN_PAGE_SIZE);
}

static void *take_large(size_t size)
{
	struct tern_stacks *k = new_span(size >> TERN_PAGE_SHIFT, 1, size);

	return k ? (void *)record_of(k)->base : NULL;
}

void *tern_stack_alloc(size_t size)
{
	unsigned order = order_of(size);
	bool large = order == TERN_STACK_ORDERS;
	enum tern_search search = TERN_SEARCH_HEAP;
	void *stack;

	if (size == 0 || size > TERN_STACK_LIMIT)
		return NULL;
	size = rounded(size);
	do {
		unsigned long irq = tern_irq_save();

		stack = large ? take_large(size) : take(order);
		if (stack)
			hand_out(stack);
		tern_irq_restore(irq);
	} while (!stack && tern_heap_find_memory(&search, large ? size >> TERN_PAGE_SHIFT
								: 2 * SPAN_PAGES - 1));
	return stack;
}

/* What is wrong with it cannot be said twice at once: of two who free a stack, one is told. */
static struct tern_mspan *take_back(uintptr_t addr, size_t size)
{
	struct tern_mspan *s = tern_stack_span_of(addr);
	struct tern_stacks *k;
	uint64_t bit;

	TERN_CHECK(s, "tern_stack_free: 0x%lx, %zu bytes: not a stack", (unsigned long)addr, size);
	TERN_CHECK(size > 0 && size <= TERN_STACK_LIMIT && rounded(size) == s->elemsize,
		   "tern_stack_free: 0x%lx is a stack of %zu bytes, not of %zu",
		   (unsigned long)addr, s->elemsize, size);
	TERN_CHECK((addr - s->base) % s->elemsize == 0,
		   "tern_stack_free: 0x%lx lies %lu bytes inside a stack of %zu",
		   (unsigned long)addr, (unsigned long)((addr - s->base) % s->elemsize),
		   s->elemsize);
	bit = bit_of(s, addr);
	k = tern_stacks_of(s);
	TERN_CHECK(atomic_fetch_and_explicit(&k->used, ~bit, memory_order_relaxed) & bit,
		   "tern_stack_free: 0x%lx, %zu bytes, is free already", (unsigned long)addr,
		   s->elemsize);
	return s;
}

void tern_stack_free(void *stack, size_t size)
{
	struct tern_mspan *s;
	unsigned long irq;

	if (!stack)
		return;
	irq = tern_irq_save();
	s = take_back((uintptr_t)stack, size);
	if (s->elemsize > TERN_STACK_SPAN)
		free_span(s);
	else
		give(order_of(size), stack);
	tern_irq_restore(irq);
}

static uint64_t bytes_in_caches(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < TERN_MAX_CPUS; i++) {
		const struct cache *c = atomic_load_explicit(&caches[i], memory_order_relaxed);

		for (unsigned order = 0; c && order < TERN_STACK_ORDERS; order++)
			sum += (uint64_t)count(c, order) * (TERN_STACK_MIN << order);
	}
	return sum;
}

static uint64_t bytes_in_pools(void)
{
	uint64_t sum = 0;

	for (unsigned order = 0; order < TERN_STACK_ORDERS; order++) {
		unsigned long irq = tern_lock_irqsave(&pools[order].lock);

		sum += pools[order].nfree * (TERN_STACK_MIN << order);
		tern_unlock_irqrestore(&pools[order].lock, irq);
	}
	return sum;
}

void tern_stack_stats(struct tern_stack_stats *stats)
{
	uint64_t cached = bytes_in_caches() + bytes_in_pools();
	uint64_t all = atomic_load_explicit(&span_bytes, memory_order_relaxed);
	struct tern_growing_bytes growing;

	tern_growing_bytes(&growing);
	stats->cached = cached + growing.spare;
	stats->inuse = (all > cached ? all - cached : 0) + growing.committed;
	stats->reserved = growing.reserved;
}
