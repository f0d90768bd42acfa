/* SPDX-License-Identifier: MIT */
/* lockrank.h - the order in which locks may be taken: always upwards.
 *
 *   10 .. 99    the library's own, outer to inner
 *   100 ..      the kernel's, for what the library may call with its locks held
 *
 * A kernel lock that is held while the library is called has a rank below 10. The guest kernel's
 * classes stand in the files that own them; docs/locking.md lists all. */
#ifndef LIB_LOCKRANK_H
#define LIB_LOCKRANK_H

#include "lib/lock.h"

/* Called by lock.c around every lock. They do nothing unless TERN_CHECK_LEVEL >= 1. */
void tern_lockrank_check(const struct tern_lock_class *cls);
void tern_lockrank_push(const struct tern_lock_class *cls);
void tern_lockrank_pop(const struct tern_lock_class *cls);

#endif
