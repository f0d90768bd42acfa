/* SPDX-License-Identifier: MIT */
/* virtio_mmio.c - virtio registers that lie at an address which firmware or a person tells.
 *
 * Job      The transport "over MMIO", version 2, on both machines. Version 1, which QEMU shows
 *          unless told otherwise, is named and passed over.
 * Locks    none.   Context: threads. */
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/virtio.h"
#include "boot/vm.h"
#include "lib/log.h"

#define REG_MAGIC     0x00
#define REG_VERSION   0x04
#define REG_DEVICE_ID 0x08
#define REGS_SIZE     0x100
#define MAGIC         0x74726976 /* "virt" */
#define MODERN        2

static const uint16_t offsets[VIRTIO_REGS] = {
	[VIRTIO_DEVICE_FEATURES] = 0x10, [VIRTIO_DEVICE_FEATURES_SEL] = 0x14,
	[VIRTIO_DRIVER_FEATURES] = 0x20, [VIRTIO_DRIVER_FEATURES_SEL] = 0x24,
	[VIRTIO_QUEUE_SEL] = 0x30,       [VIRTIO_QUEUE_MAX] = 0x34,
	[VIRTIO_QUEUE_SIZE] = 0x38,      [VIRTIO_QUEUE_ENABLE] = 0x44,
	[VIRTIO_QUEUE_NOTIFY] = 0x50,    [VIRTIO_STATUS] = 0x70,
	[VIRTIO_QUEUE_DESC] = 0x80,      [VIRTIO_QUEUE_DESC_HIGH] = 0x84,
	[VIRTIO_QUEUE_DRIVER] = 0x90,    [VIRTIO_QUEUE_DRIVER_HIGH] = 0x94,
	[VIRTIO_QUEUE_DEVICE] = 0xa0,    [VIRTIO_QUEUE_DEVICE_HIGH] = 0xa4,
};

static uint32_t read_reg(struct virtio *v, enum virtio_reg reg)
{
	return *(volatile uint32_t *)(v->regs + offsets[reg]);
}

static void write_reg(struct virtio *v, enum virtio_reg reg, uint32_t value)
{
	*(volatile uint32_t *)(v->regs + offsets[reg]) = value;
}

bool virtio_map(uint64_t base, uint64_t size)
{
	const struct memmap *m = &boot_info.map;

	if (size == 0 || base > VM_IDENTITY_END || size > VM_IDENTITY_END - base)
		return false;
	for (unsigned i = 0; i < m->count; i++)
		if (m->range[i].kind != MEM_RESERVED && m->range[i].start < base + size &&
		    base < m->range[i].end)
			return false;
	return vm_map_identity(base, size, VM_READ | VM_WRITE | VM_DEVICE);
}

/* Nothing may be at an address that somebody tells. */
static bool reads_as(uintptr_t addr, uint32_t want)
{
	uint64_t value;

	return mach_probe_read(addr, 4, &value) && value == want;
}

bool virtio_mmio_open(struct virtio *v, uint64_t base, uint64_t size, uint32_t id)
{
	static const struct virtio_ops ops = { read_reg, write_reg };

	if (base % 4 != 0 || size < REGS_SIZE || !virtio_map(base, size) ||
	    !reads_as(base + REG_MAGIC, MAGIC) || !reads_as(base + REG_DEVICE_ID, id))
		return false;
	if (!reads_as(base + REG_VERSION, MODERN)) {
		log_warn("virtio device at 0x%llx is not of version 2: passed over",
			 (unsigned long long)base);
		return false;
	}
	*v = (struct virtio){ .ops = &ops, .regs = base, .patience_ns = VIRTIO_PATIENCE_NS };
	return true;
}
