/* SPDX-License-Identifier: MIT */
/* weak.c - weak pointers.
 *
 * Job      Make a record for an address, once; give the address as long as the object is not dead.
 * Below    mm/special.c: records end, and turn, when their object is swept or freed.
 * Locks    special(55), to make one; none to get.   Context: final.h.
 * Dead     is what the last cycle did not mark, though it may not be swept yet. So who wants the address
 *          first has its span swept, and then looks whether the record still stands.
 * Safe     A cycle may come at any instruction. If it comes after the address was read, it finds it in a
 *          register or on the stack, and keeps the object. If before, the span is to be swept, or
 *          was. (Where a stack is black while the program runs, the address has to be shaded.)
 * Go       internal/weak, runtime/mheap.go internal_weak_runtime_makeStrongFromWeak. */
#include <tern/final.h>

#include "lib/fault.h"
#include "lib/irq.h"
#include "mm/heap.h"
#include "mm/special.h"
#include "mm/sweep.h"

enum tern_result tern_weak_make(struct tern_weak *weak, void *p)
{
	struct tern_special_place at;
	enum tern_result result = tern_special_place("tern_weak_make", p, &at);
	struct tern_special *r;
	unsigned long irq;
	bool made;

	*weak = (struct tern_weak){ NULL, 0 };
	if (result != TERN_OK)
		return result;
	r = tern_special_get(&tern_heap.pages, &at, TERN_SPECIAL_WEAK, NULL, &made, &irq);
	if (r) {
		*weak = (struct tern_weak){ r, tern_special_turn(r) };
		tern_special_unlock(&tern_heap.pages, irq);
	}
	tern_keep_alive(p);
	return r ? TERN_OK : TERN_ENOMEM;
}

static void sweep_at(uintptr_t addr)
{
	unsigned long irq = tern_irq_save();
	struct tern_mcache *c = tern_heap_cache();

	tern_sweep_at(&tern_heap.pages, tern_tables.central,
		      c == &tern_mcache_none ? NULL : &c->pages, addr);
	tern_irq_restore(irq);
}

/* 0 if the record was given up since the pointer was made. */
static uintptr_t look_at(struct tern_weak weak)
{
	const struct tern_special *r = weak.record;
	/* acquire: the turn is of this life or of a later one */
	uintptr_t addr = atomic_load_explicit(&r->object, memory_order_acquire);

	return tern_special_turn(r) == weak.turn ? addr : 0;
}

void *tern_weak_get(struct tern_weak weak)
{
	uintptr_t addr = weak.record ? look_at(weak) : 0, again;

	if (!addr)
		return NULL;
	if (!TERN_FAULT(WEAK_UNSWEPT))
		sweep_at(addr);
	again = look_at(weak);
	/* Up to here a cycle keeps what it leads to. */
	tern_keep_alive((void *)addr);
	return (void *)again;
}
