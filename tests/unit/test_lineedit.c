/* SPDX-License-Identifier: MIT */
/* test_lineedit.c - the line editor, seen through a small terminal.
 *
 * The terminal below understands what lineedit.h promises to send and fails a test on anything
 * else, so each test looks at what a person would see. Random keys are checked against a model
 * that knows only strings. */
#include "samples/monitor/lineedit.h"

#include <tern/tern.h>

#include "tests/test.h"

#define ROWS    64
#define COLUMNS 80
#define PROMPT  "tern> "

static struct terminal {
	char row[ROWS][COLUMNS + 1]; /* terminated where the last written character ends */
	unsigned y, x;
	unsigned bells, clears;
	const char *in_escape; /* what must come next of the sequence that clears the screen */
	bool wrong;            /* a byte that was not promised, or a column that is not there */
} term;

static struct lineedit ed;

static void terminal_newline(void)
{
	term.x = 0;
	if (++term.y < ROWS)
		return;
	term.y = ROWS - 1;
	memmove(term.row[0], term.row[1], sizeof(term.row) - sizeof(term.row[0]));
	memset(term.row[ROWS - 1], 0, sizeof(term.row[0]));
}

static void terminal_char(char c)
{
	char *row = term.row[term.y];

	if (c < ' ' || c > '~' || term.x >= COLUMNS - 1) {
		term.wrong = true;
		return;
	}
	for (size_t i = tern_str_len(row); i < term.x; i++)
		row[i] = ' ';
	row[term.x++] = c;
}

static void terminal_byte(char c)
{
	if (term.in_escape) {
		term.wrong |= c != *term.in_escape++;
		if (*term.in_escape)
			return;
		memset(term.row, 0, sizeof(term.row));
		term.x = term.y = 0;
		term.clears++;
		term.in_escape = NULL;
	} else if (c == '\x1b') {
		term.in_escape = "[H\x1b[J";
	} else if (c == '\a') {
		term.bells++;
	} else if (c == '\b') {
		term.wrong |= term.x == 0;
		term.x -= term.x > 0;
	} else if (c == '\n') {
		terminal_newline();
	} else {
		terminal_char(c);
	}
}

static void terminal_write(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		terminal_byte(text[i]);
}

static const char *const words[] = { "peek", "ping", "poke", "power", "report", "threads" };

static const char *word_completions(void *ctx, const char *text, unsigned index)
{
	const char *last = text;

	(void)ctx;
	for (const char *p = text; *p; p++)
		if (*p == ' ')
			last = p + 1;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (tern_str_starts(words[i], last) && index-- == 0)
			return words[i];
	return NULL;
}

static void setup(void)
{
	static const struct lineedit_host host = { .prompt = PROMPT,
						   .write = terminal_write,
						   .complete = word_completions };

	memset(&term, 0, sizeof(term));
	lineedit_init(&ed, &host);
	lineedit_begin(&ed);
}

/* Type bytes; true if the last of them ended a line. */
static bool type(const char *keys)
{
	bool done = false;

	for (; *keys; keys++)
		done = lineedit_byte(&ed, (unsigned char)*keys);
	return done;
}

/* Type a whole line, and be ready for the next. */
static void enter(const char *keys)
{
	type(keys);
	type("\r");
	lineedit_begin(&ed);
}

/* What stands in a row, without blanks at its end. */
static const char *row(unsigned y)
{
	char *text = term.row[y];
	size_t len = tern_str_len(text);

	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
	return text;
}

#define EXPECT_LINE(text, at)                                                                      \
	do {                                                                                       \
		EXPECT_STR(ed.line, text);                                                         \
		EXPECT_EQ(ed.cursor, at);                                                          \
		EXPECT_EQ(ed.len, sizeof(text) - 1);                                               \
		EXPECT(!term.wrong);                                                               \
		EXPECT_EQ(term.x, sizeof(PROMPT) - 1 + (at));                                      \
	} while (0)

TEST(lineedit, typed_letters_are_echoed_as_they_are)
{
	setup();
	EXPECT(!type("mem"));
	EXPECT_LINE("mem", 3);
	EXPECT_STR(row(0), "tern> mem");
	EXPECT(type("\r"));
	EXPECT_STR(ed.line, "mem");
	EXPECT_EQ(term.y, 1);
	EXPECT_EQ(term.x, 0);
}

