/* SPDX-License-Identifier: MIT */
/* lock.c - ticket spinlocks: see lock.h.
 *
 * A CPU draws a ticket and waits until it is served. Drawing is relaxed: order comes from the
 * serving word, which the holder writes with release and the next reads with acquire. */
#include "lib/lock.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/lockrank.h"

#define KEEPS_OWNERS (TERN_CHECK_LEVEL >= 1)

void tern_lock_init(struct tern_lock *lock, const struct tern_lock_class *cls)
{
	atomic_init(&lock->next, 0);
	atomic_init(&lock->serving, 0);
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

static void taken(struct tern_lock *lock)
{
	if (!KEEPS_OWNERS)
		return;
	tern_lockrank_push(lock->cls);
	set_owner(lock, tern_port_cpu_id() + 1);
}

static void check_context(const struct tern_lock *lock, const char *what)
{
	if (KEEPS_OWNERS && lock->cls->irq)
		TERN_CHECK(!arch_irq_enabled(), "lock %s %s with interrupts on", lock->cls->name,
			   what);
}

void tern_lock(struct tern_lock *lock)
{
	unsigned ticket;

	check_context(lock, "taken");
	tern_lockrank_check(lock->cls);
	ticket = atomic_fetch_add_explicit(&lock->next, 1, memory_order_relaxed);
	/* acquire: with the release in tern_unlock() of the CPU served before */
	while (atomic_load_explicit(&lock->serving, memory_order_acquire) != ticket)
		arch_relax();
	taken(lock);
}

bool tern_lock_try(struct tern_lock *lock)
{
	unsigned serving = atomic_load_explicit(&lock->serving, memory_order_acquire);
	unsigned expect = serving;

	check_context(lock, "tried");
	/* Free means that the next ticket is the one being served. Order came with serving. */
	if (!atomic_compare_exchange_strong_explicit(&lock->next, &expect, serving + 1,
						     memory_order_relaxed, memory_order_relaxed))
		return false;
	taken(lock);
	return true;
}

void tern_unlock(struct tern_lock *lock)
{
	unsigned serving = atomic_load_explicit(&lock->serving, memory_order_relaxed);

	if (KEEPS_OWNERS) {
		TERN_CHECK(owner_of(lock), "lock %s released, which nobody holds",
			   lock->cls->name);
		TERN_CHECK(tern_lock_held(lock), "lock %s released by CPU %u; CPU %u holds it",
			   lock->cls->name, tern_port_cpu_id(), owner_of(lock) - 1);
		check_context(lock, "released");
		set_owner(lock, 0);
		tern_lockrank_pop(lock->cls);
	}
	atomic_store_explicit(&lock->serving, serving + 1, memory_order_release);
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
