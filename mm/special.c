/* SPDX-License-Identifier: MIT */
/* special.c - records that are tied to an object: see special.h.
 *
 * Job      Keep each span's list; see to an object's records when it dies; hand out what is to run.
 * Above    mcentral, large (the sweep), malloc (tern_free), gc/ (who asks for records, marks from
 *          them, and runs what is queued).   Below  mheap (pages for records), arena (page_specials).
 * Owns     the records, the lists and the queue. A record in the queue is the same that was in the list:
 *          the sweep needs no memory.
 * Locks    special(55); mheap(80) below it, for records. Whoever sweeps has interrupts off.
 * Holds    I-SPC-1 a list is sorted by offset, then kind. I-SPC-2 a record in a list is tied to an
 *          object in use, or to one that is dead and not swept. I-SPC-3 a span with records has its
 *          bit in page_specials. Objects of the fast path of tern_free() are manual: they have none.
 * Turns    A record's memory stays a record for ever, and its turn changes when its life ends. So weak
 *          pointers and cleanups are held as record and turn, by value, anywhere: nobody has to keep
 *          count of them, and a stale one is known to be.
 * Cost     Finding an object's place in the list is a walk: as many steps as the span has records before
 *          it. Sweeping a span walks once.
 * Go       runtime/mheap.go addspecial, removespecial; mgcsweep.go sweep. Go keeps a weak pointer's
 *          handle as a collected object. */
#include "mm/special.h"

#include <tern/port.h>

#include "lib/assert.h"
#include "lib/fault.h"
#include "lib/irq.h"
#include "mm/heap.h"

const struct tern_lock_class tern_special_class = {
	.name = "special", .rank = 55, .irq = true, .protects = "records tied to objects"
};

unsigned long tern_special_lock(struct tern_mheap *h)
{
	return tern_lock_irqsave(&h->specials.lock);
}

void tern_special_unlock(struct tern_mheap *h, unsigned long irq)
{
	tern_unlock_irqrestore(&h->specials.lock, irq);
}

/* --- where ----------------------------------------------------------------------------------- */

/* Chunks of user arenas end in a way of their own. */
static bool is_object_span(const struct tern_mspan *s, uintptr_t addr)
{
	if (!s || !tern_spanclass_collected(s->spc) || tern_mspan_chunk(s) != TERN_CHUNK_NONE)
		return false;
	return addr - s->base < (s->magic ? s->nbytes : s->elemsize);
}

enum tern_result tern_special_place(const char *call, const void *p, struct tern_special_place *at)
{
	uintptr_t addr = (uintptr_t)p;
	struct tern_mspan *s = tern_heap_span(addr);
	unsigned slot;

	if (!is_object_span(s, addr))
		return TERN_EINVAL;
	slot = tern_special_slot(s, addr - s->base);
	TERN_CHECK(tern_mspan_slot_in_use(s, slot), "%s: 0x%lx lies in an object that was freed",
		   call, (unsigned long)addr);
	*at = (struct tern_special_place){
		.span = s,
		.object = s->base + slot * s->elemsize,
		.addr = addr,
		.crumb = s->spc == TERN_SPANCLASS_TINY && s->magic,
	};
	return at->crumb || addr % sizeof(uintptr_t) == 0 ? TERN_OK : TERN_EINVAL;
}

bool tern_special_is_same(const struct tern_special_place *at, const void *p)
{
	uintptr_t addr = (uintptr_t)p;

	return addr >= at->object && addr - at->object < at->span->elemsize;
}

/* --- records --------------------------------------------------------------------------------- */

static void *take_locked(struct tern_mheap *h, struct tern_fixalloc *f, size_t size)
{
	if (!f->free && !tern_mheap_records_locked(h, size))
		return NULL;
	return tern_fixalloc_take(f, &h->meta, size);
}

static void *take(struct tern_mheap *h, struct tern_fixalloc *f, size_t size)
{
	enum tern_search search = TERN_SEARCH_HEAP;
	unsigned long irq;
	void *r;

	do {
		irq = tern_lock_irqsave(&h->lock);
		r = take_locked(h, f, size);
		tern_unlock_irqrestore(&h->lock, irq);
	} while (!r && tern_heap_find_memory(&search, 1));
	return r;
}

