/* SPDX-License-Identifier: MIT */
/* pool.c - the pool of objects that all threads share: what it gives was put into it. */
#include <tern/pool.h>

#include "lib/compiler.h"
#include "mm/heap.h"
#include "tests/sim/work.h"

static struct tern_pool pool;

/* For a note of what is put into the pool there must be; else it is left to the collector. */
static bool is_memory(void)
{
	const struct tern_mheap *h = &tern_heap.pages;

	return h->regions.npages + h->pages.nfree >= 32;
}

static void put_into_pool(struct worker *w)
{
	bool before = is_memory();
	struct model_object *o;
	unsigned k;

	if (!local_pick_own(w, &k))
		return;
	o = model_object(w->held[k]);
	o->pooled = true;
	o->put_at = model.turns;
	tern_pool_put(&pool, (void *)o->addr);
	if (!before || !is_memory())
		o->put_at = MODEL_NEVER;
	local_set(w, k, NULL, 0);
}

static model_id pooled_at(const void *p)
{
	for (unsigned i = 0; i < model.nalive; i++)
		if (model_address(model.alive[i]) == p && model_object(model.alive[i])->pooled)
			return model.alive[i];
	return 0;
}

static void get_from_pool(struct worker *w)
{
	void *p = tern_pool_get(&pool);
	model_id id;

	if (!p)
		return;
	id = pooled_at(p);
	if (!id)
		sim_fail("the pool gives %p, which does not lie in it", p);
	model_object(id)->pooled = false;
	model_check(id);
	local_hold(w, p, id);
}

static const struct step steps[] = {
	{ "put", put_into_pool, 3, true, POOL },
	{ "get", get_from_pool, 3, true, POOL },
};
const struct step_list pool_steps = { steps, ARRAY_SIZE(steps) };

/* --- beginning and end ------------------------------------------------------------------------ */

void pool_start(void)
{
	pool = (struct tern_pool)TERN_POOL_INIT(NULL);
}

void pool_end(void)
{
	tern_pool_destroy(&pool);
	for (unsigned i = 0; i < model.nalive; i++)
		model_object(model.alive[i])->pooled = false;
}
