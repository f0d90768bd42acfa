/* SPDX-License-Identifier: MIT */
/* watch.c - which pages of the heap were written to: the port's three calls for that.
 *
 * Job      Split the blocks that are asked about into pages; have their entries say whether they were
 *          written to since the last look, and all CPUs forget what they know of those that say so no
 *          more; join the blocks again.
 * Entries  say it themselves: a CPU sets a bit there, or write faults do, which take no lock. So they are
 *          changed here by compare and swap.
 * Shut     Most blocks are not written to between two looks. So each is shut, by the entry that leads to
 *          its pages: the first write faults, and opens it. A block that is still shut need not be looked
 *          at. One that is open is shut again, and all CPUs know, before its pages are looked at: what is
 *          written from then on opens it, what was before says so in the page's entry. A page that was not
 *          asked about the last time may have been written to before it was shut: port.h allows for that.
 * Whose    Only blocks are shut that were one entry before, so all of them is the heap's: neither tables nor
 *          the stacks of faults are there.
 * Frames   for tables come from the kernel's own memory, 4 KiB for 2 MiB of heap, and go back. What the
 *          kernel needs for growing its pool stays: without a table, pages count as written to.
 * Locks    vm(130), frames(140), to split a block, or to look at 256 KiB.   Context: port.h; watch_fault() any.
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

#define WORD_BYTES  (64ul * PAGE_SIZE)
#define BLOCK       MiB(2)
#define BLOCK_WORDS (BLOCK / WORD_BYTES)
#define PIECE       MiB(64) /* all that is asked about at once */
#define JOIN_MAX    32u     /* blocks, until their tables are free again */

TERN_STATIC_ASSERT(PAGE_SIZE == TERN_WATCHED_PAGE, "an entry for each bit");
TERN_STATIC_ASSERT(BLOCK_WORDS == 8, "the bits of a block");

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

static uint64_t watch_pages(pte_t *slot, uint64_t bits)
{
	uint64_t written = 0;

	for (bits = written_in(slot, bits); bits; bits &= bits - 1)
		if (watch_page(slot + __builtin_ctzll(bits)))
			written |= bits & -bits;
	pte_publish();
	return written;
}

/* The bits of pages that had no entry of their own stay. True if entries were changed. */
static bool watch_word(uintptr_t va, uint64_t *bits)
{
	unsigned long irq = vm_lock_tables();
	unsigned level;
	pte_t *slot = vm_find(va, &level);

	if (level == 0)
		*bits = watch_pages(slot, *bits);
	vm_unlock_tables(irq);
	return level == 0 && *bits;
}

/* --- blocks ------------------------------------------------------------------------------ */

static bool is_shut(const pte_t *entry)
{
	return entry && pte_is_shut(load(entry));
}

/* To what it says after fn(). By who joins, it may lead to no table any more. */
static void change_table(pte_t *entry, pte_t (*fn)(pte_t e))
{
	pte_t e = load(entry);

	while (!pte_is_leaf(e, 1) && fn(e) != e)
		if (swap(entry, &e, fn(e)))
			break;
	pte_publish();
}

enum begun {
	ALL_COUNT, /* it could not be split */
	ALL_NEW,   /* ... it was, and its pages are watched now */
	NONE,      /* it was shut, and is */
	ANY        /* of its pages; if it is one that was split, it is shut now */
};

static enum begun begin_locked(uintptr_t va, const uint64_t *bits, bool may_split)
{
	pte_t *entry;
	unsigned level;

	vm_find(va, &level);
	if (level > 0)
		return may_split && vm_split(va, bits) ? ALL_NEW : ALL_COUNT;
	entry = vm_split_entry(va);
	if (entry)
		change_table(entry, pte_shut);
	return ANY;
}

/* Nobody else splits or joins, so what is shut is asked without the lock. */
static enum begun begin(uintptr_t va, const uint64_t *bits)
{
	enum begun begun;
	unsigned long irq;
	bool may_split;