static void put_back(struct tern_mheap *h, struct tern_fixalloc *f, void *record)
{
	unsigned long irq = tern_lock_irqsave(&h->lock);

	tern_fixalloc_free(f, record);
	tern_unlock_irqrestore(&h->lock, irq);
}

static void unref(struct tern_mheap *h, struct tern_special_group *g)
{
	if (atomic_fetch_sub_explicit(&g->nrefs, 1, memory_order_acq_rel) == 1)
		put_back(h, &h->specials.groups, g);
}

struct tern_special_group *tern_special_make_group(struct tern_mheap *h)
{
	struct tern_special_group *g = take(h, &h->specials.groups, sizeof(*g));

	if (!g)
		return NULL;
	atomic_store_explicit(&g->nrefs, 1, memory_order_relaxed);
	atomic_store_explicit(&g->dropped, false, memory_order_relaxed);
	return g;
}

void tern_special_drop_group(struct tern_mheap *h, struct tern_special_group *g)
{
	bool dropped = atomic_exchange_explicit(&g->dropped, true, memory_order_relaxed);

	TERN_CHECK(!dropped, "the ephemeron table at 0x%lx was freed before",
		   (unsigned long)(uintptr_t)g);
	unref(h, g);
}

/* The end of a record that is in no list. */
static void end(struct tern_mheap *h, struct tern_special *r)
{
	if (r->kind == TERN_SPECIAL_EPHEMERON)
		unref(h, r->group);
	r->listed = false;
	/* release, both: who sees the next life's object sees its turn, too */
	atomic_store_explicit(&r->object, 0, memory_order_release);
	atomic_fetch_add_explicit(&r->turn, 1, memory_order_release);
	put_back(h, &h->specials.records, r);
}

/* --- a span's list --------------------------------------------------------------------------- */

static struct tern_special *first_of(const struct tern_mspan *s)
{
	return atomic_load_explicit(&s->specials, memory_order_relaxed);
}

static void set_first(struct tern_mspan *s, struct tern_special *r)
{
	atomic_store_explicit(&s->specials, r, memory_order_relaxed);
}

/* A bit of a word, as the lock keeps others from changing it. */
static uint64_t change_bit(_Atomic uint64_t *word, uint64_t i, bool set)
{
	uint64_t bit = 1ull << i % 64, now = atomic_load_explicit(word, memory_order_relaxed);

	now = set ? now | bit : now & ~bit;
	atomic_store_explicit(word, now, memory_order_relaxed);
	return now;
}

/* The span has records now, or none any more. */
static void note_locked(struct tern_mheap *h, struct tern_mspan *s, bool any)
{
	uint64_t page = tern_page_of(s->base), i = page % TERN_ARENA_PAGES / 64;
	struct tern_arena *a = tern_arena_of(h->arenas, page);
	uint64_t word = change_bit(&a->page_specials[i], page, any);

	change_bit(&a->special_words[i / 64], i, word);
	if (!any)
		tern_mspan_set_keys(s, false);
}

static bool is_before(const struct tern_special *r, uint64_t offset, enum tern_special_kind kind)
{
	return r->offset < offset || (r->offset == offset && r->kind < kind);
}

static bool is_at(const struct tern_special *r, uint64_t offset, enum tern_special_kind kind)
{
	return r && r->offset == offset && r->kind == kind;
}

struct tern_special *tern_special_find_locked(const struct tern_special_place *at,
					      enum tern_special_kind kind,
					      const struct tern_special_group *group)
{
	uint64_t offset = at->addr - at->span->base;
	struct tern_special *r = first_of(at->span);

	while (r && is_before(r, offset, kind))
		r = r->next;
	while (group && is_at(r, offset, kind) && r->group != group)
		r = r->next;
	return is_at(r, offset, kind) ? r : NULL;
}

/* Before those of the same kind. */
static void insert_locked(struct tern_mheap *h, struct tern_mspan *s, struct tern_special *r)
{
	struct tern_special *before = NULL, *next = first_of(s);

	if (!next)
		note_locked(h, s, true);
	for (; next && is_before(next, r->offset, r->kind); next = next->next)
		before = next;
	r->next = next;
	r->listed = true;
	if (before)
		before->next = r;
	else
		set_first(s, r);
}

