/* SPDX-License-Identifier: MIT */
/* trampoline.h - the two pages below 1 MiB on which other CPUs start: code, then parameters. */
#ifndef BOOT_X86_64_TRAMPOLINE_H
#define BOOT_X86_64_TRAMPOLINE_H

/* Offsets from the start of the code page. */
#define TRAMPOLINE_ROOT  0x1000
#define TRAMPOLINE_FAR   0x1008
#define TRAMPOLINE_GDT   0x1010
#define TRAMPOLINE_STACK 0x1018
#define TRAMPOLINE_CPU   0x1020
#define TRAMPOLINE_ENTRY 0x1028
#define TRAMPOLINE_SIZE  0x2000

#ifndef __ASSEMBLY__
#include <stddef.h>
#include <stdint.h>

#include "lib/assert.h"

struct cpu;

/* The parameters page; written by the CPU that starts another. */
struct trampoline {
	uint64_t root;       /* page tables, below 4 GiB */
	uint32_t far_offset; /* linear address of the 64-bit part, and its selector */
	uint16_t far_selector, pad;
	uint16_t gdt_limit;
	uint32_t gdt_base;
	uint16_t pad2;
	uint64_t stack;
	struct cpu *cpu;
	uint64_t entry;
} __attribute__((packed));

TERN_STATIC_ASSERT(0x1000 + offsetof(struct trampoline, root) == TRAMPOLINE_ROOT, "");
TERN_STATIC_ASSERT(0x1000 + offsetof(struct trampoline, far_offset) == TRAMPOLINE_FAR, "");
TERN_STATIC_ASSERT(0x1000 + offsetof(struct trampoline, gdt_limit) == TRAMPOLINE_GDT, "");
TERN_STATIC_ASSERT(0x1000 + offsetof(struct trampoline, stack) == TRAMPOLINE_STACK, "");
TERN_STATIC_ASSERT(0x1000 + offsetof(struct trampoline, cpu) == TRAMPOLINE_CPU, "");
TERN_STATIC_ASSERT(0x1000 + offsetof(struct trampoline, entry) == TRAMPOLINE_ENTRY, "");

extern const char trampoline_start[], trampoline_64[], trampoline_gdt[], trampoline_end[];
#endif

#endif
