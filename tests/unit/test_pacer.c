/* SPDX-License-Identifier: MIT */
/* test_pacer.c - goals and triggers from tables, invariants under inputs that nobody would give, and
 * whole programs: a simulation of CPUs that allocate, mark and assist, cycle after cycle. */
#include "gc/pacer.h"

#include "lib/bits.h"
#include "mm/page.h"
#include "tests/test.h"

#define RUNWAY KiB(64)

/* --- arithmetic ------------------------------------------------------------------------------ */

static const uint64_t odd_numbers[] = { 0,
					1,
					2,
					3,
					99,
					100,
					KiB(64),
					MiB(4),
					UINT32_MAX,
					GiB(4),
					GiB(4) + 1,
					TiB(7) + 13,
					INT64_MAX,
					(uint64_t)1 << 63,
					UINT64_MAX - 1,
					UINT64_MAX };

static uint64_t any_number(struct test *t)
{
	uint64_t n = test_random(t);

	return n % 4 == 0 ? odd_numbers[test_random_below(t, ARRAY_SIZE(odd_numbers))]
			  : n >> test_random_below(t, 64);
}

/* By multiplication: there is no division of this width to compare with. */
static void expect_quotient(struct test *t, uint64_t a, uint64_t b, uint64_t d)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t q = tern_mul_div(a, b, d);
	unsigned __int128 back = (unsigned __int128)q * d;
	bool right = back <= product && product - back < d;

	if (d == 0)
		right = q == (product ? UINT64_MAX : 0);
	else if (product >> 64 >= d)
		right = q == UINT64_MAX;
	if (!EXPECT(right))
		test_note(t, "%llu * %llu / %llu gave %llu", (unsigned long long)a,
			  (unsigned long long)b, (unsigned long long)d, (unsigned long long)q);
}

TEST(fixed, quotients_of_wide_products)
{
	for (unsigned i = 0; i < ARRAY_SIZE(odd_numbers); i++)
		for (unsigned j = 0; j < ARRAY_SIZE(odd_numbers); j++)
			for (unsigned k = 0; k < ARRAY_SIZE(odd_numbers); k++)
				expect_quotient(t, odd_numbers[i], odd_numbers[j], odd_numbers[k]);
	for (unsigned i = 0; i < 20000; i++)
		expect_quotient(t, any_number(t), any_number(t), any_number(t));
}

TEST(fixed, fractions_come_back)
{
	EXPECT_EQ(tern_fixed_ratio(1, 4), TERN_FIXED_ONE / 4);
	EXPECT_EQ(tern_fixed_mul(1000, TERN_FIXED_ONE / 4), 250);
	EXPECT_EQ(tern_fixed_mul(UINT64_MAX, TERN_FIXED_ONE), UINT64_MAX);
	EXPECT_EQ(tern_fixed_mul(UINT64_MAX, 2 * TERN_FIXED_ONE), UINT64_MAX);
	EXPECT_EQ(tern_fixed_ratio(GiB(4), 1), UINT64_MAX);
	EXPECT_EQ(tern_fixed_ratio(0, 0), 0);
	EXPECT_EQ(tern_add_sat(UINT64_MAX, 1), UINT64_MAX);
	EXPECT_EQ(tern_sub_sat(1, 2), 0);
}

/* --- tables ---------------------------------------------------------------------------------- */

/* A cycle that stops the world and finds so much. */
static void cycle(struct tern_pacer *p, uint64_t marked, uint64_t scanned, uint64_t stacks,
		  bool sweep_done)
{
	struct tern_pacer_end end = { .now_ns = 2000,
				      .marked_bytes = marked,
				      .sweep_done = sweep_done };

	tern_pacer_start_cycle(p, 1000, 4, TERN_PACER_EXPLICIT);
	tern_pacer_add_work(p, TERN_PACER_WORK_HEAP, scanned);
	tern_pacer_add_work(p, TERN_PACER_WORK_STACKS, stacks);
	tern_pacer_end_cycle(p, &end);
}

