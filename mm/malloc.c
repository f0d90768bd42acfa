/* SPDX-License-Identifier: MIT */
/* malloc.c - objects: the public calls, and the fast path behind them.
 *
 * Job      Round a size up to a class, take a slot; find the span of an address, give the slot
 *          back; large objects as spans of their own; clear what must be clear.
 * Fast     Interrupts go off for about fifteen instructions. Then the CPU's cache is nobody else's:
 *          no thread moves, no handler comes between, and plain loads and stores do. A word of
 *          atomics in each cache, as a sign to interrupts, was considered: it needs help from
 *          every kernel's interrupt path, and saves three instructions on x86_64, none on aarch64.
 * Slow     Every path that is not fast goes through take_slow() or free_slow().
 * Parked   What is freed of others' spans is kept by who frees it, and taken when his word is used up: parked.c.
 * Beside   realloc.c, which changes what was taken here.
 * Locks    mheap(80), below.   Context: tern.h.
 * Go       runtime/malloc.go. Manual objects are a third kind beside scan and noscan. */
#include <tern/tern.h>

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/clear.h"
#include "lib/irq.h"
#include "lib/string.h"
#include "mm/debug.h"
#include "mm/gchook.h"
#include "mm/guard.h"
#include "mm/harden.h"
#include "mm/heap.h"
#include "mm/large.h"
#include "mm/malloc.h"
#include "mm/parked.h"
#include "mm/remap.h"
#include "mm/scavenge.h"
#include "mm/special.h"
#include "mm/typed.h"

#define ALIGN_MAX GiB(1)
/* Sizes that find their class in the first half of the table, or at all. */
#define FINE_MAX (TERN_FINE_MAX - TERN_DEBUG_REDZONE)

/* --- taking ------------------------------------------------------------------------------ */

typedef void clear_fn(void *p, size_t size);

/* A slot of `most` bytes at most, cleared by a function or not (NULL), and its place in the word; NULL when the
 * cache has none ready. Interrupts are off. */
static TERN_INLINE void *take_at(struct tern_slots *e, bool collected, size_t most, clear_fn *clear,
				 size_t *place)
{
	bool dirty;
	void *p = tern_mcache_take(e, place, &dirty);
	size_t size;

	tern_debug_taken(p);
	if (likely(p) && clear && (collected ? dirty : e->span->needzero)) {
		size = e->elemsize;
		if (size > most)
			__builtin_unreachable(); /* the compiler need not think of large ones */
		clear(p, size);
	}
	return p;
}

/* Those that lie so many words from the first of their kind. Where the kind is a constant, all that is
 * loaded lies at constant distances from one register. */
static TERN_INLINE struct tern_slots *slots_at(struct tern_mcache *c, enum tern_kind kind,
					       size_t words)
{
	void *of_first_kind = (uint64_t *)c->slots + words;

	return (struct tern_slots *)TERN_OPAQUE(of_first_kind) + (size_t)kind * TERN_SIZECLASSES;
}

static TERN_INLINE void *take_ready(struct tern_mcache *c, enum tern_kind kind, size_t words,
				    clear_fn *clear)
{
	size_t place;

	return take_at(slots_at(c, kind, words), kind != TERN_KIND_MANUAL, TERN_SMALL_MAX, clear,
		       &place);
}

/* The same, when the cache has just been refilled. */
static void *take_refilled(struct tern_mcache *c, size_t spc, bool zero)
{
	struct tern_slots *e = &c->slots[spc];
	size_t place;
	void *p;

	if (!(tern_hardening() & TERN_HARDEN_RANDOM))
		return take_at(e, tern_spanclass_collected(spc), TERN_SMALL_MAX,
			       zero ? tern_clear : NULL, &place);
	p = tern_harden_take(c, spc);
	tern_debug_taken(p);
	if (zero && e->span->needzero)
		tern_clear(p, e->elemsize);
	return p;
}

static TERN_INLINE void *take_and_sample(struct tern_mcache *c, size_t spc, bool zero)
{
	uint64_t bytes = tern_sample_wanted() ? tern_sample_refilled(c, spc) : 0;
	void *p = take_refilled(c, spc, zero);

	if (unlikely(bytes))
		tern_sample_add(c, c->slots[spc].span, (uintptr_t)p, bytes);
	return p;
}

