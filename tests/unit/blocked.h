/* SPDX-License-Identifier: MIT */
/* blocked.h - objects that cannot grow in place. */
#ifndef TESTS_UNIT_BLOCKED_H
#define TESTS_UNIT_BLOCKED_H

#include <stddef.h>

/* A manual object of whole pages, and the page behind it, which is the caller's; NULL if there is none. */
void *make_blocked(size_t size, void **wall);
/* The same object with a page more, at other addresses: its pages are where they were. The page behind it
 * is free. NULL if it could not be made. */
void *make_remapped(size_t size);

#endif