TEST(lineedit, inserts_and_deletes_in_the_middle)
{
	setup();
	type("pk 10\x1b[D\x1b[D\x1b[D\x1b[D"
	     "ee");
	EXPECT_LINE("peek 10", 3);
	EXPECT_STR(row(0), "tern> peek 10");
	type("\x1b[C\x1b[3~");
	EXPECT_LINE("peek10", 4);
	type("\x7f\b");
	EXPECT_LINE("pe10", 2);
	EXPECT_STR(row(0), "tern> pe10");
	type("\x04");
	EXPECT_LINE("pe0", 2);
	EXPECT_STR(row(0), "tern> pe0");
}

TEST(lineedit, moves_to_both_ends_by_every_key)
{
	static const char *const home[] = { "\x01", "\x1b[H", "\x1b[1~", "\x1b[7~", "\x1bOH" };
	static const char *const end[] = { "\x05", "\x1b[F", "\x1b[4~", "\x1b[8~", "\x1bOF" };

	setup();
	type("abc");
	for (size_t i = 0; i < ARRAY_SIZE(home); i++) {
		type(home[i]);
		EXPECT_LINE("abc", 0);
		type(end[i]);
		EXPECT_LINE("abc", 3);
	}
	EXPECT_STR(row(0), "tern> abc");
}

TEST(lineedit, keys_at_the_ends_do_nothing)
{
	setup();
	type("\x1b[D\x7f\x1b[3~\x1b[C\x0b\x15\x17\x1b[A\x1b[B");
	EXPECT_LINE("", 0);
	type("a\x1b[C\x1b[3~\x0b");
	EXPECT_LINE("a", 1);
	type("\x01\x1b[D\x7f\x15\x17");
	EXPECT_LINE("a", 0);
}

TEST(lineedit, kills_to_the_end_to_the_start_and_a_word)
{
	setup();
	type("poke 0x1000 17");
	type("\x17");
	EXPECT_LINE("poke 0x1000 ", 12);
	type("\x17");
	EXPECT_LINE("poke ", 5);
	type("abc\x01\x1b[C\x1b[C\x0b");
	EXPECT_LINE("po", 2);
	type("wer\x02\x02\x15");
	EXPECT_LINE("er", 0);
	EXPECT_STR(row(0), "tern> er");
}

TEST(lineedit, enter_in_the_middle_takes_the_whole_line)
{
	setup();
	EXPECT(type("echo hi\x01\r"));
	EXPECT_STR(ed.line, "echo hi");
	EXPECT_STR(row(0), "tern> echo hi");
	EXPECT_EQ(term.y, 1);
}

TEST(lineedit, cr_lf_is_one_end_of_line)
{
	setup();
	EXPECT(type("a\r"));
	lineedit_begin(&ed);
	EXPECT(!type("\n"));
	EXPECT(type("\n"));
	EXPECT_STR(ed.line, "");
	lineedit_begin(&ed);
	EXPECT(type("b\n"));
	EXPECT_STR(ed.line, "b");
}

TEST(lineedit, unknown_sequences_leave_no_trace)
{
	static const char *const sequences[] = {
		"\x1b[Z",      "\x1b[2~", "\x1b[5~",    "\x1b[15~",  "\x1b[1;5D",
		"\x1b[?2004h", "\x1bOP",  "\x1b[[A",    "\x1b[200~", "\x1b[99999999999~",
		"\x1b[3;2~",   "\x1b[ q", "\x1b\x1b[E", "\033f",     "\x1b[12;34R",
		"\x02\x06",    "\x7",     "\x1a",       "\x80",      "\xc3\xa4",
		"\xff",
	};

	setup();
	type("abc");
	for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
		type(sequences[i]);
		EXPECT_LINE("abc", 3);
	}
	EXPECT(!lineedit_byte(&ed, 0));
	EXPECT_LINE("abc", 3);
	EXPECT_STR(row(0), "tern> abc");
}

TEST(lineedit, a_sequence_broken_off_does_not_swallow_keys)
{
	setup();
	EXPECT(type("ab\x1b[1\r"));
	EXPECT_STR(ed.line, "ab");
	lineedit_begin(&ed);
	type("ab\x1b[\x1b[D"
	     "c");
	EXPECT_LINE("acb", 2);
	type("\x1bO\x7f");
	EXPECT_LINE("ab", 1);
}

