/* SPDX-License-Identifier: MIT */
/* test_profile_host.c - slots that are hidden for the heap profile are nobody's to free. */
#include <tern/observe.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "mm/debug.h"
#include "mm/heap.h"
#include "mm/sample.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define SIZE    64u
#define OBJECTS 2000u

static void **const objects = (void **)test_scratch;

/* An address in a slot of the class that is hidden; 0 if none is. */
static uintptr_t hidden_slot(size_t spc)
{
	const struct tern_mcache *c = tern_heap_cache();
	uint64_t hidden = c->sampler ? c->sampler->of[spc].hidden : 0;

	return hidden ? c->slots[spc].base +
				(unsigned)__builtin_ctzll(hidden) * c->slots[spc].span->elemsize
		      : 0;
}

static void free_hidden_slot(void *arg)
{
	tern_free((void *)*(uintptr_t *)arg);
}

TEST(profile, hidden_slots_are_no_objects)
{
	size_t spc = tern_spanclass_of(TERN_KIND_MANUAL, tern_sizeclass_of(tern_debug_room(SIZE)));
	uintptr_t slot = 0;
	char text[256];
	unsigned i;

	REQUIRE(heap_for_tests() && tern_profile_start(4096) == TERN_OK);
	for (i = 0; i < OBJECTS && !slot; i++) {
		REQUIRE(objects[i] = tern_malloc(SIZE));
		slot = hidden_slot(spc);
	}
	REQUIRE(slot);
	EXPECT(!tern_base((void *)slot));
	EXPECT(host_panics(free_hidden_slot, &slot, text, sizeof(text)));
	EXPECT(tern_str_match("tern_free: *", text));
	/* It is to be had again, once. */
	for (unsigned more = 0; i < OBJECTS; i++) {
		REQUIRE(objects[i] = tern_malloc(SIZE));
		more += objects[i] == (void *)slot;
		EXPECT(more <= 1);
	}
	tern_profile_stop();
	for (i = 0; i < OBJECTS; i++)
		tern_free(objects[i]);
}
