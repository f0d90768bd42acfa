/* SPDX-License-Identifier: MIT */
/* final.c - finalizers and cleanups: the public calls, and running what is due.
 *
 * Job      Tie them to objects; call them when the sweep, or tern_free(), has queued them.
 * Below    mm/special.c (records, the queue).   See also tied.c: what they mean to marking.
 * Locks    special(55), below; none while a function is called.   Context: final.h.
 * Between  the queue and the call, object and argument are nowhere but on the caller's stack, which is
 *          scanned with all others. (Where stacks are scanned one by one while the program runs,
 *          what is taken from the queue has to be shaded as well.)
 * Go       runtime/mfinal.go, mcleanup.go. */
#include <tern/final.h>

#include "lib/assert.h"
#include "mm/heap.h"
#include "mm/special.h"

static struct tern_mheap *const heap = &tern_heap.pages;

static enum tern_result remove_finalizer(const struct tern_special_place *at)
{
	unsigned long irq = tern_special_lock(heap);
	struct tern_special *r = tern_special_find_locked(at, TERN_SPECIAL_FINALIZER, NULL);

	if (r)
		tern_special_drop_locked(heap, at->span, r);
	tern_special_unlock(heap, irq);
	return TERN_OK;
}

static enum tern_result add_finalizer(const struct tern_special_place *at,
				      void (*fn)(void *obj, void *arg), void *arg)
{
	struct tern_special *r;
	unsigned long irq;
	bool made;

	r = tern_special_get(heap, at, TERN_SPECIAL_FINALIZER, NULL, &made, &irq);
	if (!r)
		return TERN_ENOMEM;
	if (made) {
		r->finalize = fn;
		r->arg = arg;
	}
	tern_special_unlock(heap, irq);
	return made ? TERN_OK : TERN_EINVAL;
}

enum tern_result tern_set_finalizer(void *obj, void (*fn)(void *obj, void *arg), void *arg)
{
	struct tern_special_place at;
	enum tern_result result = tern_special_place("tern_set_finalizer", obj, &at);

	if (result != TERN_OK || (at.addr != at.object && !at.crumb) ||
	    (fn && tern_special_is_same(&at, arg)))
		return TERN_EINVAL;
	result = fn ? add_finalizer(&at, fn, arg) : remove_finalizer(&at);
	tern_keep_alive(obj);
	tern_keep_alive(arg);
	return result;
}

static enum tern_result add_cleanup(struct tern_special_place *at, void (*fn)(void *arg), void *arg,
				    struct tern_cleanup *handle)
{
	struct tern_special *r;
	unsigned long irq;
	bool made;

	at->addr = at->object;
	r = tern_special_get(heap, at, TERN_SPECIAL_CLEANUP, NULL, &made, &irq);
	if (!r)
		return TERN_ENOMEM;
	r->cleanup = fn;
	r->arg = arg;
	if (handle)
		*handle = (struct tern_cleanup){ r, tern_special_turn(r) };
	tern_special_unlock(heap, irq);
	return TERN_OK;
}

enum tern_result tern_add_cleanup(void *obj, void (*fn)(void *arg), void *arg,
				  struct tern_cleanup *handle)
{
	struct tern_special_place at;
	enum tern_result result = tern_special_place("tern_add_cleanup", obj, &at);

	if (handle)
		*handle = (struct tern_cleanup){ NULL, 0 };
	if (result != TERN_OK || !fn || tern_special_is_same(&at, arg))
		return TERN_EINVAL;
	result = add_cleanup(&at, fn, arg, handle);
	tern_keep_alive(obj);
	tern_keep_alive(arg);
	return result;
}

static uintptr_t address_of(const struct tern_special *r)
{
	return atomic_load_explicit(&r->object, memory_order_relaxed);
}

bool tern_stop_cleanup(struct tern_cleanup handle)
{
	struct tern_special *r = (struct tern_special *)(uintptr_t)handle.record;
	unsigned long irq;
	bool waits;

	if (!r)
		return false;
	irq = tern_special_lock(heap);
	waits = tern_special_turn(r) == handle.turn && r->listed;
	/* In a list, so its object is there, and leads to the span. */
	if (waits)
		tern_special_drop_locked(heap, tern_arena_span(heap->arenas, address_of(r)), r);
	tern_special_unlock(heap, irq);
	return waits;
}

size_t tern_finalizers_due(void)
{
	unsigned long irq = tern_special_lock(heap);
	size_t n = heap->specials.nqueued;

	tern_special_unlock(heap, irq);
	return n;
}

size_t tern_run_finalizers(void)
{
	size_t due = tern_finalizers_due(), n = 0;
	struct tern_special_job job;

	for (; n < due && tern_special_take_job(heap, &job); n++) {
		if (job.finalize)
			job.finalize(job.object, job.arg);
		else
			job.cleanup(job.arg);
	}
	return n;
}