TEST(lineedit, history_goes_up_and_down_and_keeps_the_draft)
{
	setup();
	enter("one");
	enter("two");
	enter("");
	enter("two");
	type("dra\x1b[A");
	EXPECT_LINE("two", 3);
	type("\x1b[A");
	EXPECT_LINE("one", 3);
	type("\x10");
	EXPECT_LINE("one", 3);
	type("\x1bOB\x0e");
	EXPECT_LINE("dra", 3);
	type("\x1b[B"
	     "ft");
	EXPECT_LINE("draft", 5);
	EXPECT_STR(row(4), "tern> draft");
}

TEST(lineedit, an_edited_history_line_is_a_new_line)
{
	setup();
	enter("peek 1");
	type("\x1b[A0\r");
	EXPECT_STR(ed.line, "peek 10");
	lineedit_begin(&ed);
	type("\x1b[A\x1b[A");
	EXPECT_LINE("peek 1", 6);
}

TEST(lineedit, history_forgets_the_oldest)
{
	char line[8];

	setup();
	for (unsigned i = 0; i < LINEEDIT_HISTORY + 5; i++) {
		tern_snprintf(line, sizeof(line), "n%u", i);
		enter(line);
	}
	for (unsigned i = 0; i < LINEEDIT_HISTORY + 5; i++)
		type("\x1b[A");
	EXPECT_LINE("n5", 2);
}

TEST(lineedit, tab_completes_what_is_unique)
{
	setup();
	type("rep\t");
	EXPECT_LINE("report ", 7);
	type("th\t");
	EXPECT_LINE("report threads ", 15);
	EXPECT_EQ(term.bells, 0);
}

TEST(lineedit, tab_completes_in_the_middle)
{
	setup();
	type("thr x\x02\x02\t");
	EXPECT_LINE("threads x", 7);
	EXPECT_STR(row(0), "tern> threads x");
}

TEST(lineedit, tab_adds_what_all_have_and_lists_the_second_time)
{
	setup();
	type("po\t");
	EXPECT_LINE("po", 2);
	EXPECT_EQ(term.y, 0);
	type("\t");
	EXPECT_STR(row(0), "tern> po");
	EXPECT_STR(row(1), "poke   power");
	EXPECT_STR(row(2), "tern> po");
	EXPECT_LINE("po", 2);
	type("w\t");
	EXPECT_LINE("power ", 6);
	EXPECT_EQ(term.y, 2);
}

TEST(lineedit, another_key_between_two_tabs_lists_nothing)
{
	setup();
	type("p\t\x02\x06\t");
	EXPECT_LINE("p", 1);
	EXPECT_EQ(term.y, 0);
	type("\t");
	EXPECT_EQ(term.y, 2);
	type("\t");
	EXPECT_EQ(term.y, 4);
	EXPECT_STR(row(3), "peek   ping   poke   power");
}

TEST(lineedit, tab_without_candidates_rings)
{
	setup();
	type("xyz\t");
	EXPECT_LINE("xyz", 3);
	EXPECT_EQ(term.bells, 1);
}

TEST(lineedit, ctrl_c_drops_the_line)
{
	setup();
	type("fault stack\x01\x03");
	EXPECT_LINE("", 0);
	EXPECT_STR(row(0), "tern> fault stack^C");
	EXPECT_STR(row(1), "tern>");
	type("\x1b[A");
	EXPECT_LINE("", 0);
}

TEST(lineedit, ctrl_l_clears_the_screen)
{
	setup();
	enter("one");
	type("two\x02\x0c");
	EXPECT_EQ(term.clears, 1);
	EXPECT_LINE("two", 2);
	EXPECT_STR(row(0), "tern> two");
	EXPECT_STR(row(1), "");
}

TEST(lineedit, a_long_line_scrolls_and_stops_at_the_limit)
{
	char all[TERN_COMMAND_LINE];

	setup();
	for (unsigned i = 0; i < sizeof(all) - 1; i++) {
		all[i] = (char)('a' + i % 26);
		lineedit_byte(&ed, (unsigned char)all[i]);
	}
	all[sizeof(all) - 1] = '\0';
	EXPECT_STR(ed.line, all);
	EXPECT_EQ(term.bells, 0);
	type("!!");
	EXPECT_STR(ed.line, all);
	EXPECT_EQ(term.bells, 2);
	EXPECT_EQ(term.y, 0);
	type("\x01");
	EXPECT_EQ(term.x, sizeof(PROMPT) - 1);
	EXPECT(tern_str_starts(row(0), PROMPT "abcdef"));
	EXPECT(!term.wrong);
	EXPECT(type("\r"));
	EXPECT_STR(ed.line, all);
}

