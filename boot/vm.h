/* SPDX-License-Identifier: MIT */
/* vm.h - the kernel's one address space.
 *
 *   0                        never mapped: null pointers fault
 *   0x1000 .. 2^46           RAM and devices, one to one, mapped as they come into use
 *   VM_STACKS ..             stacks, each below an unmapped guard page
 *
 * Text is r-x, rodata r--, all else rw- and never executable. Both machines have four levels of
 * 512 entries and 4 KiB pages, so one walker serves; boot/ARCH/pte.h says what an entry looks
 * like. Locks: vm(100), then frames(110). Context: not in interrupt handlers. */
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
};

#define VM_STACKS      0x700000000000ull
#define VM_STACKS_SIZE (1ull << 32)

/* Build the kernel's tables: the image by its sections. Switches this CPU to them. */
void vm_init(void);
/* On another CPU: use the same tables. */
void vm_enter(void);

/* Map [va, va+size) to pa. All page-aligned; blocks of 2 MiB and 1 GiB are used where both sides
 * allow. What is mapped already must agree (same pa): its protection is replaced. False when out
 * of frames; then part may be mapped. */
bool vm_map(uintptr_t va, uint64_t pa, uint64_t size, unsigned prot);
/* One to one. Usable from mach_discover() on for tables and devices. */
bool vm_map_identity(uint64_t pa, uint64_t size, unsigned prot);
/* Unmap pages and have every CPU forget them. */
void vm_unmap(uintptr_t va, uint64_t size);

/* Protection at va (VM_* bits) and where it leads; false if nothing is mapped. */
bool vm_query(uintptr_t va, uint64_t *pa, unsigned *prot);
/* True if [va, va+size) can be read without a fault. */
bool vm_readable(uintptr_t va, size_t size);

/* What lies at an address, in words, for fault reports: "guard page of thread 3's stack",
 * "null page", "kernel text, read-only", "RAM that is not mapped". */
void vm_describe(uintptr_t va, char *buf, size_t size);

#endif
