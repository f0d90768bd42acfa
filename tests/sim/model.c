/* SPDX-License-Identifier: MIT */
/* model.c - the shadow heap: see model.h.
 *
 * Job      Know what is alive. When marking is done, and nothing is swept yet, look at every mark:
 *          what a local, a root, a pin or a tie leads to must be marked, and what a marked object
 *          leads to; so all that can be reached is. What is not marked is dead from then on.
 * Sees     the heap's own records, as it looks: this file is compiled without calls to the scheduler,
 *          so nobody goes on meanwhile.
 * Memory   An object's fields hold what the model says; all other words hold what depends on the
 *          object's number and the word's place, and look like no address. */
#include "tests/sim/model.h"

#include <string.h>

#include "mm/heap.h"

/* Of an object that is larger the first and last words are looked at. */
#define WORDS 24u

struct model model;

/* What a level waits for. */
static struct watch {
	model_id *place, value, *before;
	bool changed;
} watches[MODEL_LEVELS];

void model_reset(void)
{
	model.nobjects = 1;
	model.nalive = 0;
	memset(model.root, 0, sizeof(model.root));
	memset(model.local, 0, sizeof(model.local));
	memset(model.tie, 0, sizeof(model.tie));
	memset(model.weak, 0, sizeof(model.weak));
	memset(model.entry, 0, sizeof(model.entry));
	memset(watches, 0, sizeof(watches));
	model.turns = 0;
	model.deaths = 0;
}

/* --- objects --------------------------------------------------------------------------------- */

static bool is_collected(const struct model_object *o)
{
	return o->kind <= MODEL_NOSCAN;
}

void *model_address(model_id id)
{
	return (void *)model_object(id)->addr;
}

/* In typed objects every second word is a pointer. */
static unsigned word_of_field(const struct model_object *o, unsigned i)
{
	return o->kind == MODEL_TYPED ? 2 * i : i;
}

void **model_field_address(model_id id, unsigned i)
{
	const struct model_object *o = model_object(id);

	return (void **)o->addr + word_of_field(o, i);
}

static bool is_field(const struct model_object *o, unsigned word, unsigned *i)
{
	*i = o->kind == MODEL_TYPED ? word / 2 : word;
	return *i < o->nfields && word_of_field(o, *i) == word;
}

static uint64_t filling(model_id id, size_t word)
{
	return 0xa5a5000000000000ull | (uint64_t)id << 24 | (word & 0xffffff);
}

static uint64_t should_be(model_id id, unsigned word)
{
	const struct model_object *o = model_object(id);
	unsigned i;

	if (is_field(o, word, &i))
		return o->field[i] ? model_object(o->field[i])->addr : 0;
	return filling(id, word);
}

/* Call for each word that is looked at. */
static size_t next_word(size_t nwords, size_t word)
{
	word++;
	return word == WORDS && nwords > 2 * WORDS ? nwords - WORDS : word;
}

static void fill(model_id id, size_t from)
{
	struct model_object *o = model_object(id);
	size_t nwords = o->size / 8;
	unsigned i;

	for (size_t w = 0; w < nwords; w = next_word(nwords, w))
		if (w >= from && !is_field(o, (unsigned)w, &i))
			((uint64_t *)o->addr)[w] = filling(id, w);
}

static const char *name_of(const struct model_object *o)
{
	static const char *const names[] = { "scanned", "typed", "pointer-free", "manual",
					     "page run" };

	return names[o->kind];
}

static _Noreturn void wrong(model_id id, const char *what, uint64_t n)
{
	const struct model_object *o = model_object(id);

	sim_fail("object %u (%s, %zu bytes at 0x%lx) %s (%lu)", id, name_of(o), o->size,
		 (unsigned long)o->addr, what, (unsigned long)n);
}

static void check_words(model_id id, size_t end)
{
	const struct model_object *o = model_object(id);
	size_t nwords = end / 8;

	for (size_t w = 0; w < nwords; w = next_word(nwords, w)) {
		uint64_t is = ((const uint64_t *)o->addr)[w];

		if (is != should_be(id, (unsigned)w))
			wrong(id, "does not hold what was stored: word", w);
	}
}

/* --- what the heap says of it ---------------------------------------------------------------- */

struct slot {
	struct tern_mspan *span;
	struct tern_span_word *word;
	uint64_t bit;
};

static struct slot slot_of(model_id id)
{
	uintptr_t addr = model_object(id)->addr;
	struct slot at = { .span = tern_heap_span(addr) };
	unsigned i;

	if (!at.span || at.span == &tern_mheap_run)
		wrong(id, "lies in no span", 0);
	i = at.span->magic ? tern_mspan_slot(at.span, addr) : 0;
	if (i >= at.span->nelems)
		wrong(id, "lies past its span's slots", i);
	at.word = &at.span->word[i / 64];
	at.bit = 1ull << i % 64;
	return at;
}

