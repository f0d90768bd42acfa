/* SPDX-License-Identifier: MIT */
/* vm.c - the kernel's one address space.
 *
 * Job      Map, unmap and ask. Both machines have four levels of 512 entries and 4 KiB pages, so
 *          one walker serves; boot/ARCH/pte.h says what an entry looks like and how a CPU
 *          forgets one. Levels count from the leaf: 0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB, 3 = root.
 * Owns     the tables. A table of tables, once linked in, stays: so that vm_query() may walk them
 *          without a lock, also in a fault report. A table of pages goes if a block was split for it
 *          and is one again (watch.c): who walks meanwhile may see what other pages lead to.
 * Locks    vm(130), then frames(140). Other CPUs are told to forget after it is released: one
 *          that waits for the lock with interrupts off could not answer.
 * Holds    page 0 is never mapped; nothing is both writable and executable. */
#include "boot/vm.h"

#include <stdatomic.h>

#include <tern/stack.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/frames.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/stack.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "boot/vm_tables.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/lock.h"

#define TOP_LEVEL 3

extern char image_start[], text_start[], text_end[], rodata_start[], rodata_end[], data_start[],
	image_end[];

static const struct tern_lock_class vm_class = {
	.name = "vm", .rank = 130, .irq = true, .protects = "the kernel's page tables"
};
static struct tern_lock vm_lock = TERN_LOCK_INIT(&vm_class);
static pte_t *root; /* [const] after vm_init() */
/* [vm_lock; atomic: seq_cst] odd while an entry in use is absent, to be another in a moment */
static _Atomic uint32_t changes;

uint64_t vm_level_size(unsigned level)
{
	return (uint64_t)PAGE_SIZE << (9 * level);
}

static unsigned level_index(uintptr_t va, unsigned level)
{
	return va >> (12 + 9 * level) & 511;
}

/* Relaxed: the walker's other side is the CPU's table walk, which pte_publish() orders. */
static pte_t load(const pte_t *slot)
{
	return __atomic_load_n(slot, __ATOMIC_RELAXED);
}

static pte_t *table_of(pte_t e)
{
	return (pte_t *)(uintptr_t)pte_pa(e);
}

pte_t *vm_find(uintptr_t va, unsigned *level)
{
	pte_t *table = root;

	for (*level = TOP_LEVEL;; (*level)--) {
		pte_t *slot = &table[level_index(va, *level)];
		pte_t e = load(slot);

		if (!pte_present(e) || *level == 0 || pte_is_leaf(e, *level))
			return slot;
		table = table_of(e);
	}
}

/* The entry on `level` that the way to va goes through; NULL if it ends before. */
static pte_t *slot_above(uintptr_t va, unsigned level)
{
	pte_t *table = root;

	for (unsigned l = TOP_LEVEL; l > level; l--) {
		pte_t e = load(&table[level_index(va, l)]);

		if (!pte_present(e) || pte_is_leaf(e, l))
			return NULL;
		table = table_of(e);
	}
	return &table[level_index(va, level)];
}

pte_t *vm_split_entry(uintptr_t va)
{
	pte_t *slot = slot_above(va, 1);
	pte_t e = slot ? load(slot) : 0;

	return pte_present(e) && !pte_is_leaf(e, 1) && e & PTE_SPLIT ? slot : NULL;
}

/* A page of a block that was split is to change: so they may not be alike in the end. By "or", as watch.c
 * changes another bit without the lock. */
static void note_change(uintptr_t va)
{
	pte_t *entry = vm_split_entry(va);

	if (entry)
		__atomic_fetch_or(entry, PTE_CHANGED, __ATOMIC_RELAXED);
}

static void set(pte_t *slot, pte_t e)
{
	__atomic_store_n(slot, e, __ATOMIC_RELEASE);
	pte_publish();
}

/* Where the machine does not let a live entry change its size in one step ("break before make"),
 * it is absent for a moment: who faults on it meanwhile is to try again. This CPU must not. */
static void replace(pte_t *slot, pte_t e)
{
	if (PTE_BREAK_BEFORE_MAKE) {
		atomic_fetch_add_explicit(&changes, 1, memory_order_seq_cst);
		set(slot, 0);
		tlb_flush_all();
	}
	set(slot, e);
	if (PTE_BREAK_BEFORE_MAKE)
		atomic_fetch_add_explicit(&changes, 1, memory_order_seq_cst);
}

