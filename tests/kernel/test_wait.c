/* SPDX-License-Identifier: MIT */
/* test_wait.c - blocking, waking, sleeping: no wake is lost, none ends what it should not. */
#include "tests/kernel/kernel.h"
#include "tests/test.h"

#define ROUNDS 10000

TEST(wait, wake_before_block_is_remembered_once)
{
	thread_wake(thread_self());
	thread_block();
	EXPECT_EQ(thread_self()->events, 0);
	thread_wake(thread_self());
	thread_wake(thread_self());
	thread_block();
	EXPECT_EQ(thread_self()->events, 0);
}

static void wake_it(void *arg)
{
	thread_wake(arg);
}

TEST(wait, block_ends_by_a_wake)
{
	for (unsigned i = 0; i < 20; i++) {
		struct thread *a =
			thread_create_on(i % cpu_count(), "waker", wake_it, thread_self());

		REQUIRE(a);
		thread_block();
		thread_join(a);
	}
}

TEST(wait, sleep_takes_its_time)
{
	static const uint64_t naps[] = { 0, 1, 1000, MS / 10, MS, 20 * MS };

	for (unsigned i = 0; i < ARRAY_SIZE(naps); i++) {
		uint64_t before_ns = mach_clock_ns(), slept_ns;

		thread_sleep(naps[i]);
		slept_ns = mach_clock_ns() - before_ns;
		EXPECT(slept_ns >= naps[i]);
		EXPECT(slept_ns < HANG_NS);
	}
}

/* Neither does the wake end the sleep, nor does the sleep swallow the wake. */
TEST(wait, wake_does_not_end_a_sleep)
{
	struct thread *a = thread_create("waker", wake_it, thread_self());
	uint64_t before_ns = mach_clock_ns();

	REQUIRE(a);
	thread_sleep(20 * MS);
	EXPECT(mach_clock_ns() - before_ns >= 20 * MS);
	thread_join(a);
	thread_block();
}

/* What thread_wait() says, and how long it took. */
struct waiter {
	uint64_t ns, took_ns;
	bool or_idle, was_idle;
};

static void wait_as_told(void *arg)
{
	struct waiter *w = arg;
	uint64_t before_ns = mach_clock_ns();

	w->was_idle = thread_wait(w->ns, w->or_idle);
	w->took_ns = mach_clock_ns() - before_ns;
}

TEST(wait, for_so_long_at_most)
{
	static const uint64_t times[] = { 0, 1, MS / 10, 20 * MS };

	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		struct waiter w = { .ns = times[i] };
		struct thread *a = thread_create_on(last_cpu(), "waiter", wait_as_told, &w);

		REQUIRE(a);
		thread_join(a);
		EXPECT(w.took_ns >= times[i] && w.took_ns < HANG_NS);
		EXPECT(!w.was_idle);
	}
}

/* By a wake, before the time is over; and a timer that was not needed ends no sleep that comes later. */
static void wait_then_sleep(void *arg)
{
	struct waiter *w = arg;

	wait_as_told(w);
	w->ns = mach_clock_ns();
	thread_sleep(20 * MS);
	w->ns = mach_clock_ns() - w->ns;
}

TEST(wait, until_woken)
{
	struct waiter w = { .ns = HANG_NS, .or_idle = false };
	struct thread *a = thread_create_on(last_cpu(), "waiter", wait_then_sleep, &w);

	REQUIRE(a);
	EXPECT(WAIT_FOR(a->state == THREAD_SLEEPING));
	thread_wake(a);
	thread_join(a);
	EXPECT(w.took_ns < HANG_NS && !w.was_idle);
	EXPECT(w.ns >= 20 * MS);
}

/* The joiner blocks, so that there is nothing else to do. */
TEST(wait, until_its_cpu_is_idle)
{
	struct waiter w = { .ns = UINT64_MAX, .or_idle = true };
	struct thread *a = thread_create_on(last_cpu(), "waiter", wait_as_told, &w);

	REQUIRE(a);
	thread_join(a);
	EXPECT(w.was_idle);
}

