/* SPDX-License-Identifier: MIT */
/* test_command.c - what a person is told: help, usage, and what is wrong with a line. */
#include <string.h>

#include <tern/command.h>

#include "boot/host/host.h"
#include "tests/test.h"

static enum tern_command_result refuse(int argc, char **argv)
{
	(void)argv;
	return argc > 1 ? TERN_COMMAND_USAGE : TERN_COMMAND_FAILED;
}

static const struct tern_command commands[] = {
	{ "peek", "ADDR [COUNT]", "show memory", refuse, NULL },
	{ "power", "", "switch off", refuse, NULL },
	{ 0 },
};
static const struct tern_command *const table[] = { commands, NULL };

static void expect(struct test *t, const char *line, enum tern_command_result result,
		   const char *text)
{
	char said[1024];
	enum tern_command_result got;

	host_capture(said, sizeof(said));
	got = tern_command_run(table, line);
	host_capture(NULL, 0);
	EXPECT_EQ(got, result);
	EXPECT_STR(said, text);
}

TEST(command, help_lists_and_explains)
{
	expect(t, "help", TERN_COMMAND_OK,
	       "  help       [NAME]                   this list, or one command of it\n"
	       "  peek       ADDR [COUNT]             show memory\n"
	       "  power                               switch off\n");
	expect(t, "help peek", TERN_COMMAND_OK, "usage: peek ADDR [COUNT]\nshow memory\n");
	expect(t, "help power", TERN_COMMAND_OK, "usage: power\nswitch off\n");
	expect(t, "help help", TERN_COMMAND_OK,
	       "usage: help [NAME]\nthis list, or one command of it\n");
	expect(t, "help pwoer", TERN_COMMAND_UNKNOWN, "pwoer: no such command; help lists them\n");
	expect(t, "help peek power", TERN_COMMAND_USAGE, "usage: help [NAME]\n");
}

TEST(command, usage_is_shown_when_words_are_wrong)
{
	expect(t, "peek x", TERN_COMMAND_USAGE, "usage: peek ADDR [COUNT]\n");
	expect(t, "power x", TERN_COMMAND_USAGE, "usage: power\n");
	expect(t, "peek", TERN_COMMAND_FAILED, "");
}

TEST(command, a_wrong_line_is_told)
{
	char longer[TERN_COMMAND_LINE + 1];

	expect(t, "pek 1", TERN_COMMAND_UNKNOWN, "pek: no such command; help lists them\n");
	expect(t, "peek \"1", TERN_COMMAND_USAGE, "a \" is not closed\n");
	expect(t, "peek \"", TERN_COMMAND_USAGE, "a \" is not closed\n");
	expect(t, "a b c d e f g h i j k l m n o p q", TERN_COMMAND_USAGE,
	       "more than 16 words in a line\n");
	memset(longer, ' ', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	expect(t, longer, TERN_COMMAND_USAGE, "a line has at most 255 characters\n");
	longer[sizeof(longer) - 2] = '\0';
	expect(t, longer, TERN_COMMAND_OK, "");
}