bool vm_fault_is_over(uintptr_t va)
{
	uint32_t before = atomic_load_explicit(&changes, memory_order_seq_cst);

	if (vm_query(va, NULL, NULL))
		return true;
	if (before % 2 == 0)
		return atomic_load_explicit(&changes, memory_order_seq_cst) != before;
	/* Somebody is at it. This CPU will be back at once, and may be in his way. */
	arch_relax();
	return true;
}

static void forget(void *arg)
{
	(void)arg;
	tlb_flush_all();
}

/* After an entry was taken away or made stricter. */
void vm_everyone_forgets(void)
{
	/* The others must be others than the CPU that forgets here. */
	thread_preempt_disable();
	tlb_flush_all();
	if (!TLB_FLUSH_REACHES_ALL)
		ipi_call_others(forget, NULL);
	thread_preempt_enable();
}

/* 64 leaves, each of the next piece. A stall waits for 33 tables at times: hence so many to a turn. */
static void fill_64(pte_t *table, pte_t leaf, uint64_t step)
{
#pragma GCC unroll 16
	for (unsigned i = 0; i < 64; i++, leaf += step)
		table[i] = leaf;
}

/* Make the block at *slot a table of the next smaller leaves that say the same; those with a bit are
 * watched. Returns the entry for it, 0 if there is no memory. */
static pte_t make_table(pte_t *slot, unsigned level, const uint64_t *watched)
{
	pte_t old = load(slot), leaf = pte_leaf(pte_pa(old), pte_prot(old), level - 1);
	uint64_t step = vm_level_size(level - 1);
	pte_t *table = frames_take_table();

	if (!table)
		return 0;
	for (unsigned i = 0; i < 512; i += 64, leaf += 64 * step) {
		uint64_t bits = watched[i / 64];

		fill_64(table + i, bits == ~0ull ? pte_watched(leaf) : leaf, step);
		for (; bits && bits != ~0ull; bits &= bits - 1) {
			pte_t *one = table + i + __builtin_ctzll(bits);

			*one = pte_watched(*one);
		}
	}
	return pte_table((uintptr_t)table);
}

static bool split(pte_t *slot, unsigned level)
{
	static const uint64_t none[512 / 64];
	pte_t e = make_table(slot, level, none);

	if (e)
		replace(slot, e);
	return e;
}

static bool split_shut(pte_t *slot, const uint64_t *watched)
{
	pte_t e = make_table(slot, 1, watched);

	if (e)
		replace(slot, pte_shut(e | PTE_SPLIT));
	return e;
}

/* The slot on `level` that decides va; tables on the way are made, blocks are split. */
static pte_t *slot_at(uintptr_t va, unsigned level)
{
	pte_t *table = root;

	for (unsigned l = TOP_LEVEL; l > level; l--) {
		pte_t *slot = &table[level_index(va, l)];

		if (!pte_present(load(slot))) {
			pte_t *fresh = frames_alloc_table();

			if (!fresh)
				return NULL;
			set(slot, pte_table((uintptr_t)fresh));
		} else if (pte_is_leaf(load(slot), l) && !split(slot, l)) {
			return NULL;
		}
		table = table_of(load(slot));
	}
	return &table[level_index(va, level)];
}

/* The largest leaf that fits va, pa and size, and under which no table of smaller ones hangs. */
static unsigned leaf_level(uintptr_t va, uint64_t pa, uint64_t size)
{
	unsigned level, present;

	vm_find(va, &present);
	for (level = pte_max_level(); level > 0; level--)
		if (is_aligned(va | pa, vm_level_size(level)) && size >= vm_level_size(level))
			break;
	/* Where the walk went deeper than that, there is a table already. */
	return present < level ? present : level;
}

/* Make leaves from an absent slot on, as far as its table has absent slots and the range goes.
 * Returns the bytes that they cover. */
static uint64_t fill(pte_t *slot, uintptr_t va, uint64_t pa, uint64_t size, unsigned prot,
		     unsigned level)
{
	uint64_t step = vm_level_size(level), done = 0;

	do {
		__atomic_store_n(slot, pte_leaf(pa + done, prot, level), __ATOMIC_RELEASE);
		done += step;
		slot++;
	} while (size - done >= step && level_index(va + done, level) && !pte_present(load(slot)));
	pte_publish();
	return done;
}

