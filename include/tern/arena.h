/* SPDX-License-Identifier: MIT */
/* arena.h - user arenas: objects that are made one by one, and freed all at once.
 *
 *	struct tern_user_arena *a = tern_arena_new();
 *	struct request *r = tern_arena_new_object(a, &request_type);
 *	char *name = tern_arena_alloc_noscan(a, 100);
 *	...
 *	tern_arena_free(a);
 *
 * Making an object is a step forward in a chunk of memory; freeing costs the same for any number of
 * them. With a collector (tern/gc.h) it is safe: objects may point out of the arena and into it as any
 * others; a pointer to or into one keeps its chunk alive; an arena that nobody can reach, and nobody has
 * freed, is collected. What was freed faults when it is touched, where tern_port_protect() can close it,
 * and else holds a pattern; its memory serves nothing else until a cycle has found no pointer into it
 * any more. Without a collector it is free at once, as by tern_free().
 *
 * An arena is used by one thread at a time. Its objects are no objects to tern_free(), tern_realloc() and
 * tern_usable_size(); tern_base() leads to the start of their chunk. */
#ifndef TERN_ARENA_H
#define TERN_ARENA_H

#include <tern/type.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct tern_user_arena;

/**
 * tern_arena_new - an arena without objects; NULL when there is no memory
 *
 * The arena itself is a collected object: it lives as long as somebody has a pointer to it. Context of
 * all calls here as tern_alloc(), unless said otherwise.
 */
struct tern_user_arena *tern_arena_new(void);

/**
 * tern_arena_alloc - an object in an arena that may hold pointers anywhere; all zero
 * tern_arena_alloc_noscan - an object without pointers; all zero
 *
 * Aligned as tern_alloc()'s. An object of more than a quarter of TERN_ARENA_CHUNK has a chunk of its
 * own. Size 0 gives the address that all objects of size 0 share. NULL when there is no memory,
 * or for more than PTRDIFF_MAX. Panics if the arena was freed.
 */
void *tern_arena_alloc(struct tern_user_arena *arena, size_t size);
void *tern_arena_alloc_noscan(struct tern_user_arena *arena, size_t size);
/**
 * tern_arena_new_object - an object of a type; tern_arena_new_array - n of them in a row; all zero
 *
 * The collector looks where the type says. Likewise NULL for a type that tern_type_check() refuses.
 */
void *tern_arena_new_object(struct tern_user_arena *arena, const struct tern_type *type);
void *tern_arena_new_array(struct tern_user_arena *arena, const struct tern_type *type, size_t n);

/**
 * tern_arena_free - the end of all of an arena's objects; NULL does nothing
 *
 * Panics if it was freed before. With interrupts off, chunks are not closed on machines where other
 * CPUs have to be told. Threads, or with interrupts off.
 */
void tern_arena_free(struct tern_user_arena *arena);

/**
 * tern_arena_clone - the same object outside of any arena, for what is to live longer
 * @p:    the start of an object, wherever it lies
 * @size: what it was asked for with
 *
 * In an arena: a copy by tern_alloc(), of the object and of nothing that it points to; NULL when there
 * is no memory. Elsewhere: p itself.
 */
void *tern_arena_clone(const void *p, size_t size);

/* Of all arenas together. */
struct tern_arena_stats {
	uint64_t live_bytes;       /* in chunks of arenas that were not freed */
	uint64_t quarantine_bytes; /* in chunks that were, and may still be pointed to */
	uint64_t freed_bytes;      /* ever freed; less those in quarantine: ready for any use */
	uint64_t poisoned_bytes;   /* of them, could not be closed: they held a pattern instead */
	uint64_t
		held; /* how often a cycle found a pointer into a chunk that was freed: a mistake in
			* the program, or a word that looks like one */
};

/* Any context. */
void tern_arena_stats(struct tern_arena_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
