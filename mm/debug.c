/* SPDX-License-Identifier: MIT */
/* debug.c - what debug builds know about each object, and what they see by it.
 *
 * Job      Fill what nobody may count on; see what was written behind an object, or to one that was
 *          freed; keep freed objects back for a while; know who allocated and freed each.
 * Above    malloc.c, mheap_span.c, heap.c.   Below  debug_sites; tern_free(), when what was kept goes.
 * Owns     the debug slots of spans, each CPU's quarantine.   Not: which slots are in use (mspan).
 * Locks    quarantine(79), never while an object is freed; mheap(80).   Context: tern.h.
 * States   of an object's debug slot:
 *            FRESH    nothing is known: never used, swept and filled, or given out where nobody tells
 *                     us (crumbs)
 *            BUSY     between two of the others
 *            LIVE     in use. What is behind it is TERN_DEBUG_BEHIND
 *            KEPT     freed and in quarantine: its slot counts as in use. Filled
 *            LEAVING  the same, and tern_free() is to free it for good
 *            FREED    its slot is free, or will be as soon as no collector looks at it. Filled
 *          LIVE is left by compare-and-exchange: of two who free an object at once, one is told. All
 *          other changes are those of the one CPU that has the object then. Each adds to a count in the
 *          upper bits, so that tern_check_heap() sees whether what it looked at has changed meanwhile.
 * Collected objects are freed at once: a collector may find them dead while they are kept. One that the
 *          collector frees stays LIVE here until its slot is taken, unless it is filled.
 * Order    An object's redzone stands at its end, so that it begins where its slot does. */
#include "mm/debug.h"

#include <tern/safety.h>
#include <tern/tern.h>

#if TERN_DEBUG

#include "lib/bits.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "lib/trace.h"
#include "mm/harden.h"
#include "mm/heap.h"

enum state { FRESH, BUSY, LIVE, KEPT, LEAVING, FREED };
#define STATE_MASK 7u
#define CLEARED    8u /* filled with zeros */
#define STATE_STEP 16u

TERN_STATIC_ASSERT(TERN_SITES_MAX <= UINT16_MAX, "a site's number fits");
TERN_STATIC_ASSERT(TERN_SMALL_MAX <= UINT16_MAX, "the rest of a slot, or of a page, fits");

struct tern_quarantine {
	struct tern_lock lock;
	unsigned first, n;                         /* [lock] a ring */
	size_t bytes;                              /* [lock] of their slots */
	uintptr_t object[TERN_QUARANTINE_OBJECTS]; /* [lock] */
};

static const struct tern_lock_class quarantine_class = {
	.name = "quarantine", .rank = 79, .irq = true, .protects = "freed objects that are kept"
};

/* [atomic: relaxed] */
static _Atomic unsigned max_objects = TERN_QUARANTINE_OBJECTS;
static _Atomic size_t max_bytes = TERN_QUARANTINE_BYTES;

/* An object, or what was one. */
struct place {
	const struct tern_mspan *span;
	struct tern_debug_slot *slot;
	uintptr_t base;
};

/* --- slots --------------------------------------------------------------------------------- */

static struct tern_debug_slot *slots_of(const struct tern_mspan *s)
{
	return (struct tern_debug_slot *)((char *)s + tern_mspan_form_size(s->form) -
					  s->nwords * TERN_DEBUG_WORD_BYTES);
}

/* The object that holds an address. False if it is in no slot that is watched: any span at all. */
static bool find_in(const struct tern_mspan *s, uintptr_t addr, struct place *at)
{
	uint8_t state = atomic_load_explicit(&s->state, memory_order_acquire);
	unsigned i;

	if (state == TERN_SPAN_LARGE) {
		*at = (struct place){ s, slots_of(s), s->base };
		return true;
	}
	if (state != TERN_SPAN_SMALL || s->spc == TERN_SPANCLASS_TINY ||
	    addr - s->base >= s->nbytes)
		return false;
	i = tern_mspan_slot(s, addr);
	*at = (struct place){ s, slots_of(s) + i, s->base + i * s->elemsize };
	return true;
}

static bool find(uintptr_t addr, struct place *at)
{
	const struct tern_mspan *s = tern_heap_span(addr);

	return s && find_in(s, addr, at);
}

static unsigned load_state(const struct tern_debug_slot *d)
{
	return atomic_load_explicit(&d->state, memory_order_acquire);
}

static enum state state_of(const struct tern_debug_slot *d)
{
	return (enum state)(load_state(d) & STATE_MASK);
}

