/* SPDX-License-Identifier: MIT */
/* roots.c - where marking begins: memory that was registered, and what the kernel shows of threads.
 *
 * Job      Keep the list of registered ranges. In a cycle, share the roots between the CPUs that
 *          mark: ranges in pieces of 4 KiB, then the pieces that tern_port_scan_stacks() shows.
 *          Each CPU has all stacks shown, and scans those whose number it has drawn: so the list
 *          of threads stays the kernel's, and nothing of it is stored.
 * Locks    roots(40), for the list; mheap(80), for records of it.   Context: registering as in gc.h;
 *          the rest in the stopped world.
 * Go       runtime/mgcmark.go markroot. */
#include "gc/roots.h"

#include <tern/gc.h>
#include <tern/port.h>

#include "gc/barrier.h"
#include "gc/gc.h"
#include "gc/pool.h"
#include "gc/tied.h"
#include "lib/bits.h"
#include "lib/fault.h"
#include "mm/heap.h"

#define PIECE ((uintptr_t)4 << 10)

static const struct tern_lock_class roots_class = {
	.name = "roots", .rank = 40, .irq = true, .protects = "the list of registered roots"
};

struct root {
	struct tern_fixrecord link;
	struct root *next;
	uintptr_t start, size;
	const struct tern_type *type; /* one after another of it; NULL: scanned conservatively */
	uint64_t first_job;           /* of the cycle */
};

static struct tern_lock lock = TERN_LOCK_INIT(&roots_class);
static struct root *roots;           /* [lock] in no order */
static struct tern_fixalloc records; /* [lock: mheap] */
static bool jobs_are_good;           /* [lock] the list is as it was when the jobs were cut */
static uint64_t njobs;               /* [const] in a cycle */
static _Atomic uint64_t next_job;    /* [atomic: relaxed] the first that nobody has taken */
static _Atomic uint64_t next_stack;  /* [atomic: relaxed] likewise, of what the kernel shows */
static _Atomic uint64_t stack_bytes; /* [atomic: relaxed] scanned in this cycle */
static uint64_t range_bytes;

/* --- the list -------------------------------------------------------------------------------- */

static struct root *take_record(void)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct root *r = NULL;

	tern_lock(&h->lock);
	if (records.free || tern_mheap_records_locked(h, sizeof(*r)))
		r = tern_fixalloc_take(&records, &h->meta, sizeof(*r));
	tern_unlock(&h->lock);
	return r;
}

static void free_record(struct root *r)
{
	struct tern_mheap *h = &tern_heap.pages;

	tern_lock(&h->lock);
	tern_fixalloc_free(&records, r);
	tern_unlock(&h->lock);
}

static bool is_range(uintptr_t start, size_t size)
{
	return start && size && start % 8 == 0 && size % 8 == 0 && start + size > start;
}

static struct root *overlapping_locked(uintptr_t start, size_t size)
{
	struct root *r = roots;

	while (r && (start - r->start >= r->size) && (r->start - start >= size))
		r = r->next;
	return r;
}

static enum tern_result add_locked(uintptr_t start, size_t size, const struct tern_type *type)
{
	struct root *r;

	if (overlapping_locked(start, size))
		return TERN_EINVAL;
	r = take_record();
	if (!r)
		return TERN_ENOMEM;
	r->start = start;
	r->size = size;
	r->type = type;
	r->next = roots;
	roots = r;
	jobs_are_good = false;
	return TERN_OK;
}

static enum tern_result add(uintptr_t start, size_t size, const struct tern_type *type)
{
	enum tern_search search = TERN_SEARCH_HEAP;
	enum tern_result result;
	unsigned long irq;

	if (!is_range(start, size))
		return TERN_EINVAL;
	do {
		irq = tern_lock_irqsave(&lock);
		result = add_locked(start, size, type);
		tern_unlock_irqrestore(&lock, irq);
	} while (result == TERN_ENOMEM && tern_heap_find_memory(&search, 1));
	return result;
}

enum tern_result tern_gc_add_root(const void *start, size_t size)
{
	return add((uintptr_t)start, size, NULL);
}

enum tern_result tern_gc_add_root_typed(const void *start, const struct tern_type *type, size_t n)
{
	size_t size;

	if (tern_type_check(type) != TERN_OK || __builtin_mul_overflow(n, type->size, &size))
		return TERN_EINVAL;
	return add((uintptr_t)start, size, type);
}

enum tern_result tern_gc_remove_root(const void *start, size_t size)
{
	unsigned long irq = tern_lock_irqsave(&lock);
	struct root **at = &roots, *r;

	while ((r = *at) && (r->start != (uintptr_t)start || r->size != size))
		at = &r->next;
	if (r) {
		*at = r->next;
		jobs_are_good = false;
		free_record(r);
	}
	tern_unlock_irqrestore(&lock, irq);
	return r ? TERN_OK : TERN_EINVAL;
}

/* --- a cycle --------------------------------------------------------------------------------- */

static void cut_ranges(void)
{
	jobs_are_good = true;
	njobs = 0;
	range_bytes = 0;
	for (struct root *r = roots; r; r = r->next) {
		r->first_job = njobs;
		njobs += (r->size + PIECE - 1) / PIECE;
		range_bytes += r->size;
	}
	atomic_store_explicit(&next_job, 0, memory_order_relaxed);
}

