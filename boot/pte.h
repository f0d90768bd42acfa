/* SPDX-License-Identifier: MIT */
/* pte.h - one page table entry, and how a CPU forgets what it knows of it.
 *
 * boot/ARCH/pte.h gives, all static inline, levels counting from the leaf (0 = 4 KiB, 1 = 2 MiB,
 * 2 = 1 GiB), prot in the words of boot/vm.h:
 *
 *   typedef uint64_t pte_t                 0 is an absent entry
 *   pte_t    pte_leaf(pa, prot, level)     pte_t pte_table(pa)
 *   bool     pte_present(e)                bool  pte_is_leaf(e, level)
 *   uint64_t pte_pa(e)                     unsigned pte_prot(e)
 *   unsigned pte_max_level(void)           the largest leaf that this CPU knows
 *   bool     pte_written(e)                of a leaf that may be written: was it, as far as it is
 *   pte_t    pte_watched(e)                watched? A new one counts as written. The CPU itself,
 *   pte_t    pte_unwatched(e)              or a fault, makes it so
 *   bool     pte_is_shut(e)                of an entry that leads to a table: nothing that the table
 *   pte_t    pte_shut(e)                   leads to can be written to, whatever its entries say
 *   pte_t    pte_open(e)
 *   PTE_SPLIT, PTE_CHANGED                 bits for vm.c in such an entry
 *   void     pte_publish(void)             after a store: the CPU's own table walk sees it
 *   void     tlb_flush_page(va)            on this CPU alone
 *   void     tlb_flush_all(void)
 *   bool     va_is_canonical(va)           an address that the tables can say anything about
 *   TLB_FLUSH_REACHES_ALL                  true if tlb_flush_all() is heard by all CPUs
 *   PTE_BREAK_BEFORE_MAKE                  true if a live entry must be absent before it changes */
#ifndef BOOT_PTE_H
#define BOOT_PTE_H

#if defined(__x86_64__)
#include "boot/x86_64/pte.h"
#elif defined(__aarch64__)
#include "boot/aarch64/pte.h"
#endif

#endif
