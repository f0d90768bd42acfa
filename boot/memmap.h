/* SPDX-License-Identifier: MIT */
/* memmap.h - every byte of physical memory, and what it is.
 *
 * Job      Turn the entries of a firmware's map, in any order, overlapping, unaligned, into a
 *          sorted list of ranges that do not overlap; then record what is taken from it.
 * Rule     Where entries overlap, the kind with the larger number wins: a reservation beats
 *          memory, whoever came first. Usable memory is rounded inward to pages, all else
 *          outward. Bytes that no entry names are not memory.
 * Locks    the owner's (boot is single until the CPUs are started). Pure, allocates nothing. */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/error.h"

#define PAGE_SIZE 4096u
/* No machine has more physical address bits than this. */
#define PHYS_BITS  52
#define MEMMAP_MAX 1024

enum mem_kind {
	MEM_NONE,     /* nothing there; never stored */
	MEM_USABLE,   /* free */
	MEM_KERNEL,   /* taken from what was usable, by memmap_take() */
	MEM_HEAP,     /* handed over to tern, by heap.c */
	MEM_ACPI,     /* ACPI tables: usable after they are read; we leave them */
	MEM_MODULE,   /* initrd and boot modules */
	MEM_FIRMWARE, /* FDT, boot information */
	MEM_IMAGE,    /* this kernel */
	MEM_RESERVED,
	MEM_NVS, /* ACPI non-volatile storage */
	MEM_BAD,
	MEM_KINDS
};

struct mem_range {
	uint64_t start, end; /* end is one past the last byte; both multiples of PAGE_SIZE */
	enum mem_kind kind;
};

struct memmap {
	unsigned count;
	struct mem_range range[MEMMAP_MAX];
};

const char *mem_kind_name(enum mem_kind kind);
/* What a type of the PC BIOS's E820 map says, which PVH and Multiboot2 use too. */
enum mem_kind mem_kind_of_e820(uint32_t type);

void memmap_init(struct memmap *m);

/* Add one entry. Size 0 is no error and adds nothing. Refused, with the map as it was: an end
 * past 2^64; more ranges than fit. What lies above 2^PHYS_BITS is cut off. */
bool memmap_add(struct memmap *m, uint64_t start, uint64_t size, enum mem_kind kind,
		struct boot_error *e);

/* Take size bytes of usable memory, aligned, wholly inside [above, below), lowest first; they
 * become MEM_KERNEL. Size and align are multiples of PAGE_SIZE, align a power of two. Returns
 * false when there is no such run, or no room in the map to record it. */
bool memmap_take(struct memmap *m, uint64_t size, uint64_t align, uint64_t above, uint64_t below,
		 uint64_t *start);

/* NULL: nothing is known of that address. */
const struct mem_range *memmap_range_at(const struct memmap *m, uint64_t addr);
enum mem_kind memmap_kind_at(const struct memmap *m, uint64_t addr);
uint64_t memmap_total(const struct memmap *m, enum mem_kind kind);
/* One past the highest usable byte, 0 if none. */
uint64_t memmap_top(const struct memmap *m);
/* The invariants: sorted, disjoint, page-aligned, neighbours of one kind joined, none empty. */
bool memmap_check(const struct memmap *m);

#endif