TEST(pacer, goal_of_percent)
{
	static const struct {
		int32_t percent;
		uint64_t min_heap, live, stacks, globals, goal;
	} rows[] = {
		{ 100, 0, 0, 0, 0, MiB(4) },
		{ 200, 0, 0, 0, 0, MiB(8) },
		{ 50, 0, MiB(1), 0, 0, MiB(2) },
		{ 100, KiB(512), KiB(100), 0, 0, KiB(512) },
		{ 100, 0, MiB(10), 0, 0, MiB(20) },
		{ 100, 0, MiB(10), MiB(3), MiB(5), MiB(28) },
		{ 50, 0, MiB(10), MiB(2), 0, MiB(16) },
		{ 0, 0, MiB(10), MiB(2), 0, MiB(10) + RUNWAY },
		{ 1, 0, MiB(1), 0, 0, MiB(1) + RUNWAY },
		{ 100000, 0, MiB(1), 0, 0, MiB(4000) },
		{ 100000, 0, MiB(10), 0, 0, MiB(10010) },
		{ INT32_MAX, 0, (uint64_t)1 << 62, 0, 0, UINT64_MAX },
		{ 100, 0, (uint64_t)1 << 63, 0, 0, UINT64_MAX },
		{ TERN_PACER_OFF, 0, MiB(10), 0, 0, TERN_PACER_NEVER },
		{ INT32_MIN, 0, MiB(10), 0, 0, TERN_PACER_NEVER },
	};
	struct tern_pacer p;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		tern_pacer_init(&p, rows[i].percent, rows[i].min_heap, 0);
		tern_pacer_set_roots(&p, rows[i].stacks, rows[i].globals);
		cycle(&p, rows[i].live, rows[i].live, rows[i].stacks, true);
		if (!EXPECT_EQ(tern_pacer_goal(&p), rows[i].goal))
			test_note(t, "row %u", i);
		EXPECT_EQ(tern_pacer_trigger(&p), rows[i].goal);
	}
}

/* 62449. Of the limit: overhead and what is over it are not for objects; 3 percent or 1 MiB remain. */
TEST(pacer, goal_of_limit)
{
	static const struct {
		uint64_t limit, total, free, objects, live, goal;
	} rows[] = {
		{ MiB(100), 0, 0, 0, MiB(10), MiB(97) },
		{ MiB(100), MiB(60), MiB(10), MiB(50), MiB(10), MiB(97) },
		{ MiB(100), MiB(60), MiB(10), MiB(30), MiB(10), MiB(80) - MiB(80) / 100 * 3 },
		{ MiB(20), MiB(12), 0, MiB(10), MiB(1), MiB(17) },
		/* Over by 10: 10 less. */
		{ MiB(100), MiB(110), 0, MiB(110), MiB(10), MiB(90) - MiB(90) / 100 * 3 },
		/* Nothing left: what lives, and a little. */
		{ MiB(100), MiB(300), 0, MiB(10), MiB(64), MiB(65) },
		{ MiB(100), MiB(100), 0, 0, MiB(1), MiB(1) + RUNWAY },
		{ MiB(100), 0, 0, 0, MiB(128), MiB(130) },
		{ 1, 0, 0, 0, 0, MiB(1) },
		{ 1, UINT64_MAX, 0, 0, 0, MiB(1) },
		{ UINT64_MAX - 1, 0, UINT64_MAX, UINT64_MAX, MiB(1), UINT64_MAX / 100 * 97 },
	};
	struct tern_pacer p;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tern_pacer_memory m = { rows[i].total, rows[i].free, rows[i].objects };
		uint64_t goal;

		tern_pacer_init(&p, TERN_PACER_OFF, 0, rows[i].limit);
		cycle(&p, rows[i].live, rows[i].live, 0, true);
		tern_pacer_set_memory(&p, &m);
		goal = tern_pacer_goal(&p);
		if (!EXPECT(goal >= rows[i].goal && goal - rows[i].goal <= 300))
			test_note(t, "row %u: %llu", i, (unsigned long long)goal);
		tern_pacer_set_limiting(&p, true);
		EXPECT_EQ(tern_pacer_goal(&p), TERN_PACER_NEVER);
	}
}

