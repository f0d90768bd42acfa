/* SPDX-License-Identifier: MIT */
/* growing.c - addresses and pages for tern's growing stacks: the port's four calls for them.
 *
 * Job      Give out ranges of the VM_GROWING window, with their page tables; a range that came back
 *          goes to the next that wants as much, and keeps its tables.
 * Owns     the window.
 * Locks    growing(121), not held while tables are made (vm(130), frames(140)).
 * Context  threads; tern_port_stack_commit() comes in page faults and takes no lock. */
#include <tern/port.h>
#include <tern/tern.h>

#include "boot/frames.h"
#include "boot/vm.h"
#include "lib/assert.h"
#include "lib/lock.h"

#define RANGES 512u

struct range {
	size_t size; /* 0: none was made yet */
	uintptr_t start;
	bool used;
};

static const struct tern_lock_class growing_class = {
	.name = "growing", .rank = 121, .irq = true, .protects = "which ranges growing stacks have"
};
static struct tern_lock growing_lock = TERN_LOCK_INIT(&growing_class);
static struct range ranges[RANGES];       /* [lock] */
static uintptr_t next_start = VM_GROWING; /* [lock] from here on nothing was given out */

/* One that came back, or the first that was not made. */
static struct range *find_locked(size_t size)
{
	for (unsigned i = 0; i < RANGES; i++) {
		struct range *r = &ranges[i];

		if (!r->used && (r->size == 0 || r->size == size))
			return r;
	}
	return NULL;
}

static struct range *take(size_t size)
{
	unsigned long irq = tern_lock_irqsave(&growing_lock);
	struct range *r = find_locked(size);

	if (r && r->size == 0 && size > VM_GROWING + VM_GROWING_SIZE - next_start)
		r = NULL;
	if (r && r->size == 0) {
		*r = (struct range){ .size = size, .start = next_start };
		next_start += size;
	}
	if (r)
		r->used = true;
	tern_unlock_irqrestore(&growing_lock, irq);
	return r;
}

void *tern_port_stack_reserve(size_t size)
{
	struct range *r = take(size);

	if (!r)
		return NULL;
	if (!vm_make_tables(r->start, size)) {
		tern_port_stack_release((void *)r->start, size);
		return NULL;
	}
	return (void *)r->start;
}

void tern_port_stack_release(void *start, size_t size)
{
	unsigned long irq = tern_lock_irqsave(&growing_lock);
	struct range *r = ranges;

	while (r < ranges + RANGES && r->start != (uintptr_t)start)
		r++;
	TERN_CHECK(r < ranges + RANGES && r->used && r->size == size,
		   "growing: 0x%lx, %zu bytes, was not given out", (unsigned long)start, size);
	r->used = false;
	tern_unlock_irqrestore(&growing_lock, irq);
}

bool tern_port_stack_commit(uintptr_t at, void *page)
{
	for (uintptr_t i = 0; i < TERN_HEAP_PAGE; i += PAGE_SIZE)
		vm_set_page(at + i, (uintptr_t)page + i);
	return true;
}

void tern_port_stack_uncommit(uintptr_t at, size_t size)
{
	vm_unmap(at, size);
}
