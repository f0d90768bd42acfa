/* SPDX-License-Identifier: MIT */
/* guard.c - a pool of objects between pages that fault, for one allocation in many.
 *
 * Job      Place an object at the left or the right end of a page of its own; close the page when it
 *          is freed, until its turn comes again; say what a fault in the pool means.
 * Pool     guard, page, guard, page, ... guard: 2n + 1 pages in a row. An object in use has a span
 *          that looks like a large object's, so that the rest of the heap needs to know nothing:
 *          only freeing it is another way. All other pages lead to tern_mheap_closed.
 * Why      The page that was freed longest ago is the next: a stale pointer faults for as long as
 *          can be.
 * Locks    guard(78): the queue and the states. Pages are opened and closed without it, by who took
 *          the object off the queue or out of use. Reports read without it.
 * Context  tern.h.   Linux's KFENCE has the idea. */
#include "mm/guard.h"

#include <tern/safety.h>
#include <tern/tern.h>

#include "lib/assert.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "lib/trace.h"
#include "mm/heap.h"

#define CANARY 0xc5

enum object_state {
	OBJECT_FREE, /* in the queue */
	OBJECT_BUSY, /* somebody's who makes or ends it */
	OBJECT_USED,
};

struct guard_object {
	struct guard_object *next; /* [lock] */
	enum object_state state;   /* [lock] */
	bool used_before, right;
	struct tern_trace allocated, freed;
	/* Base and size stay as they were when it is freed. Without bits, but they would follow. */
	struct tern_mspan span;
};

static const struct tern_lock_class guard_class = {
	.name = "guard", .rank = 78, .irq = true, .protects = "the pool of guarded objects"
};

static struct {
	struct tern_lock lock;
	struct guard_object *object;          /* [const] once there is a pool */
	uintptr_t base;                       /* [atomic: release by who makes it] 0: no pool */
	unsigned nobjects;                    /* [const] */
	struct guard_object *oldest, *newest; /* [lock] the queue */
	unsigned live;                        /* [lock] */
	uint64_t taken, left_open;            /* [lock] */
} pool = { .lock = TERN_LOCK_INIT(&guard_class) };

_Atomic unsigned tern_guard_interval;
static _Atomic unsigned
	waited[TERN_MAX_CPUS]; /* [atomic: relaxed] slow allocations since the last */

/* --- the pool ------------------------------------------------------------------------------ */

static uintptr_t page_of_object(const struct guard_object *o)
{
	return pool.base + (2 * (uintptr_t)(o - pool.object) + 1) * TERN_PAGE_SIZE;
}

static size_t pool_size(void)
{
	return (2 * (size_t)pool.nobjects + 1) * TERN_PAGE_SIZE;
}

static bool in_pool(uintptr_t addr)
{
	uintptr_t base = __atomic_load_n(&pool.base, __ATOMIC_ACQUIRE);

	return base && addr - base < pool_size();
}

/* The object whose page it is; of a guard, the one behind it or, of the last, the one before. */
static struct guard_object *object_at(uintptr_t addr)
{
	size_t i = (addr - pool.base) / TERN_PAGE_SIZE / 2;

	return &pool.object[i < pool.nobjects ? i : pool.nobjects - 1];
}

static void set_span(const struct guard_object *o, struct tern_mspan *s)
{
	tern_arenas_set_span(&tern_tables.pages.arenas, tern_page_of(page_of_object(o)), 1, s);
}

static void put_locked(struct guard_object *o)
{
	o->state = OBJECT_FREE;
	o->next = NULL;
	if (pool.oldest)
		pool.newest->next = o;
	else
		pool.oldest = o;
	pool.newest = o;
}

static struct guard_object *get_locked(void)
{
	struct guard_object *o = pool.oldest;

	if (o) {
		pool.oldest = o->next;
		o->state = OBJECT_BUSY;
	}
	return o;
}

/* From now on no address in it is anybody's to free. */
static void make_pool(uintptr_t base, struct guard_object *objects, unsigned n)
{
	tern_arenas_set_span(&tern_tables.pages.arenas, tern_page_of(base), 2 * n + 1,
			     &tern_mheap_closed);
	memset(objects, 0, n * sizeof(*objects));
	pool.object = objects;
	pool.nobjects = n;
	for (unsigned i = 0; i < n; i++)
		put_locked(&objects[i]);
	__atomic_store_n(&pool.base, base, __ATOMIC_RELEASE);
}

