/* SPDX-License-Identifier: MIT */
/* pool.c - objects that are used again, on the CPU that had them last: see include/tern/pool.h.
 *
 * Job      Keep what is put into a pool for who asks next; forget what nobody asks for.
 * Where    Each CPU has a place for one object that nobody else touches, and behind it a stack in
 *          blocks. Who finds his own empty takes from other CPUs' stacks; then from what is old.
 * Old      A cycle begins: what was old is dropped, what was fresh is old. So an object that nobody
 *          asks for survives one cycle and is gone after the second. Old objects are roots of that
 *          cycle, as the heap's records are not scanned.
 * Records  A shelf for each pool, with a drawer for each CPU that used it; a shelf that is given up
 *          keeps its drawers, and waits for the next pool. Blocks wait likewise. All come from the
 *          heap's records, so nobody scans them by chance.
 * Locks    drawer(73), below it pools(74), below that mheap(80); each for some instructions. Each CPU
 *          does all with interrupts off, so handlers may call, and nobody is stopped in between.
 * Go       sync/pool.go. There a lock-free queue stands for the stack, from whose other end others
 *          take; here a lock that is hardly ever waited for, which lets handlers in. */
#include "gc/pool.h"

#include <tern/pool.h>
#include <tern/port.h>

#include "lib/fault.h"
#include "lib/irq.h"
#include "mm/heap.h"

#define BLOCK_OBJECTS 62u

static const struct tern_lock_class drawer_class = {
	.name = "drawer", .rank = 73, .irq = true, .protects = "a CPU's objects in a pool"
};
static const struct tern_lock_class pools_class = {
	.name = "pools", .rank = 74, .irq = true, .protects = "the list of pools, and free blocks"
};

struct block {
	struct block *next;
	uint64_t n;
	void *object[BLOCK_OBJECTS];
};

struct stack {
	struct block *first, *last; /* [lock: drawer] only one that is alone is empty */
	void *single;               /* [lock: drawer] when all else is taken; old objects' alone */
	_Atomic uint64_t n;         /* [lock: drawer; atomic: relaxed, as a hint] objects in all */
};

struct drawer {
	_Atomic(void *) own; /* [atomic: relaxed] its CPU alone, interrupts off; others count it */
	struct tern_lock lock;
	struct stack fresh, old;
	_Atomic uint64_t gets, reused, dropped; /* [atomic: relaxed; written by the CPU alone] */
} TERN_ALIGNED(TERN_CACHE_LINE);

struct shelf {
	struct shelf *next;                             /* [lock: pools] */
	_Atomic(struct drawer *) drawer[TERN_MAX_CPUS]; /* [atomic: release by its CPU, acquire] */
};

static struct tern_lock pools_lock = TERN_LOCK_INIT(&pools_class);
static struct shelf *in_use, *unused; /* [lock: pools] */
static struct block *free_blocks;     /* [lock: pools] */
/* [atomic: relaxed] in the stopped world: the next that nobody marks */
static _Atomic(struct shelf *) to_mark;

/* --- records --------------------------------------------------------------------------------- */

static void *new_record(size_t size)
{
	struct tern_mheap *h = &tern_heap.pages;
	unsigned long irq = tern_lock_irqsave(&h->lock);
	void *r = tern_mheap_records_locked(h, size + TERN_CACHE_LINE)
			  ? tern_meta_alloc(&h->meta, size, TERN_CACHE_LINE)
			  : NULL;

	tern_unlock_irqrestore(&h->lock, irq);
	return r;
}

static struct block *take_block(void)
{
	struct block *b;

	tern_lock(&pools_lock);
	b = free_blocks;
	if (b)
		free_blocks = b->next;
	tern_unlock(&pools_lock);
	if (!b)
		b = new_record(sizeof(*b));
	if (b)
		b->n = 0;
	return b;
}

static struct shelf *shelf_of(const struct tern_pool *pool)
{
	return __atomic_load_n(&pool->shelf, __ATOMIC_ACQUIRE);
}

static struct shelf *make_shelf_locked(struct tern_pool *pool)
{
	struct shelf *s = shelf_of(pool);

	if (s)
		return s;
	s = unused;
	if (s)
		unused = s->next;
	else
		s = new_record(sizeof(*s));
	if (!s)
		return NULL;
	s->next = in_use;
	in_use = s;
	__atomic_store_n(&pool->shelf, s, __ATOMIC_RELEASE);
	return s;
}

static struct shelf *make_shelf(struct tern_pool *pool)
{
	struct shelf *s = shelf_of(pool);

	if (s)
		return s;
	tern_lock(&pools_lock);
	s = make_shelf_locked(pool);
	tern_unlock(&pools_lock);
	return s;
}

static struct drawer *drawer_of(const struct shelf *s, unsigned cpu)
{
	return atomic_load_explicit(&s->drawer[cpu], memory_order_acquire);
}

static struct drawer *make_drawer(struct shelf *s, unsigned cpu)
{
	struct drawer *d = drawer_of(s, cpu);

