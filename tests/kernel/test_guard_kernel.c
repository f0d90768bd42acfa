/* SPDX-License-Identifier: MIT */
/* test_guard_kernel.c - sampled objects by the guest kernel's page tables. */
#include <tern/safety.h>
#include <tern/tern.h>

#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/guard.h"

static bool readable(const uint8_t *p)
{
	uint64_t value;

	return mach_probe_read((uintptr_t)p, 1, &value);
}

TEST(guard_kernel, past_the_end_and_after_free_fault)
{
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *p = sampled_object(64);
		uintptr_t page = (uintptr_t)p & ~(uintptr_t)(TERN_HEAP_PAGE - 1);

		if (!p)
			SKIP(SAMPLING_SKIPPED);
		EXPECT(!readable((uint8_t *)page - 1) &&
		       !readable((uint8_t *)page + TERN_HEAP_PAGE));
		EXPECT(readable(p) && readable(p + 63));
		tern_free(p);
		EXPECT(!readable(p) && !readable(p + 63));
	}
}

/* Other CPUs cannot be told then. It is counted, and the object may be used again. */
TEST(guard_kernel, freed_with_interrupts_off_stays_open)
{
	struct tern_sampling_stats before, after;
	uint8_t *p = sampled_object(64);
	unsigned long irq;

	if (!p)
		SKIP(SAMPLING_SKIPPED);
	tern_sampling_stats(&before);
	irq = arch_irq_save();
	tern_free(p);
	arch_irq_restore(irq);
	tern_sampling_stats(&after);
	EXPECT_EQ(after.left_open, before.left_open + 1);
	EXPECT_EQ(after.live, before.live - 1);
	for (unsigned i = 0; i < SAMPLED_OBJECTS + 1; i++) {
		REQUIRE((p = sampled_object(64)));
		tern_free(p);
	}
	EXPECT(!readable(p));
}