/* Map at the start of the range; returns the bytes that are mapped now, 0 if out of frames. */
static uint64_t map_some_locked(uintptr_t va, uint64_t pa, uint64_t size, unsigned prot,
				bool *changed)
{
	unsigned level;
	pte_t *slot = vm_find(va, &level);
	pte_t old = load(slot);

	if (pte_present(old)) {
		uint64_t offset = va & (vm_level_size(level) - 1);
		uint64_t left = vm_level_size(level) - offset;

		TERN_CHECK(pte_pa(old) + offset == pa, "vm: 0x%lx leads to 0x%llx, not to 0x%llx",
			   (unsigned long)va, (unsigned long long)(pte_pa(old) + offset),
			   (unsigned long long)pa);
		if (pte_prot(old) == (prot & ~(unsigned)VM_PAGES))
			return left < size ? left : size;
	}
	level = prot & VM_PAGES ? 0 : leaf_level(va, pa, size);
	if (level == 0)
		note_change(va);
	slot = slot_at(va, level);
	if (!slot)
		return 0;
	if (!pte_present(load(slot)))
		return fill(slot, va, pa, size, prot, level);
	replace(slot, pte_leaf(pa, prot, level));
	*changed = true;
	return vm_level_size(level);
}

static bool map(uintptr_t va, uint64_t pa, uint64_t size, unsigned prot, bool reserve)
{
	bool changed = false;

	TERN_ASSERT(is_aligned(va | pa | size, PAGE_SIZE));
	TERN_ASSERT(!(prot & VM_WRITE && prot & VM_EXEC));
	TERN_CHECK(va >= PAGE_SIZE, "vm: page 0 stays unmapped");
	while (size) {
		bool more = reserve && frames_reserve();
		unsigned long irq;
		uint64_t done;

		irq = tern_lock_irqsave(&vm_lock);
		done = map_some_locked(va, pa, size, prot, &changed);
		tern_unlock_irqrestore(&vm_lock, irq);
		if (!done && !more)
			break;
		va += done;
		pa += done;
		size -= done;
	}
	if (changed)
		vm_everyone_forgets();
	return size == 0;
}

bool vm_map(uintptr_t va, uint64_t pa, uint64_t size, unsigned prot)
{
	return map(va, pa, size, prot, true);
}

bool vm_map_identity(uint64_t pa, uint64_t size, unsigned prot)
{
	uint64_t start = align_down(pa, PAGE_SIZE);

	if (size > VM_IDENTITY_END || pa > VM_IDENTITY_END - size)
		return false;
	return map(start, start, align_up(pa + size, PAGE_SIZE) - start, prot, true);
}

bool vm_map_new_ram(uint64_t pa, uint64_t size)
{
	return pa + size <= VM_IDENTITY_END && map(pa, pa, size, VM_READ | VM_WRITE, false);
}

bool vm_make_tables(uintptr_t va, uint64_t size)
{
	uintptr_t end = va + size;

	for (va = align_down(va, vm_level_size(1)); va < end; va += vm_level_size(1)) {
		bool more, made;

		do {
			unsigned long irq;

			more = frames_reserve();
			irq = tern_lock_irqsave(&vm_lock);
			made = slot_at(va, 0) != NULL;
			tern_unlock_irqrestore(&vm_lock, irq);
		} while (!made && more);
		if (!made)
			return false;
	}
	return true;
}

void vm_set_pages(uintptr_t va, uint64_t pa, uint64_t size)
{
	while (size) {
		unsigned level;
		pte_t *slot = vm_find(va, &level);
		uint64_t done;

		TERN_ASSERT(level == 0 && !pte_present(load(slot)));
		done = fill(slot, va, pa, size, VM_READ | VM_WRITE, 0);
		va += done;
		pa += done;
		size -= done;
	}
}

/* How many pages of a range lie in one table. */
static uint64_t pages_in_table(uintptr_t va, uint64_t size)
{
	uint64_t room = vm_level_size(1) - (va & (vm_level_size(1) - 1));

	return (size < room ? size : room) / PAGE_SIZE;
}

