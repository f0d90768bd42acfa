/* SPDX-License-Identifier: MIT */
/* ranges.c - addresses where nothing is mapped, and pages for them: the port's four calls.
 *
 * Job      Give out ranges of the VM_RANGES window, with their page tables; a range that came back goes
 *          to the next that wants as much, or less if there is no other, and keeps its tables.
 * Owns     the window.
 * Locks    ranges(121), not held while tables are made (vm(130), frames(140)).
 * Context  threads; tern_port_range_commit() comes in page faults and takes no lock. */
#include <tern/port.h>
#include <tern/tern.h>

#include "boot/frames.h"
#include "boot/vm.h"
#include "lib/assert.h"
#include "lib/lock.h"

#define RANGES 1024u

struct range {
	size_t size;   /* [const] once it is made */
	size_t wanted; /* [lock] by who has it; 0: nobody */
	uintptr_t start;
};

static const struct tern_lock_class ranges_class = {
	.name = "ranges",
	.rank = 121,
	.irq = true,
	.protects = "which ranges of addresses are taken"
};
static struct tern_lock ranges_lock = TERN_LOCK_INIT(&ranges_class);
static struct range ranges[RANGES];      /* [lock] */
static unsigned nmade;                   /* [lock] the first ones */
static uintptr_t next_start = VM_RANGES; /* [lock] from here on nothing was given out */

/* The smallest one that came back and is large enough. */
static struct range *find_locked(size_t size)
{
	struct range *best = NULL;

	for (struct range *r = ranges; r < ranges + nmade; r++)
		if (!r->wanted && r->size >= size && (!best || r->size < best->size))
			best = r;
	return best;
}

static struct range *make_locked(size_t size)
{
	struct range *r = &ranges[nmade];

	if (nmade == RANGES || size > VM_RANGES + VM_RANGES_SIZE - next_start)
		return NULL;
	*r = (struct range){ .size = size, .start = next_start };
	next_start += size;
	nmade++;
	return r;
}

static struct range *take(size_t size)
{
	unsigned long irq = tern_lock_irqsave(&ranges_lock);
	struct range *found = find_locked(size), *made = NULL;

	if (!found || found->size != size)
		made = make_locked(size);
	if (made)
		found = made;
	if (found)
		found->wanted = size;
	tern_unlock_irqrestore(&ranges_lock, irq);
	return found;
}

void *tern_port_range_reserve(size_t size)
{
	struct range *r = take(size);

	if (!r)
		return NULL;
	if (!vm_make_tables(r->start, size)) {
		tern_port_range_release((void *)r->start, size);
		return NULL;
	}
	return (void *)r->start;
}

void tern_port_range_release(void *start, size_t size)
{
	unsigned long irq = tern_lock_irqsave(&ranges_lock);
	struct range *r = ranges;

	while (r < ranges + nmade && r->start != (uintptr_t)start)
		r++;
	TERN_CHECK(r < ranges + nmade && r->wanted == size,
		   "ranges: 0x%lx, %zu bytes, was not given out", (unsigned long)start, size);
	r->wanted = 0;
	tern_unlock_irqrestore(&ranges_lock, irq);
}

bool tern_port_range_commit(uintptr_t at, const void *pages, size_t size)
{
	uintptr_t from = (uintptr_t)pages;

	/* All but the window is mapped one to one. */
	if (from - VM_RANGES < VM_RANGES_SIZE)
		vm_copy_pages(at, from, size);
	else
		vm_set_pages(at, from, size);
	return true;
}

void tern_port_range_uncommit(uintptr_t at, size_t size)
{
	vm_unmap(at, size);
}