static uint16_t after(unsigned before, unsigned state)
{
	return (uint16_t)((before & ~(STATE_STEP - 1)) + STATE_STEP + state);
}

/* release: what fills the object comes before. */
static void set_state(struct tern_debug_slot *d, unsigned state)
{
	atomic_store_explicit(&d->state, after(load_state(d), state), memory_order_release);
}

/* Who sees what is done to the object from now on sees that its state has changed. Not inline: where
 * it is, gcc warns that TSan does not know fences. */
static TERN_NOINLINE void changes_follow(void)
{
	atomic_thread_fence(memory_order_release);
}

static void set_busy(struct tern_debug_slot *d)
{
	set_state(d, BUSY);
	changes_follow();
}

/* False if somebody else frees it. */
static bool leave_live(struct tern_debug_slot *d)
{
	uint16_t before = (uint16_t)load_state(d);

	if ((before & STATE_MASK) != LIVE ||
	    !atomic_compare_exchange_strong_explicit(&d->state, &before, after(before, BUSY),
						     memory_order_acq_rel, memory_order_relaxed))
		return false;
	changes_follow();
	return true;
}

static size_t rest_of(const struct tern_debug_slot *d)
{
	return atomic_load_explicit(&d->rest, memory_order_relaxed);
}

static size_t size_of(const struct place *at)
{
	return at->span->elemsize - rest_of(at->slot);
}

static void set_size(const struct place *at, size_t size)
{
	size_t rest = at->span->elemsize - size;

	atomic_store_explicit(&at->slot->rest, (uint16_t)rest, memory_order_relaxed);
	memset((void *)(at->base + size), TERN_DEBUG_BEHIND, rest);
}

static uint16_t number_of(struct tern_trace trace)
{
	return (uint16_t)tern_sites_number(&tern_heap.debug.sites, &tern_heap.pages, trace);
}

static struct tern_trace trace_of(const _Atomic uint16_t *site)
{
	return tern_sites_trace(&tern_heap.debug.sites,
				atomic_load_explicit(site, memory_order_relaxed));
}

static struct tern_object_sites sites_of(const struct place *at)
{
	unsigned i = tern_mspan_slot(at->span, at->base);

	return (struct tern_object_sites){
		.object = at->base,
		.size = size_of(at),
		.in_use = state_of(at->slot) == LIVE &&
			  (at->span->magic == 0 || tern_mspan_slot_in_use(at->span, i)),
		.allocated = trace_of(&at->slot->allocated),
		.freed = trace_of(&at->slot->freed),
	};
}

bool tern_object_sites(const void *addr, struct tern_object_sites *sites)
{
	struct place at;

	if (!find((uintptr_t)addr, &at) || state_of(at.slot) == FRESH)
		return false;
	*sites = sites_of(&at);
	return true;
}

/* --- damage -------------------------------------------------------------------------------- */

/* The first byte in [p, end) that is something else; `end` if there is none. */
static uintptr_t first_other(uintptr_t p, uintptr_t end, uint8_t byte)
{
	const uint64_t word = byte * 0x0101010101010101ull;

	while (p < end) {
		if (is_aligned(p, 8) && end - p >= 8 && *(const uint64_t *)p == word)
			p += 8;
		else if (*(const uint8_t *)p == byte)
			p++;
		else
			break;
	}
	return p;
}

static void tell(struct tern_damage *damage, const struct place *at, uintptr_t bad, uintptr_t end)
{
	*damage = (struct tern_damage){ .object = sites_of(at), .at = bad };
	while (damage->nfound < TERN_DAMAGE_SHOWN && bad < end)
		damage->found[damage->nfound++] = *(const uint8_t *)bad++;
}

/* What should be as it was filled is not. */
static bool is_damaged(const struct place *at, struct tern_damage *damage)
{
	unsigned state = load_state(at->slot);
	uintptr_t start = at->base, end = at->base + at->span->elemsize, bad;
	uint8_t byte = state & CLEARED ? 0 : TERN_DEBUG_FREED;

	switch (state & STATE_MASK) {
	case LIVE:
		start += size_of(at);
		byte = TERN_DEBUG_BEHIND;
		break;
	case KEPT:
	case LEAVING:
	case FREED:
		break;
	default:
		return false;
	}
	bad = first_other(start, end, byte);
	if (bad == end)
		return false;
	tell(damage, at, bad, end);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&at->slot->state, memory_order_relaxed) == state;
}

