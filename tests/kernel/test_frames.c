/* SPDX-License-Identifier: MIT */
/* test_frames.c - single pages of RAM: cleared, apart from each other, given back. */
#include "boot/frames.h"
#include "boot/start.h"
#include "lib/bits.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define WORDS (PAGE_SIZE / 8)

static bool all_words(const uint64_t *frame, uint64_t value)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (frame[i] != value)
			return false;
	return true;
}

static void fill(uint64_t *frame, uint64_t value)
{
	for (unsigned i = 0; i < WORDS; i++)
		frame[i] = value;
}

TEST(frames, come_cleared_and_aligned)
{
	uint64_t *frame;

	/* The second is what the first was: it comes back dirty. */
	for (unsigned i = 0; i < 2; i++) {
		REQUIRE(frame = frames_alloc());
		EXPECT(is_aligned((uintptr_t)frame, PAGE_SIZE));
		EXPECT(all_words(frame, 0));
		fill(frame, ~0ull);
		frames_free(frame);
	}
}

TEST(frames, do_not_overlap)
{
	uint64_t *frame[64];
	size_t used = frames_used();

	for (unsigned i = 0; i < ARRAY_SIZE(frame); i++) {
		REQUIRE(frame[i] = frames_alloc());
		fill(frame[i], (uintptr_t)frame[i]);
	}
	EXPECT(frames_used() >= used + ARRAY_SIZE(frame)); /* and page tables to map them */
	used = frames_used();
	for (unsigned i = 0; i < ARRAY_SIZE(frame); i++) {
		EXPECT(all_words(frame[i], (uintptr_t)frame[i]));
		frames_free(frame[i]);
	}
	EXPECT_EQ(frames_used(), used - ARRAY_SIZE(frame));
}

/* Without the memory map the pool ends soon. What was taken is a list through the frames. */
TEST(frames, end_with_null_and_come_again)
{
	uint64_t **list = NULL, **frame;
	size_t taken = 0, used;

	frames_init(NULL);
	used = frames_used();
	while ((frame = frames_alloc())) {
		*frame = (uint64_t *)list;
		list = frame;
		taken++;
	}
	EXPECT_EQ(frames_free_count(), 0);
	EXPECT_EQ(frames_used(), used + taken);
	while ((frame = list)) {
		list = (uint64_t **)*frame;
		frames_free(frame);
	}
	frames_init(&boot_info.map);
	EXPECT_EQ(frames_used(), used);
	EXPECT(frames_free_count() >= taken);
}

static atomic_uint wrong;

static void take_and_give(void *arg)
{
	uint64_t end_ns = mach_clock_ns() + RACE_NS;
	uint64_t *mine[8] = { NULL };
	uint64_t stamp = (uintptr_t)arg + 1;

	for (unsigned i = 0; mach_clock_ns() < end_ns || mine[i % 8]; i++) {
		uint64_t **slot = &mine[i % 8];

		if (*slot) {
			if (!all_words(*slot, stamp))
				atomic_fetch_add(&wrong, 1);
			frames_free(*slot);
			*slot = NULL;
		} else if ((*slot = frames_alloc())) {
			if (!all_words(*slot, 0))
				atomic_fetch_add(&wrong, 1);
			fill(*slot, stamp);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(mine); i++)
		if (mine[i])
			frames_free(mine[i]);
}

TEST_SLOW(frames, belong_to_one_taker)
{
	static struct thread *takers[2 * TERN_MAX_CPUS];
	unsigned n = 2 * cpu_count();

	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < n; i++)
		REQUIRE(takers[i] = thread_create("taker", take_and_give, (void *)(uintptr_t)i));
	while (n--)
		thread_join(takers[n]);
	EXPECT_EQ(atomic_load(&wrong), 0);
}

static atomic_uint refused, holders;

/* Take many, as a list through the frames; keep them until all have theirs. */
static void take_and_hold(void *arg)
{
	uint64_t **list = NULL, **frame;

	for (unsigned i = 0; i < 40; i++) {
		frame = frames_alloc();
		if (!frame) {
			atomic_fetch_add(&refused, 1);
			continue;
		}
		*frame = (uint64_t *)list;
		list = frame;
	}
	atomic_fetch_add(&holders, 1);
	while (atomic_load(&holders) < (uintptr_t)arg)
		thread_sleep(MS);
	while ((frame = list)) {
		list = (uint64_t **)*frame;
		frames_free(frame);
	}
}

/* While one CPU fetches more from the map, the others have to wait, not to go without. */
TEST_SLOW(frames, nobody_is_refused_while_there_is_memory)
{
	static struct thread *takers[2 * TERN_MAX_CPUS];
	unsigned n = 2 * cpu_count();

	atomic_store(&refused, 0);
	atomic_store(&holders, 0);
	for (unsigned i = 0; i < n; i++)
		REQUIRE(takers[i] = thread_create("taker", take_and_hold, (void *)(uintptr_t)n));
	while (n--)
		thread_join(takers[n]);
	EXPECT_EQ(atomic_load(&refused), 0);
}
