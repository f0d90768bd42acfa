/* SPDX-License-Identifier: MIT */
/* gc.h - the collector in this kernel. */
#ifndef BOOT_GC_H
#define BOOT_GC_H

#include <stdbool.h>

/* If the command line has the option `gc`. Thread 0, once, when the heap has memory. */
void gc_start_if_asked(void);

/* Start the collector with the command line's options and the image's data as roots, unless it is
 * on already. Without the option `gc` it collects only when told. False, and a line that says why,
 * if it cannot be. Threads, one at a time. */
bool gc_start(void);

/* What tests (tests/unit, tests/kernel) keep in their data becomes roots, for good: whoever runs them
 * asks for it, before or after the collector starts. False: no memory. */
bool gc_add_test_roots(void);

#endif