TEST(pacer, the_lower_goal_counts)
{
	struct tern_pacer p;

	tern_pacer_init(&p, 100, 0, 0);
	cycle(&p, MiB(40), MiB(40), 0, true);
	EXPECT_EQ(tern_pacer_goal(&p), MiB(80));
	tern_pacer_set_limit(&p, MiB(200));
	EXPECT_EQ(tern_pacer_goal(&p), MiB(80));
	tern_pacer_set_limit(&p, MiB(50));
	EXPECT_EQ(tern_pacer_goal(&p), MiB(50) - MiB(50) / 100 * 3);
	tern_pacer_set_percent(&p, 10);
	EXPECT_EQ(tern_pacer_goal(&p), MiB(44));
	tern_pacer_set_percent(&p, 100);
	tern_pacer_set_limiting(&p, true);
	EXPECT_EQ(tern_pacer_goal(&p), MiB(80));
	tern_pacer_set_limiting(&p, false);
	tern_pacer_set_limit(&p, 0);
	EXPECT_EQ(tern_pacer_goal(&p), MiB(80));
}

TEST(pacer, trigger_lies_70_to_95_percent_on_the_way)
{
	struct tern_pacer p;
	static const struct {
		uint64_t runway, trigger;
	} rows[] = {
		{ 0, MiB(195) },       { MiB(1), MiB(195) },  { MiB(10), MiB(190) },
		{ MiB(30), MiB(170) }, { MiB(90), MiB(170) }, { UINT64_MAX, MiB(170) },
	};

	tern_pacer_init(&p, 100, MiB(8), 0);
	tern_pacer_set_concurrent(&p, true);
	cycle(&p, MiB(100), MiB(100), 0, true);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		p.runway_bytes = rows[i].runway;
		tern_pacer_set_percent(&p, 100);
		EXPECT_EQ(tern_pacer_goal(&p), MiB(200));
		if (!EXPECT_EQ(tern_pacer_trigger(&p), rows[i].trigger))
			test_note(t, "row %u", i);
	}
	/* 5 percent of a large heap would be more than a whole minimum heap. */
	cycle(&p, GiB(1), GiB(1), 0, true);
	p.runway_bytes = 0;
	tern_pacer_set_percent(&p, 100);
	EXPECT_EQ(tern_pacer_trigger(&p), GiB(2) - MiB(8));
	tern_pacer_set_concurrent(&p, false);
	EXPECT_EQ(tern_pacer_trigger(&p), GiB(2));
}

/* A lazy sweep needs a way to go, however small the heap is. */
TEST(pacer, sweeping_has_a_way_to_go)
{
	struct tern_pacer p;

	tern_pacer_init(&p, 10, 0, 0);
	tern_pacer_set_concurrent(&p, true);
	cycle(&p, MiB(2), MiB(2), 0, false);
	EXPECT_EQ(tern_pacer_trigger(&p), MiB(3));
	EXPECT_EQ(tern_pacer_goal(&p), MiB(3));
	tern_pacer_sweep_done(&p);
	EXPECT_EQ(tern_pacer_goal(&p), MiB(2) + MiB(2) / 10);
	/* But not beyond the limit. */
	tern_pacer_set_limit(&p, MiB(2));
	cycle(&p, MiB(2), MiB(2), 0, false);
	EXPECT_EQ(tern_pacer_goal(&p), MiB(2) + RUNWAY);
}

TEST(pacer, what_starts_a_cycle)
{
	static const uint64_t minutes = 60000000000ull;
	struct tern_pacer p;

	tern_pacer_init(&p, 100, 0, 0);
	/* There was no cycle yet: the period has no beginning. */
	EXPECT_EQ(tern_pacer_should_start(&p, 100 * minutes, false), TERN_PACER_NONE);
	EXPECT_EQ(tern_pacer_should_start(&p, 0, true), TERN_PACER_EXPLICIT);
	tern_pacer_add_live(&p, MiB(4) - 1, 0);
	EXPECT(!tern_pacer_reached(&p));
	EXPECT_EQ(tern_pacer_should_start(&p, 0, false), TERN_PACER_NONE);
	tern_pacer_add_live(&p, 1, 0);
	EXPECT(tern_pacer_reached(&p));
	EXPECT_EQ(tern_pacer_should_start(&p, 0, false), TERN_PACER_HEAP);
	tern_pacer_start_cycle(&p, 1000, 4, TERN_PACER_HEAP);
	EXPECT_EQ(tern_pacer_should_start(&p, 100 * minutes, true), TERN_PACER_NONE);
	tern_pacer_end_cycle(&p, &(struct tern_pacer_end){ .now_ns = minutes, .sweep_done = true });
	EXPECT_EQ(tern_pacer_should_start(&p, 3 * minutes, false), TERN_PACER_NONE);
	EXPECT_EQ(tern_pacer_should_start(&p, 3 * minutes + 1, false), TERN_PACER_PERIODIC);
	EXPECT_EQ(tern_pacer_should_start(&p, 0, false), TERN_PACER_NONE);
	tern_pacer_set_limit(&p, MiB(2));
	tern_pacer_add_live(&p, MiB(1), 0);
	EXPECT_EQ(tern_pacer_should_start(&p, minutes, false), TERN_PACER_LIMIT);
	tern_pacer_set_limiting(&p, true);
	EXPECT_EQ(tern_pacer_should_start(&p, minutes, false), TERN_PACER_NONE);
	tern_pacer_set_period(&p, 0);
	EXPECT_EQ(tern_pacer_should_start(&p, 9 * minutes, false), TERN_PACER_NONE);
}

