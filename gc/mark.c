/* SPDX-License-Identifier: MIT */
/* mark.c - from grey objects to black ones, until there is no grey one.
 *
 * Job      A word that could point into an object makes that object grey: its mark bit is set, and
 *          if it may hold pointers it is queued. Take grey objects from the queue and look at
 *          every word in them, or if they are typed, at the words that may hold pointers.
 * White    no mark.   Grey  mark, and queued.   Black  mark, and scanned. An object is queued by who
 *          set its mark, so once.
 * Above    gc.c, roots.   Below  work (the queue), mm/arena and mm/mspan (what an address is).
 * Context  the stopped world, all caches flushed: so a slot's bits say whether it is in use, and
 *          nothing but the marks changes. Interrupts off.
 * Pointers to anything at all do no harm: to memory that is no heap's, to runs of pages, to free slots,
 *          to what is left over at a span's end. To an object's inside they keep it alive. One past
 *          an object's end lies in the next.
 * Queue    What has 128 bytes or less is scanned without its span, by its entry's mask (mark_scan.h). No
 *          bit: the span says what to do. Objects of spans with scanned bits are not queued, but their
 *          spans, in another queue: mark_span.c.
 * Ahead    Memory is far away. Objects are taken from the queue by the batch, and addresses that are found
 *          in them are noted with their spans; all are asked for first, and looked at when the batch
 *          is through.
 * Large    objects over 128 KiB are scanned in parts that several CPUs take.
 * Keys     of ephemerons: an edge leads from such an object to each of its values, which stands not in
 *          the object but in its specials. So keys are queued even if they hold no pointers, and
 *          there is no round after round. Beside the program the specials have a lock, and values that
 *          come to a black key wait for the last pause, see tied.c.
 * No room  for one more grey object: it stays marked, and its span is noted. When all else is done,
 *          every marked object of such a span is scanned again, as often as it takes: each time
 *          there are more marks, so it ends. Marking needs no memory, it is only faster with some.
 * Go       runtime/mgcmark.go scanConservative, greyobject, gcDrain. Go's mark stack panics when
 *          there is no memory. */
#include "gc/mark_scan.h"
#include "lib/fault.h"
#include "mm/special.h"

#define OBLET   (128u << 10)
#define BALANCE 4u /* batches between looks at whether others wait */

static uint64_t get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* --- white to grey --------------------------------------------------------------------------- */

void tern_mark_note_first(struct tern_marker *m, struct tern_mspan *s)
{
	uint64_t page = tern_page_of(s->base);
	struct tern_arena *a = tern_arena_of(m->heap->arenas, page);

	atomic_store_explicit(&s->marked, true, memory_order_relaxed);
	atomic_fetch_or_explicit(&a->page_marks[page % TERN_ARENA_PAGES / 64], 1ull << page % 64,
				 memory_order_relaxed);
}

TERN_NOINLINE void tern_mark_overflow(struct tern_marker *m, struct tern_mspan *s)
{
	atomic_store_explicit(&s->rescan, true, memory_order_relaxed);
	atomic_store_explicit(&m->overflow, true, memory_order_relaxed);
}

static TERN_INLINE bool is_in_use(const struct tern_span_word *word, uint64_t bit)
{
	return !((get(&word->free) | get(&word->remote)) & bit);
}

/* The word's marks were `marks`, without this one. False if another CPU was faster. */
static TERN_INLINE bool set_mark(struct tern_mark_work *w, struct tern_span_word *word,
				 uint64_t marks, uint64_t bit)
{
	if (w->work.parallel)
		return !(atomic_fetch_or_explicit(&word->mark, bit, memory_order_relaxed) & bit);
	atomic_store_explicit(&word->mark, marks | bit, memory_order_relaxed);
	return true;
}

/* 0: a typed object without pointers. */
static TERN_INLINE void queue(struct tern_mark_work *w, struct tern_mspan *s, uint64_t entry)
{
	if (entry && !tern_work_put(&w->work, entry))
		tern_mark_overflow(w->marker, s);
}

/* In a span whose objects are not all alike; or of none, such as a run of pages. A large object is slot 0,
 * whatever the offset. */
