/* SPDX-License-Identifier: MIT */
/* watch.h - which pages of the heap were written to, in a process. */
#ifndef BOOT_HOST_WATCH_H
#define BOOT_HOST_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the handler of a page fault at addr: the access is to be tried again. */
bool host_watch_fault(uintptr_t addr);
/* The protection of these pages changes for another reason: they are not watched any more. */
void host_watch_forget(uintptr_t start, size_t size);

#endif
