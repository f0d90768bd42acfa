/* SPDX-License-Identifier: MIT */
/* work.c - grey objects: marked, and not scanned yet.
 *
 * Job      Buffers of grey objects: a CPU's own two, and lists of full and empty ones that all
 *          share without a lock; know when no CPU has any left; take memory for buffers while
 *          there is some, and give it back after the cycle.
 * Above    mark, roots.   Below  mheap (pages).
 * Order    A CPU takes what it put last, as that is near. Entries of the other queue come out in the order
 *          in which they went in; a buffer at a time, if several CPUs take some.
 * Locks    workpool(70), for the list of pages and that queue; mheap(80).   Context: marking, interrupts off.
 * End      A CPU says that it waits only when both of its buffers are empty, and takes that back
 *          before it takes a buffer. A full buffer is made only by a CPU that does not wait. So if
 *          all wait, and one of them saw no full buffer after the last began to, there is none.
 * Memory   What is free; the heap does not grow for it. When there is none, the caller keeps the
 *          object marked and remembers its span: see mark.c.
 * Go       runtime/mgcwork.go, and lfstack.go for the stacks. */
#include "gc/work.h"

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/string.h"

const struct tern_lock_class tern_workpool_class = {
	.name = "workpool",
	.rank = 70,
	.irq = true,
	.protects = "the pages of mark buffers, and a queue"
};

#define TURN_BITS 16
#define RUN_MAX   64u /* pages that are taken at once */

TERN_STATIC_ASSERT(sizeof(struct tern_workbuf) == 16, "entries fill the rest of a buffer");
TERN_STATIC_ASSERT(TERN_PAGE_SIZE % TERN_WORKBUF_BYTES == 0, "buffers fill pages");

/* --- the stacks: an address has 48 bits that count, and a turn makes each top another ---------- */

static struct tern_workbuf *buffer_of(uint64_t top)
{
	return (struct tern_workbuf *)(uintptr_t)((int64_t)top >> TURN_BITS);
}

static uint64_t top_of(struct tern_workbuf *b, uint64_t before)
{
	return (uint64_t)(uintptr_t)b << TURN_BITS | ((before + 1) & ((1u << TURN_BITS) - 1));
}

static void push(struct tern_workstack *s, struct tern_workbuf *b)
{
	uint64_t top = atomic_load_explicit(&s->top, memory_order_relaxed);

	do
		atomic_store_explicit(&b->next, buffer_of(top), memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&s->top, &top, top_of(b, top),
						      memory_order_release, memory_order_relaxed));
}

/* A buffer that another CPU takes meanwhile stays memory that can be read. */
static struct tern_workbuf *pop(struct tern_workstack *s)
{
	uint64_t top = atomic_load_explicit(&s->top, memory_order_acquire);
	struct tern_workbuf *b, *next;

