/* SPDX-License-Identifier: MIT */
/* test_gc_options.c - the collector's options on a command line: given, left out, unreadable. */
#include "boot/gc_options.h"
#include "lib/bits.h"
#include "lib/log.h"
#include "tests/test.h"

TEST(gc_options, none_means_when_asked)
{
	struct tern_gc_options o = gc_options("loglevel=info seed=7 -- gc=50; gc-check");

	EXPECT_EQ(o.percent, -1);
	EXPECT_EQ(o.limit, 0);
	EXPECT(!o.trace && !o.check);
}

TEST(gc_options, percent)
{
	EXPECT_EQ(gc_options("gc=50").percent, 50);
	EXPECT_EQ(gc_options("gc=off").percent, -1);
	EXPECT_EQ(gc_options("gc").percent, 0);
	EXPECT_EQ(gc_options("gc=50 gc=200 -- x").percent, 200);
}

TEST(gc_options, all_of_them)
{
	struct tern_gc_options o = gc_options("gc-trace gc-limit=64M gc=100 gc-check");

	EXPECT_EQ(o.percent, 100);
	EXPECT_EQ(o.limit, MiB(64));
	EXPECT(o.trace && o.check && !o.watched_roots);
	EXPECT_EQ(o.mode, TERN_GC_STW);
	o = gc_options("gc-mode=barrier gc-watched-roots");
	EXPECT(o.watched_roots);
	EXPECT_EQ(o.mode, TERN_GC_BARRIER);
}

TEST(gc_options, what_cannot_be_read_is_left_out)
{
	int level = tern_log_level();
	struct tern_gc_options o;

	tern_log_set_level(TERN_LOG_ERROR);
	o = gc_options("gc=much gc-limit=all");
	tern_log_set_level(level);
	EXPECT_EQ(o.percent, 0);
	EXPECT_EQ(o.limit, 0);
	EXPECT_EQ(gc_options("gc=99999999999").percent, 0);
}