static void set_entry(struct tern_mspan *s, uintptr_t addr, uint64_t entry)
{
	tern_typed_set(s, tern_mspan_slot(s, addr), entry);
}

/* From a cache that has just been refilled. owed: for the span, which the collector wants to have paid before
 * all of its slots are taken. Interrupts are off. */
static void *take_first(struct tern_mcache *c, size_t spc, bool zero, uint64_t entry, size_t owed)
{
	void *p = take_and_sample(c, spc, zero);

	tern_mcache_owe(c, (tern_spanclass)spc, owed);
	if (tern_spanclass_kind((tern_spanclass)spc) == TERN_KIND_TYPED)
		set_entry(c->slots[spc].span, (uintptr_t)p, entry);
	return p;
}

static size_t span_bytes(size_t spc)
{
	return (size_t)tern_sizeclass_pages[tern_spanclass_size((tern_spanclass)spc)]
	       << TERN_PAGE_SHIFT;
}

/* What an object takes of its span. */
static size_t share(size_t spc)
{
	return span_bytes(spc) / tern_sizeclass_nelems[tern_spanclass_size((tern_spanclass)spc)];
}

/* A part of what is owed for the span that the class has. Returns what is left; it is another CPU's if the
 * thread is moved, which does as well. */
static size_t pay(size_t spc)
{
	size_t owed = 0;

	if (tern_spanclass_collected(spc))
		owed = __atomic_load_n(&tern_heap_cache()->owed[spc], __ATOMIC_RELAXED);
	return likely(!owed) ? 0 : tern_gchook_paying(owed, share(spc));
}

/* From the span that the class has, which costs no memory. */
static void *take_next(size_t spc, bool zero, uint64_t entry)
{
	size_t owed = pay(spc);
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();
	void *p = NULL;

	if (tern_mcache_next(c, tern_tables.central, &tern_heap.pages, (tern_spanclass)spc))
		p = take_first(c, spc, zero, entry, owed);
	tern_irq_restore(irq);
	return p;
}

static void *take_span(size_t spc, bool zero, uint64_t entry)
{
	size_t bytes = span_bytes(spc);
	enum tern_search search = TERN_SEARCH_HEAP;
	size_t owed = 0;
	void *p = NULL;

	if (tern_spanclass_collected(spc))
		owed = tern_gchook_allocating(bytes, share(spc));
	tern_heap_make_room(bytes >> TERN_PAGE_SHIFT);
	do {
		unsigned long irq = tern_irq_save();
		struct tern_mcache *c = tern_heap_make_cache();

		if (c && tern_mcache_refill(c, tern_tables.central, &tern_heap.pages,
					    (tern_spanclass)spc)) {
			p = take_first(c, spc, zero, entry, owed);
			tern_parked_begin(c, spc);
		}
		tern_irq_restore(irq);
	} while (!p && tern_heap_find_memory(&search, bytes >> TERN_PAGE_SHIFT));
	return p;
}

/* entry: of a typed object, for its span's map. */
static TERN_NOINLINE void *take_slow(size_t spc, bool zero, uint64_t entry)
{
	void *p = tern_guard_take(spc, zero);

	if (!p)
		p = take_next(spc, zero, entry);
	return p ? p : take_span(spc, zero, entry);
}

/* The word is used up: what the CPU freed of others' spans comes first. Interrupts are off. */
static TERN_NOINLINE void *take_more(size_t spc, bool zero, unsigned long irq)
{
	void *p = tern_parked_take(tern_heap_cache(), spc);

	tern_debug_taken(p);
	if (p && zero)
		tern_clear(p, tern_sizeclass_size[tern_spanclass_size((tern_spanclass)spc)]);
	tern_irq_restore(irq);
	return likely(p) ? p : take_slow(spc, zero, 0);
}

/* words: TERN_FINE_UNIT times the class. */
static TERN_INLINE void *take(enum tern_kind kind, size_t words, clear_fn *clear)
{
	unsigned long irq = tern_irq_save();
	void *p = take_ready(tern_heap_cache(), kind, words, clear);

	if (unlikely(!p))
		return take_more(tern_spanclass_of(kind, words / TERN_FINE_UNIT), clear, irq);
	tern_irq_restore(irq);
	return p;
}

