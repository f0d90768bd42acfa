/* SPDX-License-Identifier: MIT */
/* objects.c - see objects.h. Context: any in which tern_malloc() may be called. */
#include "tests/unit/objects.h"

#include <tern/tern.h>

#include "arch/arch.h"

/* The seed of an object that was not zero where it should have been. */
#define SPOILED UINT32_MAX

size_t random_size(uint64_t *rng)
{
	uint64_t r = next_random(rng) >> 8;

	if (r % 64 == 0)
		return 16 + (r >> 8) % (256 << 10);
	return 16 + (r >> 8) % (r % 4 ? 256 : 4096);
}

static uint64_t word_at(const struct object *o, uint32_t i)
{
	return ((uint64_t)o->seed << 32 | o->words) * 0x9e3779b97f4a7c15ull + i;
}

static uint32_t body_words(const struct object *o)
{
	return o->words - (uint32_t)(sizeof(*o) / 8);
}

struct object *object_fill(void *p, size_t size, uint64_t *rng)
{
	struct object *o = p;

	o->next = NULL;
	o->words = (uint32_t)(size / 8);
	o->seed = (uint32_t)(next_random(rng) >> 33);
	for (uint32_t i = 0; i < body_words(o); i++)
		o->word[i] = word_at(o, i);
	return o;
}

bool is_zero(const void *p, size_t size)
{
	const uint8_t *byte = p;

	while (size && !byte[size - 1])
		size--;
	return size == 0;
}

static void *make(size_t size, unsigned kind)
{
	switch (kind) {
	case 0:
		return tern_calloc(1, size);
	case 1:
		return tern_alloc(size);
	case 2:
		return tern_alloc_noscan(size);
	default:
		return tern_malloc(size);
	}
}

static struct object *make_and_fill(size_t size, unsigned kind, uint64_t *rng)
{
	void *p = make(size, kind);
	bool good;

	if (!p)
		return NULL;
	good = kind > 2 || is_zero(p, size);
	object_fill(p, size, rng);
	if (!good)
		((struct object *)p)->seed = SPOILED;
	return p;
}

struct object *object_of(size_t size, uint64_t *rng)
{
	return make_and_fill(size < sizeof(struct object) ? sizeof(struct object) : size, 3, rng);
}

struct object *object_make(uint64_t *rng)
{
	uint64_t r = next_random(rng) >> 16;
	bool off = r % 8 == 0;
	unsigned long irq = off ? arch_irq_save() : 0;
	struct object *o = make_and_fill(random_size(rng), (unsigned)(r >> 8) % 6, rng);

	if (off)
		arch_irq_restore(irq);
	return o;
}

bool object_is_whole(const struct object *o)
{
	return o->words * 8ull <= tern_usable_size(o) && object_is_as_filled(o);
}

bool object_is_as_filled(const struct object *o)
{
	if (o->seed == SPOILED || o->words < sizeof(*o) / 8)
		return false;
	for (uint32_t i = 0; i < body_words(o); i++)
		if (o->word[i] != word_at(o, i))
			return false;
	return true;
}

bool object_end(struct object *o, uint64_t *rng)
{
	bool whole = object_is_whole(o);
	unsigned long irq;

	/* What another CPU finds in it afterwards is not an object. */
	o->seed = SPOILED;
	if (next_random(rng) >> 16 & 7) {
		tern_free(o);
		return whole;
	}
	irq = arch_irq_save();
	tern_free(o);
	arch_irq_restore(irq);
	return whole;
}
