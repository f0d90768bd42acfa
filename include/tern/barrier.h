/* SPDX-License-Identifier: MIT */
/* barrier.h - stores of pointers that a collector may watch while the program runs.
 *
 * For tern_gc_options.mode = TERN_GC_BARRIER: then every store of a pointer to a collected object into
 * a collected object is one of these; with watched_roots, into a registered root as well. Locals need
 * none. In the other modes
 * they are plain stores, and a program may do without them.
 *
 * Between cycles a store costs a load and a branch more. While objects are marked, what the slot
 * held and what it is to hold are noted first: gc/barrier.c says why that is enough. Context of
 * all: any but NMIs. */
#ifndef TERN_BARRIER_H
#define TERN_BARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Not 0 while stores are watched. */
extern uint8_t tern_barrier_on;
/* Of tern_store() and its sisters: note both before the store. */
void tern_barrier_note(const void *before, const void *after);

static inline bool tern_barrier_is_on(void)
{
	return __builtin_expect(__atomic_load_n(&tern_barrier_on, __ATOMIC_RELAXED) != 0, 0);
}

/**
 * tern_store - *slot = value
 */
static inline void tern_store_pointer(void **slot, void *value)
{
	if (tern_barrier_is_on())
		tern_barrier_note(__atomic_load_n(slot, __ATOMIC_RELAXED), value);
	__atomic_store_n(slot, value, __ATOMIC_RELAXED);
}
#define tern_store(slot, value) tern_store_pointer((void **)(void *)(slot), (void *)(value))

/**
 * tern_init_store - the same, where the slot holds nothing yet: in a new object
 */
static inline void tern_init_store_pointer(void **slot, void *value)
{
	if (tern_barrier_is_on())
		tern_barrier_note(NULL, value);
	__atomic_store_n(slot, value, __ATOMIC_RELAXED);
}
#define tern_init_store(slot, value)                                                               \
	tern_init_store_pointer((void **)(void *)(slot), (void *)(value))

/**
 * tern_exchange - *slot = value at once, returns what it held; all memory orders
 */
static inline void *tern_exchange_pointer(void **slot, void *value)
{
	void *before = __atomic_exchange_n(slot, value, __ATOMIC_SEQ_CST);

	/* Both are on this stack until they are noted. */
	if (tern_barrier_is_on())
		tern_barrier_note(before, value);
	return before;
}
#define tern_exchange(slot, value) tern_exchange_pointer((void **)(void *)(slot), (void *)(value))

/**
 * tern_compare_exchange - *slot = value if it holds *expected, else *expected = *slot; all orders
 */
static inline bool tern_compare_exchange_pointer(void **slot, void **expected, void *value)
{
	if (tern_barrier_is_on())
		tern_barrier_note(*expected, value);
	return __atomic_compare_exchange_n(slot, expected, value, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}
#define tern_compare_exchange(slot, expected, value)                                               \
	tern_compare_exchange_pointer((void **)(void *)(slot), (void **)(void *)(expected),        \
				      (void *)(value))

/**
 * tern_copy - memmove() of memory with pointers in it; dst and src are multiples of 8
 * tern_clear - zero such memory
 */
void tern_copy(void *dst, const void *src, size_t size);
void tern_clear_pointers(void *dst, size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
