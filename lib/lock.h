/* SPDX-License-Identifier: MIT */
/* lock.h - spinlocks that know their place.
 *
 * Job      Mutual exclusion between CPUs, in no particular order.
 * Ranks    Every lock belongs to a class with a rank. Debug builds keep the classes that a CPU
 *          holds and panic, with both names, when a lock is taken whose rank is not above all
 *          of them, is released by a CPU that does not hold it, or is taken or released in the
 *          wrong interrupt state. docs/locking.md lists the classes.
 * Context  A class says whether its locks are taken with interrupts off. tern_lock_irqsave()
 *          turns them off first; plain tern_lock() of such a class asserts that they are. The
 *          holder must not be preempted: either interrupts are off, or the kernel holds
 *          preemption off itself.
 * Memory   acquire pairs with the release of the CPU that held the lock before. */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/compiler.h"

struct tern_lock_class {
	const char *name;
	unsigned rank;        /* outer locks have small ranks */
	bool irq;             /* taken with interrupts off, as handlers take it too */
	const char *protects; /* in words, for docs/locking.md and the monitor */
};

struct tern_lock {
	atomic_bool taken; /* [atomic: acquire by who takes it, release by the holder] */
	const struct tern_lock_class *cls; /* [const] */
	atomic_uint owner; /* [atomic: relaxed] holder's CPU id + 1 in debug builds, else 0 */
};

/* clang-format off */
#define TERN_LOCK_INIT(class_) { .cls = (class_) }
/* clang-format on */

void tern_lock_init(struct tern_lock *lock, const struct tern_lock_class *cls);
void tern_lock(struct tern_lock *lock);
/* Takes the lock if it is free. Never waits, so ranks do not bind it; they do bind what is taken
 * while it is held. */
bool tern_lock_try(struct tern_lock *lock);
void tern_unlock(struct tern_lock *lock);
unsigned long tern_lock_irqsave(struct tern_lock *lock);
void tern_unlock_irqrestore(struct tern_lock *lock, unsigned long state);

/* True if this CPU holds the lock; always true in builds that do not keep owners. */
bool tern_lock_held(const struct tern_lock *lock);
/* State at the top of a function that it sometimes takes a lock of this class. */
void tern_lock_may_take(const struct tern_lock_class *cls);
/* How many ranked locks this CPU holds; 0 in builds that do not keep them. */
unsigned tern_lock_depth(void);

#endif