static void make_locked(struct tern_mheap *h, struct tern_special *r,
			const struct tern_special_place *at, enum tern_special_kind kind,
			struct tern_special_group *group)
{
	r->offset = at->addr - at->span->base;
	r->kind = (uint8_t)kind;
	r->group = group;
	r->arg = NULL;
	if (group)
		atomic_fetch_add_explicit(&group->nrefs, 1, memory_order_relaxed);
	if (kind == TERN_SPECIAL_EPHEMERON)
		tern_mspan_set_keys(at->span, true);
	insert_locked(h, at->span, r);
	/* release: after the turn of this life, see end() */
	atomic_store_explicit(&r->object, at->addr, memory_order_release);
}

struct tern_special *tern_special_get(struct tern_mheap *h, const struct tern_special_place *at,
				      enum tern_special_kind kind, struct tern_special_group *group,
				      bool *made, unsigned long *irq)
{
	struct tern_special *r = NULL, *fresh;

	*made = false;
	*irq = tern_special_lock(h);
	if (kind != TERN_SPECIAL_CLEANUP)
		r = tern_special_find_locked(at, kind, group);
	if (r)
		return r;
	tern_special_unlock(h, *irq);
	fresh = take(h, &h->specials.records, sizeof(*fresh));
	if (!fresh)
		return NULL;
	*irq = tern_special_lock(h);
	if (kind != TERN_SPECIAL_CLEANUP)
		r = tern_special_find_locked(at, kind, group);
	if (r) {
		put_back(h, &h->specials.records, fresh);
		return r;
	}
	make_locked(h, fresh, at, kind, group);
	*made = true;
	return fresh;
}

void tern_special_drop_locked(struct tern_mheap *h, struct tern_mspan *s, struct tern_special *r)
{
	struct tern_special *before = NULL;

	TERN_ASSERT(r->listed);
	for (struct tern_special *i = first_of(s); i != r; i = i->next)
		before = i;
	if (before)
		before->next = r->next;
	else
		set_first(s, r->next);
	end(h, r);
	if (!first_of(s))
		note_locked(h, s, false);
}

/* --- the queue ------------------------------------------------------------------------------- */

static void queue_locked(struct tern_specials *q, struct tern_special *r)
{
	r->next = NULL;
	r->listed = false;
	if (q->first)
		q->last->next = r;
	else
		q->first = r;
	q->last = r;
	q->nqueued++;
}

bool tern_special_take_job(struct tern_mheap *h, struct tern_special_job *job)
{
	struct tern_specials *q = &h->specials;
	unsigned long irq = tern_special_lock(h);
	struct tern_special *r = q->first;

	if (r) {
		*job = (struct tern_special_job){ .arg = r->arg };
		if (r->kind == TERN_SPECIAL_FINALIZER) {
			job->finalize = r->finalize;
			job->object =
				(void *)atomic_load_explicit(&r->object, memory_order_relaxed);
		} else {
			job->cleanup = r->cleanup;
		}
		q->first = r->next;
		q->nqueued--;
		end(h, r);
	}
	tern_special_unlock(h, irq);
	return r != NULL;
}

/* --- the end of an object -------------------------------------------------------------------- */

/* Where the next object begins. */
static uint64_t end_of_object(const struct tern_mspan *s, uint64_t offset)
{
	return (tern_special_slot(s, offset) + 1) * (uint64_t)s->elemsize;
}

static bool has_finalizer(const struct tern_special *r, uint64_t stop)
{
	while (r && r->offset < stop && r->kind != TERN_SPECIAL_FINALIZER)
		r = r->next;
	return r && r->offset < stop;
}

/* The object lives until the next cycle, at least. What it leads to was marked with the roots. */
static void revive(struct tern_mheap *h, struct tern_mspan *s, uint64_t offset)
{
	unsigned slot = tern_special_slot(s, offset);

	atomic_fetch_or_explicit(&s->word[slot / 64].mark, 1ull << slot % 64, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->live, s->elemsize, memory_order_relaxed);
}

/* What an object's death means to a record. */
enum fate { FATE_END, FATE_QUEUE, FATE_STAY };

static enum fate fate_in_sweep(const struct tern_special *r, bool revived)
{
	TERN_ASSERT(r->kind != TERN_SPECIAL_PIN);
	if (r->kind == TERN_SPECIAL_CLEANUP)
		return revived ? FATE_STAY : FATE_QUEUE;
	return r->kind == TERN_SPECIAL_FINALIZER ? FATE_QUEUE : FATE_END;
}