/* The model: a string and a place in it. */
struct model {
	char text[TERN_COMMAND_LINE];
	size_t at;
};

static void model_splice(struct model *m, size_t from, size_t to, const char *text)
{
	char out[TERN_COMMAND_LINE];

	tern_snprintf(out, sizeof(out), "%.*s%s%s", (int)from, m->text, text, m->text + to);
	tern_str_copy(m->text, sizeof(m->text), out);
	m->at = from + tern_str_len(text);
}

static const char *model_key(struct model *m, unsigned key, char letter)
{
	size_t len = tern_str_len(m->text);

	switch (key) {
	case 0:
		m->at -= m->at > 0;
		return "\x1b[D";
	case 1:
		m->at += m->at < len;
		return "\x1b[C";
	case 2:
		m->at = 0;
		return "\x1b[H";
	case 3:
		m->at = len;
		return "\x1b[F";
	case 4:
		model_splice(m, m->at - (m->at > 0), m->at, "");
		return "\x7f";
	case 5:
		model_splice(m, m->at, m->at + (m->at < len), "");
		return "\x1b[3~";
	case 6:
		model_splice(m, m->at, len, "");
		return "\x0b";
	case 7:
		model_splice(m, 0, m->at, "");
		return "\x15";
	default:
		if (len < sizeof(m->text) - 1)
			model_splice(m, m->at, m->at, (char[]){ letter, '\0' });
		return NULL;
	}
}

/* The row must be the prompt and that part of the line which is scrolled into view. */
static bool row_shows(const struct model *m)
{
	char want[COLUMNS + 1];
	size_t columns = LINEEDIT_COLUMNS - sizeof(PROMPT), len;

	tern_snprintf(want, sizeof(want), PROMPT "%.*s", (int)columns, m->text + ed.scroll);
	for (len = tern_str_len(want); len > 0 && want[len - 1] == ' '; len--)
		want[len - 1] = '\0';
	return tern_str_eq(row(0), want) && term.x == sizeof(PROMPT) - 1 + m->at - ed.scroll;
}

TEST(lineedit, random_keys_do_what_a_string_would)
{
	struct model m = { .at = 0 };

	setup();
	for (unsigned i = 0; i < 4000; i++) {
		/* Letters are most frequent, and killing rare, so that lines get long. */
		unsigned key = (unsigned)test_random_below(t, i % 64 ? 20 : 8);
		char letter = (char)(' ' + test_random_below(t, 95));
		const char *keys;

		if (i % 64 && (key == 6 || key == 7))
			key = 8;
		keys = model_key(&m, key, letter);
		if (keys)
			type(keys);
		else
			lineedit_byte(&ed, (unsigned char)letter);
		REQUIRE(tern_str_eq(ed.line, m.text));
		REQUIRE(ed.cursor == m.at && !term.wrong && term.y == 0);
		REQUIRE(row_shows(&m));
	}
}

TEST(lineedit, a_full_row_is_given_up_without_a_wrap)
{
	setup();
	for (unsigned i = 0; i < 100; i++) {
		lineedit_byte(&ed, 'x');
		if (i < 60)
			continue;
		lineedit_byte(&ed, 0x01);
		lineedit_byte(&ed, 0x03);
		REQUIRE(!term.wrong && ed.len == 0);
		for (unsigned k = 0; k <= i; k++)
			lineedit_byte(&ed, 'x');
	}
}

TEST(lineedit, random_bytes_keep_it_whole)
{
	setup();
	for (unsigned i = 0; i < 20000; i++) {
		unsigned char byte = (unsigned char)test_random(t);

		if (test_random_below(t, 4) == 0)
			byte = (unsigned char)"\x1b[OA~3\t\r"[test_random_below(t, 8)];
		if (lineedit_byte(&ed, byte))
			lineedit_begin(&ed);
		REQUIRE(ed.cursor <= ed.len && ed.len < sizeof(ed.line));
		REQUIRE(tern_str_len(ed.line) == ed.len && !term.wrong);
		REQUIRE(term.x == sizeof(PROMPT) - 1 + ed.cursor - ed.scroll);
	}
}
