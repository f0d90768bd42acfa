/* SPDX-License-Identifier: MIT */
/* hidden.h - objects that only a test knows of: what it keeps of a pointer is its complement, which no
 * collector takes for one.
 *
 * Stacks are scanned conservatively, and a word that nobody cleared may look like a pointer to garbage.
 * So objects come by the hundred, are touched only in frames further down, which are cleared
 * afterwards, and a test says of nearly all that they are gone. */
#ifndef TESTS_UNIT_HIDDEN_H
#define TESTS_UNIT_HIDDEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/final.h>

#include "tests/test.h"

#define HIDDEN_OBJECTS 100u
/* So many of them may stay. */
#define HIDDEN_STAY 10u

static inline uintptr_t hide(const void *p)
{
	return ~(uintptr_t)p;
}

static inline void *show(uintptr_t hidden)
{
	return (void *)~hidden;
}

/* Call fn(arg), which knows of objects, and leave nothing of its frames. */
void in_deep_frame(void (*fn)(void *arg), void *arg);
/* True if the tests' objects of a size, and half as many again, are not too much for the machine. */
bool hidden_objects_fit(size_t size);
/* A cycle and its whole sweep, or none of its sweep. False if there was none. */
bool collect_all(void);
bool collect_and_not_sweep(void);
/* One CPU collects thirty times, each time after the others have made so many steps, until it is
 * over. */
struct beside {
	unsigned apart;
	_Atomic unsigned steps;
	atomic_bool over;
};
void collect_beside(struct beside *b);
/* How many of weak[first], weak[first + step] ... lead to an object, of HIDDEN_OBJECTS. */
unsigned count_alive(const struct tern_weak *weak, unsigned first, unsigned step);
/* True if at most HIDDEN_STAY do; else it is noted what leads to one. */
bool nearly_all_died(struct test *t, const struct tern_weak *weak, unsigned first, unsigned step);
/* Call what is due, in a deep frame. It may be that a thread of the kernel does so as well: then what
 * was due is called soon. */
void run_due(void);
/* ... until *count is so much, as that thread may be in the middle of it: false if that does not come. */
bool run_due_until(const _Atomic unsigned *count, unsigned want);

#endif
