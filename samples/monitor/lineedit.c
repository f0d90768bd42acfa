/* SPDX-License-Identifier: MIT */
/* lineedit.c - edit a line of text on a terminal.
 *
 * Job      Turn bytes into keys, keys into changes of a line and its cursor, and the difference
 *          between that and what the screen shows into bytes.
 * How      Keys change only the line. refresh() alone writes: it rewrites the columns that
 *          differ and moves by backspaces, or forward by writing what stands there already. So
 *          no key has a picture of its own to get wrong.
 * Owns     the struct, nothing else; allocates nothing.
 * Locks    none: one caller at a time.
 * Holds    cursor <= len < TERN_COMMAND_LINE, line[len] = 0; the line holds printable ASCII
 *          only, as does shown[], which is what stands behind the prompt. */
#include "samples/monitor/lineedit.h"

#include "lib/assert.h"
#include "lib/string.h"

enum key {
	KEY_NONE,
	KEY_LEFT = 256,
	KEY_RIGHT,
	KEY_UP,
	KEY_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
};

#define CTRL(letter)  ((letter)&0x1f)
#define ESC           0x1b
#define KEY_BACKSPACE 0x7f

enum escape_state {
	ESCAPE_NONE,
	ESCAPE_START,  /* ESC */
	ESCAPE_CSI,    /* ESC [ and numbers */
	ESCAPE_LETTER, /* ESC O: one letter follows */
	ESCAPE_SKIP,   /* ESC [ [: one byte follows, a function key of some consoles */
};

/* Screen ---------------------------------------------------------------------------------- */

static void put(struct lineedit *e, const char *text, size_t len)
{
	if (len > 0)
		e->host.write(e->host.ctx, text, len);
}

static void put_text(struct lineedit *e, const char *text)
{
	put(e, text, tern_str_len(text));
}

static void bell(struct lineedit *e)
{
	put_text(e, "\a");
}

static void move_to(struct lineedit *e, size_t column)
{
	for (; e->shown_cursor > column; e->shown_cursor--)
		put_text(e, "\b");
	put(e, e->shown + e->shown_cursor, column - e->shown_cursor);
	e->shown_cursor = column;
}

/* Columns behind the prompt; the last stays free for the cursor. */
static size_t room(const struct lineedit *e)
{
	return LINEEDIT_COLUMNS - 1 - tern_str_len(e->host.prompt);
}

/* Scroll by half a screen when the cursor leaves it, or could not show what it stands behind. */
static void follow_cursor(struct lineedit *e)
{
	size_t half = room(e) / 2;

	if (e->cursor <= e->scroll || e->cursor > e->scroll + room(e))
		e->scroll = e->cursor > half ? e->cursor - half : 0;
}

static void refresh(struct lineedit *e)
{
	const char *want;
	size_t want_len, from = 0, to;

	follow_cursor(e);
	want = e->line + e->scroll;
	want_len = e->len - e->scroll < room(e) ? e->len - e->scroll : room(e);

	while (from < want_len && from < e->shown_len && want[from] == e->shown[from])
		from++;
	to = want_len > e->shown_len ? want_len : e->shown_len;
	if (want_len == e->shown_len)
		while (to > from && want[to - 1] == e->shown[to - 1])
			to--;
	if (from < to) {
		move_to(e, from);
		for (size_t i = from; i < to; i++)
			e->shown[i] = i < want_len ? want[i] : ' ';
		move_to(e, to);
		e->shown_len = want_len;
	}
	move_to(e, e->cursor - e->scroll);
}

/* The prompt and the line, on a row that is empty. */
static void draw(struct lineedit *e)
{
	put_text(e, e->host.prompt);
	e->shown_len = e->shown_cursor = 0;
	refresh(e);
}

static void clear_screen(struct lineedit *e)
{
	put_text(e, "\x1b[H\x1b[J");
	draw(e);
}

/* Line ------------------------------------------------------------------------------------ */

static void insert(struct lineedit *e, const char *text, size_t len)
{
	size_t free = sizeof(e->line) - 1 - e->len;

	if (len > free) {
		bell(e);
		len = free;
	}
	memmove(e->line + e->cursor + len, e->line + e->cursor, e->len - e->cursor + 1);
	memcpy(e->line + e->cursor, text, len);
	e->len += len;
	e->cursor += len;
}

/* Remove what stands between two places; the cursor goes there. */
static void cut(struct lineedit *e, size_t from, size_t to)
{
	memmove(e->line + from, e->line + to, e->len - to + 1);
	e->len -= to - from;
	e->cursor = from;
}