/* Most objects are in the first half of the table: one test finds that out. */
static TERN_INLINE void *take_fine(enum tern_kind kind, size_t size, bool zero)
{
	return take(kind, tern_sizeclass_fine[(tern_debug_room(size) + 7) / 8],
		    zero ? tern_clear_inline : NULL);
}

void tern_count_large(struct tern_mcache *c, enum tern_kind kind, const struct tern_mspan *s)
{
	tern_mcache_count_any(c, &c->large[kind].mallocs, 1);
	tern_mcache_count_any(c, &c->large[kind].malloc_bytes, s->elemsize);
	if (s->margin)
		tern_mcache_count(&c->run_malloc_pages, 2 * s->margin);
	if (kind != TERN_KIND_MANUAL)
		tern_heap_change_live(s->elemsize);
}

/* The object's address is in *base before a cycle may begin, which would find it nowhere else: the
 * caller keeps it. */
static struct tern_mspan *make_large(uint64_t n, uint64_t align, enum tern_kind kind,
				     const struct tern_type *type, uintptr_t *base)
{
	uint64_t margin = tern_harden_margin(align);
	enum tern_search search = TERN_SEARCH_HEAP;
	struct tern_mspan *s;

	*base = 0;
	if (kind != TERN_KIND_MANUAL)
		tern_gchook_allocating(n << TERN_PAGE_SHIFT, n << TERN_PAGE_SHIFT);
	tern_heap_make_room(n);
	do {
		unsigned long irq = tern_irq_save();
		struct tern_mcache *c = tern_heap_make_cache();

		s = c ? tern_mheap_large(&tern_heap.pages, &c->pages, n, align, margin, kind, type)
		      : NULL;
		if (s) {
			tern_count_large(c, kind, s);
			*base = s->base;
		}
		tern_irq_restore(irq);
	} while (!s && tern_heap_find_memory(&search, n + align - 1 + 2 * margin));
	if (s && margin)
		tern_harden_guard(s);
	return s;
}

void tern_sample_if_wanted(struct tern_mspan *s, enum tern_kind kind)
{
	unsigned long irq;
	struct tern_mcache *c;
	uint64_t bytes;

	if (!tern_sample_wanted())
		return;
	irq = tern_irq_save();
	c = tern_heap_cache();
	bytes = c == &tern_mcache_none ? 0 : tern_sample_large(c, kind, s->elemsize);
	if (bytes)
		tern_sample_add(c, s, s->base, bytes);
	tern_irq_restore(irq);
}

static TERN_NOINLINE void *take_large(size_t size, size_t align, enum tern_kind kind, bool zero,
				      const struct tern_type *type)
{
	struct tern_mspan *s;
	uintptr_t base;

	if (size > PTRDIFF_MAX)
		return NULL;
	s = make_large(tern_pages_for(size), tern_pages_for(align), kind, type, &base);
	if (s)
		tern_sample_if_wanted(s, kind);
	if (s && zero && s->needzero) {
		tern_clear((void *)base, s->elemsize);
		s->needzero = false; /* for who wants to know whether it was cleared yet */
	}
	return (void *)base;
}

static TERN_NOINLINE void *take_coarse(enum tern_kind kind, size_t size, bool zero)
{
	if (size > TERN_SMALL_OBJECT_MAX)
		return take_large(size, 1, kind, zero, NULL);
	return take(kind, TERN_FINE_UNIT * tern_sizeclass_of(tern_debug_room(size)),
		    zero ? tern_clear : NULL);
}

void *tern_malloc(size_t size)
{
	if (likely(size <= FINE_MAX))
		return tern_debug_made(take_fine(TERN_KIND_MANUAL, size, false), size, false);
	return tern_debug_made(take_coarse(TERN_KIND_MANUAL, size, false), size, false);
}

void *tern_calloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all))
		return NULL;
	if (all <= FINE_MAX)
		return tern_debug_made(take_fine(TERN_KIND_MANUAL, all, true), all, true);
	return tern_debug_made(take_coarse(TERN_KIND_MANUAL, all, true), all, true);
}

void *tern_aligned_alloc(size_t align, size_t size)
{
	unsigned sizeclass;

	if (!is_pow2(align) || align > ALIGN_MAX)
		return NULL;
	sizeclass = tern_sizeclass_aligned(tern_debug_room(size), align);
	if (!sizeclass)
		return tern_debug_made(
			take_large(size ? size : 1, align, TERN_KIND_MANUAL, false, NULL), size,
			false);
	return tern_debug_made(take(TERN_KIND_MANUAL, TERN_FINE_UNIT * sizeclass, NULL), size,
			       false);
}