static TERN_NOINLINE void shade_closely(struct tern_mark_work *w, struct tern_mspan *s,
					uintptr_t addr)
{
	unsigned slot = tern_mspan_slot(s, addr);
	struct tern_span_word *word = &s->word[slot / 64];
	uint64_t bit = 1ull << slot % 64, marks;

	if (!tern_spanclass_collected(s->spc))
		return;
	marks = get(&word->mark);
	if (marks & bit || !is_in_use(word, bit) || (s->magic && addr - s->base >= s->nbytes))
		return;
	if (s->scanned && !tern_work_is_little(&w->work, w->marker->few)) {
		tern_mark_span_shade(w, s, slot);
		return;
	}
	if (!set_mark(w, word, marks, bit))
		return;
	count_mark(w, s);
	if (tern_spanclass_kind(s->spc) != TERN_KIND_NOSCAN || may_be_key(s))
		queue(w, s, entry_of_slot(s, slot));
}

/* Most have a mark. What is left over at a span's end has a bit, too, which is never set:
 * sizeclass.every_offset_of_a_span_has_a_bit. */
static TERN_INLINE void shade(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t addr)
{
	uint32_t marking = tern_mspan_marking(s);
	uintptr_t base = s->base, offset = addr - base;
	uint64_t slot = offset * s->magic >> 32, marks, bit, mask;
	struct tern_span_word *word = &s->word[slot / 64];

	if (unlikely(!(marking & TERN_MARK_ALIKE))) {
		shade_closely(w, s, addr);
		return;
	}
	marks = get(&word->mark);
	if (marks >> slot % 64 & 1)
		return;
	bit = 1ull << slot % 64;
	if (!is_in_use(word, bit) || offset >= s->nbytes || !set_mark(w, word, marks, bit))
		return;
	count_mark(w, s);
	mask = marking & TERN_MARK_TYPED ? tern_typed_get(s, (unsigned)slot)
					 : marking & TERN_MARK_WORDS;
	if (mask)
		queue(w, s, entry_of(base + slot * s->elemsize, mask));
}

static TERN_INLINE void shade_noted_here(struct tern_mark_work *w)
{
	for (const struct tern_mark_place *at = w->noted; at < w->to; at++)
		shade(w, at->span, at->addr);
	w->to = w->noted;
}

TERN_NOINLINE void tern_mark_noted(struct tern_mark_work *w)
{
	shade_noted_here(w);
}

/* What is noted becomes grey when there is no room for more. */
static TERN_INLINE struct tern_mark_place *note_any(struct tern_mark_work *w,
						    const struct tern_mark_view *v, uintptr_t word,
						    struct tern_mark_place *to)
{
	if (word - v->low > v->reach)
		return to;
	to = note(v, word, to);
	if (likely(to < &w->noted[TERN_MARK_NOTED]))
		return to;
	w->to = to;
	tern_mark_noted(w);
	return w->noted;
}

TERN_NOINLINE void tern_mark_address(struct tern_mark_work *w, uintptr_t addr)
{
	w->to = note_any(w, &w->marker->view, addr, w->to);
}

/* Stacks and data hold much that a sanitizer keeps others from. */
TERN_NO_SANITIZE TERN_NOINLINE void tern_mark_range(struct tern_mark_work *w, uintptr_t low,
						    uintptr_t high)
{
	const struct tern_mark_view v = w->marker->view;
	struct tern_mark_place *to = w->to;

	for (; low < high; low += sizeof(uintptr_t))
		to = note_any(w, &v, *(const uintptr_t *)low, to);
	w->to = to;
}

/* --- by types -------------------------------------------------------------------------------- */

#define CHUNK (64 * sizeof(uintptr_t)) /* what a word of a mask stands for */

TERN_NO_SANITIZE static TERN_NOINLINE void mark_words(struct tern_mark_work *w, uintptr_t at,
						      uint64_t mask)
{
	const struct tern_mark_view v = w->marker->view;
	struct tern_mark_place *to = w->to;

	for (; mask; mask &= mask - 1)
		to = note_any(w, &v, ((const uintptr_t *)at)[__builtin_ctzll(mask)], to);
	w->to = to;
}

/* Only those in [low, high). */
static void mark_chunk(struct tern_mark_work *w, uintptr_t at, uint64_t mask, uintptr_t low,
		       uintptr_t high)
{
	if (at >= high || low >= at + CHUNK)
		return;
	if (low > at)
		mask &= ~0ull << (low - at) / sizeof(uintptr_t);
	if (high - at < CHUNK)
		mask &= (1ull << (high - at) / sizeof(uintptr_t)) - 1;
	mark_words(w, at, mask);
}