	if (is_shut(vm_split_entry(va)))
		return NONE;
	may_split = frames_reserve();
	irq = vm_lock_tables();
	begun = begin_locked(va, bits, may_split);
	vm_unlock_tables(irq);
	return begun;
}

static bool watch_words(uintptr_t va, uint64_t *bits)
{
	bool changed = false;

	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		if (bits[i])
			changed |= watch_word(va + i * WORD_BYTES, &bits[i]);
	return changed;
}

static void clear(uint64_t *bits)
{
	for (unsigned i = 0; i < BLOCK_WORDS; i++)
		bits[i] = 0;
}

bool tern_port_watch_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	enum begun begun[PIECE / BLOCK];
	unsigned nblocks = (unsigned)(n / BLOCK_WORDS);
	bool changed = false;

	TERN_ASSERT(nblocks <= ARRAY_SIZE(begun));
	for (unsigned b = 0; b < nblocks; b++) {
		begun[b] = any_of_8(bits + b * BLOCK_WORDS)
				   ? begin(start + b * BLOCK, bits + b * BLOCK_WORDS)
				   : NONE;
		changed |= begun[b] == ANY;
	}
	/* Nobody writes to what was shut now, or he faults, and it is open. */
	if (changed)
		vm_everyone_forgets();
	changed = false;
	for (unsigned b = 0; b < nblocks; b++) {
		if (begun[b] == NONE)
			clear(bits + b * BLOCK_WORDS);
		changed |=
			begun[b] == ALL_NEW ||
			(begun[b] == ANY && watch_words(start + b * BLOCK, bits + b * BLOCK_WORDS));
	}
	if (changed)
		vm_everyone_forgets();
	return true;
}

/* The bits of pages that had no entry of their own stay. */
static void look_at_pages(uintptr_t va, uint64_t *bits)
{
	unsigned level;
	const pte_t *slot = vm_find(va, &level);

	for (unsigned i = 0; level == 0 && i < BLOCK_WORDS; i++)
		if (bits[i])
			bits[i] = written_in(slot + i * 64, bits[i]);
}

void tern_port_written_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	for (; n >= BLOCK_WORDS; n -= BLOCK_WORDS, start += BLOCK, bits += BLOCK_WORDS)
		if (is_shut(vm_split_entry(start)))
			clear(bits);
		else if (any_of_8(bits))
			look_at_pages(start, bits);
}

/* --- large pages again ------------------------------------------------------------------ */

/* Of what stays in pages. */
static void unwatch_pages(uintptr_t va)
{
	pte_t *entry = vm_split_entry(va);
	unsigned level;
	pte_t *slot = vm_find(va, &level);

	if (entry)
		change_table(entry, pte_open);
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

/* In a large page nothing is watched. */
static void *unwatch_block(uintptr_t va)
{
	unsigned long irq;
	unsigned level;
	void *table;

	vm_find(va, &level);
	if (level > 0)
		return NULL;
	irq = vm_lock_tables();
	table = vm_join(va);
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

/* --- write faults ------------------------------------------------------------------------ */

bool watch_fault(uintptr_t va)
{
	pte_t *slot, e;
	unsigned level, prot;

	/* Blocks are absent for a moment while they are split or joined. */
	if (!vm_query(va, NULL, &prot))
		return vm_fault_is_over(va);
	if (!(prot & VM_WRITE))
		return false;
	slot = vm_split_entry(va);
	if (slot)
		change_table(slot, pte_open);
	/* It may have been written to by another CPU, and this one has not heard of that yet. */
	slot = vm_find(va, &level);
	e = load(slot);
	while (pte_present(e) && !pte_written(e))
		if (swap(slot, &e, pte_unwatched(e)))
			break;
	pte_publish();
	/* What other CPUs remember only forbids more than the entry does: they come here themselves. */
	tlb_flush_page(va);
	return true;
}
