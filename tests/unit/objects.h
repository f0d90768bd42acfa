/* SPDX-License-Identifier: MIT */
/* objects.h - objects that know what they hold, so that whoever ends one, on whatever CPU, sees
 * whether it is whole. */
#ifndef TESTS_UNIT_OBJECTS_H
#define TESTS_UNIT_OBJECTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object {
	struct object *next; /* its owner's */
	uint32_t words;      /* in all of it */
	uint32_t seed;       /* what the words beyond this follow from */
	uint64_t word[];
};

/* A generator of one CPU's own: xorshift. The state is never 0. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

/* Mostly small, now and then some hundred KiB; never below 16. */
size_t random_size(uint64_t *rng);
/* Of a random kind and size, filled; now and then made with interrupts off. NULL: no memory. */
struct object *object_make(uint64_t *rng);
/* Of that size, if it holds an object; filled. */
struct object *object_of(size_t size, uint64_t *rng);
/* Free it; false if it was not whole, or if what said to be zero was not when it was made. */
bool object_end(struct object *o, uint64_t *rng);
/* Fill memory from somewhere else. */
struct object *object_fill(void *p, size_t size, uint64_t *rng);
/* As it was filled. */
bool object_is_whole(const struct object *o);
/* The same, for what is no object of the heap's. */
bool object_is_as_filled(const struct object *o);
/* All bytes. */
bool is_zero(const void *p, size_t size);

#endif