TEST(pacer, off_is_off)
{
	struct tern_pacer p;

	tern_pacer_init(&p, TERN_PACER_OFF, 0, 0);
	for (int concurrent = 0; concurrent < 2; concurrent++) {
		tern_pacer_set_concurrent(&p, concurrent);
		cycle(&p, MiB(5), MiB(5), 0, false);
		tern_pacer_add_live(&p, UINT64_MAX, 0);
		EXPECT_EQ(tern_pacer_live(&p), UINT64_MAX);
		EXPECT_EQ(tern_pacer_should_start(&p, UINT64_MAX, false), TERN_PACER_NONE);
		EXPECT_EQ(tern_pacer_should_start(&p, 0, true), TERN_PACER_EXPLICIT);
	}
	tern_pacer_set_percent(&p, 100);
	EXPECT_EQ(tern_pacer_should_start(&p, 0, false), TERN_PACER_HEAP);
}

TEST(pacer, a_quarter_of_the_cpus_marks)
{
	static const struct {
		unsigned dedicated, idle;
		tern_fixed fraction;
	} rows[] = {
		{ 0, 1, TERN_FIXED_ONE / 4 },
		{ 0, 2, TERN_FIXED_ONE / 4 },
		{ 0, 3, TERN_FIXED_ONE / 4 },
		{ 1, 3, 0 },
		{ 1, 4, 0 },
		{ 1, 5, TERN_FIXED_ONE / 12 },
		{ 2, 5, 0 },
		{ 2, 6, 0 },
	};

	for (unsigned n = 1; n <= ARRAY_SIZE(rows); n++) {
		struct tern_pacer_workers w = tern_pacer_workers_of(n, true, TERN_PACER_HEAP);

		EXPECT_EQ(w.dedicated, rows[n - 1].dedicated);
		EXPECT_EQ(w.idle_max, rows[n - 1].idle);
		if (!EXPECT_EQ(w.fraction, rows[n - 1].fraction))
			test_note(t, "%u CPUs", n);
	}
	for (unsigned n = 0; n <= 1024; n++) {
		struct tern_pacer_workers w = tern_pacer_workers_of(n, true, TERN_PACER_PERIODIC);
		uint64_t cpus = n ? n : 1;
		uint64_t marking = w.dedicated * TERN_FIXED_ONE + cpus * w.fraction;

		/* 30 percent off at most, and somebody is allowed to mark. */
		if (!EXPECT(marking * 40 <= cpus * 13 * TERN_FIXED_ONE &&
			    (marking + cpus) * 40 >= cpus * 7 * TERN_FIXED_ONE))
			test_note(t, "%u CPUs", n);
		EXPECT(w.dedicated + w.idle_max > 0);
		EXPECT_EQ(tern_pacer_workers_of(n, false, TERN_PACER_HEAP).dedicated, cpus);
	}
}

TEST(pacer, a_fraction_ends_when_it_is_spent)
{
	struct tern_pacer p;

	tern_pacer_init(&p, 100, 0, 0);
	tern_pacer_set_concurrent(&p, true);
	tern_pacer_start_cycle(&p, 1000, 2, TERN_PACER_HEAP);
	EXPECT_EQ(tern_pacer_fraction_wait(&p, 0, 1000), 0);
	EXPECT_EQ(tern_pacer_fraction_wait(&p, 250, 2000), 0);
	EXPECT_EQ(tern_pacer_fraction_wait(&p, 251, 2000), 4);
	/* A clock that goes back. */
	EXPECT_EQ(tern_pacer_fraction_wait(&p, 1, 500), 4);
	tern_pacer_start_cycle(&p, 1000, 4, TERN_PACER_HEAP);
	EXPECT_EQ(tern_pacer_fraction_wait(&p, 0, 2000), UINT64_MAX);
}