/* --- collected kinds ------------------------------------------------------------------- */

char tern_zero_size[16] TERN_ALIGNED(16);

/* Aligned as C would align a type of that size: to the largest power of two in it. */
static TERN_INLINE uintptr_t place_crumb(uintptr_t at, size_t size)
{
	return (at + (size & -size) - 1) & -(size & -size);
}

/* The first crumb of a new block. Without one: a block of its own, this once, and the next crumb finds
 * the cache ready. */
static TERN_NOINLINE void *take_tiny_block(size_t size)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();
	/* TERN_SPANCLASS_TINY */
	uintptr_t block = (uintptr_t)take_ready(c, TERN_KIND_NOSCAN, 0, tern_clear_inline);

	if (block) {
		c->tiny = block + size;
		c->tiny_end = block + TERN_TINY_BLOCK;
	}
	tern_irq_restore(irq);
	return block ? (void *)block : take_slow(TERN_SPANCLASS_TINY, true, 0);
}

/* From the block that the CPU has begun, if it has room. 0 < size < TERN_TINY_BLOCK. */
static TERN_INLINE void *take_tiny(size_t size)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();
	uintptr_t crumb = place_crumb(c->tiny, size);

	if (unlikely(crumb + size > c->tiny_end)) {
		tern_irq_restore(irq);
		return take_tiny_block(size);
	}
	c->tiny = crumb + size;
	tern_mcache_count(&c->ncrumbs, 1);
	tern_irq_restore(irq);
	return (void *)crumb;
}

void *tern_alloc(size_t size)
{
	if (likely(size - 1 < FINE_MAX))
		return tern_debug_made(take_fine(TERN_KIND_SCAN, size, true), size, true);
	return tern_debug_made(size ? take_coarse(TERN_KIND_SCAN, size, true) : tern_zero_size,
			       size, true);
}

void *tern_alloc_noscan(size_t size)
{
	if (likely(size - TERN_TINY_BLOCK <= FINE_MAX - TERN_TINY_BLOCK))
		return tern_debug_made(take_fine(TERN_KIND_NOSCAN, size, true), size, true);
	if (size < TERN_TINY_BLOCK)
		return size ? take_tiny(size) : tern_zero_size;
	return tern_debug_made(take_coarse(TERN_KIND_NOSCAN, size, true), size, true);
}

/* --- typed objects ----------------------------------------------------------------------- */

static TERN_NOINLINE void *take_typed_slow(uint64_t entry, size_t words)
{
	return take_slow(tern_spanclass_of(TERN_KIND_TYPED, words / TERN_FINE_UNIT), true, entry);
}

/* The entry is there before anybody may stop this CPU: see typed.h. */
static TERN_INLINE void *take_typed(size_t words, uint64_t entry, size_t elemsize, clear_fn *clear)
{
	unsigned long irq = tern_irq_save();
	struct tern_slots *e = slots_at(tern_heap_cache(), TERN_KIND_TYPED, words);
	size_t place;
	void *p;

	p = take_at(e, true, elemsize, clear, &place);
	if (unlikely(!p)) {
		tern_irq_restore(irq);
		return take_typed_slow(entry, words);
	}
	tern_typed_put(e->span->entries, elemsize, place, entry);
	tern_irq_restore(irq);
	return p;
}

static TERN_NOINLINE void *new_slow(const struct tern_type *type, size_t n)
{
	size_t size, elemsize, sizeclass;

	if (tern_type_check(type) != TERN_OK || __builtin_mul_overflow(n, type->size, &size))
		return NULL;
	if (!type->ptrdata)
		return tern_alloc_noscan(size);
	if (!size)
		return tern_zero_size;
	if (size > TERN_SMALL_OBJECT_MAX)
		return tern_debug_made(take_large(size, 1, TERN_KIND_TYPED, true, type), size,
				       true);
	sizeclass = tern_sizeclass_of(tern_debug_room(size));
	elemsize = tern_sizeclass_size[sizeclass];
	return tern_debug_made(take_typed(TERN_FINE_UNIT * sizeclass,
					  tern_typed_entry_of(type, size, elemsize), elemsize,
					  tern_clear),
			       size, true);
}