void vm_copy_pages(uintptr_t va, uintptr_t from, uint64_t size)
{
	while (size) {
		unsigned level, from_level;
		pte_t *slot = vm_find(va, &level), *other = vm_find(from, &from_level);
		uint64_t n = pages_in_table(va, pages_in_table(from, size) * PAGE_SIZE);

		TERN_ASSERT(level == 0 && from_level == 0);
		for (uint64_t i = 0; i < n; i++) {
			TERN_ASSERT(!pte_present(load(slot + i)) && pte_present(load(other + i)));
			__atomic_store_n(slot + i, load(other + i), __ATOMIC_RELEASE);
		}
		pte_publish();
		va += n * PAGE_SIZE;
		from += n * PAGE_SIZE;
		size -= n * PAGE_SIZE;
	}
}

static void clear(pte_t *slot, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		__atomic_store_n(slot + i, 0, __ATOMIC_RELEASE);
	pte_publish();
}

/* At the start of the range; returns the bytes that are not mapped now, 0 if a block was split. */
static uint64_t unmap_some_locked(uintptr_t va, uint64_t size)
{
	unsigned level;
	pte_t *slot = vm_find(va, &level);
	uint64_t block = vm_level_size(level), step = block - (va & (block - 1));

	if (level == 0) {
		note_change(va);
		clear(slot, pages_in_table(va, size));
		return pages_in_table(va, size) * PAGE_SIZE;
	}
	if (pte_present(load(slot))) {
		if (step < block || size < step) {
			TERN_CHECK(split(slot, level), "vm: out of memory in unmap");
			return 0;
		}
		set(slot, 0);
	}
	return step < size ? step : size;
}

void vm_unmap(uintptr_t va, uint64_t size)
{
	TERN_ASSERT(is_aligned(va | size, PAGE_SIZE));
	while (size) {
		unsigned long irq = tern_lock_irqsave(&vm_lock);
		uint64_t done = unmap_some_locked(va, size);

		tern_unlock_irqrestore(&vm_lock, irq);
		va += done;
		size -= done;
	}
	vm_everyone_forgets();
}

/* The entry of the page at va, 4 KiB in size, if there is one or a block may be split for it. */
static pte_t *page_slot_locked(uintptr_t va)
{
	unsigned level;
	pte_t *slot = vm_find(va, &level);

	if (level == 0)
		return slot;
	return PTE_BREAK_BEFORE_MAKE || !pte_present(load(slot)) ? NULL : slot_at(va, 0);
}

static bool set_page(uintptr_t va, pte_t e)
{
	unsigned long irq = tern_lock_irqsave(&vm_lock);
	pte_t *slot = page_slot_locked(va);

	if (slot) {
		note_change(va);
		set(slot, e);
	}
	tern_unlock_irqrestore(&vm_lock, irq);
	return slot;
}

void vm_open(uintptr_t va, uint64_t size)
{
	for (uintptr_t page = va; page < va + size; page += PAGE_SIZE)
		if (!vm_query(page, NULL, NULL))
			set_page(page, pte_leaf(page, VM_READ | VM_WRITE, 0));
}

bool vm_close(uintptr_t va, uint64_t size)
{
	for (uintptr_t page = va; page < va + size; page += PAGE_SIZE)
		if (!frames_reserve() || !set_page(page, 0)) {
			vm_open(va, page - va);
			return false;
		}
	vm_everyone_forgets();
	return true;
}

/* --- for watch.c ----------------------------------------------------------------------- */

unsigned long vm_lock_tables(void)
{
	return tern_lock_irqsave(&vm_lock);
}

void vm_unlock_tables(unsigned long irq)
{
	tern_unlock_irqrestore(&vm_lock, irq);
}

/* Not the block that this very code has its stack in. */
static bool may_replace(uintptr_t va, unsigned level)
{
	return !PTE_BREAK_BEFORE_MAKE ||
	       ((uintptr_t)__builtin_frame_address(0) ^ va) >= vm_level_size(level);
}

bool vm_split(uintptr_t va, const uint64_t *watched)
{
	unsigned level;
	pte_t *slot = vm_find(va, &level);

	for (; level > 0; slot = vm_find(va, &level)) {
		if (!pte_present(load(slot)) || !may_replace(va, level))
			return false;
		if (!(level == 1 ? split_shut(slot, watched) : split(slot, level)))
			return false;
	}
	return true;
}

