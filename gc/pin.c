/* SPDX-License-Identifier: MIT */
/* pin.c - objects that live whoever knows of them.
 *
 * Job      Count an object's pins, in a record that is tied to it. One that is there makes the object a
 *          root: tied.c.   Below  mm/special.c.
 * Locks    special(55).   Context: final.h.
 * Go       runtime/pinner.go. Go's objects do not move either: a pin only tells checks of it. */
#include <tern/final.h>

#include "mm/heap.h"
#include "mm/special.h"

static struct tern_mheap *const heap = &tern_heap.pages;

static enum tern_result place(const char *call, void *p, struct tern_special_place *at)
{
	enum tern_result result = tern_special_place(call, p, at);

	if (result == TERN_OK)
		at->addr = at->object;
	return result;
}

enum tern_result tern_pin(void *p)
{
	struct tern_special_place at;
	enum tern_result result = place("tern_pin", p, &at);
	struct tern_special *r;
	unsigned long irq;
	bool made;

	if (result != TERN_OK)
		return result;
	r = tern_special_get(heap, &at, TERN_SPECIAL_PIN, NULL, &made, &irq);
	if (r) {
		r->npins = made ? 1 : r->npins + 1;
		tern_special_unlock(heap, irq);
	}
	tern_keep_alive(p);
	return r ? TERN_OK : TERN_ENOMEM;
}

enum tern_result tern_unpin(void *p)
{
	struct tern_special_place at;
	enum tern_result result = place("tern_unpin", p, &at);
	struct tern_special *r;
	unsigned long irq;

	if (result != TERN_OK)
		return result;
	irq = tern_special_lock(heap);
	r = tern_special_find_locked(&at, TERN_SPECIAL_PIN, NULL);
	if (r && --r->npins == 0)
		tern_special_drop_locked(heap, at.span, r);
	tern_special_unlock(heap, irq);
	tern_keep_alive(p);
	return r ? TERN_OK : TERN_EINVAL;
}

void *tern_alloc_uncollectable(size_t size)
{
	/* Size 0 has no object of its own. */
	void *p = tern_alloc(size ? size : 1);

	if (p && tern_pin(p) != TERN_OK) {
		tern_free(p);
		return NULL;
	}
	return p;
}