static bool have_pool(unsigned n)
{
	size_t size = (2 * (size_t)n + 1) * TERN_PAGE_SIZE, records = n * sizeof(*pool.object);
	void *pages = NULL, *objects = NULL;
	unsigned long irq;

	if (__atomic_load_n(&pool.base, __ATOMIC_ACQUIRE))
		return true;
	if (n == 0 || n > TERN_GUARD_OBJECTS_MAX)
		return false;
	pages = tern_pages_alloc(size, 0, 0);
	objects = tern_pages_alloc(records, 0, 0);
	if (pages && objects && tern_port_protect((uintptr_t)pages, size, false)) {
		irq = tern_lock_irqsave(&pool.lock);
		if (!pool.base) {
			make_pool((uintptr_t)pages, objects, n);
			pages = objects = NULL;
		}
		tern_unlock_irqrestore(&pool.lock, irq);
	}
	if (pages)
		tern_port_protect((uintptr_t)pages, size, true);
	tern_pages_free(pages, size);
	tern_pages_free(objects, records);
	return __atomic_load_n(&pool.base, __ATOMIC_ACQUIRE);
}

bool tern_start_sampling(unsigned objects, unsigned interval)
{
	if (interval && !have_pool(objects))
		return false;
	atomic_store_explicit(&tern_guard_interval, interval, memory_order_relaxed);
	return true;
}

void tern_sampling_stats(struct tern_sampling_stats *stats)
{
	unsigned long irq = tern_lock_irqsave(&pool.lock);

	*stats = (struct tern_sampling_stats){
		.objects = pool.nobjects,
		.live = pool.live,
		.taken = pool.taken,
		.left_open = pool.left_open,
	};
	tern_unlock_irqrestore(&pool.lock, irq);
}

/* --- taking and giving back ------------------------------------------------------------------ */

static bool is_due(size_t spc)
{
	unsigned interval = atomic_load_explicit(&tern_guard_interval, memory_order_relaxed);
	_Atomic unsigned *n = &waited[tern_port_cpu_id()];

	/* A collector would not find what is here. */
	if (tern_spanclass_kind((tern_spanclass)spc) != TERN_KIND_MANUAL ||
	    tern_sizeclass_size[tern_spanclass_size((tern_spanclass)spc)] > TERN_PAGE_SIZE)
		return false;
	if (atomic_fetch_add_explicit(n, 1, memory_order_relaxed) + 1 < interval)
		return false;
	atomic_store_explicit(n, 0, memory_order_relaxed);
	return true;
}

/* Left and right by turns. What is left of the page is known, so that it can be checked. */
static void place(struct guard_object *o, size_t spc, bool zero)
{
	uintptr_t page = page_of_object(o);
	struct tern_mspan *s = &o->span;

	s->elemsize = tern_sizeclass_size[tern_spanclass_size((tern_spanclass)spc)];
	s->base = o->right ? page + TERN_PAGE_SIZE - s->elemsize : page;
	s->spc = (tern_spanclass)tern_spanclass_of(TERN_KIND_MANUAL, 0);
	s->margin = TERN_GUARD_MARGIN;
	atomic_store_explicit(&s->state, TERN_SPAN_PAGES, memory_order_relaxed);
	memset((void *)page, CANARY, TERN_PAGE_SIZE);
	if (zero)
		memset((void *)s->base, 0, s->elemsize);
}

TERN_NOINLINE void *tern_guard_sample(size_t spc, bool zero)
{
	struct guard_object *o = NULL;
	unsigned long irq;

	if (!is_due(spc))
		return NULL;
	irq = tern_lock_irqsave(&pool.lock);
	o = get_locked();
	if (o)
		o->right = pool.taken++ % 2 == 0;
	tern_unlock_irqrestore(&pool.lock, irq);
	if (!o)
		return NULL;
	tern_port_protect(page_of_object(o), TERN_PAGE_SIZE, true);
	place(o, spc, zero);
	o->used_before = true;
	o->allocated = tern_trace_from(__builtin_frame_address(0));
	o->freed = (struct tern_trace){ { 0 } };
	set_span(o, &o->span);
	irq = tern_lock_irqsave(&pool.lock);
	o->state = OBJECT_USED;
	pool.live++;
	tern_unlock_irqrestore(&pool.lock, irq);
	return (void *)o->span.base;
}

static void check_canaries(const struct guard_object *o)
{
	uintptr_t page = page_of_object(o), start = o->span.base;

	for (uintptr_t p = page; p < page + TERN_PAGE_SIZE; p++)
		TERN_CHECK(p - start < o->span.elemsize || *(const uint8_t *)p == CANARY,
			   "tern_free: somebody wrote 0x%x to 0x%lx, beside the object of %zu at "
			   "0x%lx that was allocated at 0x%lx, 0x%lx",
			   *(const uint8_t *)p, (unsigned long)p, o->span.elemsize,
			   (unsigned long)start, (unsigned long)o->allocated.ret[0],
			   (unsigned long)o->allocated.ret[1]);
}

/* True for one of those who free it at the same time. */
static bool end_use(struct guard_object *o, uintptr_t addr)
{
	unsigned long irq = tern_lock_irqsave(&pool.lock);
	bool used = o->state == OBJECT_USED && addr == o->span.base;

	if (used) {
		o->state = OBJECT_BUSY;
		pool.live--;
	}
	tern_unlock_irqrestore(&pool.lock, irq);
	return used;
}