/* --- assists --------------------------------------------------------------------------------- */

/* 100 MiB lived and were scanned; the heap has grown to 170, the goal is 200. */
static void begin_marking(struct tern_pacer *p, uint64_t scannable)
{
	tern_pacer_init(p, 100, 0, 0);
	tern_pacer_set_concurrent(p, true);
	cycle(p, MiB(100), MiB(100), 0, true);
	tern_pacer_add_live(p, MiB(70), scannable - MiB(100));
	tern_pacer_start_cycle(p, 0, 4, TERN_PACER_HEAP);
}

static uint64_t work_for(const struct tern_pacer *p, uint64_t bytes)
{
	return tern_fixed_mul(bytes, tern_pacer_load(&p->assist_work_per_byte));
}

static bool near(uint64_t a, uint64_t b)
{
	return a + 2 >= b && b + 2 >= a;
}

TEST(pacer, assists_pay_for_what_is_left)
{
	struct tern_pacer p;

	begin_marking(&p, MiB(150));
	/* 100 MiB in 30. */
	EXPECT(near(work_for(&p, MiB(3)), MiB(10)));
	EXPECT(near(tern_pacer_assist_bytes(&p, MiB(10)), MiB(3)));
	EXPECT_EQ(tern_pacer_assist_work(&p, 1), TERN_PACER_ASSIST_MIN);
	tern_pacer_add_work(&p, TERN_PACER_WORK_HEAP, MiB(80));
	tern_pacer_add_live(&p, MiB(10), 0);
	tern_pacer_revise(&p);
	/* 20 in 20. */
	EXPECT(near(work_for(&p, MiB(10)), MiB(10)));
	/* More than was expected: up to 150, in a runway of 45 of which 15 are used. */
	tern_pacer_add_work(&p, TERN_PACER_WORK_STACKS, MiB(40));
	tern_pacer_add_live(&p, MiB(5), 0);
	tern_pacer_revise(&p);
	EXPECT(near(work_for(&p, MiB(30)), MiB(30)));
	/* Done, but not known to be: a little. */
	tern_pacer_add_work(&p, TERN_PACER_WORK_GLOBALS, MiB(30));
	tern_pacer_revise(&p);
	EXPECT(near(work_for(&p, MiB(30)), 1000));
}

TEST(pacer, past_the_goal_is_a_hard_goal)
{
	struct tern_pacer p;

	begin_marking(&p, MiB(150));
	tern_pacer_add_live(&p, MiB(40), 0);
	tern_pacer_revise(&p);
	/* All of 150 in the 10 up to 1.1 times the goal. */
	EXPECT(near(work_for(&p, MiB(1)), MiB(15)));
	/* Past that one as well: whoever allocates does all the work. */
	tern_pacer_add_live(&p, MiB(20), 0);
	tern_pacer_revise(&p);
	EXPECT_EQ(tern_pacer_assist_work(&p, 1), MiB(150));
	EXPECT(tern_pacer_assist_bytes(&p, MiB(100)) >= 1);
}

/* However little was expected, the goal is not stretched beyond that of the next cycle. */
TEST(pacer, a_heap_that_jumps_has_a_bound)
{
	struct tern_pacer p;

	begin_marking(&p, GiB(10));
	tern_pacer_add_work(&p, TERN_PACER_WORK_HEAP, MiB(101));
	tern_pacer_revise(&p);
	/* 400 - 170 MiB for what is left of 10 GiB. */
	EXPECT(near(work_for(&p, MiB(230)), GiB(10) - MiB(101)));
}

