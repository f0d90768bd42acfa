/* SPDX-License-Identifier: MIT */
/* assist.h - who allocates while objects are marked marks as well. */
#ifndef GC_ASSIST_H
#define GC_ASSIST_H

#include <stdbool.h>
#include <stddef.h>

/* So many bytes are taken while a cycle marks, each object so many of them: pay a part of what that costs, for
 * the first. What is owed then, in bytes that are to be scanned. */
size_t tern_assist(size_t bytes, size_t each);
/* Pay another part of that, for the next. What is owed then. */
size_t tern_assist_more(size_t owed, size_t each);
/* Somebody pays at this moment. */
bool tern_assist_is_paid(void);

#endif
