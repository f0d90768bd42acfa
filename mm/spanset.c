/* SPDX-License-Identifier: MIT */
/* spanset.c - a stack of spans, linked through themselves.
 *
 * Job      Hold spans between CPUs. Needs no memory, so that putting a span in cannot fail.
 * How      One word holds the top's address, which has 49 bits at most (page.h) and ends in zeros,
 *          and a number that changes with every push: who looked at the top, and was held up, does
 *          not take a span that went away and came back for one that never left.
 * Stale    Popping reads the link of a span that another CPU may have popped meanwhile, and even
 *          freed: records stay records for ever (fixalloc.h), so that it reads nonsense at worst,
 *          and the exchange then fails.
 * Locks    none.   Context: any but NMI, in bounded time unless others make progress.
 * Holds    a span is in at most one set, at most once.
 * Go       runtime/mspanset.go keeps pointers in blocks that must be allocated; a link in the span
 *          does the same here for nothing. */
#include "mm/spanset.h"

#include "lib/assert.h"
#include "mm/mspan.h"

/* Spans are aligned to 8: of the 19 low bits 16 are the shift's and 3 are zero anyway. */
#define TURN_BITS 19
#define TURN_MASK (((uint64_t)1 << TURN_BITS) - 1)

static struct tern_mspan *span_of(uint64_t top)
{
	/* Arithmetic shift: the upper half of the address space keeps its ones. */
	return (struct tern_mspan *)(uintptr_t)((int64_t)(top & ~TURN_MASK) >> 16);
}

static uint64_t word_of(const struct tern_mspan *s, uint64_t turn)
{
	uint64_t word = (uint64_t)(uintptr_t)s << 16;

	TERN_ASSERT(span_of(word) == s);
	return word | (turn & TURN_MASK);
}

void tern_spanset_push(struct tern_spanset *set, struct tern_mspan *s)
{
	uint64_t top = atomic_load_explicit(&set->top, memory_order_relaxed);

	do {
		atomic_store_explicit(&s->next, span_of(top), memory_order_relaxed);
		/* release: with the acquire in pop, who then sees the link and the span's fields */
	} while (!atomic_compare_exchange_weak_explicit(
		&set->top, &top, word_of(s, top + 1), memory_order_release, memory_order_relaxed));
}

struct tern_mspan *tern_spanset_pop(struct tern_spanset *set)
{
	/* acquire: with the release in push */
	uint64_t top = atomic_load_explicit(&set->top, memory_order_acquire);
	struct tern_mspan *s, *next;

	do {
		s = span_of(top);
		if (!s)
			return NULL;
		next = atomic_load_explicit(&s->next, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(
		&set->top, &top, word_of(next, top), memory_order_acquire, memory_order_acquire));
	return s;
}

struct tern_mspan *tern_spanset_take_all(struct tern_spanset *set)
{
	uint64_t top = atomic_load_explicit(&set->top, memory_order_relaxed);

	/* acquire: with the releases of all who pushed; each push carries on the one before */
	while (!atomic_compare_exchange_weak_explicit(&set->top, &top, word_of(NULL, top),
						      memory_order_acquire, memory_order_relaxed))
		;
	return span_of(top);
}
