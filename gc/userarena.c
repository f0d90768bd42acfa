/* SPDX-License-Identifier: MIT */
/* userarena.c - user arenas: objects that are freed all at once. See include/tern/arena.h.
 *
 * Job      Cut chunks into objects, one after another; free the chunks of an arena together.
 * Chunk    is one large collected object, typed by a type of its own that stands at its start, with
 *          a mask for every word behind it. Who takes an object sets the bits of its words that may
 *          hold pointers, and the type ends with the last of them. So marking follows just these, and
 *          knows nothing of arenas.
 * Freed    A chunk's type becomes one without pointers, which stands elsewhere: marking keeps the
 *          chunk as long as somebody points into it, and never looks inside. It is closed, or filled.
 *          That is quarantine. The first sweep that finds it unmarked opens it and gives its pages to
 *          whoever wants some; there is no list for that.
 * Race     While a chunk is being closed it is held by the arena's list, which is given up last: so no
 *          sweep opens what is about to be closed, or hands out what is not closed yet. A sweep of
 *          the cycle before cannot drop it, as it was reachable then, or not made yet. Who marks
 *          beside the program may have seen the type that it had: he is waited for before it is closed.
 *          Who cannot wait fills it, behind the mask, which harms no marker.
 * Locks    none here.   Context: see arena.h; one thread at a time uses an arena.
 * Go       runtime/arena.go. Chunks there have addresses of their own for ever, so there are lists of
 *          those in quarantine and of those ready for another arena; a pointer keeps its chunk and
 *          not the arena, whose finalizer frees the others; a chunk that is not full when its arena
 *          is freed serves another arena at once. */
#include <tern/arena.h>
#include <tern/barrier.h>

#include "gc/concurrent.h"
#include "gc/gc.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/irq.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/large.h"
#include "mm/typed.h"

#define LIVE   0x6172656e61ull
#define POISON 0xdb
#define WORD   sizeof(uint64_t)
#define BITS   64u /* words for which a word of a mask stands */

TERN_STATIC_ASSERT(TERN_ARENA_CHUNK % TERN_PAGE_SIZE == 0 && TERN_ARENA_CHUNK >= (64u << 10),
		   "chunks are whole pages, and large objects");
#define LARGE (TERN_ARENA_CHUNK / 4)

struct chunk {
	struct tern_type type;
	uint64_t mask[]; /* for all of the chunk */
};

/* Of a chunk that was freed. */
static const struct tern_type no_pointers = { .size = WORD, .name = "a freed arena's" };

/* Collected, and apart from the chunks: it must be readable when these are closed. */
struct holder {
	struct holder *next;
	struct chunk *chunk;
};
TERN_TYPE(holder_type, struct holder, next, chunk);

struct tern_user_arena {
	uint64_t state;         /* LIVE */
	struct holder *holders; /* that of the chunk that objects are taken from first */
	uintptr_t next, end;    /* what is left of that one */
};
TERN_TYPE(arena_type, struct tern_user_arena, holders);

static _Atomic uint64_t freed_bytes, poisoned_bytes; /* [atomic: relaxed] */

static struct tern_mspan *span_of(const void *p)
{
	return tern_heap_span((uintptr_t)p);
}

/* --- chunks ---------------------------------------------------------------------------------- */

/* Room for an object of so many bytes behind the mask, which takes a 64th of the whole. */
static size_t bytes_around(size_t size)
{
	size_t rest = size + sizeof(struct chunk) + 2 * WORD;

	return align_up(rest + rest / (BITS - 1) + WORD, TERN_PAGE_SIZE);
}

static uintptr_t objects_of(const struct chunk *c)
{
	return (uintptr_t)&c->mask[c->type.size / WORD / BITS];
}

static struct chunk *make_chunk(size_t bytes)
{
	/* All zero, so it does no harm that any word may be a pointer until it has its own type. */
	struct chunk *c = tern_new_array(&tern_pointer_type, bytes / WORD);

	if (!c)
		return NULL;
	c->type = (struct tern_type){ .size = bytes, .mask = c->mask, .name = "an arena's" };
	/* release: with who marks, and reads the entry first */
	__atomic_store_n((uint64_t *)tern_typed_entry(span_of(c), 0), (uintptr_t)&c->type,
			 __ATOMIC_RELEASE);
	tern_large_set_chunk(&tern_heap.pages, span_of(c), TERN_CHUNK_LIVE);
	return c;
}

static struct holder *hold_chunk(size_t bytes)
{
	struct holder *h = tern_new(&holder_type);

	struct chunk *c = h ? make_chunk(bytes) : NULL;

