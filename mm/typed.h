/* SPDX-License-Identifier: MIT */
/* typed.h - where the pointers of typed objects are.
 *
 * A span of typed objects has a map with an entry for each slot, written when the slot is given out. Of
 * objects up to 128 bytes that is a mask, one byte or two, with a bit for each word that holds a
 * pointer. Of larger ones it is the type, which repeats from the object's start to its end: what lies
 * behind the last whole one is zero, or as good as anything else. A large object's span has one entry.
 *
 * So who allocates writes an entry with one store, of his own slot alone: no reading, no neighbours, and
 * nothing that grows with the object. In a stopped world entries of slots in use are complete, as
 * slots are taken and entries written with interrupts off. Who marks in a running world does not
 * look at the entry of a newer object: it is black before its slot is taken. */
#ifndef MM_TYPED_H
#define MM_TYPED_H

#include <tern/type.h>

#include "lib/compiler.h"
#include "mm/mspan.h"

#define TERN_MASK8_MAX  64u
#define TERN_MASK16_MAX 128u

/* Bytes in the entry of an object in a slot so large. */
static inline size_t tern_typed_width(size_t elemsize)
{
	return elemsize <= TERN_MASK8_MAX ? 1 : elemsize <= TERN_MASK16_MAX ? 2 : 8;
}

/* Of a class; 0: of large objects. */
size_t tern_typed_map_size(unsigned sizeclass);

static inline void *tern_typed_entry(const struct tern_mspan *s, unsigned slot)
{
	return (char *)&s->word[s->nwords] + slot * tern_typed_width(s->elemsize);
}

/* Write the entry at place i of a map, or of a part of one. */
static TERN_INLINE void tern_typed_put(void *map, size_t elemsize, size_t i, uint64_t entry)
{
	if (elemsize <= TERN_MASK8_MAX)
		__atomic_store_n((uint8_t *)map + i, (uint8_t)entry, __ATOMIC_RELAXED);
	else if (elemsize <= TERN_MASK16_MAX)
		__atomic_store_n((uint16_t *)map + i, (uint16_t)entry, __ATOMIC_RELAXED);
	else
		__atomic_store_n((uint64_t *)map + i, entry, __ATOMIC_RELAXED);
}

static inline void tern_typed_set(struct tern_mspan *s, unsigned slot, uint64_t entry)
{
	tern_typed_put(tern_typed_entry(s, 0), s->elemsize, slot, entry);
}

/* The mask of an object up to TERN_MASK16_MAX; the type of a larger one. */
static TERN_INLINE uint64_t tern_typed_get(const struct tern_mspan *s, unsigned slot)
{
	const void *map = &s->word[s->nwords];

	if (s->elemsize <= TERN_MASK8_MAX)
		return __atomic_load_n((const uint8_t *)map + slot, __ATOMIC_RELAXED);
	if (s->elemsize <= TERN_MASK16_MAX)
		return __atomic_load_n((const uint16_t *)map + slot, __ATOMIC_RELAXED);
	return __atomic_load_n((const uint64_t *)map + slot, __ATOMIC_RELAXED);
}

/* The entry of an object that holds `size` bytes of a type's, in a slot so large. The type is right. */
uint64_t tern_typed_entry_of(const struct tern_type *type, size_t size, size_t elemsize);
/* From now on any word of the object may hold a pointer. */
void tern_typed_forget(struct tern_mspan *s, unsigned slot);

#endif
