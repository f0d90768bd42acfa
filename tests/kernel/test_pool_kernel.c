/* SPDX-License-Identifier: MIT */
/* test_pool_kernel.c - a pool that interrupt handlers use, on every CPU, between any two instructions
 * of threads that use it too: an object is in one place at a time, and none is lost. */
#include <tern/pool.h>

#include "boot/timer.h"
#include "lib/bits.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define MAX_CPUS  8u
#define THINGS    200u
#define PERIOD_NS (MS / 20)

struct thing {
	atomic_uint holders;
};

struct user {
	struct timer timer;
	uint64_t rng;
	unsigned runs;
};

static struct tern_pool pool = TERN_POOL_INIT(NULL);
static struct thing things[THINGS];
static struct user users[MAX_CPUS];
static atomic_bool stop;
static atomic_uint wrong;

static void get_some_and_put_them(uint64_t *rng)
{
	struct thing *mine[8] = { NULL };

	for (unsigned i = 0; i < ARRAY_SIZE(mine); i++) {
		mine[i] = next_random(rng) % 4 ? tern_pool_get(&pool) : NULL;
		if (mine[i] && atomic_exchange(&mine[i]->holders, 1))
			atomic_fetch_add(&wrong, 1);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(mine); i++) {
		if (mine[i] && !atomic_exchange(&mine[i]->holders, 0))
			atomic_fetch_add(&wrong, 1);
		tern_pool_put(&pool, mine[i]);
	}
}

static void in_interrupt(struct timer *timer)
{
	struct user *u = container_of(timer, struct user, timer);

	get_some_and_put_them(&u->rng);
	u->runs++;
	if (!atomic_load_explicit(&stop, memory_order_acquire))
		timer_arm(timer, mach_clock_ns() + PERIOD_NS);
}

static void in_thread(unsigned cpu, void *arg)
{
	struct user *u = &users[cpu];
	uint64_t rng = (cpu << 8) | 1, end_ns = mach_clock_ns() + *(uint64_t *)arg;

	*u = (struct user){ .rng = cpu + 7 };
	timer_init(&u->timer, in_interrupt);
	timer_arm(&u->timer, mach_clock_ns());
	while (mach_clock_ns() < end_ns)
		get_some_and_put_them(&rng);
}

static void end_timer(unsigned cpu, void *arg)
{
	(void)arg;
	timer_cancel(&users[cpu].timer);
}

TEST(pool_kernel, handlers_and_threads_share_one)
{
	uint64_t ns = RACE_NS;
	struct tern_pool_stats s;
	unsigned runs = 0;

	atomic_store(&stop, false);
	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < THINGS; i++)
		tern_pool_put(&pool, &things[i]);
	run_on_cpus(cpus_for_tests(), in_thread, &ns);
	atomic_store_explicit(&stop, true, memory_order_release);
	run_on_cpus(cpus_for_tests(), end_timer, NULL);
	for (unsigned i = 0; i < cpus_for_tests(); i++)
		runs += users[i].runs;
	tern_pool_stats(&pool, &s);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(s.fresh, THINGS);
	EXPECT(runs >= cpus_for_tests());
	test_note(t, "%u handlers, %llu of %llu found", runs, (unsigned long long)s.reused,
		  (unsigned long long)s.gets);
	tern_pool_destroy(&pool);
}