/* One that gives the CPU up soon runs at once, though who wakes it does not, and has all of its slice. */
static void be_brief(void *arg)
{
	atomic_bool *ran = arg;

	thread_self()->brief = true;
	atomic_store(ran, true);
	thread_block();
	atomic_store(ran, true);
}

TEST(wait, a_brief_thread_runs_at_once)
{
	static atomic_bool ran;
	struct thread *a;
	uint64_t woken_ns;

	for (unsigned i = 0; i < cpu_count(); i++) {
		atomic_store(&ran, false);
		thread_pin(i);
		REQUIRE(a = thread_create_on(i, "brief", be_brief, &ran));
		EXPECT(WAIT_FOR(atomic_load(&ran) && a->state == THREAD_BLOCKED));
		atomic_store(&ran, false);
		thread_wake(a);
		woken_ns = mach_clock_ns();
		while (!atomic_load(&ran) && mach_clock_ns() - woken_ns < HANG_NS)
			arch_relax();
		EXPECT(atomic_load(&ran));
		thread_join(a);
	}
	thread_pin(THREAD_ANY_CPU);
}

static void keep_busy(void *arg)
{
	while (!atomic_load((atomic_bool *)arg))
		arch_relax();
}

TEST(wait, a_busy_cpu_is_not_idle)
{
	static atomic_bool over;
	struct waiter w = { .ns = 50 * MS, .or_idle = true };
	struct thread *busy, *a;

	atomic_store(&over, false);
	busy = thread_create_on(last_cpu(), "busy", keep_busy, &over);
	a = busy ? thread_create_on(last_cpu(), "waiter", wait_as_told, &w) : NULL;
	if (a)
		thread_join(a);
	atomic_store(&over, true);
	if (busy)
		thread_join(busy);
	REQUIRE(a);
	EXPECT(!w.was_idle);
	EXPECT(w.took_ns >= 50 * MS);
}

static void sleep_for(void *arg)
{
	uint64_t ns = (uintptr_t)arg;
	uint64_t before_ns = mach_clock_ns();

	thread_sleep(ns);
	thread_self()->arg = (void *)(uintptr_t)(mach_clock_ns() - before_ns >= ns);
}

TEST(wait, many_sleep_at_once)
{
	struct thread *sleepers[20];
	bool in_time = true;

	for (unsigned i = 0; i < ARRAY_SIZE(sleepers); i++) {
		uintptr_t ns = test_random_below(t, 20 * MS);

		REQUIRE(sleepers[i] = thread_create("sleeper", sleep_for, (void *)ns));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(sleepers); i++) {
		EXPECT(WAIT_FOR(sleepers[i]->state == THREAD_DONE));
		in_time &= sleepers[i]->arg == (void *)1;
		thread_join(sleepers[i]);
	}
	EXPECT(in_time);
}

/* A token goes round a ring of threads; each blocks until it has it. */
struct player {
	struct thread *thread;
	struct player *next;
	atomic_bool has_token;
	unsigned rounds;
};

static atomic_uint through; /* players that wake nobody any more */

static void play(void *arg)
{
	struct player *p = arg;

	for (unsigned i = 0; i < p->rounds; i++) {
		while (!atomic_exchange(&p->has_token, false))
			thread_block();
		atomic_store(&p->next->has_token, true);
		thread_wake(p->next->thread);
	}
	atomic_fetch_add(&through, 1);
}

/* cpu_of_player: CPU ids, or THREAD_ANY_CPU. Each thread waits for its first wake, so that all
 * exist before the token moves. */