	do {
		b = buffer_of(top);
		if (!b)
			return NULL;
		next = atomic_load_explicit(&b->next, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(
		&s->top, &top, top_of(next, top), memory_order_acquire, memory_order_acquire));
	return b;
}

static bool is_empty(const struct tern_workstack *s)
{
	return !buffer_of(atomic_load_explicit(&s->top, memory_order_seq_cst));
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Stands at the start of a run of pages, whose first buffer is a little shorter for it. */
struct tern_workrun {
	struct tern_workrun *next;
	uint64_t npages;
};

/* A run's buffers, but for one. */
static struct tern_workbuf *cut(struct tern_workpool *pool, struct tern_workrun *run)
{
	uintptr_t start = (uintptr_t)run, end = start + run->npages * TERN_PAGE_SIZE;
	struct tern_workbuf *b = NULL;

	for (uintptr_t at = start; at < end; at += TERN_WORKBUF_BYTES) {
		uint32_t lost = at == start ? sizeof(*run) : 0;

		if (b)
			push(&pool->empty, b);
		b = (struct tern_workbuf *)(at + lost);
		b->n = 0;
		b->cap = TERN_WORKBUF_ENTRIES - lost / 8;
	}
	return b;
}

/* One page is enough, if there are no more. */
static struct tern_workrun *take_pages(struct tern_workpool *pool, uint64_t n)
{
	uint64_t page = TERN_NO_PAGE;
	struct tern_workrun *run;

	n = n < RUN_MAX ? n : RUN_MAX;
	if (n > 1)
		page = tern_mheap_take(pool->heap, NULL, n, 1, TERN_PAGES_END);
	if (page == TERN_NO_PAGE)
		page = tern_mheap_take(pool->heap, NULL, n = 1, 1, TERN_PAGES_END);
	if (page == TERN_NO_PAGE)
		return NULL;
	tern_mheap_set_run(pool->heap, page, n);
	run = (struct tern_workrun *)tern_page_addr(page);
	run->npages = n;
	return run;
}

/* By half: who ends the cycle gives back a few runs, not a thousand pages. */
static struct tern_workbuf *grow(struct tern_workpool *pool)
{
	unsigned long irq = tern_lock_irqsave(&pool->lock);
	uint64_t npages = pool->npages;
	struct tern_workrun *run;

	tern_unlock_irqrestore(&pool->lock, irq);
	run = take_pages(pool, npages / 2);
	if (!run)
		return NULL;
	irq = tern_lock_irqsave(&pool->lock);
	run->next = pool->runs;
	pool->runs = run;
	pool->npages += run->npages;
	if (pool->max_pages < pool->npages)
		pool->max_pages = pool->npages;
	tern_unlock_irqrestore(&pool->lock, irq);
	return cut(pool, run);
}

void tern_work_start(struct tern_workpool *pool, unsigned nworkers)
{
	pool->nworkers = nworkers;
	atomic_store_explicit(&pool->waiting, 0, memory_order_relaxed);
}

void tern_work_end(struct tern_workpool *pool)
{
	struct tern_workrun *run = pool->runs;

	TERN_ASSERT(tern_work_is_empty(pool));
	atomic_store_explicit(&pool->full.top, 0, memory_order_relaxed);
	atomic_store_explicit(&pool->empty.top, 0, memory_order_relaxed);
	pool->runs = NULL;
	pool->npages = 0;
	while (run) {
		struct tern_workrun *next = run->next;

		tern_mheap_free_run(pool->heap, tern_page_of((uintptr_t)run), run->npages);
		run = next;
	}
}

/* --- a CPU's own ----------------------------------------------------------------------------- */

static struct tern_workbuf *spare_of(struct tern_gcwork *w)
{
	return (struct tern_workbuf *)w->spare;
}

void tern_work_init(struct tern_gcwork *w, struct tern_workpool *pool)
{
	*w = (struct tern_gcwork){ .pool = pool, .parallel = pool->nworkers > 1 };
	spare_of(w)->cap = TERN_WORK_SPARE;
}

static bool is_spare(struct tern_gcwork *w, const struct tern_workbuf *b)
{
	return b == spare_of(w);
}

static struct tern_workbuf *pool_buffer(struct tern_workpool *pool)
{
	struct tern_workbuf *b = pop(&pool->empty);

	return b ? b : grow(pool);
}

static struct tern_workbuf *empty_buffer(struct tern_gcwork *w)
{
	struct tern_workbuf *b = pool_buffer(w->pool);

	if (!b && !is_spare(w, w->primary) && !is_spare(w, w->secondary))
		b = spare_of(w);
	return b;
}

static void swap(struct tern_gcwork *w)
{
	struct tern_workbuf *b = w->primary;

	w->primary = w->secondary;
	w->secondary = b;
}

static bool has_room(const struct tern_workbuf *b)
{
	return b && b->n < b->cap;
}

/* The one that is full becomes the pool's, but for the spare one, which is nobody else's. */
bool tern_work_put_slow(struct tern_gcwork *w, uint64_t entry)
{
	struct tern_workbuf *b;

	swap(w);
	if (!has_room(w->primary)) {
		b = empty_buffer(w);
		if (!b)
			return false;
		if (w->primary && is_spare(w, w->primary))
			swap(w);
		if (w->primary)
			push(&w->pool->full, w->primary);
		w->primary = b;
	}
	w->primary->entry[w->primary->n++] = entry;
	return true;
}

static void give_empty(struct tern_gcwork *w, struct tern_workbuf *b)
{
	if (b && !is_spare(w, b))
		push(&w->pool->empty, b);
}

bool tern_work_refill(struct tern_gcwork *w)
{
	struct tern_workbuf *b;

	swap(w);
	if (w->primary && w->primary->n)
		return true;
	b = pop(&w->pool->full);
	if (!b)
		return false;
	give_empty(w, w->primary);
	w->primary = b;
	return true;
}

/* --- first in, first out ---------------------------------------------------------------------- */

static void append(struct tern_workpool *pool, struct tern_workbuf *b)
{
	unsigned long irq = tern_lock_irqsave(&pool->lock);

	atomic_store_explicit(&b->next, NULL, memory_order_relaxed);
	if (pool->last)
		atomic_store_explicit(&pool->last->next, b, memory_order_relaxed);
	else
		pool->first = b;
	pool->last = b;
	atomic_fetch_add_explicit(&pool->nqueued, 1, memory_order_seq_cst);
	tern_unlock_irqrestore(&pool->lock, irq);
}

static struct tern_workbuf *take_buffer(struct tern_workpool *pool)
{
	struct tern_workbuf *b;
	unsigned long irq;

	if (tern_work_queue_is_empty(pool))
		return NULL;
	irq = tern_lock_irqsave(&pool->lock);
	b = pool->first;
	if (b) {
		pool->first = atomic_load_explicit(&b->next, memory_order_relaxed);
		if (!pool->first)
			pool->last = NULL;
		atomic_fetch_sub_explicit(&pool->nqueued, 1, memory_order_seq_cst);
	}
	tern_unlock_irqrestore(&pool->lock, irq);
	return b;
}

bool tern_work_put_last_slow(struct tern_gcwork *w, uint64_t entry)
{
	struct tern_workbuf *b = pool_buffer(w->pool);

	if (!b)
		return false;
	if (w->in)
		append(w->pool, w->in);
	w->in = b;
	b->entry[b->n++] = entry;
	return true;
}

static void give_back(struct tern_workpool *pool, struct tern_workbuf *b)
{
	if (b->n)
		append(pool, b);
	else
		push(&pool->empty, b);
}

/* `out` has been read. What this CPU has put in last is the last that it takes. */
static bool next_out(struct tern_gcwork *w)
{
	struct tern_workbuf *b = take_buffer(w->pool), *read = w->out;

	w->next = 0;
	if (read)
		read->n = 0;
	if (b) {
		w->out = b;
		if (read)
			push(&w->pool->empty, read);
	} else {
		w->out = w->in;
		w->in = read;
	}
	return w->out && w->out->n;
}

unsigned tern_work_take_first(struct tern_gcwork *w, uint64_t *entries, unsigned n)
{
	unsigned left = w->out ? w->out->n - w->next : 0;

	if (!left) {
		if (!next_out(w))
			return 0;
		left = w->out->n;
	}
	n = left < n ? left : n;
	for (unsigned i = 0; i < n; i++)
		entries[i] = w->out->entry[w->next++];
	return n;
}

/* What was read goes away; what is left becomes the pool's. */
static void give_queued(struct tern_gcwork *w)
{
	struct tern_workbuf *out = w->out;

	if (out) {
		out->n -= w->next;
		memmove(out->entry, &out->entry[w->next], out->n * sizeof(out->entry[0]));
		give_back(w->pool, out);
	}
	if (w->in)
		give_back(w->pool, w->in);
	w->out = w->in = NULL;
	w->next = 0;
}

/* --- what is left ----------------------------------------------------------------------------- */

void tern_work_dispose(struct tern_gcwork *w)
{
	TERN_ASSERT((!w->primary || w->primary->n == 0) && (!w->secondary || w->secondary->n == 0));
	give_empty(w, w->primary);
	give_empty(w, w->secondary);
	w->primary = w->secondary = NULL;
	give_queued(w);
}

static bool give_full(struct tern_gcwork *w, struct tern_workbuf **b)
{
	if (!*b || is_spare(w, *b))
		return !*b || (*b)->n == 0;
	push((*b)->n ? &w->pool->full : &w->pool->empty, *b);
	*b = NULL;
	return true;
}

uint64_t tern_work_give(struct tern_gcwork *w)
{
	struct tern_workbuf *spare = spare_of(w), *b;

	give_queued(w);
	if (give_full(w, &w->primary) && give_full(w, &w->secondary))
		return 0;
	b = pool_buffer(w->pool);
	if (!b)
		return spare->entry[--spare->n];
	memcpy(b->entry, spare->entry, spare->n * sizeof(spare->entry[0]));
	b->n = spare->n;
	spare->n = 0;
	push(&w->pool->full, b);
	return 0;
}

bool tern_work_is_empty(const struct tern_workpool *pool)
{
	return is_empty(&pool->full) && tern_work_queue_is_empty(pool);
}

/* Half of the primary, when there is a buffer for it. */
static void share_half(struct tern_gcwork *w)
{
	struct tern_workbuf *from = w->primary, *b = pool_buffer(w->pool);
	uint32_t n = from->n / 2;

	if (!b)
		return;
	from->n -= n;
	memcpy(b->entry, &from->entry[from->n], n * sizeof(b->entry[0]));
	b->n = n;
	push(&w->pool->full, b);
}

void tern_work_balance(struct tern_gcwork *w)
{
	if (!w->parallel || !tern_work_is_empty(w->pool) ||
	    atomic_load_explicit(&w->pool->waiting, memory_order_relaxed) == 0)
		return;
	if (w->secondary && w->secondary->n && !is_spare(w, w->secondary)) {
		push(&w->pool->full, w->secondary);
		w->secondary = NULL;
	} else if (w->primary && w->primary->n > 4) {
		share_half(w);
	} else if (w->in && w->in->n > 4) {
		append(w->pool, w->in);
		w->in = NULL;
	}
}

bool tern_work_wait(struct tern_gcwork *w)
{
	struct tern_workpool *pool = w->pool;

	atomic_fetch_add_explicit(&pool->waiting, 1, memory_order_seq_cst);
	for (;;) {
		if (!tern_work_is_empty(pool)) {
			atomic_fetch_sub_explicit(&pool->waiting, 1, memory_order_seq_cst);
			return true;
		}
		if (atomic_load_explicit(&pool->waiting, memory_order_seq_cst) == pool->nworkers)
			return false;
		arch_relax();
	}
}
