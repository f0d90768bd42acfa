/* SPDX-License-Identifier: MIT */
/* test_limiter.c - the bucket by hand, under anything, and round a collector that stops the world at
 * the memory limit. */
#include "gc/limiter.h"

#include "gc/pacer.h"
#include "lib/bits.h"
#include "tests/test.h"

#define SECOND 1000000000ull
#define MS     1000000ull

/* Move on by so much, in the same phase. */
static void pass(struct tern_limiter *l, uint64_t ns, uint64_t assist_ns, uint64_t idle_ns)
{
	tern_limiter_update(l, l->last_ns + ns, assist_ns, idle_ns);
}

static void enter(struct tern_limiter *l, enum tern_limiter_phase phase)
{
	tern_limiter_enter(l, phase, l->last_ns, 0, 0);
}

TEST(limiter, a_second_of_nothing_else_fills_it)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 5, 4);
	enter(&l, TERN_LIMITER_STOPPED);
	pass(&l, SECOND - 1, 0, 0);
	EXPECT(!tern_limiter_limiting(&l));
	pass(&l, 1, 0, 0);
	EXPECT(tern_limiter_limiting(&l));
	enter(&l, TERN_LIMITER_OFF);
	EXPECT(tern_limiter_limiting(&l));
	pass(&l, 1, 0, 0);
	EXPECT(!tern_limiter_limiting(&l));
	EXPECT_EQ(l.fill_ns, 4 * SECOND - 4);
}

TEST(limiter, workers_alone_never_fill_it)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 0, 8);
	enter(&l, TERN_LIMITER_MARKING);
	for (unsigned i = 0; i < 100; i++)
		pass(&l, SECOND, 0, 0);
	EXPECT_EQ(l.fill_ns, 0);
	/* With a quarter of assists it is half: neither fills nor drains. */
	l.fill_ns = 12345;
	pass(&l, SECOND, 2 * SECOND, 0);
	EXPECT_EQ(l.fill_ns, 12345);
	/* All that there was, if it is told to be more. */
	pass(&l, SECOND, 600 * SECOND, 0);
	EXPECT(tern_limiter_limiting(&l));
}

TEST(limiter, idle_time_is_nobodys)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 0, 4);
	l.fill_ns = 3 * SECOND;
	pass(&l, SECOND, 0, 4 * SECOND);
	EXPECT_EQ(l.fill_ns, 3 * SECOND);
	pass(&l, SECOND, 0, 3 * SECOND);
	EXPECT_EQ(l.fill_ns, 2 * SECOND);
	/* A whole idle day is no credit. */
	pass(&l, 86400 * SECOND, 0, 0);
	EXPECT_EQ(l.fill_ns, 0);
	enter(&l, TERN_LIMITER_STOPPED);
	pass(&l, SECOND, 0, 0);
	EXPECT(tern_limiter_limiting(&l));
}

TEST(limiter, a_long_stop_is_paid_back)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 0, 2);
	enter(&l, TERN_LIMITER_STOPPED);
	pass(&l, 2 * SECOND, 0, 0);
	pass(&l, 2 * SECOND, 0, 0);
	enter(&l, TERN_LIMITER_OFF);
	EXPECT_EQ(l.debt_ns, 2 * 3 * SECOND);
	pass(&l, 3 * SECOND, 0, 0);
	EXPECT(tern_limiter_limiting(&l));
	pass(&l, 1, 0, 0);
	EXPECT(!tern_limiter_limiting(&l));
	EXPECT_EQ(l.fill_ns, 2 * SECOND - 2);
}

/* Cycles that are asked for do not add up to hours without a limit. */
TEST(limiter, only_the_longest_stop_is_paid_back)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 0, 1);
	for (unsigned i = 0; i < 100; i++) {
		enter(&l, TERN_LIMITER_STOPPED);
		pass(&l, SECOND, 0, 0);
		enter(&l, TERN_LIMITER_OFF);
	}
	EXPECT_EQ(l.debt_ns, SECOND);
	pass(&l, 2 * SECOND, 0, 0);
	EXPECT_EQ(l.fill_ns, 0);
}

TEST(limiter, cpus_come_and_go)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 0, 1);
	enter(&l, TERN_LIMITER_STOPPED);
	pass(&l, 2 * SECOND, 0, 0);
	EXPECT(tern_limiter_limiting(&l));
	tern_limiter_set_cpus(&l, l.last_ns, 1);
	EXPECT_EQ(l.debt_ns, SECOND);
	tern_limiter_set_cpus(&l, l.last_ns, 4);
	EXPECT(!tern_limiter_limiting(&l));
	pass(&l, SECOND / 2, 0, 0);
	EXPECT_EQ(l.fill_ns, 3 * SECOND);
	tern_limiter_set_cpus(&l, l.last_ns, 2);
	EXPECT(tern_limiter_limiting(&l));
	EXPECT_EQ(l.fill_ns, 2 * SECOND);
}

TEST(limiter, updates_are_due_every_10_ms)
{
	struct tern_limiter l;

	tern_limiter_init(&l, 100, 1);
	EXPECT(!tern_limiter_need_update(&l, 0));
	EXPECT(!tern_limiter_need_update(&l, 100 + 10 * MS));
	EXPECT(tern_limiter_need_update(&l, 101 + 10 * MS));
}