static void replace(struct lineedit *e, const char *text)
{
	cut(e, 0, e->len);
	insert(e, text, tern_str_len(text));
}

static size_t word_start(const struct lineedit *e)
{
	size_t i = e->cursor;

	while (i > 0 && e->line[i - 1] == ' ')
		i--;
	while (i > 0 && e->line[i - 1] != ' ')
		i--;
	return i;
}

/* History --------------------------------------------------------------------------------- */

static char *history_line(struct lineedit *e, unsigned number)
{
	return e->history[number % LINEEDIT_HISTORY];
}

static void history_store(struct lineedit *e)
{
	if (e->len == 0)
		return;
	if (e->history_count > 0 && tern_str_eq(history_line(e, e->history_count - 1), e->line))
		return;
	memcpy(history_line(e, e->history_count), e->line, e->len + 1);
	e->history_count++;
}

static void history_show(struct lineedit *e, unsigned number)
{
	if (e->history_at == e->history_count)
		memcpy(e->draft, e->line, e->len + 1);
	e->history_at = number;
	replace(e, number == e->history_count ? e->draft : history_line(e, number));
}

static void history_up(struct lineedit *e)
{
	bool oldest = e->history_at == 0 || e->history_count - e->history_at == LINEEDIT_HISTORY;

	if (!oldest)
		history_show(e, e->history_at - 1);
}

static void history_down(struct lineedit *e)
{
	if (e->history_at < e->history_count)
		history_show(e, e->history_at + 1);
}

/* Completion ------------------------------------------------------------------------------ */

struct candidates {
	char text[TERN_COMMAND_LINE]; /* the line up to the cursor */
	size_t typed;                 /* length of its last word */
	unsigned count;
	const char *first;
	size_t common, widest; /* letters that all share; length of the longest */
};

static const char *candidate(struct lineedit *e, const struct candidates *c, unsigned i)
{
	return e->host.complete ? e->host.complete(e->host.ctx, c->text, i) : NULL;
}

static void find_candidates(struct lineedit *e, struct candidates *c)
{
	const char *word;

	memcpy(c->text, e->line, e->cursor);
	c->text[e->cursor] = '\0';
	for (c->typed = 0; c->typed < e->cursor; c->typed++)
		if (c->text[e->cursor - c->typed - 1] == ' ')
			break;
	c->widest = 0;
	for (c->count = 0; (word = candidate(e, c, c->count)); c->count++) {
		size_t len = tern_str_len(word), same = 0;

		if (c->count == 0) {
			c->first = word;
			c->common = len;
		}
		while (same < c->common && word[same] == c->first[same])
			same++;
		c->common = same;
		c->widest = len > c->widest ? len : c->widest;
	}
}

static void list_candidates(struct lineedit *e, const struct candidates *c)
{
	size_t width = c->widest + 2, column = 0;

	move_to(e, e->shown_len);
	for (unsigned i = 0; i < c->count; i++) {
		const char *word = candidate(e, c, i);

		if (i == 0 || column + width > LINEEDIT_COLUMNS) {
			put_text(e, "\n");
			column = 0;
		}
		put_text(e, word);
		column += width;
		for (size_t len = tern_str_len(word); len < width; len++)
			put_text(e, " ");
	}
	put_text(e, "\n");
	draw(e);
}

static void complete(struct lineedit *e, bool again)
{
	struct candidates c;

	find_candidates(e, &c);
	if (c.count == 0) {
		bell(e);
		return;
	}
	TERN_ASSERT(c.common >= c.typed);
	insert(e, c.first + c.typed, c.common - c.typed);
	if (c.count == 1 && e->line[e->cursor] != ' ')
		insert(e, " ", 1);
	if (c.count > 1 && c.common == c.typed) {
		if (again)
			list_candidates(e, &c);
		e->tab_again = true;
	}
}

/* Keys ------------------------------------------------------------------------------------ */

static enum key key_of_letter(unsigned char letter)
{
	switch (letter) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	default:
		return KEY_NONE;
	}
}

static enum key key_of_number(unsigned number)
{
	switch (number) {
	case 1:
	case 7:
		return KEY_HOME;
	case 3:
		return KEY_DELETE;
	case 4:
	case 8:
		return KEY_END;
	default:
		return KEY_NONE;
	}
}

/* Within ESC [ ...: numbers and other parameters, then one letter. Sequences with anything but
 * at most one number are keys with shift or ctrl held, or reports: none of them means a key. */
