/* SPDX-License-Identifier: MIT */
/* stack.h - stacks with a guard page under each. */
#ifndef BOOT_STACK_H
#define BOOT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_SLOT      65536u
#define STACK_THREAD    32768u
#define STACK_TRAP      16384u
#define STACK_OWNER_MAX 40

struct stack {
	uintptr_t bottom; /* lowest usable byte; the guard page lies below */
	uintptr_t top;    /* one past the highest */
};

/* False when out of memory or of slots. owner, such as "thread 3" or "CPU 1's trap stack", is
 * for fault reports. size: whole pages, less than STACK_SLOT. */
bool stack_alloc(struct stack *s, size_t size, const char *owner);
void stack_free(struct stack *s);

/* If addr lies in a slot: say whose it is or was, and whether it is below the stack. */
bool stack_at(uintptr_t addr, char *owner, size_t owner_size, bool *guard);

#endif
