/* SPDX-License-Identifier: MIT */
/* test_log.c - levels by name. What a line looks like: tests/host/test_log.c. */
#include "lib/log.h"

#include "tests/test.h"

TEST(log, levels_have_names)
{
	EXPECT_EQ(tern_log_level_by_name("error"), TERN_LOG_ERROR);
	EXPECT_EQ(tern_log_level_by_name("warn"), TERN_LOG_WARN);
	EXPECT_EQ(tern_log_level_by_name("info"), TERN_LOG_INFO);
	EXPECT_EQ(tern_log_level_by_name("debug"), TERN_LOG_DEBUG);
	EXPECT_EQ(tern_log_level_by_name(""), -1);
	EXPECT_EQ(tern_log_level_by_name("warning"), -1);
}