TEST(pacer, credit_is_taken_once)
{
	struct tern_pacer p;

	begin_marking(&p, MiB(150));
	EXPECT_EQ(tern_pacer_take_credit(&p, 1), 0);
	tern_pacer_add_credit(&p, 1000);
	EXPECT_EQ(tern_pacer_take_credit(&p, 600), 600);
	EXPECT_EQ(tern_pacer_take_credit(&p, 600), 400);
	EXPECT_EQ(tern_pacer_take_credit(&p, 600), 0);
	tern_pacer_add_credit(&p, UINT64_MAX);
	tern_pacer_add_credit(&p, 5);
	EXPECT_EQ(tern_pacer_take_credit(&p, UINT64_MAX), UINT64_MAX);
	EXPECT_EQ(tern_pacer_take_credit(&p, UINT64_MAX), 0);
	tern_pacer_add_credit(&p, 5);
	tern_pacer_start_cycle(&p, 0, 4, TERN_PACER_HEAP);
	EXPECT_EQ(tern_pacer_take_credit(&p, 1), 0);
}

/* --- sweep ----------------------------------------------------------------------------------- */

/* Whoever takes spans of 8 KiB sweeps what they owe. Returns how many pages were left unswept 1 MiB
 * before the trigger. */
static uint64_t sweep_until_trigger(struct test *t, struct tern_pacer *p, uint64_t pages)
{
	uint64_t swept = 0, worst = 0;

	tern_pacer_start_sweep(p, pages, 0);
	while (tern_pacer_live(p) + MiB(1) < tern_pacer_trigger(p)) {
		uint64_t debt = tern_pacer_sweep_debt(p, TERN_PAGE_SIZE, 1, swept);

		worst = debt > worst ? debt : worst;
		swept += debt;
		EXPECT(swept <= pages);
		tern_pacer_add_live(p, TERN_PAGE_SIZE, 0);
	}
	/* And evenly: not more at a time than the average, but for rounding. */
	EXPECT(worst <=
	       pages * TERN_PAGE_SIZE / (tern_pacer_trigger(p) - p->marked_bytes - MiB(1)) + 2);
	return pages - swept;
}

TEST(pacer, all_is_swept_when_the_next_cycle_starts)
{
	struct tern_pacer p;

	for (unsigned concurrent = 0; concurrent < 2; concurrent++) {
		tern_pacer_init(&p, 100, 0, 0);
		tern_pacer_set_concurrent(&p, concurrent);
		cycle(&p, MiB(20), MiB(20), 0, false);
		/* As many objects are dead; a page is left to the caller itself. */
		EXPECT(sweep_until_trigger(t, &p, MiB(40) / TERN_PAGE_SIZE) <= 1);
	}
}

TEST(pacer, a_short_way_and_a_long_one_to_sweep_on)
{
	struct tern_pacer p;

	/* Nothing is left before the trigger: all in one page. */
	tern_pacer_init(&p, 0, 0, 0);
	cycle(&p, MiB(20), MiB(20), 0, true);
	tern_pacer_start_sweep(&p, 100, 0);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, TERN_PAGE_SIZE / 2, 0, 0), 50);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, TERN_PAGE_SIZE, 0, 0), 100);
	/* Ten pages in a thousand GiB. */
	tern_pacer_set_percent(&p, 100000);
	cycle(&p, GiB(1), GiB(1), 0, true);
	tern_pacer_start_sweep(&p, 10, 0);
	tern_pacer_add_live(&p, GiB(1000), 0);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, TERN_PAGE_SIZE, 0, 0), 10);
}

/* 57523: what lives may fall below where sweeping began, and must not look like a huge debt. */
TEST(pacer, sweep_debt_when_the_heap_shrinks)
{
	struct tern_pacer p;

	tern_pacer_init(&p, 100, 0, 0);
	cycle(&p, MiB(20), MiB(20), 0, false);
	tern_pacer_start_sweep(&p, 4000, 0);
	tern_pacer_sub_live(&p, MiB(5), MiB(5));
	EXPECT(tern_pacer_sweep_debt(&p, TERN_PAGE_SIZE, 0, 0) <= 2);
	tern_pacer_sub_live(&p, MiB(50), MiB(50));
	EXPECT_EQ(tern_pacer_live(&p), 0);
	EXPECT(tern_pacer_sweep_debt(&p, TERN_PAGE_SIZE, 0, 0) <= 2);
}