	if (!c) {
		tern_free(h);
		return NULL;
	}
	tern_init_store(&h->chunk, c);
	return h;
}

/* From now on marking keeps the chunk if it finds a pointer into it, and does not look inside. */
static void end_objects(struct tern_mspan *s)
{
	struct tern_mheap *h = &tern_heap.pages;
	struct tern_swept swept = { 0 };
	unsigned long irq = tern_irq_save();

	/* A mark of the cycle before says nothing of pointers that are left. */
	tern_large_sweep(h, NULL, s, &swept);
	tern_mheap_count_swept(h, &swept);
	tern_irq_restore(irq);
	tern_typed_set(s, 0, (uintptr_t)&no_pointers);
	tern_large_set_chunk(h, s, TERN_CHUNK_QUARANTINE);
	atomic_fetch_add_explicit(&freed_bytes, s->elemsize, memory_order_relaxed);
}

/* The chunk's type stays as it is, unless it is closed: who marks may be looking at it. */
static void close_or_fill(struct chunk *c, bool close)
{
	struct tern_mspan *s = span_of(c);
	uintptr_t objects = objects_of(c);

	if (close && tern_port_protect(s->base, s->elemsize, false))
		return;
	memset((void *)objects, POISON, s->base + s->elemsize - objects);
	atomic_fetch_add_explicit(&poisoned_bytes, s->elemsize, memory_order_relaxed);
}

static bool somebody_collects(void)
{
	return atomic_load_explicit(&tern_gc_state.on, memory_order_relaxed);
}

/* --- where the pointers are ------------------------------------------------------------------ */

/* Who marks may be looking: a bit that he misses belongs to a new object, which is all zero. */
static void or_mask(uint64_t *mask, uint64_t bits)
{
	__atomic_store_n(mask, *mask | bits, __ATOMIC_RELAXED);
}

/* From word i of the chunk on. */
static void set_bits(struct chunk *c, size_t i, uint64_t bits)
{
	or_mask(&c->mask[i / BITS], bits << i % BITS);
	if (i % BITS && bits >> (BITS - i % BITS))
		or_mask(&c->mask[i / BITS + 1], bits >> (BITS - i % BITS));
}

static void set_all_bits(struct chunk *c, size_t i, size_t n)
{
	for (; n >= BITS; i += BITS, n -= BITS)
		set_bits(c, i, ~0ull);
	if (n)
		set_bits(c, i, (1ull << n) - 1);
}

static void set_type_bits(struct chunk *c, size_t i, size_t n, const struct tern_type *type)
{
	size_t step = type->size / WORD;

	for (size_t one = i; one < i + n; one += step)
		for (size_t k = 0; k * BITS * WORD < type->ptrdata; k++)
			set_bits(c, one + k * BITS, type->mask[k]);
}

/* An object lies at p, and may hold pointers where its type says; NULL: anywhere. */
static void note_pointers(struct chunk *c, uintptr_t p, size_t size, const struct tern_type *type)
{
	size_t at = p - (uintptr_t)c;

	if (!type)
		set_all_bits(c, at / WORD, size / WORD);
	else if (type->ptrdata)
		set_type_bits(c, at / WORD, size / WORD, type);
	else
		return;
	/* A cycle may begin at any time; before the caller writes pointers there, it must see this. */
	__atomic_store_n(&c->type.ptrdata, at + size, __ATOMIC_RELAXED);
	atomic_signal_fence(memory_order_release);
}

/* --- objects --------------------------------------------------------------------------------- */

static void check(const char *call, const struct tern_user_arena *a)
{
	TERN_CHECK(a && a->state == LIVE, "%s: 0x%lx is no arena, or was freed", call,
		   (unsigned long)(uintptr_t)a);
}

/* As tern.h says of all objects. */
static uintptr_t place(uintptr_t at, size_t size)
{
	return align_up(at, size % 16 == 0 || size > 24 ? 16 : WORD);
}

static struct chunk *take_from_first(struct tern_user_arena *a, size_t size, uintptr_t *p)
{
	*p = place(a->next, size);
	if (*p > a->end || a->end - *p < size)
		return NULL;
	a->next = *p + size;
	return a->holders->chunk;
}

/* The next chunk becomes the first. */
static struct chunk *take_from_next(struct tern_user_arena *a, size_t size, uintptr_t *p)
{
	struct holder *h = hold_chunk(TERN_ARENA_CHUNK);

