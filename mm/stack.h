/* SPDX-License-Identifier: MIT */
/* stack.h - stacks: what the rest of mm/ and the tests see of them. See include/tern/stack.h. */
#ifndef MM_STACK_H
#define MM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/bits.h"
#include "mm/mspan.h"

/* 2, 4, 8, 16 and 32 KiB. */
#define TERN_STACK_ORDERS 5u
#define TERN_STACK_MIN    ((size_t)KiB(2))
/* A pool span is cut into stacks of one order. */
#define TERN_STACK_SPAN ((size_t)KiB(32))
/* A CPU keeps so many bytes of each order at most; it gets and gives half of that at a time. */
#define TERN_STACK_CACHED ((size_t)KiB(64))
#define TERN_STACK_LIMIT  ((size_t)GiB(1))

/* A span whose pages are stacks: a record that everything about objects finds to be a span without
 * one, and behind it n bytes for whoever makes it. NULL when there is no memory. */
struct tern_mspan *tern_stack_new_record(void);
void *tern_stack_record_extra(struct tern_mspan *s);
#define TERN_STACK_RECORD_EXTRA 32
/* Addresses [base, base + npages) lead to it from now on; all else in it must be set. */
void tern_stack_publish(struct tern_mspan *s, uintptr_t base, uint64_t npages, size_t elemsize);
/* They lead nowhere, and the record is free. Pages are not touched. */
void tern_stack_retract(struct tern_mspan *s);
/* The record that an address leads to, if it lies in a stack; any address, any context. */
struct tern_mspan *tern_stack_span_of(uintptr_t addr);

/* This CPU's free stacks go back to the pool, and from there to the heap where a span is whole.
 * Interrupts off. */
void tern_stack_flush(void);
/* The pools' invariants. */
bool tern_stack_check(void);

#endif