static void print_trace(const char *what, const struct tern_trace *trace)
{
	if (!trace->ret[0])
		return;
	tern_printf("tern: %s", what);
	for (unsigned i = 0; i < TERN_TRACE_DEPTH && trace->ret[i]; i++)
		tern_printf(" 0x%lx", (unsigned long)trace->ret[i]);
	tern_printf("\n");
}

struct sites_text {
	char text[112];
};

/* As long as the line of a panic leaves room; all of it is printed before. */
static struct sites_text sites_text(const struct tern_object_sites *o)
{
	const uintptr_t *a = o->allocated.ret, *f = o->freed.ret;
	struct sites_text s = { "" };
	size_t n;

	print_trace("allocated at", &o->allocated);
	print_trace("freed at", &o->freed);
	n = tern_snprintf(s.text, sizeof(s.text), "allocated at 0x%lx, 0x%lx", (unsigned long)a[0],
			  (unsigned long)a[1]);
	if (f[0])
		tern_snprintf(s.text + n, sizeof(s.text) - n, ", freed at 0x%lx, 0x%lx",
			      (unsigned long)f[0], (unsigned long)f[1]);
	return s;
}

static _Noreturn void panic_for(const char *when, const struct tern_damage *d)
{
	const struct tern_object_sites *o = &d->object;
	struct sites_text sites = sites_text(o);
	char bytes[3 * TERN_DAMAGE_SHOWN + 1] = "";

	for (unsigned i = 0; i < d->nfound; i++)
		tern_snprintf(bytes + 3 * i, sizeof(bytes) - 3 * i, " %02x", d->found[i]);
	if (o->in_use)
		tern_panic(
			"%s: written%s at 0x%lx, +%lu past the end of the object of %zu at 0x%lx, %s",
			when, bytes, (unsigned long)d->at,
			(unsigned long)(d->at - o->object - o->size), o->size,
			(unsigned long)o->object, sites.text);
	tern_panic("%s: written%s at 0x%lx, +%lu into the freed object of %zu at 0x%lx, %s", when,
		   bytes, (unsigned long)d->at, (unsigned long)(d->at - o->object), o->size,
		   (unsigned long)o->object, sites.text);
}

static void check(const char *when, const struct place *at)
{
	struct tern_damage damage;

	if (is_damaged(at, &damage))
		panic_for(when, &damage);
}

void tern_debug_check(const char *call, const struct tern_mspan *s, const void *p)
{
	struct place at;

	if (find_in(s, (uintptr_t)p, &at))
		check(call, &at);
}

void tern_debug_bad_free(const char *call, uintptr_t addr)
{
	struct tern_object_sites o;
	struct place at;

	if (!find(addr, &at) || !tern_object_sites((void *)addr, &o))
		return;
	if (addr != o.object)
		tern_panic("%s: 0x%lx lies %lu bytes inside the %sobject of %zu at 0x%lx, %s", call,
			   (unsigned long)addr, (unsigned long)(addr - o.object),
			   o.in_use ? "" : "freed ", o.size, (unsigned long)o.object,
			   sites_text(&o).text);
	tern_panic("%s: double free of 0x%lx, an object of %zu in the span at 0x%lx, %s", call,
		   (unsigned long)addr, o.size, (unsigned long)at.span->base, sites_text(&o).text);
}

static bool next_span(uint64_t *page, const struct tern_mspan **s)
{
	struct tern_mheap *h = &tern_heap.pages;
	unsigned long irq = tern_lock_irqsave(&h->lock);
	bool found = tern_arenas_next_in_use(h->arenas, page);

	if (found)
		*s = tern_arena_span(h->arenas, tern_page_addr(*page));
	tern_unlock_irqrestore(&h->lock, irq);
	return found;
}

static uint64_t check_span(const struct tern_mspan *s, struct tern_damage *first, uint64_t before)
{
	struct tern_damage damage;
	struct place at;
	uint64_t n = 0;

	for (unsigned i = 0; i < s->nelems; i++) {
		if (!find_in(s, s->base + i * s->elemsize, &at) || !is_damaged(&at, &damage))
			continue;
		if (n++ + before == 0 && first)
			*first = damage;
	}
	return n;
}

uint64_t tern_check_heap(struct tern_damage *first)
{
	const struct tern_mspan *s;
	uint64_t n = 0;

	for (uint64_t page = 0; next_span(&page, &s); page++)
		if (s)
			n += check_span(s, first, n);
	return n;
}

/* --- giving out ---------------------------------------------------------------------------- */

