/* SPDX-License-Identifier: MIT */
/* stack.h - stacks: what the rest of mm/ and the tests see of them. See include/tern/stack.h. */
#ifndef MM_STACK_H
#define MM_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/bits.h"
#include "lib/list.h"
#include "mm/mspan.h"

/* 2, 4, 8, 16 and 32 KiB. */
#define TERN_STACK_ORDERS 5u
#define TERN_STACK_MIN    ((size_t)KiB(2))
/* A pool span is cut into stacks of one order. */
#define TERN_STACK_SPAN ((size_t)KiB(32))
/* A CPU keeps so many bytes of each order at most; it gets and gives half of that at a time. */
#define TERN_STACK_CACHED ((size_t)KiB(64))
#define TERN_STACK_LIMIT  ((size_t)GiB(1))

struct tern_stack;

/* What stands behind the record of a span that holds stacks. */
struct tern_stacks {
	_Atomic uint64_t used; /* [atomic: relaxed; whoever hands a stack on orders the rest] bit i:
				* stack i is in somebody's hands */
	uint64_t pooled;       /* [lock: pool] bit i: stack i is in the pool */
	struct list link;      /* [lock: pool] in pool.spans */
	struct tern_stack
		*growing; /* [const] the growing stack that has these addresses, or NULL */
};

/* The record of a span that holds stacks: everything about objects finds it to be a span without
 * one. NULL when there is no memory. */
struct tern_mspan *tern_stack_new_record(struct tern_stack *growing);
struct tern_stacks *tern_stacks_of(struct tern_mspan *s);
/* Addresses [base, base + npages) lead to it from now on; all else in it must be set. */
void tern_stack_publish(struct tern_mspan *s, uintptr_t base, uint64_t npages, size_t elemsize);
/* They lead nowhere, and the record is free. Pages are not touched. */
void tern_stack_retract(struct tern_mspan *s);
/* The record that an address leads to, if it lies in a stack; any address, any context. */
struct tern_mspan *tern_stack_span_of(uintptr_t addr);

/* What growing stacks have, for the statistics. */
struct tern_growing_bytes {
	uint64_t committed, reserved, spare;
};
void tern_growing_bytes(struct tern_growing_bytes *b);

/* This CPU's free stacks go back to the pool, and from there to the heap where a span is whole.
 * Interrupts off. */
void tern_stack_flush(void);
/* The pools' invariants. */
bool tern_stack_check(void);

#endif
