/* SPDX-License-Identifier: MIT */
/* pvh.h - the start info that a PVH loader (qemu -kernel, Firecracker, Xen) passes in ebx. */
#ifndef BOOT_PVH_H
#define BOOT_PVH_H

#include "boot/bootinfo.h"
#include "boot/physmem.h"

#define PVH_MAGIC 0x336ec578u

/* Fill protocol, cmdline, rsdp and map (memory, modules, the start info itself). */
bool pvh_parse(const struct physmem *pm, uint64_t start_info, struct boot_info *info,
	       struct boot_error *e);

#endif