/* Types of at most a chunk: one mask for as many as fit into it. */
static void mark_small_types(struct tern_mark_work *w, uintptr_t base, const struct tern_type *type,
			     uintptr_t low, uintptr_t high)
{
	uint64_t mask = type->mask[0];
	unsigned n = (unsigned)(type->size / sizeof(uintptr_t));
	uintptr_t at;

	for (; n <= 32; n *= 2)
		mask |= mask << n;
	for (at = low - (low - base) % (n * sizeof(uintptr_t)); at < high;
	     at += n * sizeof(uintptr_t))
		mark_chunk(w, at, mask, low, high);
}

/* That of a user arena's chunk changes while objects are taken from it: userarena.c. */
static size_t ptrdata_of(const struct tern_type *type)
{
	return __atomic_load_n(&type->ptrdata, __ATOMIC_RELAXED);
}

static uint64_t mask_of(const struct tern_type *type, size_t i)
{
	return __atomic_load_n(&type->mask[i], __ATOMIC_RELAXED);
}

static void mark_large_types(struct tern_mark_work *w, uintptr_t base, const struct tern_type *type,
			     uintptr_t low, uintptr_t high)
{
	uintptr_t one = low - (low - base) % type->size;
	size_t skip = (low - one) / CHUNK, ptrdata = ptrdata_of(type);

	for (; one < high; one += type->size, skip = 0)
		for (size_t i = skip; i * CHUNK < ptrdata; i++)
			mark_chunk(w, one + i * CHUNK, mask_of(type, i), low, high);
}

void tern_mark_typed(struct tern_mark_work *w, uintptr_t base, const struct tern_type *type,
		     uintptr_t low, uintptr_t high)
{
	if (!ptrdata_of(type))
		return;
	if (type->size <= CHUNK)
		mark_small_types(w, base, type, low, high);
	else
		mark_large_types(w, base, type, low, high);
}

/* --- grey to black --------------------------------------------------------------------------- */

/* The first part is what is queued first; it queues the others. */
static uintptr_t queue_parts(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t at)
{
	uintptr_t end = s->base + s->elemsize;

	if (end - at <= OBLET)
		return end;
	if (at == s->base)
		for (uintptr_t part = at + OBLET; part < end; part += OBLET)
			if (!tern_work_put(&w->work, entry_of(part, 0)))
				tern_mark_overflow(w->marker, s);
	return at + OBLET;
}

/* [low, high) of the object that begins at obj: all of it, unless it is larger than a mask's. */
static TERN_INLINE void scan_words(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj,
				   uintptr_t low, uintptr_t high)
{
	unsigned slot = tern_mspan_slot(s, obj);

	w->work.scanned_bytes += high - low;
	if (s->elemsize <= TERN_MASK16_MAX)
		mark_words(w, obj, small_mask(s, slot));
	else if (tern_spanclass_kind(s->spc) == TERN_KIND_TYPED)
		tern_mark_typed(w, obj, (const struct tern_type *)tern_typed_get(s, slot), low,
				high);
	else
		tern_mark_range(w, low, high);
}

/* The values of which a black object is the key. False if nothing else in it is to be looked at. */
static TERN_NOINLINE bool mark_values(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj)
{
	struct tern_mheap *h = w->marker->heap;
	bool beside = tern_mheap_marking(h, s->spc);
	unsigned long irq = beside ? tern_special_lock(h) : 0;
	struct tern_special *r = atomic_load_explicit(&s->specials, memory_order_relaxed);

	for (; r && s->base + r->offset < obj + s->elemsize; r = r->next)
		if (s->base + r->offset >= obj && tern_special_is_edge(r) &&
		    !TERN_FAULT(EPHEMERON_VALUE))
			tern_mark_address(w, (uintptr_t)r->arg);
	if (beside)
		tern_special_unlock(h, irq);
	return tern_spanclass_kind(s->spc) != TERN_KIND_NOSCAN;
}

static TERN_NOINLINE void scan_by_span(struct tern_mark_work *w, uintptr_t obj)
{
	struct tern_mspan *s = tern_arena_span(w->marker->heap->arenas, obj);

	if (unlikely(may_be_key(s)) && !mark_values(w, s, obj))
		return;
	if (s->magic)
		scan_words(w, s, obj, obj, obj + s->elemsize);
	else
		scan_words(w, s, s->base, obj, queue_parts(w, s, obj));
}

void tern_mark_contents(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj)
{
	if (tern_spanclass_kind(s->spc) != TERN_KIND_NOSCAN)
		scan_words(w, s, obj, obj, obj + s->elemsize);
}

static TERN_INLINE void scan(struct tern_mark_work *w, const struct tern_mark_view *v,
			     uint64_t entry)
{
	uintptr_t obj = addr_of(entry);
	uint64_t mask = mask_in(entry);

	if (likely(mask))
		scan_small(w, v, obj, mask);
	else
		scan_by_span(w, obj);
}