/* A small type's mask is an entry. Of what tern_type_check() asks, only that is looked at which keeps
 * marking within the object. */
void *tern_new(const struct tern_type *type)
{
	size_t last; /* word of it; opaque, or the compiler would keep the size, too */

	if (!type)
		return NULL;
	last = TERN_OPAQUE((type->size - 1) / 8);
	if (likely(last < (TERN_MASK8_MAX - TERN_DEBUG_REDZONE) / 8 && type->ptrdata &&
		   type->mask && type->mask[0] >> last <= 1))
		return tern_debug_made(
			take_typed(tern_sizeclass_fine[last + 1 + TERN_DEBUG_REDZONE / 8],
				   type->mask[0], TERN_MASK8_MAX, tern_clear_inline),
			type->size, true);
	return new_slow(type, 1);
}

void *tern_new_array(const struct tern_type *type, size_t n)
{
	return new_slow(type, n);
}

/* --- giving back ------------------------------------------------------------------------- */

static _Noreturn TERN_NOINLINE void bad_free(const char *call, uintptr_t addr)
{
	struct tern_mspan *s = tern_heap_span(addr);
	uintptr_t base;

	tern_guard_bad_free(call, addr);
	tern_debug_bad_free(call, addr);
	/* A span's last bytes may be no slot's. */
	if (!s || (s->magic && addr - s->base >= s->nbytes))
		tern_panic("%s: 0x%lx is not in an object", call, (unsigned long)addr);
	if (s == &tern_mheap_elsewhere)
		tern_panic("%s: 0x%lx is the page of an object that tern_realloc() moved", call,
			   (unsigned long)addr);
	if (s == &tern_mheap_run || s == &tern_mheap_closed)
		tern_panic("%s: 0x%lx lies in a run of pages, not in an object", call,
			   (unsigned long)addr);
	base = s->magic ? s->base + tern_mspan_slot(s, addr) * s->elemsize : s->base;
	if (addr != base)
		tern_panic("%s: 0x%lx lies %lu bytes inside the object of %zu at 0x%lx", call,
			   (unsigned long)addr, (unsigned long)(addr - base), s->elemsize,
			   (unsigned long)base);
	tern_panic("%s: double free of 0x%lx, an object of %zu in the span at 0x%lx", call,
		   (unsigned long)addr, s->elemsize, (unsigned long)s->base);
}

static bool is_object(const struct tern_mspan *s, uintptr_t addr)
{
	if (!s || s == &tern_mheap_run)
		return false;
	if (s->magic == 0)
		return addr == s->base;
	return (addr - s->base) % s->elemsize == 0 &&
	       tern_mspan_slot_in_use(s, tern_mspan_slot(s, addr));
}

struct tern_mspan *tern_span_of_object(const char *call, const void *p)
{
	uintptr_t addr = (uintptr_t)p;
	struct tern_mspan *s = tern_heap_span(addr);

	if (!is_object(s, addr) || tern_debug_is_kept(s, addr))
		bad_free(call, addr);
	return s;
}

/* The cache's pages, if the CPU has a cache. */
static struct tern_pagecache *pages_of(struct tern_mcache *c)
{
	return c == &tern_mcache_none ? NULL : &c->pages;
}

static void free_large(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr)
{
	/* Of two who free it at once, one is told. */
	if (addr != s->base || !tern_large_drop(&tern_heap.pages, pages_of(c), s))
		bad_free("tern_free", addr);
}

/* The slot at addr of a span that another CPU owns, or nobody: panics if it is not in use, as far as that can be
 * seen without changing anything. */
static TERN_INLINE unsigned slot_of_others(const struct tern_mspan *s, uintptr_t addr)
{
	uint64_t product = (addr - s->base) * s->magic;
	unsigned slot = (unsigned)(product >> 32);
	const struct tern_span_word *word = &s->word[slot / 64];
	uint64_t free = atomic_load_explicit(&word->free, memory_order_relaxed) |
			atomic_load_explicit(&word->remote, memory_order_relaxed);

	if (unlikely((uint32_t)product >= s->magic || free >> slot % 64 & 1))
		bad_free("tern_free", addr);
	return slot;
}

