/* SPDX-License-Identifier: MIT */
/* commands_map.c - map: the heap's pages as rows of characters.
 *
 * Job      Draw rows of 64 cells, each a power of two of bytes, the smallest with which the heap
 *          takes 16 rows; rows without a page are left out. A cell shows what most of its pages
 *          are.
 * Uses     the public calls only. The heap may change under the walk: then the picture mixes
 *          moments.   Context: threads, one prompt at a time. */
#include <tern/stats.h>
#include <tern/tern.h>

#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/commands.h"

#define CELLS 64u
#define ROWS  16u

static const struct {
	char mark;
	const char *name;
} legend[TERN_PAGE_STATES] = {
	[TERN_PAGE_ABSENT] = { ' ', "absent" }, [TERN_PAGE_FREE] = { '.', "free" },
	[TERN_PAGE_CACHED] = { 'c', "cached" }, [TERN_PAGE_SMALL] = { 's', "small" },
	[TERN_PAGE_LARGE] = { 'L', "large" },   [TERN_PAGE_RUN] = { 'r', "run" },
	[TERN_PAGE_STACK] = { 't', "stacks" },  [TERN_PAGE_RECORDS] = { 'm', "records" },
};

static struct picture {
	uint64_t cell;                           /* bytes */
	uint64_t row;                            /* number of the row that is being filled */
	unsigned rows;                           /* begun so far */
	uint64_t bytes[CELLS][TERN_PAGE_STATES]; /* in the cells of the row */
} picture;

static uint64_t row_bytes(const struct picture *p)
{
	return p->cell * CELLS;
}

static void count_rows(const struct tern_page_span *s, void *arg)
{
	struct picture *p = arg;
	uint64_t first = s->start / row_bytes(p), last = (s->start + (s->size - 1)) / row_bytes(p);

	p->rows += (unsigned)(last - first) + (p->rows == 0 || p->row != first);
	p->row = last;
}

static char mark_of(const uint64_t *bytes)
{
	unsigned most = TERN_PAGE_ABSENT;

	for (unsigned s = TERN_PAGE_ABSENT + 1; s < TERN_PAGE_STATES; s++)
		if (bytes[s] > bytes[most])
			most = s;
	return legend[most].mark;
}

static void print_cells(struct picture *p)
{
	char text[CELLS + 1];

	for (unsigned i = 0; i < CELLS; i++)
		text[i] = mark_of(p->bytes[i]);
	text[CELLS] = '\0';
	tern_printf("0x%012llx |%s|\n", (unsigned long long)p->row * row_bytes(p), text);
	memset(p->bytes, 0, sizeof(p->bytes));
}

static void begin_row(struct picture *p, uint64_t row)
{
	if (p->rows && p->row == row)
		return;
	if (p->rows++)
		print_cells(p);
	p->row = row;
}

static void draw(const struct tern_page_span *s, void *arg)
{
	struct picture *p = arg;
	uint64_t at = s->start, left = s->size;

	while (left) {
		uint64_t part = p->cell - at % p->cell;

		part = part < left ? part : left;
		begin_row(p, at / row_bytes(p));
		p->bytes[at / p->cell % CELLS][s->state] += part;
		at += part;
		left -= part;
	}
}

static void choose_cell(struct picture *p)
{
	struct tern_heap_stats s;

	tern_heap_stats(&s);
	*p = (struct picture){ .cell = TERN_HEAP_PAGE };
	while (row_bytes(p) * ROWS < s.grown)
		p->cell *= 2;
	for (;;) {
		p->rows = 0;
		tern_pages_walk(0, UINTPTR_MAX, count_rows, p);
		if (p->rows <= ROWS)
			break;
		p->cell *= 2;
	}
	p->rows = 0;
}

enum tern_command_result tern_commands_map(int argc, char **argv)
{
	struct picture *p = &picture;

	(void)argv;
	if (argc > 1)
		return TERN_COMMAND_USAGE;
	choose_cell(p);
	tern_printf("each cell is %llu KiB, each row %llu KiB:\n",
		    (unsigned long long)(p->cell / 1024),
		    (unsigned long long)(row_bytes(p) / 1024));
	tern_pages_walk(0, UINTPTR_MAX, draw, p);
	if (p->rows)
		print_cells(p);
	for (unsigned s = 0; s < TERN_PAGE_STATES; s++)
		tern_printf("%s '%c'%s", legend[s].name, legend[s].mark,
			    s + 1 < TERN_PAGE_STATES ? ", " : "\n");
	return TERN_COMMAND_OK;
}