void tern_mark_object(struct tern_mark_work *w, struct tern_mspan *s, uintptr_t obj)
{
	if (!may_be_key(s) || mark_values(w, s, obj))
		scan_words(w, s, obj, obj, obj + s->elemsize);
}

/* The queue is not empty. */
static TERN_INLINE void scan_batch(struct tern_mark_work *w, const struct tern_mark_view *v)
{
	struct tern_workbuf *b = w->work.primary;
	unsigned n = b->n < BATCH ? b->n : BATCH;
	uint64_t batch[BATCH];

	b->n -= n;
	for (unsigned i = 0; i < n; i++) {
		batch[i] = b->entry[b->n + i];
		__builtin_prefetch((const void *)((int64_t)batch[i] >> ADDR_SHIFT));
	}
	for (unsigned i = 0; i < n; i++)
		scan(w, v, batch[i]);
	shade_noted_here(w);
}

/* Spans come last, so that more of their objects are grey by then. */
static TERN_INLINE bool scan_some(struct tern_mark_work *w, const struct tern_mark_view *v)
{
	if (unlikely(!tern_work_any(&w->work)))
		return tern_mark_spans(w);
	scan_batch(w, v);
	return true;
}

void tern_mark_drain_some(struct tern_mark_work *w, uint64_t until_bytes)
{
	const struct tern_mark_view v = w->marker->view;

	tern_mark_noted(w);
	for (unsigned n = 1; w->work.scanned_bytes < until_bytes; n++) {
		if (!scan_some(w, &v))
			return;
		if (n % BALANCE == 0)
			tern_work_balance(&w->work);
	}
}

static void drain_own(struct tern_mark_work *w)
{
	tern_mark_drain_some(w, UINT64_MAX);
}

void tern_mark_put_back(struct tern_mark_work *w)
{
	uint64_t entry;

	tern_mark_noted(w);
	if (TERN_FAULT(WORK_LEFT) && w->work.primary)
		w->work.primary->n = 0;
	while ((entry = tern_work_give(&w->work)))
		tern_mark_overflow(w->marker,
				   tern_arena_span(w->marker->heap->arenas, addr_of(entry)));
}

void tern_mark_drain(struct tern_mark_work *w)
{
	do
		drain_own(w);
	while (tern_work_wait(&w->work));
	tern_work_dispose(&w->work);
}

/* --- what could not be queued ---------------------------------------------------------------- */

static void scan_marked(struct tern_mark_work *w, struct tern_mspan *s)
{
	for (unsigned i = 0; i < s->nwords; i++) {
		const struct tern_span_word *word = &s->word[i];
		uint64_t bits = get(&word->mark) & ~get(&word->free) & ~get(&word->remote);

		for (; bits; bits &= bits - 1) {
			uintptr_t obj =
				s->base + (i * 64 + (unsigned)__builtin_ctzll(bits)) * s->elemsize;

			tern_mark_object(w, s, obj);
			drain_own(w);
		}
	}
	w->marker->rescans++;
}

static void rescan_piece(struct tern_mark_work *w, struct tern_arena *a, unsigned word)
{
	for (uint64_t bits = get(&a->page_marks[word]); bits; bits &= bits - 1) {
		uint64_t page = a->first_page + word * 64 + (unsigned)__builtin_ctzll(bits);
		struct tern_mspan *s =
			tern_arena_span(w->marker->heap->arenas, tern_page_addr(page));

		if (atomic_load_explicit(&s->rescan, memory_order_relaxed) &&
		    !TERN_FAULT(NO_RESCAN)) {
			atomic_store_explicit(&s->rescan, false, memory_order_relaxed);
			scan_marked(w, s);
		}
	}
}

void tern_mark_finish(struct tern_mark_work *w)
{
	struct tern_marker *m = w->marker;
	struct tern_arena_map *map = m->heap->arenas;

	w->work.parallel = false;
	while (atomic_exchange_explicit(&m->overflow, false, memory_order_relaxed)) {
		struct tern_arena *a = atomic_load_explicit(&map->newest, memory_order_acquire);

		for (; a; a = a->next)
			for (unsigned i = 0; i < ARRAY_SIZE(a->page_marks); i++)
				rescan_piece(w, a, i);
	}
	tern_work_dispose(&w->work);
}

/* --- what was written to since it was scanned ------------------------------------------------ */

static uintptr_t later(uintptr_t a, uintptr_t b)
{
	return a > b ? a : b;
}