void tern_debug_taken(const void *p)
{
	struct place at;

	if (!p || !find((uintptr_t)p, &at))
		return;
	/* A collector frees without telling us. */
	if (state_of(at.slot) == FREED)
		check("given out again", &at);
	set_busy(at.slot);
}

/* The first `known` of its bytes hold something. */
static void begin(const struct place *at, size_t known, size_t size, struct tern_trace trace)
{
	atomic_store_explicit(&at->slot->allocated, number_of(trace), memory_order_relaxed);
	atomic_store_explicit(&at->slot->freed, 0, memory_order_relaxed);
	memset((void *)(at->base + known), TERN_DEBUG_MADE, size - known);
	set_size(at, size);
	set_state(at->slot, LIVE);
}

TERN_NOINLINE void tern_debug_begin(void *p, size_t size, bool zero)
{
	struct place at;

	if (find((uintptr_t)p, &at))
		begin(&at, zero ? size : 0, size, tern_trace_from(__builtin_frame_address(0)));
}

TERN_NOINLINE void tern_debug_moved(void *p, size_t old, size_t size)
{
	struct place at;

	if (find((uintptr_t)p, &at))
		begin(&at, old, size, tern_trace_from(__builtin_frame_address(0)));
}

size_t tern_debug_rest(const struct tern_mspan *s, const void *p)
{
	struct place at;

	return find_in(s, (uintptr_t)p, &at) && state_of(at.slot) == LIVE ? rest_of(at.slot) : 0;
}

void tern_debug_resized(const struct tern_mspan *s, void *p, size_t old, size_t size)
{
	bool collected = tern_spanclass_kind(s->spc) != TERN_KIND_MANUAL;
	struct place at;

	if (!find_in(s, (uintptr_t)p, &at) || state_of(at.slot) != LIVE)
		return;
	set_busy(at.slot);
	if (size > old)
		memset((char *)p + old, collected ? 0 : TERN_DEBUG_MADE, size - old);
	set_size(&at, size);
	set_state(at.slot, LIVE);
}

/* Who still looks at what the record was before sees that it changes. */
void tern_debug_start_span(const struct tern_mspan *s)
{
	struct tern_debug_slot *d = slots_of(s);

	for (unsigned i = 0; i < 64u * s->nwords; i++)
		set_state(d + i, FRESH);
	changes_follow();
}

void tern_debug_forget(const struct tern_mspan *s, uintptr_t addr)
{
	struct place at;

	if (!find_in(s, addr, &at))
		return;
	set_state(at.slot, FRESH);
	changes_follow();
}

void tern_debug_end_span(const struct tern_mspan *s)
{
	struct place at;

	for (unsigned i = 0; i < s->nelems; i++)
		if (find_in(s, s->base + i * s->elemsize, &at) && state_of(at.slot) == FREED)
			check("span given up", &at);
}

/* --- quarantine ---------------------------------------------------------------------------- */

bool tern_debug_is_kept(const struct tern_mspan *s, uintptr_t addr)
{
	struct place at;

	if (!find_in(s, addr, &at))
		return false;
	return state_of(at.slot) == KEPT || state_of(at.slot) == LEAVING;
}

static struct tern_quarantine *quarantine_of(unsigned cpu)
{
	return atomic_load_explicit(&tern_heap.debug.quarantine[cpu], memory_order_acquire);
}

static struct tern_quarantine *make_quarantine_locked(unsigned cpu)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct tern_quarantine *q = quarantine_of(cpu);

	if (q)
		return q;
	if (tern_mheap_records_locked(h, sizeof(*q) + TERN_CACHE_LINE))
		q = tern_meta_alloc(&h->meta, sizeof(*q), TERN_CACHE_LINE);
	if (q) {
		tern_lock_init(&q->lock, &quarantine_class);
		atomic_store_explicit(&tern_heap.debug.quarantine[cpu], q, memory_order_release);
	}
	return q;
}

/* This CPU's, unless we are moved just then, which does no harm; NULL when there is no memory for it. */
static struct tern_quarantine *own_quarantine(void)
{
	unsigned cpu = tern_port_cpu_id();
	struct tern_quarantine *q = quarantine_of(cpu);
	unsigned long irq;

	if (q)
		return q;
	irq = tern_lock_irqsave(&tern_heap.pages.lock);
	q = make_quarantine_locked(cpu);
	tern_unlock_irqrestore(&tern_heap.pages.lock, irq);
	return q;
}

static size_t slot_size(uintptr_t object)
{
	return tern_heap_span(object)->elemsize;
}

