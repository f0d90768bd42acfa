/* SPDX-License-Identifier: MIT */
/* test_command.c - a line becomes words, a name, a call; completion; numbers.
 *
 * Only what prints nothing, as a guest's console is the test's output; what is said to a person:
 * tests/host/test_command.c. */
#include <tern/command.h>

#include "tests/test.h"

/* The last call, and what it is to answer. */
static struct call {
	enum tern_command_result answer;
	int argc;
	char argv[TERN_COMMAND_ARGS][TERN_COMMAND_LINE];
	bool terminated; /* by argv[argc] == NULL */
} call;

static enum tern_command_result record(int argc, char **argv)
{
	call.argc = argc;
	for (int i = 0; i < argc; i++)
		tern_str_copy(call.argv[i], TERN_COMMAND_LINE, argv[i]);
	call.terminated = !argv[argc];
	return call.answer;
}

static const char *complete_word(unsigned index)
{
	static const char *const words[] = { "red", "green", "grey" };

	return index < ARRAY_SIZE(words) ? words[index] : NULL;
}

static const struct tern_command first[] = {
	{ "say", "[WORD]...", "say words", record, complete_word },
	{ "save", "", "save nothing", record, NULL },
	{ 0 },
};
static const struct tern_command second[] = {
	{ "hear", "", "hear nothing", record, NULL },
	{ 0 },
};
static const struct tern_command *const table[] = { first, second, NULL };

static enum tern_command_result run(const char *line)
{
	call.argc = -1;
	call.answer = TERN_COMMAND_OK;
	return tern_command_run(table, line);
}

/* want: the words, with a | behind each */
static void expect_words(struct test *t, const char *line, const char *want)
{
	char got[TERN_COMMAND_LINE + TERN_COMMAND_ARGS] = "";
	size_t used = 0;

	EXPECT_EQ(run(line), TERN_COMMAND_OK);
	EXPECT(call.terminated);
	for (int i = 0; i < call.argc; i++) {
		tern_str_copy(got + used, sizeof(got) - used, call.argv[i]);
		used += tern_str_len(call.argv[i]);
		got[used++] = '|';
		got[used] = '\0';
	}
	EXPECT_STR(got, want);
}

TEST(command, splits_at_blanks)
{
	expect_words(t, "say", "say|");
	expect_words(t, "say a b", "say|a|b|");
	expect_words(t, " \tsay\t a  b \t", "say|a|b|");
}

TEST(command, quotes_keep_blanks)
{
	expect_words(t, "say \"a  b\" c", "say|a  b|c|");
	expect_words(t, "say \"\" \"#\"", "say||#|");
	expect_words(t, "\"say\" x", "say|x|");
	expect_words(t, "say a\"b", "say|a\"b|");
}

TEST(command, a_comment_ends_the_line)
{
	expect_words(t, "say a # b \"", "say|a|");
	expect_words(t, "say a#b", "say|a#b|");
	expect_words(t, "say \"a\"#b", "say|a|");
}

TEST(command, nothing_to_do_is_fine)
{
	static const char *const lines[] = { "", " ", "\t", "# say", "  # say" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		EXPECT_EQ(run(lines[i]), TERN_COMMAND_OK);
		EXPECT_EQ(call.argc, -1);
	}
}

/* The most words, and the longest line, that are taken. */
TEST(command, as_much_as_a_line_may_hold)
{
	char line[TERN_COMMAND_LINE];

	tern_str_copy(line, sizeof(line), "say 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
	EXPECT_EQ(run(line), TERN_COMMAND_OK);
	EXPECT_EQ(call.argc, TERN_COMMAND_ARGS);
	EXPECT_STR(call.argv[TERN_COMMAND_ARGS - 1], "15");
	EXPECT(call.terminated);

	memset(line, 'x', sizeof(line));
	memcpy(line, "say ", 4);
	line[sizeof(line) - 1] = '\0';
	EXPECT_EQ(run(line), TERN_COMMAND_OK);
	EXPECT_EQ(tern_str_len(call.argv[1]), TERN_COMMAND_LINE - 1 - 4);
}

TEST(command, is_found_in_every_array)
{
	EXPECT_EQ(run("hear"), TERN_COMMAND_OK);
	EXPECT_STR(call.argv[0], "hear");
	call.argc = -1;
	call.answer = TERN_COMMAND_FAILED;
	EXPECT_EQ(tern_command_run(table, "save"), TERN_COMMAND_FAILED);
	EXPECT_STR(call.argv[0], "save");
}

/* want: the candidates, with a blank behind each */
static void expect_candidates(struct test *t, const char *line, const char *want)
{
	char got[64] = "";
	size_t used = 0;
	const char *word;

	for (unsigned i = 0; (word = tern_command_complete(table, line, i)); i++) {
		tern_str_copy(got + used, sizeof(got) - used, word);
		used += tern_str_len(word);
		got[used++] = ' ';
		got[used] = '\0';
	}
	if (!EXPECT_STR(got, want))
		test_note(t, "line \"%s\"", line);
}

TEST(command, names_are_completed)
{
	expect_candidates(t, "", "help say save hear ");
	expect_candidates(t, "sa", "say save ");
	expect_candidates(t, "  sav", "save ");
	expect_candidates(t, "he", "help hear ");
	expect_candidates(t, "say", "say ");
	expect_candidates(t, "x", "");
}

TEST(command, arguments_are_completed)
{
	expect_candidates(t, "say ", "red green grey ");
	expect_candidates(t, "say gr", "green grey ");
	expect_candidates(t, " say  red gre", "green grey ");
	expect_candidates(t, "say\tgree", "green ");
	expect_candidates(t, "say x", "");
	expect_candidates(t, "save ", "");
	expect_candidates(t, "unknown ", "");
	expect_candidates(t, "help h", "help hear ");
}

TEST(command, a_line_that_is_too_long_completes_to_nothing)
{
	char line[TERN_COMMAND_LINE + 8];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 2] = ' ';
	line[sizeof(line) - 1] = '\0';
	EXPECT(!tern_command_complete(table, line, 0));
}

static void expect_number(struct test *t, const char *word, unsigned long long want)
{
	unsigned long long value = want + 1;

	EXPECT(tern_command_number(word, &value));
	if (!EXPECT_EQ(value, want))
		test_note(t, "word \"%s\"", word);
}

TEST(command, numbers)
{
	expect_number(t, "0", 0);
	expect_number(t, "123", 123);
	expect_number(t, "0123", 123);
	expect_number(t, "0x1f", 31);
	expect_number(t, "0XaBcDeF", 0xabcdef);
	expect_number(t, "64K", 65536);
	expect_number(t, "16m", 16777216);
	expect_number(t, "0x10G", 0x400000000);
	expect_number(t, "1t", 1ull << 40);
	expect_number(t, "18446744073709551615", ~0ull);
	expect_number(t, "0xffffffffffffffff", ~0ull);
	expect_number(t, "16777215T", 16777215ull << 40);
}

TEST(command, what_is_no_number)
{
	static const char *const words[] = {
		"",
		"x",
		"K",
		"-1",
		"+1",
		" 1",
		"1 ",
		"0x",
		"0xg",
		"1f",
		"12KB",
		"1KK",
		"1P",
		"18446744073709551616",
		"0x10000000000000000",
		"16777216T",
		"18014398509481984K",
	};
	unsigned long long value = 77;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!EXPECT(!tern_command_number(words[i], &value)) || !EXPECT_EQ(value, 77))
			test_note(t, "word \"%s\"", words[i]);
}