static enum fate fate_of_cut(const struct tern_special *r)
{
	return r->kind == TERN_SPECIAL_WEAK || r->kind == TERN_SPECIAL_EPHEMERON ? FATE_END
										 : FATE_STAY;
}

static enum fate fate_in_free(const struct tern_special *r)
{
	return r->kind == TERN_SPECIAL_CLEANUP ? FATE_QUEUE : FATE_END;
}

static enum fate fate_in_life(const struct tern_special *r)
{
	return r->kind == TERN_SPECIAL_EPHEMERON && !tern_special_is_edge(r) ? FATE_END : FATE_STAY;
}

/* Goes through a list, with the last record that stays. */
struct walk {
	struct tern_mheap *heap;
	struct tern_mspan *span;
	struct tern_special *before;
	bool was_empty; /* the queue */
};

static struct tern_special *here(const struct walk *w)
{
	return w->before ? w->before->next : first_of(w->span);
}

static void meet(struct walk *w, enum fate fate)
{
	struct tern_special *r = here(w);

	if (fate == FATE_STAY) {
		w->before = r;
		return;
	}
	if (w->before)
		w->before->next = r->next;
	else
		set_first(w->span, r->next);
	if (fate == FATE_QUEUE)
		queue_locked(&w->heap->specials, r);
	else
		end(w->heap, r);
}

static void begin(struct walk *w, struct tern_mheap *h, struct tern_mspan *s)
{
	tern_lock(&h->specials.lock);
	TERN_VERIFY(tern_special_check(s));
	*w = (struct walk){ .heap = h, .span = s, .was_empty = !h->specials.first };
}

static void finish(struct walk *w)
{
	bool wake = w->was_empty && w->heap->specials.first;

	if (!first_of(w->span))
		note_locked(w->heap, w->span, false);
	tern_unlock(&w->heap->specials.lock);
	if (wake)
		tern_port_wake_background();
}

static void sweep_object(struct walk *w, uint64_t stop)
{
	struct tern_special *r = here(w);
	bool dead = !tern_special_is_marked(w->span, r->offset),
	     revived = dead && has_finalizer(r, stop);

	if (revived && !TERN_FAULT(NOT_REVIVED))
		revive(w->heap, w->span, r->offset);
	for (; r && r->offset < stop; r = here(w))
		meet(w, dead ? fate_in_sweep(r, revived) : fate_in_life(r));
}

void tern_special_sweep(struct tern_mheap *h, struct tern_mspan *s)
{
	struct walk w;

	begin(&w, h, s);
	for (struct tern_special *r; (r = here(&w));)
		sweep_object(&w, end_of_object(s, r->offset));
	finish(&w);
}

void tern_special_free(struct tern_mheap *h, struct tern_mspan *s, uintptr_t addr)
{
	uint64_t start = addr - s->base, stop = end_of_object(s, start);
	struct walk w;

	begin(&w, h, s);
	for (struct tern_special *r; (r = here(&w)) && r->offset < stop;)
		meet(&w, r->offset < start ? FATE_STAY : fate_in_free(r));
	finish(&w);
}

void tern_special_cut(struct tern_mheap *h, struct tern_mspan *s)
{
	unsigned long irq = tern_irq_save();
	struct walk w;

	begin(&w, h, s);
	for (struct tern_special *r; (r = here(&w));)
		meet(&w, r->offset < s->elemsize ? FATE_STAY : fate_of_cut(r));
	finish(&w);
	tern_irq_restore(irq);
}

/* --- checks ---------------------------------------------------------------------------------- */

static bool is_in_order(const struct tern_special *r)
{
	return !r->next || !is_before(r->next, r->offset, r->kind);
}

bool tern_special_check(const struct tern_mspan *s)
{
	for (const struct tern_special *r = first_of(s); r; r = r->next)
		if (!is_in_order(r) || !r->listed ||
		    atomic_load_explicit(&r->object, memory_order_relaxed) != s->base + r->offset ||
		    !tern_mspan_slot_in_use(s, tern_special_slot(s, r->offset)))
			return false;
	return true;
}