	if (d)
		return d;
	d = new_record(sizeof(*d));
	if (!d)
		return NULL;
	tern_lock_init(&d->lock, &drawer_class);
	atomic_store_explicit(&s->drawer[cpu], d, memory_order_release);
	return d;
}

/* --- a stack --------------------------------------------------------------------------------- */

static uint64_t objects_in(const struct stack *s)
{
	return atomic_load_explicit(&s->n, memory_order_relaxed);
}

static void change_count(struct stack *s, uint64_t by)
{
	atomic_store_explicit(&s->n, objects_in(s) + by, memory_order_relaxed);
}

static void free_first_block(struct stack *s)
{
	struct block *b = s->first;

	s->first = b->next;
	tern_lock(&pools_lock);
	b->next = free_blocks;
	free_blocks = b;
	tern_unlock(&pools_lock);
}

static void *pop_locked(struct stack *s)
{
	struct block *b = s->first;
	void *p = s->single;

	if (objects_in(s) == 0)
		return NULL;
	change_count(s, -1ull);
	if (!b || !b->n) {
		s->single = NULL;
		return p;
	}
	p = b->object[--b->n];
	if (!b->n && b->next)
		free_first_block(s);
	return p;
}

/* What another CPU puts there meanwhile may be overlooked. */
static void *pop(struct drawer *d, struct stack *s)
{
	void *p;

	if (objects_in(s) == 0)
		return NULL;
	tern_lock(&d->lock);
	p = pop_locked(s);
	tern_unlock(&d->lock);
	return p;
}

static bool push_locked(struct stack *s, void *p)
{
	struct block *b = s->first;

	if (!b || b->n == BLOCK_OBJECTS)
		return false;
	b->object[b->n++] = p;
	change_count(s, 1);
	return true;
}

static void add_block_locked(struct stack *s, struct block *b)
{
	b->next = s->first;
	s->first = b;
	if (!b->next)
		s->last = b;
}

static bool push_into(struct drawer *d, struct block *more, void *p)
{
	bool done;

	tern_lock(&d->lock);
	if (more)
		add_block_locked(&d->fresh, more);
	done = push_locked(&d->fresh, p);
	tern_unlock(&d->lock);
	return done;
}

/* Its CPU alone puts objects there: others only make more room. */
static bool push(struct drawer *d, void *p)
{
	struct block *more;

	if (push_into(d, NULL, p))
		return true;
	more = take_block();
	return more && push_into(d, more, p);
}

/* --- get and put ------------------------------------------------------------------------------ */

static void *own_of(const struct drawer *d)
{
	return atomic_load_explicit(&d->own, memory_order_relaxed);
}

static void set_own(struct drawer *d, void *p)
{
	atomic_store_explicit(&d->own, p, memory_order_relaxed);
}

static void *take_own(struct drawer *d)
{
	void *p = own_of(d);

	set_own(d, NULL);
	return p ? p : pop(d, &d->fresh);
}

static void *take_anywhere(const struct shelf *s, unsigned cpu, bool old)
{
	void *p = NULL;

	/* Not all begin with the same. */
	for (unsigned i = 0; i < TERN_MAX_CPUS && !p; i++) {
		struct drawer *d = drawer_of(s, (cpu + i) % TERN_MAX_CPUS);

		if (d)
			p = pop(d, old ? &d->old : &d->fresh);
	}
	return p;
}

static void *take(const struct shelf *s, unsigned cpu)
{
	struct drawer *d = drawer_of(s, cpu);
	void *p = d ? take_own(d) : NULL;

	if (!p)
		p = take_anywhere(s, cpu, false);
	if (!p)
		p = take_anywhere(s, cpu, true);
	if (d) {
		tern_mcache_count(&d->gets, 1);
		tern_mcache_count(&d->reused, p != NULL);
	}
	return p;
}

void *tern_pool_get(struct tern_pool *pool)
{
	unsigned long irq = tern_irq_save();
	struct shelf *s = shelf_of(pool);
	void *p = s ? take(s, TERN_CPU_ID()) : NULL;

	tern_irq_restore(irq);
	return p || !pool->new_fn ? p : pool->new_fn();
}

static bool put_into(struct drawer *d, void *p)
{
	if (own_of(d))
		return push(d, p);
	set_own(d, p);
	return true;
}

/* `last`: it is dropped if there is no room. */
static bool put(struct tern_pool *pool, void *p, bool last)
{
	unsigned long irq = tern_irq_save();
	struct shelf *s = make_shelf(pool);
	struct drawer *d = s ? make_drawer(s, TERN_CPU_ID()) : NULL;
	bool done = d && put_into(d, p);

	if (d && !done && last)
		tern_mcache_count(&d->dropped, 1);
	tern_irq_restore(irq);
	return done;
}

void tern_pool_put(struct tern_pool *pool, void *p)
{
	if (p && !put(pool, p, false)) {
		if (!tern_port_in_interrupt())
			tern_mheap_grow(&tern_heap.pages, 1);
		put(pool, p, true);
	}
}

