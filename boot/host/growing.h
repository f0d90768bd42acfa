/* SPDX-License-Identifier: MIT */
/* growing.h - growing stacks in a process. */
#ifndef BOOT_HOST_GROWING_H
#define BOOT_HOST_GROWING_H

#include <stdbool.h>
#include <stdint.h>

/* Call fn(arg) on another stack, whose upper end is top; page faults go to tern_stack_fault(). False
 * if one was refused: then fn was left where it was, and `addr` is what it wanted. */
bool host_call_on_stack(uintptr_t top, uintptr_t low, void (*fn)(void *), void *arg,
			uintptr_t *addr);

/* From now on page faults are handled, also elsewhere: those of pages that are watched. */
void host_catch_faults(void);

#endif
