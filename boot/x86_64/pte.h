/* SPDX-License-Identifier: MIT */
/* pte.h - a page table entry of x86_64 long mode, four levels. See boot/pte.h for the contract.
 * No entry is global, so that loading CR3 forgets all. A CPU sets the dirty bit before it writes. */
#ifndef BOOT_X86_64_PTE_H
#define BOOT_X86_64_PTE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/vm.h"
#include "boot/x86_64/regs.h"

typedef uint64_t pte_t;

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_UNCACHED (3ull << 3) /* PWT and PCD */
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_BLOCK    (1ull << 7)
#define PTE_SPLIT    (1ull << 9) /* the CPU does not look at these two */
#define PTE_CHANGED  (1ull << 10)
#define PTE_NX       (1ull << 63)
#define PTE_ADDRESS  0x000ffffffffff000ull

#define TLB_FLUSH_REACHES_ALL false
#define PTE_BREAK_BEFORE_MAKE false

static inline pte_t pte_leaf(uint64_t pa, unsigned prot, unsigned level)
{
	pte_t e = pa | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY;

	if (prot & VM_WRITE)
		e |= PTE_WRITE;
	if (!(prot & VM_EXEC))
		e |= PTE_NX;
	if (prot & VM_DEVICE)
		e |= PTE_UNCACHED;
	if (level > 0)
		e |= PTE_BLOCK;
	return e;
}

static inline pte_t pte_table(uint64_t pa)
{
	return pa | PTE_PRESENT | PTE_WRITE;
}

static inline bool pte_present(pte_t e)
{
	return e & PTE_PRESENT;
}

static inline bool pte_is_leaf(pte_t e, unsigned level)
{
	return level == 0 || e & PTE_BLOCK;
}

static inline uint64_t pte_pa(pte_t e)
{
	return e & PTE_ADDRESS;
}

static inline unsigned pte_prot(pte_t e)
{
	unsigned prot = VM_READ;

	if (e & PTE_WRITE)
		prot |= VM_WRITE;
	if (!(e & PTE_NX))
		prot |= VM_EXEC;
	if (e & PTE_UNCACHED)
		prot |= VM_DEVICE;
	return prot;
}

static inline bool pte_written(pte_t e)
{
	return e & PTE_DIRTY;
}

/* Whether one of n neighbours may be. */
static inline bool pte_any_written(const pte_t *slot, unsigned n)
{
	pte_t any = 0;

	for (unsigned i = 0; i < n; i++)
		any |= __atomic_load_n(&slot[i], __ATOMIC_RELAXED);
	return pte_written(any);
}

static inline pte_t pte_watched(pte_t e)
{
	return e & ~PTE_DIRTY;
}

static inline pte_t pte_unwatched(pte_t e)
{
	return e | PTE_DIRTY;
}

static inline bool pte_is_shut(pte_t e)
{
	return !(e & PTE_WRITE);
}

static inline pte_t pte_shut(pte_t e)
{
	return e & ~PTE_WRITE;
}

static inline pte_t pte_open(pte_t e)
{
	return e | PTE_WRITE;
}

static inline unsigned pte_max_level(void)
{
	static unsigned level; /* 0: not asked yet; the answer is the same on every CPU */

	if (level == 0)
		level = cpuid(0x80000001).edx & CPUID_EXT_EDX_1G_PAGES ? 2 : 1;
	return level;
}

/* Walks see stores in order, and absent entries are not remembered. */
static inline void pte_publish(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline void tlb_flush_page(uintptr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void tlb_flush_all(void)
{
	write_cr3(read_cr3());
}

static inline bool va_is_canonical(uintptr_t va)
{
	return (uintptr_t)((intptr_t)(va << 16) >> 16) == va;
}

#endif
