/* SPDX-License-Identifier: MIT */
/* vm_tables.h - the page tables themselves, for vm.c and what else looks into them. */
#ifndef BOOT_VM_TABLES_H
#define BOOT_VM_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/pte.h"

/* Between these two entries are changed, but for what a CPU, or a fault, notes in them. */
unsigned long vm_lock_tables(void);
void vm_unlock_tables(unsigned long irq);

uint64_t vm_level_size(unsigned level);
/* The entry that decides va: a leaf on some level, or the absent entry where the walk ends. */
pte_t *vm_find(uintptr_t va, unsigned *level);
/* In the lock: make the block at va, of 2 MiB, a table of pages, to be joined again; those with a bit in
 * `watched` are watched from the start, and it is shut. False if it is not mapped, or there is no memory
 * for a table. */
bool vm_split(uintptr_t va, const uint64_t *watched);
/* The entry that leads to such a table; NULL if va lies in none. */
pte_t *vm_split_entry(uintptr_t va);
/* In the lock: if the block that va lies in was split so, and can be one again, it is. Returns the
 * table that is left over when everyone has forgotten it. */
void *vm_join(uintptr_t va);
/* After an entry was taken away or made stricter; not in the lock. */
void vm_everyone_forgets(void);

#endif