/* 15022, 20259: pages in use that were counted wrongly; a basis beyond what is swept. */
TEST(pacer, sweep_debt_with_wrong_counts)
{
	struct tern_pacer p;

	tern_pacer_init(&p, 100, 0, 0);
	cycle(&p, MiB(20), MiB(20), 0, false);
	tern_pacer_start_sweep(&p, 10, 11);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, MiB(100), 0, 11), 0);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, 0, 0), 0);
	tern_pacer_start_sweep(&p, UINT64_MAX, 0);
	EXPECT(tern_pacer_sweep_debt(&p, UINT64_MAX, 0, 0) > TERN_PAGES_END);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, 0, UINT64_MAX), 0);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, UINT64_MAX, 7), 0);
	tern_pacer_start_sweep(&p, 100, 60);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, 0, 60), 40);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, 0, 0), 40);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, 4, 70), 26);
	tern_pacer_sweep_done(&p);
	EXPECT_EQ(tern_pacer_sweep_debt(&p, UINT64_MAX, 0, 60), 0);
}

/* --- anything ---------------------------------------------------------------------------------- */

static uint64_t way_percent(const struct tern_pacer *p, unsigned percent)
{
	return p->marked_bytes + tern_mul_div(tern_pacer_goal(p) - p->marked_bytes, percent, 100);
}

static bool goal_holds(const struct tern_pacer *p)
{
	uint64_t goal = tern_pacer_goal(p);
	uint64_t least = tern_add_sat(p->marked_bytes, RUNWAY);
	bool limited = p->limit_bytes != 0 && !p->limiting;

	if (p->percent < 0 && !limited)
		return goal == TERN_PACER_NEVER;
	/* Past the limit by the runway only, or by the smallest headroom. */
	if (limited && goal > tern_max(p->limit_bytes, MiB(1)) &&
	    goal > tern_add_sat(least, p->marked_bytes / 64))
		return false;
	return goal >= least;
}

static bool trigger_holds(const struct tern_pacer *p)
{
	uint64_t goal = tern_pacer_goal(p), trigger = tern_pacer_trigger(p);

	if (!p->concurrent || goal == TERN_PACER_NEVER)
		return trigger == goal;
	return trigger <= goal && trigger >= way_percent(p, 70);
}

static bool ratios_hold(const struct tern_pacer *p, uint64_t pages)
{
	uint64_t debt = tern_pacer_sweep_debt(p, pages, pages / 2, pages);

	return tern_pacer_load(&p->assist_work_per_byte) > 0 &&
	       tern_pacer_load(&p->assist_bytes_per_work) > 0 &&
	       tern_pacer_assist_bytes(p, pages) > 0 &&
	       tern_pacer_assist_bytes(p, pages) <= INT64_MAX &&
	       tern_pacer_assist_work(p, pages) >= TERN_PACER_ASSIST_MIN &&
	       p->utilization <= TERN_FIXED_ONE && debt <= tern_pacer_load(&p->sweep_pages);
}

static void end_anyhow(struct test *t, struct tern_pacer *p)
{
	struct tern_pacer_end end = { any_number(t), any_number(t), any_number(t), any_number(t),
				      test_random_below(t, 2) };

	tern_pacer_end_cycle(p, &end);
}

static void set_anything(struct test *t, struct tern_pacer *p)
{
	static const int32_t percents[] = { 0, 1, 100, 100000, -1, INT32_MAX, INT32_MIN, 37 };
	struct tern_pacer_memory m = { any_number(t), any_number(t), any_number(t) };

	switch (test_random_below(t, 7)) {
	case 0:
		tern_pacer_set_percent(p, percents[test_random_below(t, ARRAY_SIZE(percents))]);
		break;
	case 1:
		tern_pacer_set_limit(p, any_number(t));
		break;
	case 2:
		tern_pacer_set_memory(p, &m);
		break;
	case 3:
		tern_pacer_set_roots(p, any_number(t), any_number(t));
		break;
	case 4:
		tern_pacer_set_limiting(p, test_random_below(t, 2));
		break;
	case 5:
		tern_pacer_set_concurrent(p, test_random_below(t, 4));
		break;
	default:
		tern_pacer_set_period(p, any_number(t));
	}
}