static void free_remote(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr)
{
	unsigned slot = slot_of_others(s, addr), w = slot / 64;
	struct tern_span_word *word = &s->word[w];
	uint64_t bit = 1ull << slot % 64, slots = tern_mspan_slots_in(s, w);
	_Atomic uint64_t *count = &c->nfree[s->spc];
	size_t collected = tern_spanclass_collected(s->spc) ? s->elemsize : 0;

	/* release: the program's last writes to the object; seq_cst: see mcentral.c. Only the bit
	 * itself is asked for, which x86_64 has an instruction for. */
	if ((!collected && tern_mspan_slot_marked(s, slot)) ||
	    atomic_fetch_or_explicit(&word->remote, bit, memory_order_seq_cst) & bit)
		bad_free("tern_free", addr);
	tern_mcache_count_any(c, count, 1); /* the span may be gone by now */
	if (collected)
		tern_heap_change_live(-collected);
	tern_mcentral_freed(tern_tables.central, &tern_heap.pages, pages_of(c), s, slots, word);
}

/* Likewise, but the CPU keeps the slot. False if it does not keep such slots. */
static TERN_INLINE bool free_parked(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr)
{
	struct tern_parked *k = tern_parked_list(c, s->spc);
	unsigned slot;
	uint64_t bit;

	if (unlikely(!k))
		return false;
	slot = slot_of_others(s, addr);
	bit = 1ull << slot % 64;
	if (atomic_fetch_or_explicit(&s->word[slot / 64].mark, bit, memory_order_relaxed) & bit)
		bad_free("tern_free", addr);
	tern_mcache_count(&c->nfree[s->spc], 1);
	tern_parked_put(c, k, s, slot);
	return true;
}

/* Free a slot of a span that this CPU owns. False if it is not the start of an object in use, or of a
 * large object, whose magic is 0. Interrupts are off. */
static TERN_INLINE bool free_own(struct tern_mspan *s, uintptr_t offset)
{
	uint64_t product = offset * s->magic, free, bit;
	unsigned slot = (unsigned)(product >> 32), w = slot / 64;

	/* The remainder tells a pointer into the middle. */
	if (unlikely((uint32_t)product >= s->magic))
		return false;
	bit = 1ull << slot % 64;
	free = atomic_load_explicit(&s->word[w].free, memory_order_relaxed);
	/* Of a manual object the mark says that it is parked; a collected one that a CPU owns has none, unless
	 * it is marking, and then nothing is freed here. */
	if (unlikely((free | atomic_load_explicit(&s->word[w].remote, memory_order_relaxed) |
		      atomic_load_explicit(&s->word[w].mark, memory_order_relaxed)) &
		     bit))
		return false;
	s->needzero = true;
	atomic_store_explicit(&s->word[w].free, free | bit, memory_order_relaxed);
	return true;
}

static void free_hot(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr)
{
	struct tern_slots *e = &c->slots[s->spc];

	if (!free_own(s, addr - s->base))
		bad_free("tern_free", addr);
	if (!tern_spanclass_collected(s->spc))
		c->hot = tern_harden_hot(s);
	else
		tern_slots_set(e, tern_slots_taken(e), true);
}

/* A span that the heap profile knows objects of is never hot. */
static void free_small(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr)
{
	bool sampled = tern_sample_any(s);

	if (unlikely(sampled))
		tern_sample_freed(s, addr);
	if (atomic_load_explicit(&s->owner, memory_order_relaxed) == c)
		free_hot(c, s, addr);
	else if (!sampled && free_parked(c, s, addr))
		return;
	else if (s->spc != TERN_SPANCLASS_TINY)
		free_remote(c, s, addr);
	if (unlikely(sampled) && c->hot == s)
		c->hot = tern_mcache_none.hot;
}

/* What is tied to the object. Crumbs live as long as their block. */
static TERN_NOINLINE void free_specials(struct tern_mspan *s, uintptr_t addr)
{
	if (s->spc == TERN_SPANCLASS_TINY && s->magic)
		return;
	tern_span_of_object("tern_free", (void *)addr);
	tern_special_free(&tern_heap.pages, s, addr);
}