static bool is_marked(model_id id)
{
	struct slot at = slot_of(id);

	return at.word->mark & at.bit;
}

static void check_in_use(model_id id)
{
	uint32_t gen = tern_heap.pages.sweepgen;
	struct slot at;

	if (model_object(id)->kind == MODEL_RUN) {
		if (tern_heap_span(model_object(id)->addr) != &tern_mheap_run)
			wrong(id, "is a run that its pages do not lead to", 0);
		return;
	}
	at = slot_of(id);
	if ((at.word->free | at.word->remote) & at.bit)
		wrong(id, "was freed, and is in use", at.word->free & at.bit ? 1 : 2);
	if (is_collected(model_object(id)) && !model_object(id)->due &&
	    at.span->sweepgen == gen - 2 && !(at.word->mark & at.bit))
		wrong(id, "is in use, and the sweep will free it", gen);
}

void model_check(model_id id)
{
	const struct model_object *o = model_object(id);

	if (!o->alive)
		wrong(id, "is dead, and was asked for", 0);
	if (o->moves)
		return;
	check_in_use(id);
	check_words(id, o->size);
}

void model_check_all(void)
{
	for (unsigned i = 0; i < model.nalive; i++)
		model_check(model.alive[i]);
}

static bool is_known(uintptr_t start, size_t size)
{
	for (unsigned i = 0; i < model.nalive; i++)
		if (model_object(model.alive[i])->addr - start < size)
			return true;
	return false;
}

/* In this span. */
static uintptr_t unknown_in(const struct tern_mspan *s)
{
	for (unsigned i = 0; i < s->nelems; i++) {
		const struct tern_span_word *w = &s->word[i / 64];
		uintptr_t start = s->base + i * s->elemsize;

		if (!((w->free | w->remote) >> i % 64 & 1) && !is_known(start, s->elemsize))
			return start;
	}
	return 0;
}

uintptr_t model_unknown(uintptr_t from, size_t size)
{
	uintptr_t found = 0;

	for (uintptr_t at = from; !found && at < from + size; at += TERN_PAGE_SIZE) {
		const struct tern_mspan *s = tern_heap_span(at);

		if (s && s != &tern_mheap_run && s->base == at)
			found = unknown_in(s);
	}
	return found;
}

/* --- coming and going ------------------------------------------------------------------------ */

static void check_apart(model_id id)
{
	const struct model_object *o = model_object(id);

	for (unsigned i = 0; i < model.nalive; i++) {
		const struct model_object *other = model_object(model.alive[i]);

		if (other == o || other->moves)
			continue;
		if (o->addr < other->addr + other->size && other->addr < o->addr + o->size)
			wrong(id, "lies in the memory of another: object", model.alive[i]);
	}
}

static void check_zero(model_id id)
{
	const struct model_object *o = model_object(id);
	size_t nwords = o->size / 8;

	for (size_t w = 0; w < nwords; w = next_word(nwords, w))
		if (((const uint64_t *)o->addr)[w])
			wrong(id, "is new, and not zero: word", w);
}

/* Each level may be about to make one. */
bool model_is_full(void)
{
	return model.nobjects >= MODEL_OBJECTS - MODEL_LEVELS;
}

model_id model_new(enum model_kind kind, void *p, size_t size, unsigned nfields, bool zero)
{
	model_id id = (model_id)model.nobjects++;

	*model_object(id) = (struct model_object){
		.addr = (uintptr_t)p,
		.size = size,
		.kind = (uint8_t)kind,
		.nfields = (uint8_t)nfields,
		.alive = true,
	};
	model.alive[model.nalive++] = id;
	check_in_use(id);
	check_apart(id);
	if (zero)
		check_zero(id);
	fill(id, 0);
	for (unsigned i = 0; i < nfields && !zero; i++)
		*model_field_address(id, i) = NULL;
	return id;
}

void model_end(model_id id)
{
	unsigned i = 0;

	while (model.alive[i] != id)
		i++;
	model.alive[i] = model.alive[--model.nalive];
	model_object(id)->alive = false;
	model_object(id)->weak_dead = true;
}

void model_moved(model_id id, void *p, size_t size)
{
	struct model_object *o = model_object(id);
	size_t kept = o->size < size ? o->size : size;

	o->addr = (uintptr_t)p;
	o->size = size;
	o->moves = false;
	check_in_use(id);
	check_apart(id);
	/* What is looked at differs with the size: of long ones only the beginning is kept for sure. */
	check_words(id, kept < 8 * WORDS ? kept : 8 * WORDS);
	fill(id, 0);
}

