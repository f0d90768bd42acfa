/* SPDX-License-Identifier: MIT */
/* fuzz_memmap.c - the bytes are a list of entries and takes; each step is compared with a list
 * that is simply searched from end to end.
 *
 * A step has 17 bytes: what to do, start, size. Most steps fall into one of three small windows,
 * so that entries meet often, and at the edges; the others take the numbers as they are. */
#include "boot/bytes.h"
#include "lib/bits.h"
#include "tests/fuzz/fuzz.h"

#define STEP_SIZE 17
#define STEPS_MAX 64
#define PHYS_END  (UINT64_C(1) << PHYS_BITS)

struct entry {
	uint64_t first, last; /* bytes, as given */
	enum mem_kind kind;
};

static struct memmap map, before;
static struct entry entries[STEPS_MAX];
static unsigned nentries;

/* The kind of the page at addr by the rule alone. */
static enum mem_kind naive_kind(uint64_t addr)
{
	enum mem_kind kind = MEM_NONE;
	uint64_t first = align_down(addr, PAGE_SIZE), last = first + PAGE_SIZE - 1;

	if (addr >= PHYS_END)
		return MEM_NONE;
	for (unsigned i = 0; i < nentries; i++) {
		const struct entry *n = &entries[i];
		bool whole = n->first <= first && n->last >= last;
		bool touched = n->first <= last && n->last >= first;

		if ((n->kind == MEM_USABLE ? whole : touched) && n->kind > kind)
			kind = n->kind;
	}
	return kind;
}

static void check_around(uint64_t addr)
{
	static const int64_t offsets[] = { -4096, -1, 0, 1, 4095, 4096 };

	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		uint64_t at = addr + (uint64_t)offsets[i];

		FUZZ_CHECK(memmap_kind_at(&map, at) == naive_kind(at));
	}
}

/* Kinds change only near an entry's end, so that looking there is looking everywhere. */
static void check_map(void)
{
	uint64_t total = 0, all = 0;

	FUZZ_CHECK(memmap_check(&map));
	for (unsigned i = 0; i < nentries; i++) {
		check_around(entries[i].first);
		check_around(entries[i].last);
	}
	for (unsigned i = 0; i < map.count; i++)
		all += map.range[i].end - map.range[i].start;
	for (unsigned kind = MEM_USABLE; kind < MEM_KINDS; kind++)
		total += memmap_total(&map, kind);
	FUZZ_CHECK(total == all);
}

static void add(uint64_t start, uint64_t size, enum mem_kind kind)
{
	struct boot_error e = { "" };

	before = map;
	if (memmap_add(&map, start, size, kind, &e)) {
		if (size > 0)
			entries[nentries++] = (struct entry){ start, start + size - 1, kind };
		return;
	}
	fuzz_check_error(&e);
	FUZZ_CHECK(size - 1 > UINT64_MAX - start);
	FUZZ_CHECK(map.count == before.count);
	FUZZ_CHECK(memcmp(map.range, before.range, map.count * sizeof(map.range[0])) == 0);
}

static void take(uint64_t above, uint64_t size, unsigned how)
{
	uint64_t align = (uint64_t)PAGE_SIZE << (how & 7);
	uint64_t below = how & 8 ? UINT64_MAX : above + 16 * size;
	uint64_t start;

	size = align_down(size, PAGE_SIZE) & 0xfffff;
	if (!memmap_take(&map, size, align, above, below, &start))
		return;
	FUZZ_CHECK(is_aligned(start, align) && start >= above && size <= below - start);
	for (uint64_t at = start; at < start + size; at += PAGE_SIZE) {
		FUZZ_CHECK(naive_kind(at) == MEM_USABLE);
		FUZZ_CHECK(memmap_kind_at(&map, at) == MEM_KERNEL);
	}
	entries[nentries++] = (struct entry){ start, start + size - 1, MEM_KERNEL };
}

static void step(const uint8_t *p)
{
	static const uint64_t windows[] = { 0, PHYS_END - 0x20000, 0 - UINT64_C(0x40000) };
	unsigned what = p[0] & 15, window = p[0] >> 6;
	uint64_t start = load_le64(p + 1), size = load_le64(p + 9);

	if (window < ARRAY_SIZE(windows)) {
		start = windows[window] + (start & 0x3ffff);
		size &= p[0] & 16 ? 0x3ffff : 0x3fff;
	}
	if (what + 1 < MEM_KINDS)
		add(start, size, (enum mem_kind)(what + 1));
	else
		take(start, size, (unsigned)(p[16] & 15));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memmap_init(&map);
	nentries = 0;
	for (unsigned i = 0; i < STEPS_MAX && size >= STEP_SIZE; i++) {
		step(data);
		data += STEP_SIZE;
		size -= STEP_SIZE;
	}
	check_map();
	return 0;
}
