/* SPDX-License-Identifier: MIT */
/* lockrank.c - debug builds know which locks a CPU holds, and in which order.
 *
 * Owns     a stack of classes for each CPU. Touched only by that CPU, with interrupts off: an
 *          interrupt handler's locks come and go while the interrupted code's stay.
 * Holds    ranks rise strictly from the bottom of a stack to its top, but for locks that were
 *          tried: those never wait.
 * Context  any. */
#include "lib/lockrank.h"

#include <tern/config.h>
#include <tern/port.h>

#include "lib/assert.h"

#if TERN_CHECK_LEVEL >= 1

#define HELD_MAX 16

struct held {
	unsigned count;
	const struct tern_lock_class *cls[HELD_MAX];
} TERN_ALIGNED(TERN_CACHE_LINE);

static struct held held[TERN_MAX_CPUS]; /* [cpu] */

static struct held *this_cpu(void)
{
	return &held[tern_port_cpu_id()];
}

void tern_lockrank_check(const struct tern_lock_class *cls)
{
	unsigned long irq = tern_port_irq_save();
	const struct held *h = this_cpu();

	for (unsigned i = 0; i < h->count; i++)
		TERN_CHECK(h->cls[i]->rank < cls->rank || tern_panic_here(),
			   "lock %s (rank %u) taken while %s (rank %u) is held", cls->name,
			   cls->rank, h->cls[i]->name, h->cls[i]->rank);
	tern_port_irq_restore(irq);
}

void tern_lockrank_push(const struct tern_lock_class *cls)
{
	unsigned long irq = tern_port_irq_save();
	struct held *h = this_cpu();

	TERN_CHECK(h->count < HELD_MAX, "lock %s: %u locks are held already", cls->name, h->count);
	h->cls[h->count++] = cls;
	tern_port_irq_restore(irq);
}

/* Not always the last one taken. */
void tern_lockrank_pop(const struct tern_lock_class *cls)
{
	unsigned long irq = tern_port_irq_save();
	struct held *h = this_cpu();
	unsigned i = h->count;

	while (i > 0 && h->cls[i - 1] != cls)
		i--;
	TERN_CHECK(i > 0, "lock %s released by CPU %u, which does not hold it", cls->name,
		   tern_port_cpu_id());
	for (h->count--; i <= h->count; i++)
		h->cls[i - 1] = h->cls[i];
	tern_port_irq_restore(irq);
}

unsigned tern_lock_depth(void)
{
	unsigned long irq = tern_port_irq_save();
	unsigned depth = this_cpu()->count;

	tern_port_irq_restore(irq);
	return depth;
}

#else

void tern_lockrank_check(const struct tern_lock_class *cls)
{
	(void)cls;
}

void tern_lockrank_push(const struct tern_lock_class *cls)
{
	(void)cls;
}

void tern_lockrank_pop(const struct tern_lock_class *cls)
{
	(void)cls;
}

unsigned tern_lock_depth(void)
{
	return 0;
}

#endif