static uint64_t any_time(struct test *t)
{
	return test_random(t) >> test_random_below(t, 64);
}

TEST(limiter, anything_in_any_order)
{
	struct tern_limiter l;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t now = any_time(t), last;

		if (i % 50 == 0)
			tern_limiter_init(&l, now, (unsigned)any_time(t));
		last = l.last_ns;
		switch (test_random_below(t, 3)) {
		case 0:
			tern_limiter_update(&l, now, any_time(t), any_time(t));
			break;
		case 1:
			tern_limiter_enter(&l, test_random_below(t, 3), now, any_time(t),
					   any_time(t));
			break;
		default:
			tern_limiter_set_cpus(&l, now, (unsigned)any_time(t));
		}
		REQUIRE(l.fill_ns <= l.capacity_ns && l.capacity_ns >= TERN_LIMITER_CAPACITY_NS);
		REQUIRE(l.debt_ns == 0 || l.fill_ns == l.capacity_ns);
		REQUIRE(l.excess_ns <= l.debt_ns);
		REQUIRE(l.last_ns >= last);
	}
}

/* --- a collector at the limit ------------------------------------------------------------------ */

/* A program of which 95 of 96 MiB live, and which makes garbage as fast as it can. Time that passed: */
struct spiral {
	struct tern_pacer pacer;
	struct tern_limiter limiter;
	uint64_t now_ns, collector_ns, most_live;
	unsigned cycles;
};

static void collect(struct spiral *s, uint64_t pause_ns)
{
	struct tern_pacer_end end = { .marked_bytes = MiB(95), .sweep_done = true };

	tern_limiter_enter(&s->limiter, TERN_LIMITER_STOPPED, s->now_ns, 0, 0);
	tern_pacer_start_cycle(&s->pacer, s->now_ns, 2, TERN_PACER_LIMIT);
	s->now_ns += pause_ns;
	s->collector_ns += pause_ns;
	end.now_ns = s->now_ns;
	tern_pacer_end_cycle(&s->pacer, &end);
	tern_limiter_enter(&s->limiter, TERN_LIMITER_OFF, s->now_ns, 0, 0);
	s->cycles++;
}

/* 64 KiB in 64 us, as often as a cycle could begin. */
static void spin(struct spiral *s, uint64_t for_ns, uint64_t pause_ns, bool limit)
{
	memset(s, 0, sizeof(*s));
	tern_pacer_init(&s->pacer, TERN_PACER_OFF, 0, MiB(96));
	tern_limiter_init(&s->limiter, 0, 2);
	while (s->now_ns < for_ns) {
		s->now_ns += 64000;
		tern_pacer_add_live(&s->pacer, KiB(64), KiB(64));
		s->most_live = tern_max(s->most_live, tern_pacer_live(&s->pacer));
		tern_limiter_update(&s->limiter, s->now_ns, 0, 0);
		tern_pacer_set_limiting(&s->pacer, limit && tern_limiter_limiting(&s->limiter));
		if (tern_pacer_should_start(&s->pacer, s->now_ns, false) != TERN_PACER_NONE)
			collect(s, pause_ns);
	}
}

TEST(limiter, a_death_spiral_takes_half_of_the_time)
{
	static const uint64_t pauses[] = { 30 * MS, 300 * MS, 3000 * MS };
	static struct spiral s;

	for (unsigned i = 0; i < ARRAY_SIZE(pauses); i++) {
		uint64_t all_ns = 100 * SECOND;

		spin(&s, all_ns, pauses[i], true);
		if (!EXPECT(s.collector_ns <= all_ns / 2 + SECOND + pauses[i]))
			test_note(t, "%llu ms of 100 s", (unsigned long long)(s.collector_ns / MS));
		/* It goes on collecting, and the heap grows by what is made in a pause's time. */
		EXPECT(s.collector_ns >= all_ns * 4 / 10);
		EXPECT(s.most_live <= MiB(97) + pauses[i] / MS * KiB(1024) + KiB(128));
		EXPECT(s.cycles > 10);
		/* Else there would be nothing left for the program. */
		spin(&s, all_ns, pauses[i], false);
		EXPECT(s.collector_ns > all_ns * 9 / 10);
	}
}

/* Without a clock there is no limiter; but a cycle marks 64 bytes for each one that is allocated at
 * most. */
TEST(limiter, without_a_clock_the_runway_bounds_the_work)
{
	static struct spiral s;
	uint64_t allocated = 0;

	spin(&s, 0, 0, true);
	while (s.cycles < 100) {
		tern_pacer_add_live(&s.pacer, KiB(8), KiB(8));
		allocated += KiB(8);
		tern_pacer_set_limiting(&s.pacer, tern_limiter_limiting(&s.limiter));
		if (tern_pacer_should_start(&s.pacer, 0, false) != TERN_PACER_NONE)
			collect(&s, 0);
	}
	EXPECT(allocated >= 99 * MiB(95) / 64);
}
