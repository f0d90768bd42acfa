/* SPDX-License-Identifier: MIT */
/* ephemeron.c - tables of values that live as long as their keys.
 *
 * Job      The public calls. An entry is a record that is tied to its key, and belongs to the group that is
 *          the table; so it is found by way of the key, and ends with it.
 * Below    mm/special.c.   Marking: mark.c; each key's values are marked when the key is scanned, so
 *          that chains of entries cost no rounds, and all CPUs take part.
 * Locks    special(55).   Context: final.h.
 * Go       has none; Hayes, Ephemerons: A New Finalization Mechanism, OOPSLA 1997. */
#include <tern/final.h>

#include "mm/heap.h"
#include "mm/special.h"

struct tern_ephemerons {
	struct tern_special_group group;
};

static struct tern_mheap *const heap = &tern_heap.pages;

struct tern_ephemerons *tern_ephemerons_make(void)
{
	struct tern_special_group *g = tern_special_make_group(heap);

	return g ? container_of(g, struct tern_ephemerons, group) : NULL;
}

void tern_ephemerons_free(struct tern_ephemerons *table)
{
	if (table)
		tern_special_drop_group(heap, &table->group);
}

size_t tern_ephemerons_count(const struct tern_ephemerons *table)
{
	return atomic_load_explicit(&table->group.nrefs, memory_order_relaxed) - 1;
}

enum tern_result tern_ephemeron_set(struct tern_ephemerons *table, const void *key, void *value)
{
	struct tern_special_place at;
	enum tern_result result = tern_special_place("tern_ephemeron_set", key, &at);
	struct tern_special *r;
	unsigned long irq;
	bool made;

	if (result != TERN_OK)
		return result;
	r = tern_special_get(heap, &at, TERN_SPECIAL_EPHEMERON, &table->group, &made, &irq);
	if (r) {
		r->arg = value;
		tern_special_unlock(heap, irq);
	}
	tern_keep_alive(key);
	tern_keep_alive(value);
	return r ? TERN_OK : TERN_ENOMEM;
}

/* With the lock held, if there is one; NULL, and no lock, if not. */
static struct tern_special *find(const char *call, struct tern_ephemerons *table, const void *key,
				 struct tern_special_place *at, unsigned long *irq)
{
	struct tern_special *r;

	if (tern_special_place(call, key, at) != TERN_OK)
		return NULL;
	*irq = tern_special_lock(heap);
	r = tern_special_find_locked(at, TERN_SPECIAL_EPHEMERON, &table->group);
	if (!r)
		tern_special_unlock(heap, *irq);
	return r;
}

void *tern_ephemeron_get(struct tern_ephemerons *table, const void *key)
{
	struct tern_special_place at;
	void *value = NULL;
	unsigned long irq;
	const struct tern_special *r = find("tern_ephemeron_get", table, key, &at, &irq);

	if (r) {
		value = r->arg;
		tern_special_unlock(heap, irq);
	}
	tern_keep_alive(key);
	return value;
}

bool tern_ephemeron_delete(struct tern_ephemerons *table, const void *key)
{
	struct tern_special_place at;
	unsigned long irq;
	struct tern_special *r = find("tern_ephemeron_delete", table, key, &at, &irq);

	if (r) {
		tern_special_drop_locked(heap, at.span, r);
		tern_special_unlock(heap, irq);
	}
	tern_keep_alive(key);
	return r != NULL;
}
