/* SPDX-License-Identifier: MIT */
/* memmap.c - the physical memory map as a sorted list of ranges.
 *
 * Job      Lay entries over each other by the rule in memmap.h; take runs of free memory.
 * Above    the loaders' parsers fill it, boot/frames.c takes from it.
 * Owns     nothing but the struct that the caller gives.
 * Locks    none.   Context: any.
 * Holds    memmap_check() after every call. memmap_add() changes the map wholly or not at all.
 * How      An entry first swallows ranges of its own kind that it meets or touches, then removes
 *          what is weaker in that window, then fills what is open between the stronger ones. So
 *          neighbours of one kind never arise and need not be looked for. Each step is one pass
 *          over the window; the two ends are found by bisection. */
#include "boot/memmap.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/string.h"

#define PHYS_END (UINT64_C(1) << PHYS_BITS)

const char *mem_kind_name(enum mem_kind kind)
{
	static const char *const names[MEM_KINDS] = {
		[MEM_NONE] = "nothing",      [MEM_USABLE] = "usable",     [MEM_KERNEL] = "kernel",
		[MEM_ACPI] = "ACPI tables",  [MEM_MODULE] = "module",     [MEM_FIRMWARE] = "firmware",
		[MEM_IMAGE] = "image",       [MEM_RESERVED] = "reserved", [MEM_NVS] = "ACPI NVS",
		[MEM_BAD] = "bad",
	};

	return (unsigned)kind < MEM_KINDS ? names[kind] : "unknown";
}

enum mem_kind mem_kind_of_e820(uint32_t type)
{
	switch (type) {
	case 1:
		return MEM_USABLE;
	case 3:
		return MEM_ACPI;
	case 4:
		return MEM_NVS;
	case 5:
		return MEM_BAD;
	default: /* types still to be invented are not ours to use */
		return MEM_RESERVED;
	}
}

void memmap_init(struct memmap *m)
{
	m->count = 0;
}

/* Index of the first range that ends above addr; count if there is none. */
static unsigned first_ending_above(const struct memmap *m, uint64_t addr)
{
	unsigned lo = 0, hi = m->count;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (m->range[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* What an entry does to the map: it rewrites the ranges with index lo <= i < hi. */
struct window {
	struct mem_range r;
	unsigned lo, hi;
};

/* Widen r by ranges of its own kind that overlap or touch it; find the ranges that overlap. */
static struct window find_window(const struct memmap *m, struct mem_range r)
{
	struct window w = { .r = r };

	w.lo = first_ending_above(m, r.start);
	if (w.lo > 0 && m->range[w.lo - 1].end == r.start && m->range[w.lo - 1].kind == r.kind)
		w.lo--;
	if (w.lo < m->count && m->range[w.lo].kind == r.kind && m->range[w.lo].start < r.start)
		w.r.start = m->range[w.lo].start;

	w.hi = first_ending_above(m, r.end - 1);
	if (w.hi < m->count && m->range[w.hi].kind == r.kind && m->range[w.hi].start <= r.end) {
		w.r.end = m->range[w.hi].end;
		w.hi++;
	} else if (w.hi < m->count && m->range[w.hi].start < r.end) {
		w.hi++;
	}
	/* A range that ends where r ends was passed over; the one behind it may touch. */
	if (w.hi < m->count && w.r.end == r.end && m->range[w.hi].start == r.end &&
	    m->range[w.hi].kind == r.kind) {
		w.r.end = m->range[w.hi].end;
		w.hi++;
	}
	return w;
}
