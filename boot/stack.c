/* SPDX-License-Identifier: MIT */
/* stack.c - stacks with a guard page under each.
 *
 * Job      A stack is the upper end of a slot in the VM_STACKS window; the page below it is
 *          never mapped. A freed slot keeps its pages for the next taker of that size, so that
 *          freeing needs no word to other CPUs; unless memory is short.
 * Owns     the slots: who has which, and how much of it is mapped.
 * Locks    stacks(120), not held while pages are mapped (vm(130), frames(140)).
 * Context  threads and boot. stack_at() takes no lock: it serves fault reports. */
#include "boot/stack.h"

#include <tern/tern.h>

#include "boot/frames.h"
#include "boot/vm.h"
#include "lib/assert.h"
#include "lib/lock.h"
#include "lib/string.h"

#define SLOTS 4096u
/* With fewer at hand a freed stack's pages are given back. */
#define FEW_FRAMES 128

TERN_STATIC_ASSERT((uint64_t)SLOTS *STACK_SLOT <= VM_STACKS_SIZE, "the window holds all slots");

struct slot {
	uint16_t pages; /* mapped, at the upper end */
	bool used;
	char owner[STACK_OWNER_MAX];
};

static const struct tern_lock_class stacks_class = {
	.name = "stacks", .rank = 120, .irq = true, .protects = "which stack slots are taken"
};
static struct tern_lock stacks_lock = TERN_LOCK_INIT(&stacks_class);
static struct slot *slots[SLOTS]; /* [lock] made when first used, never freed */

/* Slot descriptions lie several to a frame. */
static struct slot *new_slot_locked(void)
{
	static struct slot *room;
	static unsigned left;

	if (left == 0) {
		room = frames_alloc_table();
		if (!room)
			return NULL;
		left = PAGE_SIZE / sizeof(*room);
	}
	left--;
	return room++;
}

/* The free slot with the most pages that is not too large; so one that a failure left half done
 * is finished before a new one is begun. */
static unsigned take_slot_locked(unsigned pages)
{
	unsigned best = SLOTS;

	for (unsigned i = 0; i < SLOTS && (best == SLOTS || slots[best]->pages < pages); i++) {
		if (!slots[i]) {
			if (best == SLOTS && (slots[i] = new_slot_locked()))
				best = i;
			break;
		}
		if (slots[i]->used || slots[i]->pages > pages)
			continue;
		if (best == SLOTS || slots[i]->pages > slots[best]->pages)
			best = i;
	}
	return best;
}

static unsigned take_slot(unsigned pages, const char *owner)
{
	unsigned long irq;
	unsigned i;

	frames_reserve();
	irq = tern_lock_irqsave(&stacks_lock);
	i = take_slot_locked(pages);
	if (i < SLOTS) {
		slots[i]->used = true;
		tern_str_copy(slots[i]->owner, sizeof(slots[i]->owner), owner);
	}
	tern_unlock_irqrestore(&stacks_lock, irq);
	return i;
}

static bool map_page(uintptr_t va)
{
	void *frame = frames_alloc();

	if (!frame)
		return false;
	if (vm_map(va, (uintptr_t)frame, PAGE_SIZE, VM_READ | VM_WRITE))
		return true;
	frames_free(frame);
	return false;
}

bool stack_alloc(struct stack *s, size_t size, const char *owner)
{
	unsigned pages = size / PAGE_SIZE;
	unsigned i;

	TERN_ASSERT(size % PAGE_SIZE == 0 && size > 0 && size < STACK_SLOT);
	i = take_slot(pages, owner);
	if (i == SLOTS)
		return false;
	s->top = VM_STACKS + (uint64_t)(i + 1) * STACK_SLOT;
	s->bottom = s->top - size;
	/* From the top down, so that pages that were mapped before a failure are found again. */
	while (slots[i]->pages < pages) {
		if (!map_page(s->top - (slots[i]->pages + 1) * PAGE_SIZE)) {
			stack_free(s);
			return false;
		}
		slots[i]->pages++;
	}
	return true;
}

static void give_pages_back(struct slot *slot, uintptr_t top)
{
	for (unsigned i = 1; i <= slot->pages; i++) {
		uint64_t frame;

		if (!vm_query(top - i * PAGE_SIZE, &frame, NULL))
			continue;
		vm_unmap(top - i * PAGE_SIZE, PAGE_SIZE);
		frames_free((void *)(uintptr_t)frame);
	}
	slot->pages = 0;
}

void stack_free(struct stack *s)
{
	struct slot *slot = slots[(s->top - VM_STACKS) / STACK_SLOT - 1];
	unsigned long irq;

	TERN_ASSERT(slot->used);
	if (frames_free_count() < FEW_FRAMES)
		give_pages_back(slot, s->top);
	irq = tern_lock_irqsave(&stacks_lock);
	slot->used = false;
	tern_unlock_irqrestore(&stacks_lock, irq);
}

bool stack_at(uintptr_t addr, char *owner, size_t owner_size, bool *guard)
{
	uint64_t offset = addr - VM_STACKS;
	const struct slot *slot;

	if (addr < VM_STACKS || offset >= (uint64_t)SLOTS * STACK_SLOT)
		return false;
	slot = slots[offset / STACK_SLOT];
	if (!slot)
		return false;
	*guard = STACK_SLOT - offset % STACK_SLOT > (uint64_t)slot->pages * PAGE_SIZE;
	tern_str_copy(owner, owner_size, slot->owner);
	return true;
}