static enum key csi_byte(struct lineedit *e, unsigned char byte)
{
	if (byte >= '0' && byte <= '9') {
		if (e->param < 1000)
			e->param = e->param * 10 + (byte - '0');
		return KEY_NONE;
	}
	if (byte < '@') {
		e->plain = false;
		return KEY_NONE;
	}
	e->escape = byte == '[' ? ESCAPE_SKIP : ESCAPE_NONE;
	if (!e->plain)
		return KEY_NONE;
	return byte == '~' ? key_of_number(e->param) : key_of_letter(byte);
}

static enum key escape_byte(struct lineedit *e, unsigned char byte)
{
	switch (e->escape) {
	case ESCAPE_CSI:
		return csi_byte(e, byte);
	case ESCAPE_START:
		e->escape = byte == '[' ? ESCAPE_CSI : byte == 'O' ? ESCAPE_LETTER : ESCAPE_NONE;
		e->param = 0;
		e->plain = true;
		return KEY_NONE;
	case ESCAPE_LETTER:
		e->escape = ESCAPE_NONE;
		return key_of_letter(byte);
	default:
		e->escape = ESCAPE_NONE;
		return KEY_NONE;
	}
}

/* A control byte ends a sequence that is not complete, and counts itself. */
static int decode(struct lineedit *e, unsigned char byte)
{
	bool control = byte < ' ' || byte == KEY_BACKSPACE;

	if (byte == ESC) {
		e->escape = ESCAPE_START;
		return KEY_NONE;
	}
	if (control)
		e->escape = ESCAPE_NONE;
	if (e->escape != ESCAPE_NONE)
		return escape_byte(e, byte);
	return byte;
}

static void edit(struct lineedit *e, int key)
{
	switch (key) {
	case KEY_LEFT:
	case CTRL('b'):
		if (e->cursor > 0)
			e->cursor--;
		break;
	case KEY_RIGHT:
	case CTRL('f'):
		if (e->cursor < e->len)
			e->cursor++;
		break;
	case KEY_HOME:
	case CTRL('a'):
		e->cursor = 0;
		break;
	case KEY_END:
	case CTRL('e'):
		e->cursor = e->len;
		break;
	case KEY_BACKSPACE:
	case CTRL('h'):
		if (e->cursor > 0)
			cut(e, e->cursor - 1, e->cursor);
		break;
	case KEY_DELETE:
	case CTRL('d'):
		if (e->cursor < e->len)
			cut(e, e->cursor, e->cursor + 1);
		break;
	case CTRL('k'):
		cut(e, e->cursor, e->len);
		break;
	case CTRL('u'):
		cut(e, 0, e->cursor);
		break;
	case CTRL('w'):
		cut(e, word_start(e), e->cursor);
		break;
	case KEY_UP:
	case CTRL('p'):
		history_up(e);
		break;
	case KEY_DOWN:
	case CTRL('n'):
		history_down(e);
		break;
	default:
		if (key >= ' ' && key < KEY_BACKSPACE)
			insert(e, &(char){ (char)key }, 1);
	}
}

/* The mark, of two characters and a newline at most, may take the last column of a full row. */
static void end_line(struct lineedit *e, const char *mark)
{
	move_to(e, e->shown_len < room(e) ? e->shown_len : room(e) - 1);
	put_text(e, mark);
}

void lineedit_init(struct lineedit *e, const struct lineedit_host *host)
{
	TERN_ASSERT(tern_str_len(host->prompt) <= LINEEDIT_COLUMNS / 2);
	memset(e, 0, sizeof(*e));
	e->host = *host;
}

void lineedit_begin(struct lineedit *e)
{
	e->line[0] = '\0';
	e->len = e->cursor = e->scroll = 0;
	e->history_at = e->history_count;
	draw(e);
}

bool lineedit_byte(struct lineedit *e, unsigned char byte)
{
	bool after_cr = e->after_cr, again = e->tab_again;
	int key = decode(e, byte);

	if (key == KEY_NONE)
		return false;
	e->after_cr = key == '\r';
	if (key == '\n' && after_cr)
		return false;
	e->tab_again = false;
	switch (key) {
	case '\n':
	case '\r':
		end_line(e, "\n");
		history_store(e);
		return true;
	case CTRL('c'):
		end_line(e, "^C\n");
		lineedit_begin(e);
		return false;
	case CTRL('l'):
		clear_screen(e);
		return false;
	case '\t':
		complete(e, again);
		break;
	default:
		edit(e, key);
	}
	refresh(e);
	return false;
}
