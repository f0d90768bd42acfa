/* SPDX-License-Identifier: MIT */
/* test_scavenge_kernel.c - the scavenger and the machine beneath. Jobs with balloon=1 have one that
 * takes memory; without it scavenging turns itself off. */
#include <tern/port.h>
#include <tern/scavenge.h>
#include <tern/tern.h>

#include "boot/balloon.h"
#include "boot/thread.h"
#include "lib/bits.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

static uint64_t to_host(void)
{
	struct balloon_stats s;

	balloon_stats(&s);
	return s.released;
}

static bool has_balloon(void)
{
	struct balloon_stats s;

	balloon_stats(&s);
	return s.regs != 0 && tern_str_eq(s.state, "in use");
}

/* Used, and free again. */
static bool make_dirty(size_t size)
{
	void *p = tern_pages_alloc(size, 0, 0);

	if (!p)
		return false;
	memset(p, 0x5a, size);
	tern_pages_free(p, size);
	return true;
}

/* 2 MiB, or an eighth of what a small machine has. */
static size_t a_run(void)
{
	struct tern_page_stats s;
	uint64_t all;

	tern_page_stats(&s);
	all = s.waiting + s.free + s.used;
	return all / 8 < MiB(2) ? (size_t)(all / 8) : MiB(2);
}

TEST(scavenge_kernel, released_memory_goes_to_the_host)
{
	uint64_t before = to_host();
	size_t size = a_run(), released;

	tern_set_scavenging(true);
	REQUIRE(make_dirty(size));
	released = tern_scavenge(size / 2);
	if (has_balloon()) {
		EXPECT(released >= size / 2);
		EXPECT_EQ(to_host() - before, released);
		EXPECT(tern_scavenging());
	} else {
		EXPECT_EQ(released, 0);
		EXPECT(!tern_scavenging());
	}
	/* Free in any case, and usable. */
	EXPECT(make_dirty(size));
}

static void background(void *stop)
{
	while (!atomic_load((atomic_bool *)stop))
		thread_sleep(tern_background() / 8);
}

/* Two periods after the peak. */
TEST_SLOW(scavenge_kernel, the_background_releases_what_is_over_the_goal)
{
	static atomic_bool stop;
	struct thread *thread;
	struct tern_page_stats s;
	uint64_t before, limit;

	if (!has_balloon())
		SKIP("no balloon");
	tern_set_scavenging(true);
	REQUIRE(make_dirty(MiB(4)));
	before = to_host();
	atomic_store(&stop, false);
	thread = thread_create("scavenger", background, &stop);
	REQUIRE(thread);
	for (limit = tern_port_clock_ns() + 20000000000ull;
	     to_host() == before && tern_port_clock_ns() < limit;)
		thread_sleep(100000000);
	atomic_store(&stop, true);
	thread_join(thread);
	tern_page_stats(&s);
	EXPECT(to_host() > before);
	EXPECT(s.released <= s.free);
}