/* The pages of a table follow one another, and all say the same. */
static bool is_uniform(const pte_t *table)
{
	pte_t first = load(table);

	for (unsigned i = 0; i < 512; i++) {
		pte_t e = load(&table[i]);

		if (!pte_present(e) || pte_prot(e) != pte_prot(first) ||
		    pte_pa(e) != pte_pa(first) + i * vm_level_size(0))
			return false;
	}
	return true;
}

void *vm_join(uintptr_t va)
{
	pte_t *slot = vm_split_entry(va), *table;
	pte_t e;

	if (!slot || !may_replace(va, 1))
		return NULL;
	e = load(slot);
	table = table_of(e);
	if (e & PTE_CHANGED && !is_uniform(table))
		return NULL;
	e = load(table);
	replace(slot, pte_leaf(pte_pa(e), pte_prot(e), 1));
	return table;
}

bool vm_query(uintptr_t va, uint64_t *pa, unsigned *prot)
{
	unsigned level;
	pte_t e;

	if (!root || !va_is_canonical(va))
		return false;
	e = load(vm_find(va, &level));
	if (!pte_present(e))
		return false;
	if (pa)
		*pa = pte_pa(e) + (va & (vm_level_size(level) - 1));
	if (prot)
		*prot = pte_prot(e);
	return true;
}

bool vm_readable(uintptr_t va, size_t size)
{
	uintptr_t last = va + size - 1;

	if (size == 0 || last < va)
		return size == 0;
	for (uintptr_t page = align_down(va, PAGE_SIZE); page <= last; page += PAGE_SIZE)
		if (!vm_query(page, NULL, NULL))
			return false;
	return true;
}

static bool describe_image(uintptr_t va, char *buf, size_t size)
{
	const char *part = "kernel data";

	if (va < (uintptr_t)image_start || va >= (uintptr_t)image_end)
		return false;
	if (va < (uintptr_t)text_end)
		part = "kernel text, read-only";
	else if (va < (uintptr_t)data_start)
		part = "kernel constants, read-only";
	tern_snprintf(buf, size, "%s", part);
	return true;
}

static bool describe_stack(uintptr_t va, char *buf, size_t size)
{
	char owner[STACK_OWNER_MAX];
	bool guard;

	if (tern_stack_describe(va, buf, size))
		return true;
	if (!stack_at(va, owner, sizeof(owner), &guard))
		return false;
	tern_snprintf(buf, size, "%s%s's stack", guard ? "guard page of " : "", owner);
	return true;
}

static bool describe_range(uintptr_t va, char *buf, size_t size)
{
	if (va - VM_RANGES >= VM_RANGES_SIZE)
		return false;
	tern_snprintf(buf, size, "%s",
		      vm_query(va, NULL, NULL) ? "large object that has grown"
					       : "behind a large object that has grown, or none");
	return true;
}

void vm_describe(uintptr_t va, char *buf, size_t size)
{
	enum mem_kind kind = memmap_kind_at(&boot_info.map, va);
	unsigned prot;

	if (!va_is_canonical(va))
		tern_snprintf(buf, size, "no address of this machine");
	else if (va < PAGE_SIZE)
		tern_snprintf(buf, size, "null page");
	else if (describe_stack(va, buf, size) || describe_range(va, buf, size) ||
		 describe_image(va, buf, size))
		return;
	else if (vm_query(va, NULL, &prot))
		tern_snprintf(buf, size, "%s", prot & VM_DEVICE ? "device" : mem_kind_name(kind));
	else if (kind != MEM_NONE)
		tern_snprintf(buf, size, "RAM that is not mapped (%s)", mem_kind_name(kind));
	else
		tern_snprintf(buf, size, "nothing is there");
}

static void map_image_part(char *start, char *end, unsigned prot)
{
	uintptr_t from = align_down((uintptr_t)start, PAGE_SIZE);
	uintptr_t to = align_up((uintptr_t)end, PAGE_SIZE);

	if (!map(from, from, to - from, prot, false))
		boot_fail("the image does not fit the first page tables");
}

void vm_init(void)
{
	root = frames_alloc_table();
	map_image_part(text_start, text_end, VM_READ | VM_EXEC);
	map_image_part(rodata_start, rodata_end, VM_READ);
	map_image_part(data_start, image_end, VM_READ | VM_WRITE);
	mach_vm_map_early();
	vm_enter();
}

uint64_t vm_root(void)
{
	return (uintptr_t)root;
}

void vm_enter(void)
{
	mach_vm_enable(vm_root());
}
