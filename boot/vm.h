/* SPDX-License-Identifier: MIT */
/* vm.h - the kernel's one address space.
 *
 *   0                        never mapped: null pointers fault
 *   0x1000 .. 2^46           RAM and devices, one to one, mapped as they come into use
 *   VM_STACKS ..             stacks, each above an unmapped guard page
 *   VM_RANGES ..             ranges for the heap, mapped as they are used: growing stacks, large objects
 *
 * Text is r-x, rodata r--, all else rw- and never executable. Context: not in interrupt
 * handlers, but for vm_query(), vm_readable() and vm_describe(), which take no lock. */
#ifndef BOOT_VM_H
#define BOOT_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vm_prot {
	VM_READ = 1,
	VM_WRITE = 2,
	VM_EXEC = 4,
	VM_DEVICE = 8, /* not cached, not reordered, never executable */
	VM_PAGES =
		16, /* to a mapping: by pages, as there are no blocks that could be split later */
};

#define VM_STACKS      0x700000000000ull
#define VM_STACKS_SIZE (1ull << 32)
#define VM_RANGES      0x704000000000ull
#define VM_RANGES_SIZE (1ull << 36)
/* RAM and devices above this are not reachable one to one. */
#define VM_IDENTITY_END (1ull << 46)

/* Build the kernel's tables: the image by its sections. Switches this CPU to them. */
void vm_init(void);
/* On another CPU: use the same tables. Their physical address, for code that starts CPUs. */
void vm_enter(void);
uint64_t vm_root(void);

/* Map [va, va+size) to pa. All page-aligned; blocks of 2 MiB and 1 GiB are used where both sides
 * allow. What is mapped already must lead to the same place: its protection is replaced. False
 * when out of frames; then part may be mapped. */
bool vm_map(uintptr_t va, uint64_t pa, uint64_t size, unsigned prot);
/* One to one; start and size are rounded outward to pages. False also past VM_IDENTITY_END. */
bool vm_map_identity(uint64_t pa, uint64_t size, unsigned prot);
/* One to one, readable and writable, for frames.c: takes tables from the reserve. */
bool vm_map_new_ram(uint64_t pa, uint64_t size);
/* Make the tables down to 4 KiB pages. Where there are such, which nobody else changes and where nothing is
 * mapped, the others map memory by pages, readable and writable, in any context and without a lock: from
 * pa on, or what is mapped by pages from another address on. */
bool vm_make_tables(uintptr_t va, uint64_t size);
void vm_set_pages(uintptr_t va, uint64_t pa, uint64_t size);
void vm_copy_pages(uintptr_t va, uintptr_t from, uint64_t size);
/* Unmap pages and have every CPU forget them. */
void vm_unmap(uintptr_t va, uint64_t size);

/* Make pages of RAM that is mapped one to one, readable and writable, fault, or mapped again. To
 * close: interrupts on; false where a block stands that this machine cannot split while it is used.
 * To open: any context but NMIs; cannot fail for what was closed. */
bool vm_close(uintptr_t va, uint64_t size);
void vm_open(uintptr_t va, uint64_t size);

/* In the handler of a fault at va, as nothing was mapped there: something is by now, or may be in a
 * moment, so it is to be tried again. */
bool vm_fault_is_over(uintptr_t va);

/* Protection at va (VM_* bits) and where it leads; false if nothing is mapped. */
bool vm_query(uintptr_t va, uint64_t *pa, unsigned *prot);
/* True if [va, va+size) can be read without a fault. */
bool vm_readable(uintptr_t va, size_t size);

/* What lies at an address, in words, for fault reports: "guard page of thread 3's stack",
 * "null page", "kernel text, read-only", "RAM that is not mapped". */
void vm_describe(uintptr_t va, char *buf, size_t size);

#endif
