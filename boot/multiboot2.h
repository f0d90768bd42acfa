/* SPDX-License-Identifier: MIT */
/* multiboot2.h - the information that a Multiboot2 loader (GRUB, Limine) passes in ebx. */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

#include "boot/bootinfo.h"
#include "boot/physmem.h"

#define MULTIBOOT2_BOOT_MAGIC 0x36d76289u

/* Fill protocol, cmdline, rsdp and map (memory, modules, the information itself). */
bool multiboot2_parse(const struct physmem *pm, uint64_t addr, struct boot_info *info,
		      struct boot_error *e);

#endif
