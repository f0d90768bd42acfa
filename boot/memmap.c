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
		[MEM_NONE] = "nothing",      [MEM_USABLE] = "usable",
		[MEM_KERNEL] = "kernel",     [MEM_HEAP] = "heap",
		[MEM_ACPI] = "ACPI tables",  [MEM_MODULE] = "module",
		[MEM_FIRMWARE] = "firmware", [MEM_IMAGE] = "image",
		[MEM_RESERVED] = "reserved", [MEM_NVS] = "ACPI NVS",
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

/* Where the entry r goes: it meets or touches the ranges with index lo <= i < hi. */
struct window {
	struct mem_range r;
	unsigned lo, hi;
};

/* Widens r by the ranges of its own kind at either end of the window. */
static struct window find_window(const struct memmap *m, struct mem_range r)
{
	struct window w = { .r = r, .lo = first_ending_above(m, r.start) };
	const struct mem_range *first, *last;

	if (w.lo > 0 && m->range[w.lo - 1].end == r.start)
		w.lo--;
	for (w.hi = w.lo; w.hi < m->count && m->range[w.hi].start <= r.end; w.hi++)
		;
	if (w.lo == w.hi)
		return w;

	first = &m->range[w.lo];
	last = &m->range[w.hi - 1];
	if (first->kind == r.kind && first->start < r.start)
		w.r.start = first->start;
	if (last->kind == r.kind && last->end > r.end)
		w.r.end = last->end;
	return w;
}

/* How many ranges there will be: stronger ones stay, weaker ones keep what sticks out, and each
 * opening between stronger ones becomes one range. */
static unsigned count_after(const struct memmap *m, const struct window *w)
{
	unsigned n = m->count - (w->hi - w->lo);
	uint64_t filled = w->r.start;

	for (unsigned i = w->lo; i < w->hi; i++) {
		const struct mem_range *old = &m->range[i];

		if (old->kind <= w->r.kind) {
			n += (old->start < w->r.start) + (old->end > w->r.end);
			continue;
		}
		if (filled < w->r.end && old->start > filled)
			n++;
		n++;
		filled = old->end;
	}
	return n + (filled < w->r.end);
}

/* Move the ranges from index i on, so that they begin at index `to`. */
static void shift(struct memmap *m, unsigned i, unsigned to)
{
	memmove(&m->range[to], &m->range[i], (m->count - i) * sizeof(m->range[0]));
	m->count = m->count - i + to;
}

/* Take [r.start, r.end) away from what is not stronger than r. */
static void cut(struct memmap *m, struct window *w)
{
	unsigned from = w->lo, end = w->hi, to = from;

	/* One range around all of r leaves two pieces: let the reader run ahead of the writer. */
	if (w->hi > w->lo && count_after(m, w) > m->count) {
		shift(m, w->lo, w->lo + 1);
		from++;
		end++;
	}
	for (; from < end; from++) {
		struct mem_range old = m->range[from];

		if (old.kind > w->r.kind) {
			m->range[to++] = old;
			continue;
		}
		if (old.start < w->r.start) {
			m->range[to] = old;
			if (old.end > w->r.start)
				m->range[to].end = w->r.start;
			to++;
		}
		if (old.end > w->r.end) {
			m->range[to] = old;
			if (old.start < w->r.end)
				m->range[to].start = w->r.end;
			to++;
		}
	}
	shift(m, end, to);
	w->hi = to;
}

/* Put r into every opening of the window. Backwards, so that each range is moved once. */
static void fill(struct memmap *m, const struct window *w)
{
	unsigned from = w->hi, to = w->hi + count_after(m, w) - m->count;
	uint64_t open_end = w->r.end;

	shift(m, from, to);
	while (from > w->lo) {
		struct mem_range old = m->range[--from];

		if (old.end < open_end)
			m->range[--to] = (struct mem_range){ old.end, open_end, w->r.kind };
		m->range[--to] = old;
		open_end = old.start;
	}
	if (open_end > w->r.start)
		m->range[--to] = (struct mem_range){ w->r.start, open_end, w->r.kind };
	TERN_ASSERT(to == w->lo);
}

