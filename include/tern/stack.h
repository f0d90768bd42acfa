/* SPDX-License-Identifier: MIT */
/* stack.h - stacks for a kernel's threads.
 *
 *	void *low = tern_stack_alloc(16384);
 *	start_thread(fn, (char *)low + 16384);
 *	...
 *	tern_stack_free(low, 16384);
 *
 * Plain stacks are memory of the heap. Growing stacks are addresses that get memory as they are
 * used; they need a kernel with page tables (port.h). */
#ifndef TERN_STACK_H
#define TERN_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Plain stacks ------------------------------------------------------------------------- */

/**
 * tern_stack_alloc - a stack; returns its low end
 * @size: bytes, rounded up to 2, 4, 8, 16 or 32 KiB, or to whole pages of 8 KiB above that
 *
 * Up to 32 KiB it is aligned to its own size, above to a page. It holds anything, and there is no
 * guard below it. Each CPU keeps some that were freed, so that a thread that ends makes room for the
 * next without a lock. NULL for size 0, above 1 GiB, or when there is no memory. Threads, interrupts
 * off, and interrupt handlers, in which the heap does not grow.
 */
void *tern_stack_alloc(size_t size);

/**
 * tern_stack_free - give a stack back, on any CPU, which stands on another one
 * @stack: what tern_stack_alloc() returned; NULL does nothing
 * @size:  what it was asked for
 *
 * Its memory goes back to the heap when all stacks of the same 32 KiB are free and no CPU keeps one
 * of them. Panics, with the numbers, on a second free, on what is no stack, and on a size that is
 * not the stack's. Context as tern_stack_alloc().
 */
void tern_stack_free(void *stack, size_t size);

/* Growing stacks ----------------------------------------------------------------------- */

struct tern_stack;

/**
 * tern_stack_create - a stack that starts small and grows where it is
 * @start: bytes that it has from the beginning
 * @limit: bytes that it may come to have, at most 1 GiB; both are rounded up to pages of 8 KiB
 *
 * Reserves addresses for all of it and for a guard page below. NULL when there is no memory, or the
 * kernel does not give tern_port_range_reserve() and its sisters. Threads.
 */
struct tern_stack *tern_stack_create(size_t start, size_t limit);

/**
 * tern_stack_destroy - the end of it; nobody stands on it. NULL does nothing. Threads.
 */
void tern_stack_destroy(struct tern_stack *stack);

/**
 * tern_stack_fault - give a growing stack the memory that an access found missing
 * @addr: where, of an access to what is not mapped; any address at all
 *
 * For the kernel's page fault handler, which stands on another stack and whose interrupts are off;
 * the interrupted code may hold any lock. True: let it go on. False: addr is not in a growing stack,
 * or in the guard below it, or there is no page left: tern_stack_describe() says which. The stack
 * doubles; if memory is short it grows by what is needed. Never waits for what the interrupted code may hold.
 */
bool tern_stack_fault(uintptr_t addr);

/**
 * tern_stack_shrink - give the lower half back if less than a quarter is used
 * @sp: the stack pointer of who stands on it: the caller, or a thread that does not run meanwhile
 *
 * Never below what it started with, nor nearer to sp than 16 KiB. Returns the bytes that went; at a
 * collection, or when a thread waits for long. Threads.
 */
size_t tern_stack_shrink(struct tern_stack *stack, uintptr_t sp);

struct tern_stack_info {
	uintptr_t guard; /* the page at the lower end of it all, which is never mapped */
	uintptr_t low;   /* the lowest byte that has memory */
	uintptr_t top;   /* one past the highest byte: where a stack pointer starts */
	size_t limit;
};

/* Any context. */
void tern_stack_info(const struct tern_stack *stack, struct tern_stack_info *info);

/**
 * tern_stack_describe - what a growing stack is at an address, in words, for fault reports
 *
 * "guard page of a growing stack, 1048576 of 1048576 bytes in use". False if addr is in none. Takes
 * no lock.
 */
bool tern_stack_describe(uintptr_t addr, char *buf, size_t size);

/* In bytes. */
struct tern_stack_stats {
	uint64_t inuse;  /* plain stacks that were taken, and what growing stacks have */
	uint64_t cached; /* free ones, on the CPUs and in the pool of all; pages kept for faults */
	uint64_t reserved; /* addresses of growing stacks */
};

/* Cheap. While other CPUs take and free it is near the truth, else exact. Any context but NMI. */
void tern_stack_stats(struct tern_stack_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
