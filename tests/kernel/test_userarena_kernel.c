/* SPDX-License-Identifier: MIT */
/* test_userarena_kernel.c - an arena that is freed with interrupts off cannot be closed, as the other
 * CPUs cannot be told: it holds a pattern, for as long as somebody points into it. */
#include <tern/arena.h>
#include <tern/gc.h>

#include "arch/arch.h"
#include "tests/test.h"
#include "tests/unit/collect.h"

#define POISON 0xdb
#define BYTES  1000u

static unsigned char *inside; /* a root */

static unsigned count_poison(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BYTES; i++)
		n += inside[i] == POISON;
	return n;
}

TEST(userarena_kernel, what_cannot_be_closed_holds_a_pattern)
{
	struct tern_arena_stats before, after;
	struct tern_user_arena *a;
	unsigned long irq;

	REQUIRE(collector_for_tests());
	a = tern_arena_new();
	REQUIRE(a && (inside = tern_arena_alloc(a, BYTES)));
	tern_arena_stats(&before);
	irq = arch_irq_save();
	tern_arena_free(a);
	arch_irq_restore(irq);
	tern_arena_stats(&after);
	EXPECT_EQ(after.poisoned_bytes - before.poisoned_bytes, TERN_ARENA_CHUNK);
	EXPECT_EQ(count_poison(), BYTES);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT_EQ(count_poison(), BYTES);
	inside = NULL;
}
