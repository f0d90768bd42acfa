/* SPDX-License-Identifier: MIT */
/* stack.h - stacks for a kernel's threads.
 *
 *	void *low = tern_stack_alloc(16384);
 *	start_thread(fn, (char *)low + 16384);
 *	...
 *	tern_stack_free(low, 16384);
 *
 * Plain stacks are memory of the heap. */
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

/* In bytes. */
struct tern_stack_stats {
	uint64_t inuse;  /* stacks that were taken */
	uint64_t cached; /* free ones, on the CPUs and in the pool of all */
};

/* Cheap. While other CPUs take and free it is near the truth, else exact. Any context but NMI. */
void tern_stack_stats(struct tern_stack_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