static uintptr_t get_locked(struct tern_quarantine *q)
{
	uintptr_t object = q->object[q->first];

	q->first = (q->first + 1) % TERN_QUARANTINE_OBJECTS;
	q->n--;
	q->bytes -= slot_size(object);
	return object;
}

static bool has_room_locked(const struct tern_quarantine *q, size_t bytes)
{
	return q->n < atomic_load_explicit(&max_objects, memory_order_relaxed) &&
	       q->bytes + bytes <= atomic_load_explicit(&max_bytes, memory_order_relaxed);
}

/* Put an object in and return 0; or, if there is no room, take the oldest out, which may be that one.
 * 0 for the object only takes one out. */
static uintptr_t exchange(struct tern_quarantine *q, uintptr_t object)
{
	unsigned long irq = tern_lock_irqsave(&q->lock);
	uintptr_t oldest = object;

	if (object && has_room_locked(q, slot_size(object))) {
		q->object[(q->first + q->n++) % TERN_QUARANTINE_OBJECTS] = object;
		q->bytes += slot_size(object);
		oldest = 0;
	} else if (q->n) {
		oldest = get_locked(q);
	}
	tern_unlock_irqrestore(&q->lock, irq);
	return oldest;
}

static void let_go(uintptr_t object)
{
	struct place at;

	TERN_CHECK(find(object, &at), "0x%lx was kept, and is in no object", (unsigned long)object);
	check("leaving quarantine", &at);
	set_state(at.slot, LEAVING | (load_state(at.slot) & CLEARED));
	tern_free((void *)object);
}

static bool drain(struct tern_quarantine *q)
{
	bool any = false;

	for (uintptr_t object; q && (object = exchange(q, 0)); any = true)
		let_go(object);
	return any;
}

bool tern_debug_drain(void)
{
	bool any = false;

	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		any |= drain(quarantine_of(i));
	return any;
}

void tern_debug_drain_own(void)
{
	drain(quarantine_of(TERN_CPU_ID()));
}

void tern_set_quarantine(unsigned objects, size_t bytes)
{
	if (objects > TERN_QUARANTINE_OBJECTS)
		objects = TERN_QUARANTINE_OBJECTS;
	atomic_store_explicit(&max_objects, objects, memory_order_relaxed);
	atomic_store_explicit(&max_bytes, bytes, memory_order_relaxed);
	tern_debug_drain();
}

/* Collected objects, and what is more than all may be, are not kept. */
static bool is_for_quarantine(const struct place *at)
{
	return tern_spanclass_kind(at->span->spc) == TERN_KIND_MANUAL &&
	       atomic_load_explicit(&max_objects, memory_order_relaxed) &&
	       at->span->elemsize <= atomic_load_explicit(&max_bytes, memory_order_relaxed);
}

/* The object is whole, its slot BUSY. False if there is no room for it. */
static bool keep(const struct place *at)
{
	struct tern_quarantine *q = is_for_quarantine(at) ? own_quarantine() : NULL;
	unsigned cleared = tern_hardening() & TERN_HARDEN_ZERO ? CLEARED : 0;
	uintptr_t oldest;

	memset((void *)at->base, cleared ? 0 : TERN_DEBUG_FREED, at->span->elemsize);
	set_state(at->slot, (q ? KEPT : FREED) | cleared);
	if (!q)
		return false;
	do {
		oldest = exchange(q, at->base);
		if (oldest)
			let_go(oldest);
	} while (oldest && oldest != at->base);
	return true;
}

TERN_NOINLINE bool tern_debug_keep(const void *p)
{
	struct place at;

	if (!find((uintptr_t)p, &at) || at.base != (uintptr_t)p)
		return false;
	switch (state_of(at.slot)) {
	case LEAVING:
		set_state(at.slot, FREED | (load_state(at.slot) & CLEARED));
		return false;
	case LIVE:
		check("tern_free", &at);
		break;
	case KEPT:
	case FREED:
		break;
	default:
		return false;
	}
	if (!leave_live(at.slot))
		tern_debug_bad_free("tern_free", at.base);
	atomic_store_explicit(&at.slot->freed,
			      number_of(tern_trace_from(__builtin_frame_address(0))),
			      memory_order_relaxed);
	return keep(&at);
}

#else

bool tern_object_sites(const void *addr, struct tern_object_sites *sites)
{
	(void)addr;
	(void)sites;
	return false;
}

uint64_t tern_check_heap(struct tern_damage *first)
{
	(void)first;
	return 0;
}

void tern_set_quarantine(unsigned objects, size_t bytes)
{
	(void)objects;
	(void)bytes;
}

#endif
