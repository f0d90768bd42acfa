/* SPDX-License-Identifier: MIT */
/* test_lock.c - a lock on one CPU. Between CPUs: tests/host/test_lock.c, tests/kernel. */
#include "lib/lock.h"

#include "arch/arch.h"
#include "tests/test.h"

static const struct tern_lock_class outer_class = { .name = "outer", .rank = 901, .irq = true };
static const struct tern_lock_class inner_class = { .name = "inner", .rank = 902, .irq = true };
static struct tern_lock outer = TERN_LOCK_INIT(&outer_class);

/* What one lock says along its way; expectations come after, as they print. */
struct story {
	bool off_inside, held_inside, off_after;
	unsigned depth[4];
};

TEST(lock, irqsave_brings_back_what_was)
{
	struct story s;
	unsigned long before, state;

	before = arch_irq_save();
	state = tern_lock_irqsave(&outer);
	s.off_inside = !arch_irq_enabled();
	s.held_inside = tern_lock_held(&outer);
	tern_unlock_irqrestore(&outer, state);
	s.off_after = !arch_irq_enabled();
	arch_irq_restore(before);
	EXPECT(s.off_inside && s.held_inside && s.off_after);

	EXPECT(arch_irq_enabled());
	state = tern_lock_irqsave(&outer);
	s.off_inside = !arch_irq_enabled();
	tern_unlock_irqrestore(&outer, state);
	EXPECT(s.off_inside);
	EXPECT(arch_irq_enabled());
}

TEST(lock, depth_counts_what_is_held)
{
	const unsigned one = TERN_CHECK_LEVEL >= 1;
	struct tern_lock inner;
	struct story s;
	unsigned long irq = arch_irq_save();
	unsigned base = tern_lock_depth();

	tern_lock_init(&inner, &inner_class);
	tern_lock(&outer);
	s.depth[0] = tern_lock_depth();
	tern_lock_may_take(&inner_class);
	tern_lock(&inner);
	s.depth[1] = tern_lock_depth();
	tern_unlock(&outer);
	s.depth[2] = tern_lock_depth();
	s.held_inside = tern_lock_held(&inner);
	tern_unlock(&inner);
	s.depth[3] = tern_lock_depth();
	arch_irq_restore(irq);
	EXPECT_EQ(s.depth[0], base + one);
	EXPECT_EQ(s.depth[1], base + 2 * one);
	EXPECT_EQ(s.depth[2], base + one);
	EXPECT_EQ(s.depth[3], base);
	EXPECT(s.held_inside);
}

TEST(lock, try_takes_only_what_is_free)
{
	unsigned wrong = 0;
	unsigned long irq = arch_irq_save();

	for (unsigned i = 0; i < 4; i++) {
		wrong += !tern_lock_try(&outer);
		wrong += tern_lock_try(&outer);
		tern_unlock(&outer);
		tern_lock(&outer);
		wrong += tern_lock_try(&outer);
		tern_unlock(&outer);
	}
	arch_irq_restore(irq);
	EXPECT_EQ(wrong, 0);
}
