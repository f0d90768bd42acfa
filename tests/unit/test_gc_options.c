/* SPDX-License-Identifier: MIT */
/* test_gc_options.c - the collector's options as text, and on a command line: given, left out,
 * unreadable. */
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
	EXPECT_EQ(gc_options("gc-mode=pages").mode, TERN_GC_PAGES);
	EXPECT(gc_options("gc-spans").spans && !gc_options("gc-spans=0").spans && !o.spans);
}

TEST(gc_options, what_cannot_be_read_is_left_out)
{
	int level = tern_log_level();
	struct tern_gc_options o;

	tern_log_set_level(TERN_LOG_ERROR);
	o = gc_options("gc=much gc-limit=all");
	EXPECT_EQ(gc_options("gc=99999999999").percent, 0);
	tern_log_set_level(level);
	EXPECT_EQ(o.percent, 0);
	EXPECT_EQ(o.limit, 0);
}

TEST(gc_options, one_bad_word_spoils_no_other)
{
	int level = tern_log_level();
	struct tern_gc_options o;

	tern_log_set_level(TERN_LOG_ERROR);
	o = gc_options("gc-limit=64M gc-chekc gc-trace gc-mode=both gc-markers=3,clobberfree");
	tern_log_set_level(level);
	EXPECT_EQ(o.limit, MiB(64));
	EXPECT(o.trace && o.clobberfree && !o.check);
	EXPECT_EQ(o.mode, TERN_GC_STW);
	EXPECT_EQ(o.markers, 3);
}

/* --- text ---------------------------------------------------------------------------------- */

static bool parses(struct tern_gc_options *o, const char *text)
{
	*o = (struct tern_gc_options){ .percent = 77, .limit = 7, .trace = true };
	return tern_gc_parse_options(o, text, NULL) == TERN_OK;
}

TEST(gc_options, every_word_sets_its_field)
{
	struct tern_gc_options o;

	EXPECT(parses(&o, "gcpercent=50,limit=64M,mode=barrier,check=1,clobberfree=1,invalidptr=1,"
			  "gcstoptheworld=1,spans=1,trace=0"));
	EXPECT_EQ(o.percent, 50);
	EXPECT_EQ(o.limit, MiB(64));
	EXPECT_EQ(o.mode, TERN_GC_BARRIER);
	EXPECT(o.check && o.clobberfree && o.invalidptr && o.stop_the_world && o.spans && !o.trace);
	EXPECT(!o.watched_roots && !o.no_lazy_sweep && !o.min_heap && !o.markers);
	EXPECT(parses(&o, "min-heap=0x1000 markers=4 watched-roots no-lazy-sweep mode=stw"));
	EXPECT_EQ(o.min_heap, 4096);
	EXPECT_EQ(o.markers, 4);
	EXPECT(o.watched_roots && o.no_lazy_sweep && o.trace && !o.spans);
	EXPECT_EQ(o.mode, TERN_GC_STW);
	EXPECT_EQ(o.percent, 77);
	EXPECT_EQ(o.limit, 7);
}

TEST(gc_options, words_are_apart_in_any_way_and_the_last_counts)
{
	struct tern_gc_options o;

	EXPECT(parses(&o, "") && o.percent == 77);
	EXPECT(parses(&o, " , ,,") && o.percent == 77);
	EXPECT(parses(&o, ",check,, gcpercent=1,gcpercent=2,") && o.check && o.percent == 2);
	EXPECT(parses(&o, "check,check=0") && !o.check);
	EXPECT(parses(&o, "gcpercent=off") && o.percent == -1);
	EXPECT(parses(&o, "gcpercent=2147483647") && o.percent == INT32_MAX);
	EXPECT(parses(&o, "limit=0xffffffffffffffff") && o.limit == SIZE_MAX);
	EXPECT(parses(&o, "markers=4294967295") && o.markers == UINT32_MAX);
}

TEST(gc_options, what_cannot_be_read_is_pointed_at)
{
	static const struct {
		const char *text;
		size_t at, len;
		const char *why;
	} bad[] = {
		{ "nonsense", 0, 8, "no such option" },
		{ "check,chec", 6, 4, "no such option" },
		{ "checks=1", 0, 8, "no such option" },
		{ "Check", 0, 5, "no such option" },
		{ "=1", 0, 2, "no such option" },
		{ "=", 0, 1, "no such option" },
		{ "stack=1", 0, 7, "no such option" },
		{ "check=2", 0, 7, "want 0 or 1" },
		{ "check=", 0, 6, "want 0 or 1" },
		{ "check==1", 0, 8, "want 0 or 1" },
		{ "trace=yes, check", 0, 9, "want 0 or 1" },
		{ "check=0000000000000000000000000000001", 0, 37, "want 0 or 1" },
		{ "limit", 0, 5, "want a value" },
		{ "mode,check", 0, 4, "want a value" },
		{ "limit=", 0, 6, "want bytes, such as 64M" },
		{ "limit=64Q", 0, 9, "want bytes, such as 64M" },
		{ "limit=-1", 0, 8, "want bytes, such as 64M" },
		{ "limit=0x10000000000000000", 0, 25, "want bytes, such as 64M" },
		{ "min-heap=99999999999999999999", 0, 29, "want bytes, such as 64M" },
		{ "markers=4294967296", 0, 18, "want a number" },
		{ "markers=two", 0, 11, "want a number" },
		{ "gcpercent=2147483648", 0, 20, "want a number, or off" },
		{ "gcpercent=-1", 0, 12, "want a number, or off" },
		{ "gcpercent=on", 0, 12, "want a number, or off" },
		{ "mode=", 0, 5, "want stw, barrier or pages" },
		{ "limit=1 mode=STW", 8, 8, "want stw, barrier or pages" },
	};
	struct tern_gc_bad_word word;
	struct tern_gc_options o;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT(!parses(&o, bad[i].text));
		EXPECT(o.percent == 77 && o.limit == 7 && o.trace && !o.check);
		EXPECT_EQ(tern_gc_parse_options(&o, bad[i].text, &word), TERN_EINVAL);
		EXPECT_EQ(word.at, bad[i].text + bad[i].at);
		EXPECT_EQ(word.len, bad[i].len);
		EXPECT_STR(word.why, bad[i].why);
	}
	EXPECT_EQ(tern_gc_parse_options(&o, NULL, &word), TERN_EINVAL);
	EXPECT_EQ(tern_gc_parse_options(NULL, "check", &word), TERN_EINVAL);
}

/* Whatever it is given, it reads no further than the end, and changes all or nothing. */
TEST(gc_options, any_text_does_no_harm)
{
	static const char letters[] = "check=1,limit 64Mode=gcpercent-0x\xff";
	struct tern_gc_options o;
	struct tern_gc_bad_word word;
	char text[40];

	for (unsigned round = 0; round < 2000; round++) {
		size_t n = test_random_below(t, sizeof(text));

		for (size_t i = 0; i < n; i++)
			text[i] = letters[test_random_below(t, sizeof(letters) - 1)];
		text[n] = '\0';
		word = (struct tern_gc_bad_word){ 0 };
		o = (struct tern_gc_options){ .markers = 9 };
		if (tern_gc_parse_options(&o, text, &word) == TERN_OK)
			EXPECT(!word.at);
		else
			EXPECT(o.markers == 9 && word.at >= text && word.len > 0 &&
			       word.at + word.len <= text + n);
	}
}
