/* SPDX-License-Identifier: MIT */
/* test_cmdline.c - options and script of the command line. */
#include "boot/cmdline.h"

#include "tests/test.h"

TEST(cmdline, an_option_ends_at_a_blank_and_the_last_one_counts)
{
	char value[16] = "untouched";

	EXPECT(cmdline_option("loglevel=debug seed=7", "loglevel", value, sizeof(value)));
	EXPECT_STR(value, "debug");
	EXPECT(cmdline_option("  seed=1\tseed=22 x", "seed", value, sizeof(value)));
	EXPECT_STR(value, "22");
	EXPECT(cmdline_option("a=b=c", "a", value, sizeof(value)));
	EXPECT_STR(value, "b=c");
}

TEST(cmdline, an_option_without_a_value_is_empty)
{
	char value[4] = "xyz";

	EXPECT(cmdline_option("quiet", "quiet", value, sizeof(value)));
	EXPECT_STR(value, "");
	EXPECT(cmdline_option("seed=1 seed", "seed", value, sizeof(value)));
	EXPECT_STR(value, "");
	EXPECT(cmdline_option("seed= x", "seed", value, sizeof(value)));
	EXPECT_STR(value, "");
}

TEST(cmdline, value_is_untouched_when_there_is_none)
{
	char value[4] = "abc";

	EXPECT(!cmdline_option("", "key", value, sizeof(value)));
	EXPECT(!cmdline_option("keys=1 ke=2 xkey=3", "key", value, sizeof(value)));
	EXPECT(!cmdline_option("key=1234", "key", value, sizeof(value)));
	EXPECT(!cmdline_option("a -- key=1", "key", value, sizeof(value)));
	EXPECT_STR(value, "abc");
	EXPECT(cmdline_option("key=123", "key", value, sizeof(value)));
	EXPECT_STR(value, "123");
}

TEST(cmdline, an_option_may_come_more_than_once)
{
	const char *at = "dev=1 x dev=12345 dev=2 devs=3 -- dev=4";
	char value[4];

	REQUIRE(cmdline_next_option(&at, "dev", value, sizeof(value)));
	EXPECT_STR(value, "1");
	REQUIRE(cmdline_next_option(&at, "dev", value, sizeof(value)));
	EXPECT_STR(value, "2");
	EXPECT(!cmdline_next_option(&at, "dev", value, sizeof(value)));
	EXPECT_STR(value, "2");
}

TEST(cmdline, the_script_follows_the_separator)
{
	EXPECT_STR(cmdline_script("loglevel=debug --  report; test memmap"), "report; test memmap");
	EXPECT_STR(cmdline_script("-- a -- b"), "a -- b");
	EXPECT_STR(cmdline_script("x --"), "");
	EXPECT(cmdline_script("") == NULL);
	EXPECT(cmdline_script("--x a--b ---") == NULL);
}
