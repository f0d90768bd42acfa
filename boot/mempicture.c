/* SPDX-License-Identifier: MIT */
/* mempicture.c - a memory map as rows of characters.
 *
 * Job      Draw rows of 64 cells, each a power of two of bytes, chosen so that RAM takes about
 *          eight rows however much there is. Long stretches of what is no RAM, holes among them,
 *          are one line each: a machine may have a terabyte of reserved addresses.
 * Cells    show the kind that most of their bytes have; whether there are others, too, is told by
 *          the second form of the character. See legend[].
 * Locks    none; the map is the caller's.   Context: any. */
#include "boot/mempicture.h"

#include <tern/tern.h>

#include "boot/report.h"
#include "lib/bits.h"
#include "lib/compiler.h"

#define CELLS 64u
#define ROWS  8u

/* A cell that is wholly of a kind, and one that mostly is. */
static const char legend[MEM_KINDS][2] = {
	[MEM_NONE] = { ' ', '\'' }, [MEM_USABLE] = { '.', ':' },   [MEM_KERNEL] = { 'k', 'K' },
	[MEM_ACPI] = { 'a', 'A' },  [MEM_MODULE] = { 'm', 'M' },   [MEM_FIRMWARE] = { 'f', 'F' },
	[MEM_IMAGE] = { 'i', 'I' }, [MEM_RESERVED] = { 'r', 'R' }, [MEM_NVS] = { 'n', 'N' },
	[MEM_BAD] = { 'b', 'B' },   [MEM_HEAP] = { 'h', 'H' },
};

/* A walk through the map, from low to high. */
struct walk {
	const struct memmap *m;
	unsigned i;    /* all ranges before this one end at or below the last address */
	uint64_t cell; /* bytes in a cell */
};

/* The kind at addr and where it ends; addresses do not go down from call to call. */
static enum mem_kind look(struct walk *w, uint64_t addr, uint64_t *end)
{
	const struct mem_range *r;

	while (w->i < w->m->count && w->m->range[w->i].end <= addr)
		w->i++;
	r = &w->m->range[w->i];
	if (w->i == w->m->count)
		*end = UINT64_MAX;
	else
		*end = addr < r->start ? r->start : r->end;
	return w->i < w->m->count && addr >= r->start ? r->kind : MEM_NONE;
}

static char draw_cell(struct walk *w, uint64_t addr)
{
	uint64_t bytes[MEM_KINDS] = { 0 }, stop = addr + w->cell, end;
	enum mem_kind most = MEM_NONE;

	while (addr < stop) {
		enum mem_kind kind = look(w, addr, &end);

		end = end < stop ? end : stop;
		bytes[kind] += end - addr;
		addr = end;
	}
	for (unsigned kind = 0; kind < MEM_KINDS; kind++)
		if (bytes[kind] > bytes[most])
			most = kind;
	return legend[most][bytes[most] != w->cell];
}

static void draw_row(struct walk *w, uint64_t addr)
{
	char cells[CELLS + 1];

	for (unsigned i = 0; i < CELLS; i++)
		cells[i] = draw_cell(w, addr + i * w->cell);
	cells[CELLS] = '\0';
	tern_printf("0x%010llx |%s|\n", (unsigned long long)addr, cells);
}

/* How far on from addr whole rows are of one kind that is no RAM; addr itself if none is. */
static bool is_ram(enum mem_kind kind)
{
	return kind == MEM_USABLE || kind == MEM_KERNEL || kind == MEM_HEAP;
}

static uint64_t dull_until(struct walk *w, uint64_t addr, enum mem_kind *kind)
{
	uint64_t end;

	*kind = look(w, addr, &end);
	if (is_ram(*kind))
		return addr;
	return align_down(end, CELLS * w->cell);
}

static uint64_t cell_size(const struct memmap *m)
{
	uint64_t ram = memmap_total(m, MEM_USABLE) + memmap_total(m, MEM_KERNEL) +
		       memmap_total(m, MEM_HEAP);
	uint64_t cell = PAGE_SIZE;

	while (cell * CELLS * ROWS < ram)
		cell *= 2;
	return cell;
}

static void print_legend(const struct memmap *m)
{
	bool more = false;

	for (unsigned kind = 0; kind < MEM_KINDS; kind++) {
		if (kind != MEM_NONE && memmap_total(m, kind) == 0)
			continue;
		tern_printf("%s%s '%c'", more ? ", " : "",
			    kind == MEM_NONE ? "hole" : mem_kind_name(kind), legend[kind][0]);
		more = true;
	}
	tern_printf("\nmostly that, with others:");
	for (unsigned kind = 0; kind < MEM_KINDS; kind++)
		if (kind == MEM_NONE || memmap_total(m, kind))
			tern_printf(" %c", legend[kind][1]);
	tern_printf("\n");
}

void mempicture_print(const struct memmap *m)
{
	struct walk w = { .m = m, .cell = cell_size(m) };
	uint64_t row = CELLS * w.cell;
	uint64_t top = m->count ? m->range[m->count - 1].end : 0;

	tern_printf("each cell is %s, each row %s:\n", size_text(w.cell).text, size_text(row).text);
	for (uint64_t addr = 0; addr < top;) {
		enum mem_kind kind;
		uint64_t until = dull_until(&w, addr, &kind);

		if (until > addr) {
			tern_printf("0x%010llx    %s %s\n", (unsigned long long)addr,
				    size_text(until - addr).text,
				    kind == MEM_NONE ? "hole" : mem_kind_name(kind));
			addr = until;
		} else {
			draw_row(&w, addr);
			addr += row;
		}
	}
	print_legend(m);
}
