/* SPDX-License-Identifier: MIT */
/* assist.h - who allocates while objects are marked marks as well. */
#ifndef GC_ASSIST_H
#define GC_ASSIST_H

#include <stddef.h>

/* So many bytes are taken, for so many objects, while a cycle marks: pay a part of what that costs. What is
 * owed then, in bytes that are to be scanned. */
size_t tern_assist(size_t bytes, unsigned objects);
/* Pay another part of that. What is owed then. */
size_t tern_assist_more(size_t owed, unsigned objects);

#endif