static void do_anything(struct test *t, struct tern_pacer *p)
{
	switch (test_random_below(t, 10)) {
	case 0:
		tern_pacer_start_cycle(p, any_number(t), (unsigned)any_number(t),
				       test_random_below(t, 5));
		break;
	case 1:
		end_anyhow(t, p);
		break;
	case 2:
		tern_pacer_start_sweep(p, any_number(t), any_number(t));
		break;
	case 3:
		tern_pacer_sweep_done(p);
		break;
	case 4:
		tern_pacer_add_live(p, any_number(t), any_number(t));
		break;
	case 5:
		tern_pacer_sub_live(p, any_number(t), any_number(t));
		break;
	case 6:
		tern_pacer_add_work(p, test_random_below(t, TERN_PACER_WORKS), any_number(t));
		break;
	case 7:
		tern_pacer_add_credit(p, any_number(t));
		tern_pacer_take_credit(p, any_number(t));
		break;
	default:
		set_anything(t, p);
	}
	tern_pacer_revise(p);
}

/* As often as is remembered: 100 MiB are marked in a millisecond of 4 CPUs, and 10 allocated. */
static void learn(struct tern_pacer *p, uint64_t idle_ns)
{
	struct tern_pacer_end end = {
		.now_ns = 1000000, .marked_bytes = MiB(100), .idle_ns = idle_ns, .sweep_done = true
	};

	for (unsigned i = 0; i < TERN_PACER_PAST + 2; i++) {
		tern_pacer_start_cycle(p, 0, 4, TERN_PACER_HEAP);
		tern_pacer_add_live(p, MiB(10), 0);
		tern_pacer_add_work(p, TERN_PACER_WORK_HEAP, MiB(100));
		tern_pacer_end_cycle(p, &end);
	}
}

/* If idle CPUs did half of the marking, it would take twice as long without them. */
TEST(pacer, idle_cpus_are_not_relied_on)
{
	struct tern_pacer p;

	tern_pacer_init(&p, 100, 0, 0);
	tern_pacer_set_concurrent(&p, true);
	learn(&p, 0);
	EXPECT(near(tern_pacer_trigger(&p), MiB(190)));
	learn(&p, 1000000);
	EXPECT(near(tern_pacer_trigger(&p), MiB(180)));
}

/* 51061: a controller that was once wrong must not stay so, whatever it was told. */
static void expect_recovery(struct test *t, struct tern_pacer *p)
{
	tern_pacer_init(p, 100, 0, 0);
	tern_pacer_set_concurrent(p, true);
	for (unsigned i = 0; i < 10; i++)
		do_anything(t, p);
	tern_pacer_set_percent(p, 100);
	tern_pacer_set_limit(p, 0);
	tern_pacer_set_roots(p, 0, 0);
	tern_pacer_set_concurrent(p, true);
	learn(p, 0);
	EXPECT_EQ(tern_pacer_goal(p), MiB(200));
	/* What is allocated while a quarter marks. */
	EXPECT(near(tern_pacer_trigger(p), MiB(190)));
}

TEST(pacer, anything_in_any_order)
{
	struct tern_pacer p;

	for (unsigned i = 0; i < 30000; i++) {
		if (i % 100 == 0)
			tern_pacer_init(&p, (int32_t)any_number(t), any_number(t), any_number(t));
		do_anything(t, &p);
		REQUIRE(goal_holds(&p));
		REQUIRE(trigger_holds(&p));
		REQUIRE(ratios_hold(&p, any_number(t)));
		tern_pacer_fraction_wait(&p, any_number(t), any_number(t));
		EXPECT(!p.marking ||
		       tern_pacer_should_start(&p, any_number(t), true) == TERN_PACER_NONE);
	}
}

TEST(pacer, recovers_from_anything)
{
	struct tern_pacer p;

	for (unsigned i = 0; i < 300; i++)
		expect_recovery(t, &p);
}

TEST(pacer, a_cycle_without_time_cpus_or_work)
{
	struct tern_pacer p;

	begin_marking(&p, MiB(150));
	tern_pacer_start_cycle(&p, 5, 0, TERN_PACER_HEAP);
	tern_pacer_add_live(&p, 1, 0);
	tern_pacer_end_cycle(&p, &(struct tern_pacer_end){ .now_ns = 5, .assist_ns = 100 });
	EXPECT(goal_holds(&p) && trigger_holds(&p) && ratios_hold(&p, 1));
	EXPECT_EQ(tern_pacer_goal(&p), MiB(4));
	EXPECT_EQ(p.utilization, TERN_FIXED_ONE / 4);
}
