/* SPDX-License-Identifier: MIT */
/* test_string.c - text without a libc; patterns against a model that tries everything. */
#include "lib/string.h"

#include "tests/test.h"

TEST(string, length)
{
	EXPECT_EQ(tern_str_len(""), 0);
	EXPECT_EQ(tern_str_len("abc"), 3);
	EXPECT_EQ(tern_str_nlen("abc", 0), 0);
	EXPECT_EQ(tern_str_nlen("abc", 2), 2);
	EXPECT_EQ(tern_str_nlen("abc", 3), 3);
	EXPECT_EQ(tern_str_nlen("abc", 4), 3);
}

TEST(string, equality_and_prefix)
{
	EXPECT(tern_str_eq("", ""));
	EXPECT(tern_str_eq("abc", "abc"));
	EXPECT(!tern_str_eq("abc", "ab"));
	EXPECT(!tern_str_eq("ab", "abc"));
	EXPECT(!tern_str_eq("abc", "abd"));
	EXPECT(tern_str_starts("abc", ""));
	EXPECT(tern_str_starts("abc", "abc"));
	EXPECT(tern_str_starts("abc", "ab"));
	EXPECT(!tern_str_starts("ab", "abc"));
	EXPECT(!tern_str_starts("abc", "b"));
}

TEST(string, copy_cuts_and_terminates)
{
	char buf[5] = "!!!!";

	EXPECT(tern_str_copy(buf, 4, "abc"));
	EXPECT_STR(buf, "abc");
	EXPECT(!tern_str_copy(buf, 4, "abcd"));
	EXPECT_STR(buf, "abc");
	EXPECT_EQ(buf[4], 0);
	EXPECT(!tern_str_copy(buf, 1, "abcd"));
	EXPECT_STR(buf, "");
	EXPECT(tern_str_copy(buf, 1, ""));
}

TEST(string, patterns)
{
	EXPECT(tern_str_match("", ""));
	EXPECT(!tern_str_match("", "a"));
	EXPECT(!tern_str_match("a", ""));
	EXPECT(tern_str_match("*", ""));
	EXPECT(!tern_str_match("?", ""));
	EXPECT(tern_str_match("memmap.*", "memmap.holes"));
	EXPECT(!tern_str_match("memmap.*", "memmap"));
	EXPECT(tern_str_match("*aab", "aaaab"));
	EXPECT(tern_str_match("a*b*c", "axbybzc"));
	EXPECT(!tern_str_match("a*b*c", "axbybz"));
	EXPECT(tern_str_match("*", "a*"));
}

static bool matches(const char *pattern, const char *s)
{
	if (*pattern == '*')
		return matches(pattern + 1, s) || (*s && matches(pattern, s + 1));
	if (!*pattern || !*s)
		return *pattern == *s;
	return (*pattern == '?' || *pattern == *s) && matches(pattern + 1, s + 1);
}

static void draw_text(struct test *t, char *to, unsigned max, const char *letters)
{
	unsigned n = (unsigned)test_random_below(t, max + 1);

	to[n] = '\0';
	while (n--)
		to[n] = letters[test_random_below(t, tern_str_len(letters))];
}

TEST(string, patterns_agree_with_a_model)
{
	for (unsigned i = 0; i < 5000; i++) {
		char pattern[7], s[10];

		draw_text(t, pattern, sizeof(pattern) - 1, "ab**?");
		draw_text(t, s, sizeof(s) - 1, "ab");
		if (!EXPECT_EQ(tern_str_match(pattern, s), matches(pattern, s))) {
			test_note(t, "pattern \"%s\", text \"%s\"", pattern, s);
			return;
		}
	}
}