/* --- the end of a pool ------------------------------------------------------------------------ */

/* Nobody uses the stack: the CPU is stopped, or the pool is nobody's. */
static void empty(struct stack *s)
{
	if (s->first) {
		s->last->next = free_blocks;
		free_blocks = s->first;
	}
	s->first = s->last = NULL;
	s->single = NULL;
	atomic_store_explicit(&s->n, 0, memory_order_relaxed);
}

static void clear_drawer(struct drawer *d)
{
	set_own(d, NULL);
	empty(&d->fresh);
	empty(&d->old);
	atomic_store_explicit(&d->gets, 0, memory_order_relaxed);
	atomic_store_explicit(&d->reused, 0, memory_order_relaxed);
	atomic_store_explicit(&d->dropped, 0, memory_order_relaxed);
}

static void clear_shelf(struct shelf *s)
{
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		if (drawer_of(s, i))
			clear_drawer(drawer_of(s, i));
}

static void unlink_locked(struct shelf *s)
{
	struct shelf **at = &in_use;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->next = unused;
	unused = s;
}

void tern_pool_destroy(struct tern_pool *pool)
{
	unsigned long irq = tern_lock_irqsave(&pools_lock);
	struct shelf *s = shelf_of(pool);

	pool->shelf = NULL;
	if (s) {
		clear_shelf(s);
		unlink_locked(s);
	}
	tern_unlock_irqrestore(&pools_lock, irq);
}

static uint64_t get(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

void tern_pool_stats(const struct tern_pool *pool, struct tern_pool_stats *stats)
{
	const struct shelf *s = shelf_of(pool);

	*stats = (struct tern_pool_stats){ 0 };
	for (unsigned i = 0; s && i < TERN_MAX_CPUS; i++) {
		struct drawer *d = drawer_of(s, i);

		if (!d)
			continue;
		stats->fresh += objects_in(&d->fresh) + (own_of(d) != NULL);
		stats->old += objects_in(&d->old);
		stats->gets += get(&d->gets);
		stats->reused += get(&d->reused);
		stats->dropped += get(&d->dropped);
	}
}

/* --- a cycle: the world is stopped ------------------------------------------------------------ */

static void age(struct drawer *d)
{
	tern_mcache_count(&d->dropped, objects_in(&d->old));
	empty(&d->old);
	if (TERN_FAULT(POOL_YOUNG))
		empty(&d->fresh);
	d->old = (struct stack){
		.first = d->fresh.first,
		.last = d->fresh.last,
		.single = own_of(d),
		.n = objects_in(&d->fresh) + (own_of(d) != NULL),
	};
	d->fresh = (struct stack){ 0 };
	set_own(d, NULL);
}

void tern_pools_age(void)
{
	for (struct shelf *s = in_use; s; s = s->next)
		for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
			if (drawer_of(s, i))
				age(drawer_of(s, i));
}

void tern_pools_start(void)
{
	atomic_store_explicit(&to_mark, in_use, memory_order_relaxed);
}

static struct shelf *draw(void)
{
	struct shelf *s = atomic_load_explicit(&to_mark, memory_order_relaxed);

	while (s && !atomic_compare_exchange_weak_explicit(
			    &to_mark, &s, s->next, memory_order_relaxed, memory_order_relaxed))
		;
	return s;
}

static void mark_stack(struct tern_mark_work *w, const struct stack *s)
{
	for (const struct block *b = s->first; b; b = b->next)
		for (uint64_t i = 0; i < b->n; i++)
			tern_mark_address(w, (uintptr_t)b->object[i]);
	tern_mark_address(w, (uintptr_t)s->single);
}

static void mark_drawer(struct tern_mark_work *w, const struct drawer *d)
{
	tern_mark_address(w, (uintptr_t)own_of(d));
	mark_stack(w, &d->fresh);
	mark_stack(w, &d->old);
}

void tern_pools_mark(struct tern_mark_work *w)
{
	const struct shelf *s;

	while ((s = draw()))
		for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
			if (drawer_of(s, i))
				mark_drawer(w, drawer_of(s, i));
}

/* --- for those who only look ------------------------------------------------------------------ */

static void stack_words(struct stack *s, void (*fn)(void *arg, uintptr_t at), void *arg)
{
	for (struct block *b = s->first; b; b = b->next)
		for (uint64_t i = 0; i < b->n; i++)
			fn(arg, (uintptr_t)&b->object[i]);
	fn(arg, (uintptr_t)&s->single);
}

static void drawer_words(struct drawer *d, void (*fn)(void *arg, uintptr_t at), void *arg)
{
	fn(arg, (uintptr_t)&d->own);
	stack_words(&d->fresh, fn, arg);
	stack_words(&d->old, fn, arg);
}

void tern_pools_words(void (*fn)(void *arg, uintptr_t at), void *arg)
{
	for (struct shelf *s = in_use; s; s = s->next)
		for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
			if (drawer_of(s, i))
				drawer_words(drawer_of(s, i), fn, arg);
}
