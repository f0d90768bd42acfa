/* SPDX-License-Identifier: MIT */
/* stack.h - stacks with a guard page under each.
 *
 * Job      A stack is a slot of the VM_STACKS window: one page never mapped, then its pages up
 *          to the end of the slot. A freed slot keeps its pages for the next taker of that
 *          size, so that freeing needs no word to other CPUs.
 * Locks    stacks(95), outside vm(100). Context: threads and boot, not interrupts. */
#ifndef BOOT_STACK_H
#define BOOT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_SLOT   65536u
#define STACK_THREAD 32768u
#define STACK_TRAP   16384u
#define STACK_OWNER_MAX 40

struct stack {
	uintptr_t bottom; /* lowest usable byte; the guard page lies below */
	uintptr_t top;    /* one past the highest */
};

/* owner: "thread 3", "CPU 1's trap stack": for fault reports. size: pages, less than a slot. */
bool stack_alloc(struct stack *s, size_t size, const char *owner);
void stack_free(struct stack *s);

/* If addr lies in the window: say whose slot it is in and whether it is the guard page. */
bool stack_at(uintptr_t addr, char *owner, size_t owner_size, bool *guard);

#endif
