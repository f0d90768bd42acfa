/* SPDX-License-Identifier: MIT */
/* test_framework.c - the framework itself: a failure, a skip and a mess must be seen.
 *
 * The tests of group "sample" pass, unless the tests below run them and want otherwise. */
#include <string.h>

#include "arch/arch.h"
#include "boot/host/host.h"
#include "tests/test.h"

static bool provoked;

TEST(sample, may_fail)
{
	EXPECT(!provoked);
	EXPECT_EQ(provoked ? 8 : 9, 9);
	EXPECT_STR(provoked ? "two\nlines" : "", "");
	REQUIRE(!provoked);
	EXPECT(!provoked);
}

TEST(sample, may_skip)
{
	if (provoked)
		SKIP("asked to");
}

TEST(sample, may_leave_a_mess)
{
	if (provoked)
		arch_irq_disable();
}

TEST_SLOW(sample, is_slow)
{
	EXPECT(!provoked);
}

static char said[2048];

static int run(const char *pattern, bool quick, bool provoke)
{
	int failed;

	provoked = provoke;
	host_capture(said, sizeof(said));
	failed = test_run(pattern, 7, quick);
	host_capture(NULL, 0);
	provoked = false;
	return failed;
}

static bool says(const char *pattern)
{
	return tern_str_match(pattern, said);
}

TEST(framework, prints_results)
{
	EXPECT_EQ(run("sample", false, false), 0);
	EXPECT(says("KTAP version 1\n# seed 7\n1..4\n*"));
	EXPECT(says("*\nok ? sample.may_fail\n*"));
	EXPECT(says("*\nok ? sample.may_skip\n*"));
	EXPECT(says("*\nok 4 sample.*"));
	EXPECT(!says("*not ok*"));
}

TEST(framework, tells_failures_skips_and_messes)
{
	EXPECT_EQ(run("sample", false, true), 3);
	EXPECT(says("*\nnot ok ? sample.may_fail\n*"));
	EXPECT(says("*    # tests/host/test_framework.c:*: !provoked\n*"));
	EXPECT(says("* is 8 (0x8), not 9 = 9 (0x9)\n*"));
	EXPECT(says("* is \"two\n    # lines\", not \"\"\n*"));
	EXPECT(says("*\nok ? sample.may_skip # SKIP asked to\n*"));
	EXPECT(says("*    # leaves interrupts off\nnot ok ? sample.may_leave_a_mess\n*"));
	EXPECT(arch_irq_enabled());
}

/* EXPECT goes on after a failure, REQUIRE does not. */
TEST(framework, require_returns)
{
	unsigned count = 0;

	run("sample.may_fail", false, true);
	for (const char *p = said; (p = strstr(p, "!provoked")); p++)
		count++;
	EXPECT_EQ(count, 2);
}

TEST(framework, patterns_choose)
{
	EXPECT_EQ(run("sample.may_*", false, false), 0);
	EXPECT(says("*1..3\n*"));
	EXPECT_EQ(run("sample", true, false), 0);
	EXPECT(says("*1..3\n*") && !says("*is_slow*"));
	EXPECT_EQ(run("sample.is_slow", true, false), -1);
	EXPECT_EQ(run("no_such_group", false, false), -1);
	EXPECT_STR(said, "");
}

TEST(framework, a_seed_gives_the_same_numbers)
{
	struct test a = { .rng = 5 }, b = { .rng = 5 }, c = { .rng = 6 };
	unsigned same = 0;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t n = test_random(&a);

		EXPECT_EQ(test_random(&b), n);
		same += test_random(&c) == n;
		EXPECT(test_random_below(t, 10) < 10);
	}
	EXPECT_EQ(same, 0);
}
