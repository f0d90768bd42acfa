/* SPDX-License-Identifier: MIT */
/* heap.c - hand the machine's memory over to tern.
 *
 * Job      Make every usable range a region, but for what the guest kernel keeps for its page
 *          tables and stacks (frames.c): the lowest sixteenth above 1 MiB, 4 MiB at least and
 *          64 MiB at most; and all below 1 MiB, where CPUs are started. Map what the heap wants
 *          to use.
 * Blocks   are what one entry of the page tables maps. Where memory is not scarce the heap begins at
 *          one.
 * Cost     constant for a range: handing over looks at nothing.
 * Context  thread 0, once, when all CPUs are up; mapping: as tern_port_map(). */
#include "boot/heap.h"

#include <tern/tern.h>

#include "boot/vm.h"
#include "lib/bits.h"
#include "lib/log.h"

#define LOW_MEMORY MiB(1)
#define KEEP_SHARE 16
#define KEEP_MIN   MiB(4)
#define KEEP_MAX   MiB(64)
#define BLOCK      MiB(2)

static uint64_t how_much_to_keep(const struct memmap *m)
{
	uint64_t keep = align_down(memmap_total(m, MEM_USABLE) / KEEP_SHARE, PAGE_SIZE);

	if (keep < KEEP_MIN)
		return KEEP_MIN;
	return keep < KEEP_MAX ? keep : KEEP_MAX;
}

/* Adding to the map may shift ranges, so each is looked for anew. */
static bool next_usable(const struct memmap *m, uint64_t above, struct mem_range *r)
{
	for (unsigned i = 0; i < m->count; i++) {
		*r = m->range[i];
		if (r->kind != MEM_USABLE || r->end <= above)
			continue;
		if (r->start < above)
			r->start = above;
		return true;
	}
	return false;
}

static void hand_over(struct memmap *m, uint64_t start, uint64_t end)
{
	struct boot_error e;

	if (!memmap_add(m, start, end - start, MEM_HEAP, &e))
		log_warn("%s: not for the heap", e.text);
	else if (tern_add_region(start, end - start) != TERN_OK)
		log_warn("the heap does not take 0x%llx .. 0x%llx", (unsigned long long)start,
			 (unsigned long long)end);
}

void heap_hand_over(struct memmap *m)
{
	uint64_t keep = how_much_to_keep(m);
	uint64_t above = LOW_MEMORY;
	struct mem_range r;

	while (next_usable(m, above, &r)) {
		uint64_t size = r.end - r.start;
		uint64_t kept = size < keep ? size : keep;
		uint64_t border = r.start + kept;

		keep -= kept;
		if (kept >= 8 * BLOCK) /* else up to a block more would be much */
			border = align_up(border, BLOCK);
		if (border < r.end)
			hand_over(m, border, r.end);
		above = r.end;
	}
}

/* Of blocks that are the heap's as a whole all is mapped: what follows is wanted soon. */
bool heap_map(const struct memmap *m, uint64_t start, uint64_t size)
{
	const struct mem_range *r = memmap_range_at(m, start);
	uint64_t from = start, to = start + size;

	if (r && r->kind == MEM_HEAP && align_down(from, BLOCK) >= r->start)
		from = align_down(from, BLOCK);
	if (r && r->kind == MEM_HEAP && align_up(to, BLOCK) <= r->end)
		to = align_up(to, BLOCK);
	return vm_map_identity(from, to - from, VM_READ | VM_WRITE);
}