/* The whole pages that an entry stands for; false if there are none. */
static bool entry_range(uint64_t start, uint64_t size, enum mem_kind kind, struct mem_range *r)
{
	uint64_t end;

	if (size == 0 || start >= PHYS_END)
		return false;
	end = size < PHYS_END - start ? start + size : PHYS_END;
	r->kind = kind;
	if (kind == MEM_USABLE) {
		r->start = align_up(start, PAGE_SIZE);
		r->end = align_down(end, PAGE_SIZE);
	} else {
		r->start = align_down(start, PAGE_SIZE);
		r->end = align_up(end, PAGE_SIZE);
	}
	return r->start < r->end;
}

bool memmap_add(struct memmap *m, uint64_t start, uint64_t size, enum mem_kind kind,
		struct boot_error *e)
{
	struct mem_range r;
	struct window w;

	TERN_ASSERT(kind > MEM_NONE && kind < MEM_KINDS);
	if (size > 0 && size - 1 > UINT64_MAX - start)
		return boot_error(e, "memory map: %s entry at %#llx, %#llx bytes, ends past 2^64",
				  mem_kind_name(kind), (unsigned long long)start,
				  (unsigned long long)size);
	if (!entry_range(start, size, kind, &r))
		return true;

	w = find_window(m, r);
	if (count_after(m, &w) > MEMMAP_MAX)
		return boot_error(e, "memory map: more than %d ranges with %s entry at %#llx",
				  MEMMAP_MAX, mem_kind_name(kind), (unsigned long long)start);
	cut(m, &w);
	fill(m, &w);
	TERN_VERIFY(memmap_check(m));
	return true;
}

bool memmap_take(struct memmap *m, uint64_t size, uint64_t align, uint64_t above, uint64_t below,
		 uint64_t *start)
{
	TERN_ASSERT(is_aligned(size, PAGE_SIZE) && align >= PAGE_SIZE && is_pow2(align));
	if (size == 0)
		return false;
	for (unsigned i = first_ending_above(m, above); i < m->count; i++) {
		const struct mem_range *r = &m->range[i];
		uint64_t from = r->start > above ? r->start : above;
		uint64_t to = r->end < below ? r->end : below;
		uint64_t at = align_up(from, align);

		if (r->start >= below)
			return false;
		if (r->kind != MEM_USABLE || at < from || at >= to || to - at < size)
			continue;
		if (!memmap_add(m, at, size, MEM_KERNEL, NULL))
			continue;
		*start = at;
		return true;
	}
	return false;
}

const struct mem_range *memmap_range_at(const struct memmap *m, uint64_t addr)
{
	unsigned i = first_ending_above(m, addr);

	return i < m->count && m->range[i].start <= addr ? &m->range[i] : NULL;
}

enum mem_kind memmap_kind_at(const struct memmap *m, uint64_t addr)
{
	const struct mem_range *r = memmap_range_at(m, addr);

	return r ? r->kind : MEM_NONE;
}

uint64_t memmap_total(const struct memmap *m, enum mem_kind kind)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < m->count; i++)
		if (m->range[i].kind == kind)
			total += m->range[i].end - m->range[i].start;
	return total;
}

uint64_t memmap_top(const struct memmap *m)
{
	for (unsigned i = m->count; i-- > 0;)
		if (m->range[i].kind == MEM_USABLE)
			return m->range[i].end;
	return 0;
}

bool memmap_check(const struct memmap *m)
{
	if (m->count > MEMMAP_MAX)
		return false;
	for (unsigned i = 0; i < m->count; i++) {
		const struct mem_range *r = &m->range[i];

		if (r->kind <= MEM_NONE || r->kind >= MEM_KINDS)
			return false;
		if (!is_aligned(r->start | r->end, PAGE_SIZE))
			return false;
		if (r->start >= r->end || r->end > PHYS_END)
			return false;
		if (i > 0 &&
		    (r[-1].end > r->start || (r[-1].end == r->start && r[-1].kind == r->kind)))
			return false;
	}
	return true;
}