bool tern_roots_are_done(void)
{
	return jobs_are_good && atomic_load_explicit(&next_job, memory_order_relaxed) >= njobs;
}

void tern_roots_start(bool ranges)
{
	atomic_store_explicit(&next_stack, 0, memory_order_relaxed);
	atomic_store_explicit(&stack_bytes, 0, memory_order_relaxed);
	tern_pools_start();
	tern_tied_start();
	if (ranges)
		cut_ranges();
}

/* What the heap and the collector know of all objects must keep none of them alive, though it lies
 * in the data of the image. */
static const struct {
	const void *start;
	size_t size;
} own[] = {
	{ &tern_heap, sizeof(tern_heap) },
	{ &tern_tables, sizeof(tern_tables) },
	{ &tern_mcache_none, sizeof(tern_mcache_none) },
	{ &tern_gc_state, sizeof(tern_gc_state) },
	{ tern_barrier_buffers, sizeof(tern_barrier_buffers) },
	{ &tern_history, sizeof(tern_history) },
};

static void all_but_own(uintptr_t low, uintptr_t high, tern_scan_stack *scan, void *arg)
{
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++) {
		uintptr_t start = (uintptr_t)own[i].start, end = start + own[i].size;

		if (start >= high || end <= low)
			continue;
		if (low < start)
			all_but_own(low, start, scan, arg);
		if (end >= high)
			return;
		low = end;
		i = (unsigned)-1;
	}
	scan(arg, low, high);
}

static void mark_range(void *arg, uintptr_t low, uintptr_t high)
{
	tern_mark_range(arg, low, high);
}

static void mark_piece(struct tern_mark_work *w, const struct root *r, uint64_t piece)
{
	uintptr_t low = r->start + piece * PIECE, end = r->start + r->size;
	uintptr_t high = end - low < PIECE ? end : low + PIECE;

	if (r->type)
		tern_mark_typed(w, r->start, r->type, low, high);
	else
		all_but_own(low, high, mark_range, w);
}

static void mark_ranges(struct tern_mark_work *w)
{
	const struct root *r = roots;
	uint64_t job;

	/* What one CPU draws rises, so it goes through the list once. */
	while ((job = atomic_fetch_add_explicit(&next_job, 1, memory_order_relaxed)) < njobs) {
		while (r->next && r->next->first_job <= job)
			r = r->next;
		mark_piece(w, r, job - r->first_job);
	}
}

struct stacks {
	struct tern_mark_work *work;
	uint64_t shown, mine;
};

static uint64_t draw(void)
{
	return atomic_fetch_add_explicit(&next_stack, 1, memory_order_relaxed);
}

static void mark_stack(void *arg, uintptr_t low, uintptr_t high)
{
	struct stacks *s = arg;

	if (s->shown++ != s->mine)
		return;
	low = align_up(low, sizeof(uintptr_t));
	high = align_down(high, sizeof(uintptr_t));
	if (low < high) {
		tern_mark_range(s->work, low, high);
		atomic_fetch_add_explicit(&stack_bytes, high - low, memory_order_relaxed);
	}
	s->mine = draw();
}

bool tern_roots_mark_some(struct tern_mark_work *w)
{
	unsigned long irq = tern_lock_irqsave(&lock);
	uint64_t job = njobs;
	const struct root *r = roots;

	if (jobs_are_good)
		job = atomic_fetch_add_explicit(&next_job, 1, memory_order_relaxed);
	if (job < njobs) {
		while (r->next && r->next->first_job <= job)
			r = r->next;
		mark_piece(w, r, job - r->first_job);
	}
	tern_unlock_irqrestore(&lock, irq);
	return job < njobs || tern_tied_mark_some(w);
}

void tern_roots_mark_stacks(struct tern_mark_work *w, uintptr_t sp)
{
	struct stacks s = { .work = w };

	s.mine = draw();
	tern_port_scan_stacks(sp, mark_stack, &s);
}

void tern_roots_mark(struct tern_mark_work *w, uintptr_t sp)
{
	mark_ranges(w);
	tern_pools_mark(w);
	tern_tied_mark(w);
	if (TERN_FAULT(STACKS_ONCE) && tern_gc_state.marking)
		return;
	tern_roots_mark_stacks(w, sp);
}

/* --- for those who only look ------------------------------------------------------------------ */

struct show {
	tern_show_range *fn;
	void *arg;
};

static void show_untyped(void *arg, uintptr_t low, uintptr_t high)
{
	const struct show *s = arg;

	s->fn(s->arg, low, high, NULL);
}

void tern_roots_ranges(tern_show_range *fn, void *arg)
{
	struct show s = { fn, arg };

	for (const struct root *r = roots; r; r = r->next) {
		if (r->type)
			fn(arg, r->start, r->start + r->size, r->type);
		else
			all_but_own(r->start, r->start + r->size, show_untyped, &s);
	}
}

TERN_WEAK void tern_port_scan_stacks(uintptr_t sp, tern_scan_stack *scan, void *arg)
{
	uintptr_t end = (uintptr_t)tern_gc_state.options.stack;

	if (sp < end)
		scan(arg, sp, end);
}

uint64_t tern_roots_range_bytes(void)
{
	return range_bytes;
}

uint64_t tern_roots_stack_bytes(void)
{
	return atomic_load_explicit(&stack_bytes, memory_order_relaxed);
}