	if (!h)
		return NULL;
	tern_init_store(&h->next, a->holders);
	tern_store(&a->holders, h);
	a->next = objects_of(h->chunk);
	a->end = (uintptr_t)h->chunk + TERN_ARENA_CHUNK;
	return take_from_first(a, size, p);
}

/* A chunk of its own, behind the first. */
static struct chunk *take_large(struct tern_user_arena *a, size_t size, uintptr_t *p)
{
	struct holder *h = hold_chunk(bytes_around(size));
	struct holder **at = a->holders ? &a->holders->next : &a->holders;

	if (!h)
		return NULL;
	tern_init_store(&h->next, *at);
	tern_store(at, h);
	*p = place(objects_of(h->chunk), size);
	return h->chunk;
}

static void *take(struct tern_user_arena *a, size_t size, const struct tern_type *type)
{
	struct chunk *c;
	uintptr_t p;

	if (!size || size > PTRDIFF_MAX - TERN_ARENA_CHUNK)
		return size ? NULL : tern_alloc(0);
	size = align_up(size, WORD);
	c = take_from_first(a, size, &p);
	if (!c)
		c = size > LARGE ? take_large(a, size, &p) : take_from_next(a, size, &p);
	if (!c)
		return NULL;
	note_pointers(c, p, size, type);
	return (void *)p;
}

void *tern_arena_alloc(struct tern_user_arena *a, size_t size)
{
	check("tern_arena_alloc", a);
	return take(a, size, NULL);
}

void *tern_arena_alloc_noscan(struct tern_user_arena *a, size_t size)
{
	check("tern_arena_alloc_noscan", a);
	return take(a, size, &no_pointers);
}

void *tern_arena_new_array(struct tern_user_arena *a, const struct tern_type *type, size_t n)
{
	size_t size;

	check("tern_arena_new_array", a);
	if (tern_type_check(type) != TERN_OK || __builtin_mul_overflow(n, type->size, &size))
		return NULL;
	return take(a, size, type);
}

void *tern_arena_new_object(struct tern_user_arena *a, const struct tern_type *type)
{
	return tern_arena_new_array(a, type, 1);
}

void *tern_arena_clone(const void *p, size_t size)
{
	struct tern_mspan *s = span_of(p);
	void *copy;

	if (!s || s->magic || tern_mspan_chunk(s) != TERN_CHUNK_LIVE)
		return (void *)p;
	copy = tern_alloc(size);
	if (copy)
		tern_copy(copy, p, size);
	return copy;
}

/* --- arenas ---------------------------------------------------------------------------------- */

struct tern_user_arena *tern_arena_new(void)
{
	struct tern_user_arena *a = tern_new(&arena_type);

	if (a)
		a->state = LIVE;
	return a;
}

static void free_holders(struct holder *h)
{
	for (struct holder *next; h; h = next) {
		next = h->next;
		tern_free(h);
	}
}

/* Whoever still points there finds nothing, and all of it stays where it is until nobody does. */
static void quarantine(struct tern_user_arena *a)
{
	struct holder *first = a->holders;
	bool close;

	for (struct holder *h = first; h; h = h->next)
		end_objects(span_of(h->chunk));
	close = tern_gc_pass_markers();
	for (struct holder *h = first; h; h = h->next)
		close_or_fill(h->chunk, close);
	a->holders = NULL;
	free_holders(first);
}

static void free_at_once(struct tern_user_arena *a)
{
	for (struct holder *h = a->holders; h; h = h->next) {
		atomic_fetch_add_explicit(&freed_bytes, h->chunk->type.size, memory_order_relaxed);
		tern_free(h->chunk);
	}
	free_holders(a->holders);
	tern_free(a);
}

void tern_arena_free(struct tern_user_arena *a)
{
	if (!a)
		return;
	check("tern_arena_free", a);
	a->state = 0;
	a->next = a->end = 0;
	if (somebody_collects())
		quarantine(a);
	else
		free_at_once(a);
}

void tern_arena_stats(struct tern_arena_stats *stats)
{
	struct tern_chunk_counts *c = &tern_heap.pages.chunks;

	*stats = (struct tern_arena_stats){
		.live_bytes =
			atomic_load_explicit(&c->bytes[TERN_CHUNK_LIVE], memory_order_relaxed),
		.quarantine_bytes = atomic_load_explicit(&c->bytes[TERN_CHUNK_QUARANTINE],
							 memory_order_relaxed),
		.freed_bytes = atomic_load_explicit(&freed_bytes, memory_order_relaxed),
		.poisoned_bytes = atomic_load_explicit(&poisoned_bytes, memory_order_relaxed),
		.held = atomic_load_explicit(&c->held, memory_order_relaxed),
	};
}
