/* SPDX-License-Identifier: MIT */
/* pte.h - a page table entry of stage 1 at EL1: 4 KiB granule, 48 bits, four levels.
 *
 * See boot/pte.h for the contract. Every leaf has the access flag set, is inner shareable, and is
 * closed to EL0. Entries are global; the first tables (entry.S) are not, so that a CPU cannot
 * confuse the two sets while it changes from one to the other.
 * A page that is watched has DBM set, and is read-only until somebody writes: a CPU with FEAT_HAFDBS
 * makes it writable then (entry.S turns that on), of others there is a fault (trap.c), which does. */
#ifndef BOOT_AARCH64_PTE_H
#define BOOT_AARCH64_PTE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/aarch64/sysreg.h"
#include "boot/vm.h"

typedef uint64_t pte_t;

#define PTE_VALID      (1ull << 0)
#define PTE_PAGE       (1ull << 1) /* a table above level 0, a page on it; 0 is a block */
#define PTE_ATTR_SHIFT 2
#define PTE_READ_ONLY  (1ull << 7)
#define PTE_INNER      (3ull << 8)
#define PTE_ACCESSED   (1ull << 10)
#define PTE_NOT_GLOBAL (1ull << 11)
#define PTE_DBM        (1ull << 51)
#define PTE_PXN        (1ull << 53)
#define PTE_UXN        (1ull << 54)
#define PTE_SPLIT      (1ull << 55) /* the CPU does not look at these two */
#define PTE_CHANGED    (1ull << 56)
#define PTE_SHUT       (1ull << 62) /* APTable[1] */
#define PTE_ADDRESS    0x0000fffffffff000ull

/* TLBI ...IS is broadcast to the inner shareable domain, which holds all our CPUs. */
#define TLB_FLUSH_REACHES_ALL true
#define PTE_BREAK_BEFORE_MAKE true

static inline pte_t pte_leaf(uint64_t pa, unsigned prot, unsigned level)
{
	uint64_t attr = prot & VM_DEVICE ? MAIR_DEVICE : MAIR_NORMAL;
	pte_t e = pa | PTE_VALID | PTE_ACCESSED | PTE_INNER | PTE_UXN | attr << PTE_ATTR_SHIFT;

	if (level == 0)
		e |= PTE_PAGE;
	if (!(prot & VM_WRITE))
		e |= PTE_READ_ONLY;
	if (!(prot & VM_EXEC))
		e |= PTE_PXN;
	return e;
}

static inline pte_t pte_table(uint64_t pa)
{
	return pa | PTE_VALID | PTE_PAGE;
}

static inline bool pte_present(pte_t e)
{
	return e & PTE_VALID;
}

static inline bool pte_is_leaf(pte_t e, unsigned level)
{
	return level == 0 || !(e & PTE_PAGE);
}

static inline uint64_t pte_pa(pte_t e)
{
	return e & PTE_ADDRESS;
}

static inline unsigned pte_prot(pte_t e)
{
	unsigned prot = VM_READ;

	if (!(e & PTE_READ_ONLY) || e & PTE_DBM)
		prot |= VM_WRITE;
	if (!(e & PTE_PXN))
		prot |= VM_EXEC;
	if ((e >> PTE_ATTR_SHIFT & 7) == MAIR_DEVICE)
		prot |= VM_DEVICE;
	return prot;
}

static inline bool pte_written(pte_t e)
{
	return !(e & PTE_READ_ONLY);
}

/* Whether one of n neighbours may be. */
static inline bool pte_any_written(const pte_t *slot, unsigned n)
{
	pte_t all = PTE_READ_ONLY;

	for (unsigned i = 0; i < n; i++)
		all &= __atomic_load_n(&slot[i], __ATOMIC_RELAXED);
	return pte_written(all);
}

static inline pte_t pte_watched(pte_t e)
{
	return e | PTE_DBM | PTE_READ_ONLY;
}

static inline pte_t pte_unwatched(pte_t e)
{
	return e & ~(PTE_DBM | PTE_READ_ONLY);
}

static inline bool pte_is_shut(pte_t e)
{
	return e & PTE_SHUT;
}

static inline pte_t pte_shut(pte_t e)
{
	return e | PTE_SHUT;
}

static inline pte_t pte_open(pte_t e)
{
	return e & ~PTE_SHUT;
}

static inline unsigned pte_max_level(void)
{
	return 2;
}

static inline void pte_publish(void)
{
	asm volatile("dsb ishst\n\tisb" : : : "memory");
}

/* "aa": whatever the address space id. Not "is": other CPUs keep theirs. */
static inline void tlb_flush_page(uintptr_t va)
{
	asm volatile("dsb ishst\n\ttlbi vaae1, %0\n\tdsb nsh\n\tisb"
		     :
		     : "r"(va >> 12 & 0xfffffffffff)
		     : "memory");
}

static inline void tlb_flush_all(void)
{
	asm volatile("dsb ishst\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" : : : "memory");
}

static inline bool va_is_canonical(uintptr_t va)
{
	return va >> 48 == 0;
}

#endif
