/* SPDX-License-Identifier: MIT */
/* lock.c - spinlocks: see lock.h.
 *
 * One word, taken by exchange; who waits only reads it, so that the holder's cache line is left
 * alone until it is released. Not in order of arrival: CPUs of a virtual machine are themselves
 * scheduled, and a queue waits for whoever is next in it, running or not. Eight CPUs of a guest on
 * two of the host handed a ticket lock over a hundred times a second; this one does not notice. */
#include "lib/lock.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/fault.h"
#include "lib/lockrank.h"

#define KEEPS_OWNERS (TERN_CHECK_LEVEL >= 1)

void tern_lock_init(struct tern_lock *lock, const struct tern_lock_class *cls)
{
	atomic_init(&lock->taken, false);
	lock->cls = cls;
	atomic_init(&lock->owner, 0);
}

static void set_owner(struct tern_lock *lock, unsigned owner)
{
	atomic_store_explicit(&lock->owner, owner, memory_order_relaxed);
}

static unsigned owner_of(const struct tern_lock *lock)
{
	return atomic_load_explicit(&lock->owner, memory_order_relaxed);
}

static void note_taken(struct tern_lock *lock)
{
	if (!KEEPS_OWNERS)
		return;
	tern_lockrank_push(lock->cls);
	set_owner(lock, tern_port_cpu_id() + 1);
}

static void check_context(const struct tern_lock *lock, const char *what)
{
	if (KEEPS_OWNERS && lock->cls->irq)
		TERN_CHECK(!tern_port_irq_enabled(), "lock %s %s with interrupts on",
			   lock->cls->name, what);
}

static bool looks_taken(const struct tern_lock *lock)
{
	return atomic_load_explicit(&lock->taken, memory_order_relaxed);
}

/* acquire: with the release in tern_unlock() by the CPU that held it before */
static bool take(struct tern_lock *lock)
{
	if (TERN_FAULT(LOCK_NOT_ATOMIC) && !looks_taken(lock)) {
		atomic_store_explicit(&lock->taken, true, memory_order_relaxed);
		return true;
	}
	return !atomic_exchange_explicit(&lock->taken, true, memory_order_acquire);
}

void tern_lock(struct tern_lock *lock)
{
	check_context(lock, "taken");
	tern_lockrank_check(lock->cls);
	while (!take(lock))
		while (looks_taken(lock))
			arch_relax();
	note_taken(lock);
}

bool tern_lock_try(struct tern_lock *lock)
{
	check_context(lock, "tried");
	if (looks_taken(lock) || !take(lock))
		return false;
	note_taken(lock);
	return true;
}

void tern_unlock(struct tern_lock *lock)
{
	if (KEEPS_OWNERS) {
		TERN_CHECK(owner_of(lock), "lock %s released, which nobody holds", lock->cls->name);
		TERN_CHECK(tern_lock_held(lock), "lock %s released by CPU %u; CPU %u holds it",
			   lock->cls->name, tern_port_cpu_id(), owner_of(lock) - 1);
		check_context(lock, "released");
		set_owner(lock, 0);
		tern_lockrank_pop(lock->cls);
	}
	atomic_store_explicit(&lock->taken, false, memory_order_release);
}

unsigned long tern_lock_irqsave(struct tern_lock *lock)
{
	unsigned long state = tern_port_irq_save();

	tern_lock(lock);
	return state;
}

void tern_unlock_irqrestore(struct tern_lock *lock, unsigned long state)
{
	tern_unlock(lock);
	tern_port_irq_restore(state);
}

bool tern_lock_held(const struct tern_lock *lock)
{
	return !KEEPS_OWNERS || owner_of(lock) == tern_port_cpu_id() + 1;
}

void tern_lock_may_take(const struct tern_lock_class *cls)
{
	tern_lockrank_check(cls);
}
