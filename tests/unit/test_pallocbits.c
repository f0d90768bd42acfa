/* SPDX-License-Identifier: MIT */
/* test_pallocbits.c - chunk bitmaps and summaries against an array of bytes, one a page. */
#include "mm/pallocbits.h"
#include "tests/test.h"

#define N PALLOC_CHUNK_PAGES

struct model {
	bool taken[N];
};

static void fill_random(struct test *t, struct pallocbits *b, struct model *m)
{
	/* Few and many holes, short and long ones. */
	uint64_t longest = 1 + test_random_below(t, 200);
	uint32_t i = 0;
	bool taken = test_random_below(t, 2);

	memset(b, 0, sizeof(*b));
	while (i < N) {
		uint32_t run = 1 + (uint32_t)test_random_below(t, longest);

		if (run > N - i)
			run = N - i;
		if (taken)
			tern_pallocbits_take(b, i, run);
		for (uint32_t k = 0; k < run; k++)
			m->taken[i + k] = taken;
		i += run;
		taken = !taken;
	}
}

static uint32_t model_run(const struct model *m, uint32_t i)
{
	uint32_t n = 0;

	while (i + n < N && !m->taken[i + n])
		n++;
	return n;
}

static struct pallocsum model_sum(const struct model *m)
{
	struct pallocsum s = { 0, 0, 0 };

	s.start = model_run(m, 0);
	for (uint32_t i = 0; i < N; i++) {
		uint32_t run = model_run(m, i);

		if (run > s.max)
			s.max = run;
		if (i + run == N && run > s.end)
			s.end = run;
	}
	return s;
}

static uint32_t model_find(const struct model *m, uint32_t n, uint32_t from, uint32_t align)
{
	for (uint32_t i = from; i + n <= N; i++)
		if (i % align == 0 && model_run(m, i) >= n)
			return i;
	return PALLOC_NONE;
}

static bool same(struct pallocsum a, struct pallocsum b)
{
	return a.start == b.start && a.max == b.max && a.end == b.end;
}

TEST(pallocbits, summary_equals_model)
{
	struct pallocbits b;
	struct model m;

	for (int round = 0; round < 100; round++) {
		fill_random(t, &b, &m);
		REQUIRE(same(tern_pallocbits_summarize(&b), model_sum(&m)));
	}
}

TEST(pallocbits, a_change_of_one_run_changes_the_summary)
{
	struct pallocbits b;
	struct model m;

	for (int round = 0; round < 1000; round++) {
		uint32_t i = (uint32_t)test_random_below(t, N), n = 1;
		struct pallocsum before, after;

		fill_random(t, &b, &m);
		while (i + n < N && m.taken[i + n] == m.taken[i] && test_random_below(t, 32))
			n++;
		before = tern_pallocbits_summarize(&b);
		if (m.taken[i]) {
			tern_pallocbits_free(&b, i, n);
			after = tern_pallocbits_sum_with_run(&b, before, i, n);
		} else {
			tern_pallocbits_take(&b, i, n);
			after = tern_pallocbits_sum_without_run(&b, before, i, n);
		}
		REQUIRE(same(after, tern_pallocbits_summarize(&b)));
	}
}

TEST(pallocbits, find_equals_model)
{
	struct pallocbits b;
	struct model m;

	for (int round = 0; round < 200; round++) {
		uint32_t n = 1 + (uint32_t)test_random_below(t, test_random_below(t, 2) ? 8 : N);
		uint32_t from = (uint32_t)test_random_below(t, N + 1);
		uint32_t align = 1u << test_random_below(t, 10);

		fill_random(t, &b, &m);
		REQUIRE(tern_pallocbits_find(&b, n, from) == model_find(&m, n, from, 1));
		REQUIRE(tern_pallocbits_find_aligned(&b, n, align) == model_find(&m, n, 0, align));
	}
}

TEST(pallocbits, take_and_free_equal_model)
{
	struct pallocbits b;
	struct model m;

	for (int round = 0; round < 200; round++) {
		uint32_t i = (uint32_t)test_random_below(t, N);
		uint32_t n = 1 + (uint32_t)test_random_below(t, N - i);
		uint32_t taken = 0;

		fill_random(t, &b, &m);
		for (uint32_t k = i; k < i + n; k++)
			taken += m.taken[k];
		REQUIRE(tern_pallocbits_count_taken(&b, i, n) == taken);
		REQUIRE(tern_pallocbits_all_taken(&b, i, n) == (taken == n));
		REQUIRE(tern_pallocbits_all_free(&b, i, n) == (taken == 0));
		if (taken == n)
			tern_pallocbits_free(&b, i, n);
		else if (taken == 0)
			tern_pallocbits_take(&b, i, n);
		else
			continue;
		REQUIRE(tern_pallocbits_count_taken(&b, i, n) == n - taken);
	}
}

TEST(pallocbits, borders_of_words_and_chunk)
{
	struct pallocbits b = { { 0 } };

	EXPECT_EQ(tern_pallocbits_find(&b, N, 0), 0);
	EXPECT_EQ(tern_pallocbits_summarize(&b).max, N);
	tern_pallocbits_take(&b, 0, N);
	EXPECT_EQ(tern_pallocbits_find(&b, 1, 0), PALLOC_NONE);
	EXPECT_EQ(tern_pallocbits_summarize(&b).end, 0);
	tern_pallocbits_free(&b, 63, 2);
	EXPECT_EQ(tern_pallocbits_find(&b, 2, 0), 63);
	EXPECT_EQ(tern_pallocbits_find_aligned(&b, 1, 64), 64);
	EXPECT_EQ(tern_pallocbits_find_aligned(&b, 2, 64), PALLOC_NONE);
	tern_pallocbits_free(&b, N - 1, 1);
	EXPECT_EQ(tern_pallocbits_find(&b, 1, 65), N - 1);
	EXPECT_EQ(tern_pallocbits_find(&b, 1, N), PALLOC_NONE);
	EXPECT_EQ(tern_pallocbits_summarize(&b).end, 1);
}