static uintptr_t earlier(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* What lies in [low, high) of the object in a slot. */
static void scan_slot_again(struct tern_mark_work *w, struct tern_mspan *s, unsigned slot,
			    uintptr_t low, uintptr_t high)
{
	uintptr_t obj = s->base + slot * s->elemsize, end = obj + s->elemsize;

	if (s->elemsize <= TERN_MASK16_MAX)
		scan_words(w, s, obj, obj, end);
	else
		scan_words(w, s, obj, later(obj, low), earlier(end, high));
}

static uint64_t get_first(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* Of slots that are taken at this moment the entries may not be written yet. Only the owner of a span
 * takes some: false if there was one. */
static bool marked_slots(const struct tern_mspan *s, unsigned i, uint64_t *slots)
{
	const struct tern_span_word *word = &s->word[i];
	uint32_t before = atomic_load_explicit(&s->place, memory_order_acquire), after;

	/* acquire: who took the span in between, and then slots, is seen to have taken it */
	*slots = get_first(&word->mark) & ~get_first(&word->free) & ~get_first(&word->remote);
	if (tern_spanclass_kind(s->spc) != TERN_KIND_TYPED || !s->magic)
		return true;
	after = atomic_load_explicit(&s->place, memory_order_relaxed);
	return before == after && tern_span_where(before) != TERN_SPAN_OWNED;
}

/* Slots [first, last] are those that [low, high) touches. */
static bool scan_slots_again(struct tern_mark_work *w, struct tern_mspan *s, unsigned first,
			     unsigned last, uintptr_t low, uintptr_t high)
{
	uint64_t slots;

	for (unsigned i = first / 64; i <= last / 64; i++) {
		if (!marked_slots(s, i, &slots))
			return false;
		if (i == first / 64)
			slots &= ~0ull << first % 64;
		if (i == last / 64)
			slots &= ~0ull >> (63 - last % 64);
		for (; slots; slots &= slots - 1)
			scan_slot_again(w, s, i * 64 + (unsigned)__builtin_ctzll(slots), low, high);
	}
	return true;
}

void tern_mark_again(struct tern_mark_work *w, uintptr_t low, uintptr_t high)
{
	struct tern_mspan *s = tern_arena_span(w->marker->heap->arenas, low);
	unsigned last;

	/* acquire: with who made the span, which may be new */
	atomic_load_explicit(&s->state, memory_order_acquire);
	if (s->magic && low - s->base >= s->nbytes)
		return;
	high = earlier(high, s->base + (s->magic ? s->nbytes : s->elemsize));
	last = s->magic ? tern_mspan_slot(s, high - 1) : 0;
	if (scan_slots_again(w, s, tern_mspan_slot(s, low), last, low, high))
		return;
	/* Then it is done when nobody owns the span any more. */
	tern_mark_note_first(w->marker, s);
	tern_mark_overflow(w->marker, s);
}

/* --- a cycle --------------------------------------------------------------------------------- */

void tern_marker_init(struct tern_marker *m, struct tern_mheap *heap, unsigned few)
{
	m->heap = heap;
	m->few = few;
	m->pool.heap = heap;
	m->pool.lock = (struct tern_lock)TERN_LOCK_INIT(&tern_workpool_class);
}

/* By the arenas themselves: there is no window, or it has not all of them. */
static void find_reach(struct tern_mark_view *v)
{
	struct tern_arena *a = atomic_load_explicit(&v->arenas->newest, memory_order_acquire);
	uintptr_t last = 0;

	v->low = UINTPTR_MAX;
	for (; a; a = a->next) {
		uintptr_t base = tern_page_addr(a->first_page);

		v->low = base < v->low ? base : v->low;
		last = base + (TERN_ARENA_SIZE - 1) > last ? base + (TERN_ARENA_SIZE - 1) : last;
	}
	v->reach = last > v->low ? last - v->low : 0;
}

void tern_mark_start(struct tern_marker *m, unsigned nworkers)
{
	struct tern_mark_view *v = &m->view;

	v->arenas = m->heap->arenas;
	v->tables = tern_arena_all_slots(v->arenas, &v->low, &v->reach);
	if (!v->tables)
		find_reach(v);
	tern_work_start(&m->pool, nworkers);
}

void tern_mark_end(struct tern_marker *m)
{
	tern_work_end(&m->pool);
}

void tern_mark_init(struct tern_mark_work *w, struct tern_marker *m)
{
	w->marker = m;
	w->to = w->noted;
	tern_work_init(&w->work, &m->pool);
}