TERN_NOINLINE void tern_guard_free(uintptr_t addr)
{
	struct guard_object *o = object_at(addr);
	unsigned long irq;
	bool closed;

	if (addr == o->span.base)
		check_canaries(o);
	if (!end_use(o, addr))
		tern_guard_bad_free("tern_free", addr);
	o->freed = tern_trace_from(__builtin_frame_address(0));
	set_span(o, &tern_mheap_closed);
	closed = tern_port_protect(page_of_object(o), TERN_PAGE_SIZE, false);
	irq = tern_lock_irqsave(&pool.lock);
	pool.left_open += !closed;
	put_locked(o);
	tern_unlock_irqrestore(&pool.lock, irq);
}

/* --- mistakes ------------------------------------------------------------------------------ */

void tern_guard_bad_free(const char *call, uintptr_t addr)
{
	const struct guard_object *o;

	if (!in_pool(addr))
		return;
	o = object_at(addr);
	if (!o->used_before)
		tern_panic("%s: 0x%lx is not in an object", call, (unsigned long)addr);
	tern_panic("%s: %s 0x%lx: the object of %zu at 0x%lx, allocated at 0x%lx, 0x%lx, freed at "
		   "0x%lx, 0x%lx",
		   call, addr == o->span.base ? "double free of" : "no object begins at",
		   (unsigned long)addr, o->span.elemsize, (unsigned long)o->span.base,
		   (unsigned long)o->allocated.ret[0], (unsigned long)o->allocated.ret[1],
		   (unsigned long)o->freed.ret[0], (unsigned long)o->freed.ret[1]);
}

static void tell_place(struct tern_guard_report *r, uintptr_t addr)
{
	if (addr < r->object) {
		r->error = TERN_GUARD_BEFORE;
		r->distance = r->object - addr;
	} else {
		r->error = TERN_GUARD_BEHIND;
		r->distance = addr - (r->object + r->size);
	}
}

static void tell_object(struct tern_guard_report *r, const struct guard_object *o, uintptr_t addr)
{
	*r = (struct tern_guard_report){
		.object = o->span.base,
		.size = o->span.elemsize,
		.allocated = o->allocated,
		.freed = o->freed,
	};
	tell_place(r, addr);
	if (addr - page_of_object(o) < TERN_PAGE_SIZE) {
		r->error = TERN_GUARD_AFTER_FREE;
		r->distance = addr - r->object;
	}
}

static uint64_t gap(const struct guard_object *o, uintptr_t addr)
{
	if (!o->used_before)
		return UINT64_MAX;
	return addr < o->span.base ? o->span.base - addr : addr - o->span.base - o->span.elemsize;
}

/* On a guard: the nearer of its neighbours. */
static bool tell_in_pool(uintptr_t addr, struct tern_guard_report *r)
{
	const struct guard_object *o = object_at(addr);
	bool guard = (addr - pool.base) / TERN_PAGE_SIZE % 2 == 0;

	if (guard && o > pool.object && gap(o - 1, addr) < gap(o, addr))
		o--;
	if (!o->used_before)
		return false;
	tell_object(r, o, addr);
	return true;
}

/* What was freed with its arena; some of it was not closed, but then there is no fault. */
static bool tell_quarantined(uintptr_t addr, struct tern_guard_report *r)
{
	const struct tern_mspan *s = tern_heap_span(addr);

	if (!s || atomic_load_explicit(&s->state, memory_order_relaxed) != TERN_SPAN_LARGE ||
	    tern_mspan_chunk(s) != TERN_CHUNK_QUARANTINE)
		return false;
	*r = (struct tern_guard_report){
		.error = TERN_GUARD_AFTER_FREE,
		.object = s->base,
		.size = s->elemsize,
		.distance = addr - s->base,
	};
	return true;
}

/* The margin of a large object, whose span the page beside leads to. On the other side may be one
 * without margins. */
static bool tell_large(uintptr_t addr, struct tern_guard_report *r)
{
	struct tern_arena_map *m = &tern_tables.pages.arenas;

	if (tern_arena_span(m, addr) != &tern_mheap_closed)
		return false;
	for (int side = -1; side <= 1; side += 2) {
		uintptr_t beside = side < 0 ? addr - TERN_PAGE_SIZE : addr + TERN_PAGE_SIZE;
		const struct tern_mspan *s = tern_arena_span(m, beside);

		if (!s || !s->margin ||
		    atomic_load_explicit(&s->state, memory_order_relaxed) != TERN_SPAN_LARGE)
			continue;
		*r = (struct tern_guard_report){ .object = s->base, .size = s->elemsize };
		tell_place(r, addr);
		return true;
	}
	return false;
}

bool tern_guard_fault(uintptr_t addr, struct tern_guard_report *r)
{
	if (in_pool(addr))
		return tell_in_pool(addr, r);
	return tell_quarantined(addr, r) || tell_large(addr, r);
}
