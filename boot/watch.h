/* SPDX-License-Identifier: MIT */
/* watch.h - which pages of the heap were written to. */
#ifndef BOOT_WATCH_H
#define BOOT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* In the handler of a write fault at va, as the page may only be read: it is watched, and may be
 * written to now. False if it really may not. */
bool watch_fault(uintptr_t va);

#endif
