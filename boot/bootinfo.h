/* SPDX-License-Identifier: MIT */
/* bootinfo.h - what the loader told us, in one form for all loaders.
 *
 * Filled by boot/pvh.c, boot/multiboot2.c or boot/fdt_machine.c; read by boot/start.c. Strings
 * are copied in, so that nothing points back into the loader's memory. */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include <stdint.h>

#include "boot/memmap.h"

#define BOOT_CMDLINE_MAX 1024

struct boot_info {
	const char *protocol; /* "PVH", "Multiboot2", "Linux Image" */
	char cmdline[BOOT_CMDLINE_MAX];
	uint64_t rsdp;        /* physical address of ACPI's root pointer, 0 if not told */
	uint64_t fdt;         /* physical address of the device tree, 0 if none */
	uint64_t entry_ticks; /* arch_ticks() at the first instruction of the image */
	unsigned entry_level; /* aarch64: the exception level that the loader entered at */
	struct memmap map;    /* as the loader tells it, image and tables already kept out */
};

#endif