static bool play_ring(struct player *p, unsigned n, const unsigned *cpu_of_player, unsigned rounds)
{
	unsigned made = 0;

	for (; made < n; made++) {
		unsigned cpu = cpu_of_player[made];

		p[made].next = &p[(made + 1) % n];
		p[made].rounds = rounds;
		atomic_store(&p[made].has_token, false);
		p[made].thread = cpu == THREAD_ANY_CPU
					 ? thread_create("player", play, &p[made])
					 : thread_create_on(cpu, "player", play, &p[made]);
		if (!p[made].thread)
			return false;
	}
	atomic_store(&through, 0);
	atomic_store(&p[0].has_token, true);
	thread_wake(p[0].thread);
	/* The last gives the token to the first, which has ended by then, but must not be gone. */
	if (!WAIT_FOR(atomic_load(&through) == n))
		return false;
	for (unsigned i = 0; i < n; i++)
		thread_join(p[i].thread);
	/* It went round, and is where it began. */
	return atomic_load(&p[0].has_token);
}

TEST_SLOW(wait, ping_pong_on_one_cpu)
{
	static struct player pair[2];
	unsigned where[] = { last_cpu(), last_cpu() };

	EXPECT(play_ring(pair, 2, where, ROUNDS));
}

TEST_SLOW(wait, ping_pong_across_cpus)
{
	static struct player pair[2];
	unsigned where[] = { 0, last_cpu() };

	if (cpu_count() == 1)
		SKIP("one CPU");
	EXPECT(play_ring(pair, 2, where, ROUNDS));
}

TEST_SLOW(wait, ping_pong_anywhere)
{
	static struct player pair[2];
	unsigned where[] = { THREAD_ANY_CPU, THREAD_ANY_CPU };

	EXPECT(play_ring(pair, 2, where, ROUNDS));
}

TEST_SLOW(wait, token_ring_over_all_cpus)
{
	static struct player ring[2 * TERN_MAX_CPUS];
	static unsigned where[2 * TERN_MAX_CPUS];
	unsigned n = 2 * cpu_count();

	for (unsigned i = 0; i < n; i++)
		where[i] = i % 3 ? i % cpu_count() : THREAD_ANY_CPU;
	EXPECT(play_ring(ring, n, where, ROUNDS / n));
}

/* Many wake one at the same time, while it blocks and sleeps. */
static atomic_ulong given, taken;
static atomic_bool over;

static void take(void *arg)
{
	(void)arg;
	while (!atomic_load(&over) || atomic_load(&given)) {
		unsigned long n = atomic_exchange(&given, 0);

		atomic_fetch_add(&taken, n);
		if (n % 5 == 1)
			thread_sleep(1000);
		if (n == 0 && !atomic_load(&over))
			thread_block();
	}
}

static void give(void *arg)
{
	struct thread *taker = arg;
	uint64_t end_ns = mach_clock_ns() + RACE_NS;
	unsigned long n = 0;

	do {
		atomic_fetch_add(&given, 1);
		thread_wake(taker);
		if (++n % 8 == 0)
			thread_yield();
	} while (mach_clock_ns() < end_ns);
	thread_self()->arg = (void *)n;
}

TEST_SLOW(wait, many_wake_one)
{
	static struct thread *givers[TERN_MAX_CPUS];
	struct thread *taker;
	unsigned long sum = 0;

	atomic_store(&taken, 0);
	atomic_store(&given, 0);
	atomic_store(&over, false);
	REQUIRE(taker = thread_create("taker", take, NULL));
	for (unsigned i = 0; i < cpu_count(); i++)
		REQUIRE(givers[i] = thread_create_on(i, "giver", give, taker));
	for (unsigned i = 0; i < cpu_count(); i++) {
		EXPECT(WAIT_FOR(givers[i]->state == THREAD_DONE));
		sum += (unsigned long)givers[i]->arg;
		thread_join(givers[i]);
	}
	atomic_store(&over, true);
	thread_wake(taker);
	thread_join(taker);
	EXPECT_EQ(atomic_load(&taken), sum);
}