static bool is_elsewhere(model_id id)
{
	for (unsigned i = 0; i < model.nalive; i++)
		for (unsigned f = 0; f < model_object(model.alive[i])->nfields; f++)
			if (model_object(model.alive[i])->field[f] == id)
				return true;
	for (unsigned i = 0; i < MODEL_ROOTS; i++)
		if (model.root[i] == id)
			return true;
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.entry[i].used && model.entry[i].value == id)
			return true;
	return false;
}

static unsigned count_locals(model_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MODEL_LEVELS; i++)
		for (unsigned k = 0; k < MODEL_LOCALS; k++)
			n += model.local[i][k] == id;
	return n;
}

bool model_is_own(model_id id)
{
	const struct model_object *o = model_object(id);

	return !o->tied && !o->npins && !o->pooled && count_locals(id) == 1 && !is_elsewhere(id);
}

/* --- changes --------------------------------------------------------------------------------- */

void model_watch(const void *at, model_id *place, model_id value, model_id *before)
{
	watches[model_level()] = (struct watch){ place, value, before, false };
	sim_self->watched = at;
}

void model_changed(void)
{
	struct watch *w = &watches[model_level()];

	sim_self->watched = NULL;
	if (w->before)
		*w->before = *w->place;
	*w->place = w->value;
	w->changed = true;
}

bool model_was_changed(void)
{
	sim_self->watched = NULL;
	return watches[model_level()].changed;
}

/* --- the end of marking ---------------------------------------------------------------------- */

static void must_be_marked(model_id id, const char *why, unsigned n)
{
	const struct model_object *o = model_object(id);

	if (!id || !is_collected(o) || o->moves)
		return;
	if (!o->alive)
		wrong(id, "is dead, and something leads to it", n);
	if (!is_marked(id))
		sim_fail(
			"cycle %u: object %u (%s, %zu bytes at 0x%lx) is not marked: %s %u leads to it",
			model.turns, id, name_of(o), o->size, (unsigned long)o->addr, why, n);
}

static void check_fields(model_id id)
{
	const struct model_object *o = model_object(id);

	for (unsigned i = 0; i < o->nfields; i++)
		must_be_marked(o->field[i], "object", id);
}

static void check_roots(void)
{
	for (unsigned i = 0; i < MODEL_ROOTS; i++)
		must_be_marked(model.root[i], "root", i);
	for (unsigned i = 0; i < MODEL_LEVELS; i++)
		for (unsigned k = 0; k < MODEL_LOCALS; k++)
			must_be_marked(model.local[i][k], "a local of level", i);
}

static bool is_fresh_in_pool(const struct model_object *o)
{
	return o->pooled && o->put_at == model.turns;
}

/* It has an object's place, whoever knows of it. */
static void check_object(model_id id)
{
	const struct model_object *o = model_object(id);

	if (!is_collected(o))
		return;
	if (o->npins)
		must_be_marked(id, "pin", o->npins);
	if (o->due)
		must_be_marked(id, "the queue of finalizers, in cycle", model.turns);
	if (is_fresh_in_pool(o))
		must_be_marked(id, "the pool, in cycle", model.turns);
	if (o->moves || o->finalizer || is_marked(id))
		check_fields(id);
}

static void check_entries(void)
{
	for (unsigned i = 0; i < MODEL_TIES; i++) {
		struct model_entry *e = &model.entry[i];

		if (!e->used)
			continue;
		if (is_marked(e->key) && !e->busy)
			must_be_marked(e->value, "ephemeron", i);
		e->used = is_marked(e->key);
	}
}

static void cleanups_are_due(model_id id)
{
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.tie[i].state == MODEL_TIE_WAITS && model.tie[i].object == id)
			model.tie[i].state = MODEL_TIE_DUE;
}

static void finalizer_is_due(model_id id)
{
	for (unsigned i = 0; i < MODEL_TIES; i++)
		if (model.tie[i].state == MODEL_TIE_WAITS && model.tie[i].object == id &&
		    model.tie[i].finalizer)
			model.tie[i].state = MODEL_TIE_DUE;
}

static void be_dead(model_id id)
{
	struct model_object *o = model_object(id);

	o->weak_dead = true;
	if (o->finalizer) {
		o->finalizer = false;
		o->due = true;
		finalizer_is_due(id);
		return;
	}
	cleanups_are_due(id);
	o->pooled = false;
	model_end(id);
	model.deaths++;
}

/* Nothing was swept since the marks were made: all of them tell the truth. */
void model_turn(void)
{
	check_roots();
	for (unsigned i = 0; i < model.nalive; i++)
		check_object(model.alive[i]);
	check_entries();
	for (unsigned i = model.nalive; i-- > 0;) {
		model_id id = model.alive[i];

		if (is_collected(model_object(id)) && !model_object(id)->moves && !is_marked(id))
			be_dead(id);
	}
	model.turns++;
	for (unsigned i = 0; i < model.nalive; i++)
		if (!model_object(model.alive[i])->moves)
			check_words(model.alive[i], model_object(model.alive[i])->size);
}
