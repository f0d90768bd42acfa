/* SPDX-License-Identifier: MIT */
/* watch.c - which pages of the heap were written to: the port's three calls for that.
 *
 * Job      Split the blocks that are asked about into pages; have their entries say whether they were
 *          written to since the last look, and all CPUs forget what they know of those that say so no
 *          more; join the blocks again.
 * Entries  say it themselves: a CPU sets a bit there, or write faults do, which take no lock. So they are
 *          changed here by compare and swap.
 * Frames   for tables come from the kernel's own memory, 4 KiB for 2 MiB of heap, and go back. What the
 *          kernel needs for growing its pool stays: without a table, pages count as written to.
 * Locks    vm(130), frames(140), for 256 KiB at a time.   Context: port.h; watch_fault() any.
 * Who      Others are told to forget after the entries were changed, and answer with an interrupt, on
 *          x86_64; on aarch64 the machine tells them, and does not go on until what they began with
 *          the old entries is done. So a write that sets no bit any more is made, and seen. */
#include "boot/watch.h"

#include <tern/port.h>

#include "boot/frames.h"
#include "boot/ipi.h"
#include "boot/vm.h"
#include "boot/vm_tables.h"
#include "lib/assert.h"
#include "lib/bits.h"

#define WORD_BYTES (64ul * PAGE_SIZE)
#define BLOCK      MiB(2)
#define JOIN_MAX   32u /* blocks, until their tables are free again */

TERN_STATIC_ASSERT(PAGE_SIZE == TERN_WATCHED_PAGE, "an entry for each bit");

static pte_t load(const pte_t *slot)
{
	return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

static bool swap(pte_t *slot, pte_t *e, pte_t next)
{
	return __atomic_compare_exchange_n(slot, e, next, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

/* Pages that are closed, or only read, are nobody's to write to. */
static bool is_written(pte_t e)
{
	return pte_written(e) && pte_present(e) && pte_prot(e) & VM_WRITE;
}

static bool watch_page(pte_t *slot)
{
	pte_t e = load(slot);

	while (is_written(e))
		if (swap(slot, &e, pte_watched(e)))
			return true;
	return false;
}

static uint64_t watch_pages(pte_t *slot, uint64_t bits)
{
	uint64_t written = 0;

	for (; bits; bits &= bits - 1)
		if (watch_page(slot + __builtin_ctzll(bits)))
			written |= bits & -bits;
	pte_publish();
	return written;
}

/* The bits of pages that had no entry of their own stay. True if entries were changed. */
static bool watch_word(uintptr_t va, uint64_t *bits)
{
	bool may_split = frames_reserve();
	unsigned long irq = vm_lock_tables();
	unsigned level;
	pte_t *slot = vm_find(va, &level);
	bool split = level > 0;

	if (split)
		slot = may_split ? vm_fine_page(va) : NULL;
	if (slot)
		*bits = watch_pages(slot, *bits);
	vm_unlock_tables(irq);
	return slot && (split || *bits);
}

bool tern_port_watch_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	bool changed = false;

	for (size_t i = 0; i < n; i++)
		if (bits[i])
			changed |= watch_word(start + i * WORD_BYTES, &bits[i]);
	if (changed)
		vm_everyone_forgets();
	return true;
}

/* Of those pages. Most were not, and neighbours are alike: eight are asked together first. */
static uint64_t written_in(const pte_t *slot, uint64_t bits)
{
	uint64_t written = 0;

	for (unsigned i = 0; i < 64; i += 8) {
		uint64_t left = bits & 0xffull << i;

		if (left && !pte_any_written(slot + i, 8))
			continue;
		for (; left; left &= left - 1)
			if (is_written(load(slot + __builtin_ctzll(left))))
				written |= left & -left;
	}
	return written;
}

/* The bits of pages that had no entry of their own stay. */
void tern_port_written_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	const pte_t *slot = NULL;
	unsigned level = 0;

	for (size_t i = 0; i < n; i++, slot += 64) {
		uintptr_t va = start + i * WORD_BYTES;

		if (i == 0 || is_aligned(va, BLOCK))
			slot = vm_find(va, &level);
		if (level == 0 && bits[i])
			bits[i] = written_in(slot, bits[i]);
	}
}

/* --- large pages again ------------------------------------------------------------------ */

/* Of what stays in pages. */
static void unwatch_pages(uintptr_t va)
{
	unsigned level;
	pte_t *slot = vm_find(va, &level);

	if (level > 0)
		return;
	for (unsigned i = 0; i < 512; i++) {
		pte_t e = load(&slot[i]);

		while (pte_present(e) && pte_prot(e) & VM_WRITE && !pte_written(e))
			if (swap(&slot[i], &e, pte_unwatched(e)))
				break;
	}
	pte_publish();
}

static void *unwatch_block(uintptr_t va)
{
	unsigned long irq = vm_lock_tables();
	void *table = vm_join(va);

	if (!table)
		unwatch_pages(va);
	vm_unlock_tables(irq);
	return table;
}

static void nothing(void *arg)
{
	(void)arg;
}

/* A fault on another CPU may still look at them; it is over when that answers. */
static void free_tables(void *const *tables, unsigned n)
{
	if (!n)
		return;
	vm_everyone_forgets();
	if (TLB_FLUSH_REACHES_ALL)
		ipi_call_others(nothing, NULL);
	for (unsigned i = 0; i < n; i++)
		frames_free(tables[i]);
}

void tern_port_unwatch_pages(uintptr_t start, size_t size)
{
	void *tables[JOIN_MAX];
	unsigned n = 0;

	for (uintptr_t va = start; va < start + size; va += BLOCK) {
		tables[n] = unwatch_block(va);
		n += tables[n] != NULL;
		if (n == JOIN_MAX) {
			free_tables(tables, n);
			n = 0;
		}
	}
	free_tables(tables, n);
}

/* --- where the CPU does not note writes itself ------------------------------------------- */

bool watch_fault(uintptr_t va)
{
	unsigned level;
	pte_t *slot = vm_find(va, &level), e = load(slot);

	/* Blocks are absent for a moment while they are split or joined. */
	if (!pte_present(e))
		return vm_fault_is_over(va);
	if (!(pte_prot(e) & VM_WRITE))
		return false;
	/* It may have been written to by another CPU, and this one has not heard of that yet. */
	while (!pte_written(e))
		if (swap(slot, &e, pte_unwatched(e)))
			break;
	pte_publish();
	/* What other CPUs remember only forbids more than the entry does: they come here themselves. */
	tlb_flush_page(va);
	return true;
}
