/* SPDX-License-Identifier: MIT */
/* assist.c - who allocates while objects are marked marks as well.
 *
 * Job      Say what a span of new objects costs in marking. The allocator remembers what is owed for it, and
 *          has it paid in parts, one before each object, until nothing is: so marking keeps up with the
 *          program, and no allocation takes long.
 * Above    gc.c.   Below  concurrent, pacer.
 * Locks    none.   Context: threads; elsewhere nothing is paid.
 * Holds    for each byte that is taken at least as much is marked as the pacer wants, or ASSIST_MOST times
 *          as much: each object pays that for itself at least. If a span has few slots left, what is owed
 *          when it is used up is forgotten. It is not so for who allocates where he may not mark.
 * Go       runtime/mgcmark.go gcAssistAlloc. There debts are goroutines', they are paid 64 KiB at once, and
 *          who finds nothing to mark waits in a queue. */
#include "gc/assist.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "gc/concurrent.h"
#include "gc/fixed.h"
#include "gc/gc.h"

/* Or TERN_PACER_ASSIST_MIN: so while all that lives is marked the heap grows by an eighth of it at most. */
#define ASSIST_MOST 8u
/* What a part is at least, in bytes that are scanned. */
#define PART ((uint64_t)4 << 10)

/* [atomic: relaxed] Threads that pay, which another thread may have preempted. */
static atomic_uint payers;

struct payment {
	uint64_t owed;
	size_t bytes; /* that the object takes of its span */
};

static uint64_t cost(struct tern_pacer *p, size_t bytes)
{
	tern_pacer_revise(p);
	return tern_min(tern_pacer_assist_work(p, bytes),
			tern_max((uint64_t)ASSIST_MOST * bytes, TERN_PACER_ASSIST_MIN));
}

/* How much was paid of what is owed. */
static uint64_t pay_part(uintptr_t sp, uint64_t owed, uint64_t part)
{
	uint64_t paid = tern_pacer_take_credit(&tern_gc_state.pacer, part), marked;

	if (paid == part)
		return paid;
	marked = tern_gc_mark_some(part - paid);
	if (marked)
		return tern_min(paid + marked, owed);
	/* Nothing to mark: nothing is owed. */
	tern_gc_try_end(sp);
	return owed;
}

static void pay(uintptr_t sp, void *arg)
{
	uint64_t start_ns = tern_port_clock_ns();
	struct payment *y = arg;
	uint64_t part = tern_max((uint64_t)ASSIST_MOST * y->bytes, PART);

	atomic_fetch_add_explicit(&payers, 1, memory_order_relaxed);
	y->owed -= pay_part(sp, y->owed, tern_min(y->owed, part));
	atomic_fetch_sub_explicit(&payers, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&tern_gc_state.cycle.assist_ns, tern_port_clock_ns() - start_ns,
				  memory_order_relaxed);
}

bool tern_assist_is_paid(void)
{
	return atomic_load_explicit(&payers, memory_order_relaxed) != 0;
}

static bool may_pay(void)
{
	return tern_gc_is_marking() && tern_gc_may_start();
}

size_t tern_assist_more(size_t owed, size_t each)
{
	struct payment y = { owed, each };

	if (!may_pay())
		return 0;
	arch_spill(pay, &y);
	return y.owed;
}

size_t tern_assist(size_t bytes, size_t each)
{
	return may_pay() ? tern_assist_more(cost(&tern_gc_state.pacer, bytes), each) : 0;
}