/* The address lies in a slot, and to free that is all there is to do. */
static bool is_plain(const struct tern_mspan *s, uintptr_t addr)
{
	return s && addr - s->base < s->nbytes && !tern_special_any(s) &&
	       !(tern_hardening() & TERN_HARDEN_FILL) &&
	       !tern_mheap_marking(&tern_heap.pages, s->spc);
}

/* All else. True if nothing is left to do. */
static TERN_NOINLINE bool free_odd(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr,
				   unsigned long irq)
{
	if (!addr || addr == (uintptr_t)tern_zero_size)
		return true;
	if (!s || s == &tern_mheap_run)
		bad_free("tern_free", addr);
	/* Crumbs are not filled, and need not begin where their block does. */
	if (!TERN_DEBUG && tern_hardening() & TERN_HARDEN_FILL &&
	    (s->spc != TERN_SPANCLASS_TINY || s->magic == 0))
		tern_harden_fill(tern_span_of_object("tern_free", (void *)addr), addr);
	if (tern_special_any(s))
		free_specials(s, addr);
	if (tern_mheap_marking(&tern_heap.pages, s->spc)) {
		/* Somebody may be looking at it. If nothing leads to it, the sweep frees it. */
		if (s->spc != TERN_SPANCLASS_TINY || s->magic == 0)
			tern_span_of_object("tern_free", (void *)addr);
	} else if (tern_guard_owns(s)) {
		tern_irq_restore(irq);
		tern_guard_free(addr);
		tern_irq_save();
	} else if (s->magic == 0) {
		free_large(c, s, addr);
		tern_irq_restore(irq);
		tern_remap_finish();
		tern_irq_save();
	} else if (addr - s->base >= s->nbytes) {
		bad_free("tern_free", addr);
	} else {
		return false;
	}
	return true;
}

/* Anything but an object of the span that was freed to last. */
static TERN_NOINLINE void free_slow(uintptr_t addr, unsigned long irq)
{
	struct tern_mspan *s = tern_heap_span(addr);
	struct tern_mcache *c = tern_heap_cache();

	if (likely(is_plain(s, addr)) || !free_odd(c, s, addr, irq))
		free_small(c, s, addr);
	tern_irq_restore(irq);
}

void tern_free(void *p)
{
	uintptr_t addr = (uintptr_t)p;
	struct tern_mspan *hot;
	unsigned long irq;

	if (tern_debug_keep(p))
		return;
	irq = tern_irq_save();
	hot = tern_heap_cache()->hot;

	/* The span that was freed to last: a guess that is mostly right, and needs no way from the
	 * address to its span, which is a chain of loads. */
	if (likely(addr - hot->base < hot->nbytes) && likely(free_own(hot, addr - hot->base)))
		tern_irq_restore(irq);
	else
		free_slow(addr, irq);
}

size_t tern_crumb_room(const void *p)
{
	struct tern_mspan *s = tern_heap_span((uintptr_t)p);

	if (!s || s->spc != TERN_SPANCLASS_TINY || s->magic == 0)
		return 0;
	return TERN_TINY_BLOCK - ((uintptr_t)p & (TERN_TINY_BLOCK - 1));
}

void tern_free_sized(void *p, size_t size)
{
	const struct tern_mspan *s;

	if (!p || p == tern_zero_size || (tern_crumb_room(p) && size <= tern_crumb_room(p)))
		return;
	s = tern_span_of_object("tern_free_sized", p);
	TERN_CHECK(size <= s->elemsize - tern_debug_rest(s, p),
		   "tern_free_sized: 0x%lx has less than %zu bytes", (unsigned long)(uintptr_t)p,
		   size);
	tern_free(p);
}

/* --- asking ------------------------------------------------------------------------------ */

void *tern_base(const void *p)
{
	uintptr_t addr = (uintptr_t)p;
	struct tern_mspan *s = tern_heap_span(addr);
	unsigned slot;

	if (!s || s == &tern_mheap_run || tern_debug_is_kept(s, addr))
		return NULL;
	if (s->magic == 0)
		return addr - s->base < s->elemsize ? (void *)s->base : NULL;
	slot = tern_mspan_slot(s, addr);
	return tern_mspan_slot_in_use(s, slot) ? (void *)(s->base + slot * s->elemsize) : NULL;
}

size_t tern_usable_size(const void *p)
{
	if (!p || tern_base(p) != p)
		return 0;
	return tern_bytes_of(tern_heap_span((uintptr_t)p), p);
}
