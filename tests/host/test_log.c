/* SPDX-License-Identifier: MIT */
/* test_log.c - what a line of the log looks like, at each level and each length. */
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

#include "boot/host/host.h"
#include "tests/test.h"

static char said[2 * TERN_LOG_LINE];
static unsigned pieces;

static void count_piece(void)
{
	pieces++;
}

static const char *log_and_capture(enum tern_log_level level, const char *text)
{
	host_capture(said, sizeof(said));
	tern_log(level, "%s", text);
	host_capture(NULL, 0);
	return said;
}

/* Behind the time stamp, or NULL if there is none. */
static const char *after_stamp(const char *line)
{
	unsigned long seconds;
	unsigned us;
	int n = 0;

	return sscanf(line, "[%5lu.%6u] %n", &seconds, &us, &n) == 2 && n ? line + n : NULL;
}

TEST(log, a_line_has_time_and_level)
{
	EXPECT_STR(after_stamp(log_and_capture(TERN_LOG_INFO, "text")), "info: text\n");
	EXPECT_STR(after_stamp(log_and_capture(TERN_LOG_ERROR, "text")), "error: text\n");
}

TEST(log, what_is_over_the_level_is_dropped)
{
	enum tern_log_level before = tern_log_level();

	tern_log_set_level(TERN_LOG_WARN);
	EXPECT_EQ(tern_log_level(), TERN_LOG_WARN);
	EXPECT_STR(log_and_capture(TERN_LOG_INFO, "text"), "");
	EXPECT_STR(after_stamp(log_and_capture(TERN_LOG_WARN, "text")), "warn: text\n");
	tern_log_set_level(TERN_LOG_DEBUG);
	EXPECT_STR(after_stamp(log_and_capture(TERN_LOG_DEBUG, "text")), "debug: text\n");
	tern_log_set_level(before);
}

/* One piece, one line, never over the limit; dots stand where text is missing and only there. */
static void expect_line(struct test *t, const char *line, const char *text)
{
	const char *shown = after_stamp(line);
	size_t len = strlen(line);

	EXPECT_EQ(pieces, 1);
	EXPECT(len < TERN_LOG_LINE && strchr(line, '\n') == line + len - 1);
	if (!EXPECT(shown) || !EXPECT(strncmp(shown, "info: ", 6) == 0))
		return;
	shown += 6;
	if (strlen(shown) == strlen(text) + 1) {
		EXPECT_EQ(memcmp(shown, text, strlen(text)), 0);
	} else {
		EXPECT_EQ(len, TERN_LOG_LINE - 1);
		EXPECT_EQ(memcmp(shown, text, strlen(shown) - 4), 0);
		EXPECT_STR(shown + strlen(shown) - 4, "...\n");
	}
}

TEST(log, a_long_line_is_cut_and_says_so)
{
	char text[TERN_LOG_LINE + 50];

	for (size_t n = 0; n < sizeof(text) && !t->failures; n++) {
		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + i % 26);
		text[n] = '\0';
		pieces = 0;
		host_before_write(count_piece);
		log_and_capture(TERN_LOG_INFO, text);
		host_before_write(NULL);
		expect_line(t, said, text);
	}
}
