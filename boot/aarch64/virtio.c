/* SPDX-License-Identifier: MIT */
/* virtio.c - virtio devices on an aarch64 board: those that the device tree tells of.
 *
 * Job      Read the tree again, which lies where the loader put it: boot keeps of it only what
 *          boot needs. Devices on PCI are not looked for.
 * Locks    none.   Context: threads. */
#include "boot/virtio.h"

#include "boot/fdt.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/vm.h"

/* It was whole when boot read it, and nobody may write there; it is looked through all the same. */
static bool open_tree(struct fdt *f)
{
	uint64_t addr = boot_info.fdt;
	struct boot_error e;
	uint32_t size;

	if (!vm_map_identity(addr, PAGE_SIZE, VM_READ))
		return false;
	size = fdt_size((const void *)addr);
	return size > 0 && vm_map_identity(addr, size, VM_READ) &&
	       fdt_open(f, (const void *)addr, size, &e);
}

bool mach_find_virtio(uint32_t id, struct virtio *v)
{
	struct fdt_walk w = { 0 };
	uint64_t base, size;
	struct fdt f;

	if (!open_tree(&f))
		return false;
	while (fdt_walk(&f, &w))
		if (fdt_is_compatible(&f, w.node, "virtio,mmio") && fdt_is_okay(&f, w.node) &&
		    fdt_reg(&f, &w, 0, &base, &size) && virtio_mmio_open(v, base, size, id))
			return true;
	return false;
}
