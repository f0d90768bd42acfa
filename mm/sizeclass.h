/* SPDX-License-Identifier: MIT */
/* sizeclass.h - the sizes that small objects are rounded up to, and spans of each.
 *
 * Class 0 stands for objects that have a span of their own. The rules behind the table stand in
 * tools/sizeclass.c, which makes it. Pure. */
#ifndef MM_SIZECLASS_H
#define MM_SIZECLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERN_SIZECLASSES 68
#define TERN_SMALL_MAX   32768u
#define TERN_FINE_MAX    1024u

/* What may be done with an object decides which spans it lies in. */
enum tern_kind {
	TERN_KIND_SCAN,   /* collected, may hold pointers */
	TERN_KIND_NOSCAN, /* collected, holds none */
	TERN_KIND_TYPED,  /* collected, says where: mm/typed.h */
	TERN_KIND_MANUAL, /* lives until it is freed; never collected */
	TERN_KINDS,
};

/* A kind and a size class: which list, cache slot or span. The first 136 are those that Go has. */
typedef uint16_t tern_spanclass;
#define TERN_SPANCLASSES (TERN_KINDS * TERN_SIZECLASSES)
/* Of these, the first. */
#define TERN_SPANCLASSES_COLLECTED (TERN_KIND_MANUAL * TERN_SIZECLASSES)

/* Small sizes look their class up in steps of 8 up to 1024, and of 128 from there on. In the first table it
 * stands times TERN_FINE_UNIT: who allocates wants to know how many words from the first class its slots
 * lie (mm/mcache.h), and need not multiply. */
#define TERN_FINE_UNIT 4u
extern const uint8_t tern_sizeclass_fine[], tern_sizeclass_coarse[];
extern const uint16_t tern_sizeclass_size[];
extern const uint8_t tern_sizeclass_pages[];   /* in a span */
extern const uint16_t tern_sizeclass_nelems[]; /* slots in a span */
extern const uint32_t tern_sizeclass_magic[];

/* size <= TERN_SMALL_MAX; the class of 0 is that of 1. */
static inline size_t tern_sizeclass_of(size_t size)
{
	if (size <= TERN_FINE_MAX)
		return tern_sizeclass_fine[(size + 7) / 8] / TERN_FINE_UNIT;
	return tern_sizeclass_coarse[(size - TERN_FINE_MAX + 127) / 128];
}

static inline size_t tern_spanclass_of(enum tern_kind kind, size_t sizeclass)
{
	return (size_t)kind * TERN_SIZECLASSES + sizeclass;
}

/* Class 0 has no slots, so its place among the noscan classes serves blocks of 16 bytes that small
 * objects without pointers share. */
#define TERN_SPANCLASS_TINY (TERN_KIND_NOSCAN * TERN_SIZECLASSES)
#define TERN_TINY_SIZECLASS 2

/* Of a class of slots. */
static inline unsigned tern_spanclass_size(tern_spanclass spc)
{
	return spc == TERN_SPANCLASS_TINY ? TERN_TINY_SIZECLASS : spc % TERN_SIZECLASSES;
}

/* Does a collector decide how long such an object lives? */
static inline bool tern_spanclass_collected(size_t spc)
{
	return spc < TERN_SPANCLASSES_COLLECTED;
}

static inline enum tern_kind tern_spanclass_kind(tern_spanclass spc)
{
	return (enum tern_kind)(spc / TERN_SIZECLASSES);
}

/* The smallest class whose slots hold size bytes at multiples of align, a power of two; 0 if there
 * is none. */
unsigned tern_sizeclass_aligned(size_t size, size_t align);

#endif
