/* SPDX-License-Identifier: MIT */
/* virtio_pci.c - virtio devices on a PC: on PCI, and those that the command line tells of.
 *
 * Job      Look through the PCI buses that firmware has numbered, by ports 0xcf8 and 0xcfc, for a
 *          device whose registers firmware has placed in memory; then through the options
 *          virtio_mmio.device=SIZE@ADDRESS:IRQ, which is how microvm and Firecracker tell.
 * Holds    What the device says of itself is checked: a list of capabilities ends after
 *          CAPABILITIES_MAX, and registers lie within what the device says that they have.
 * Locks    none: one thread at a time, as the two ports go together. Context: threads. */
#include <tern/command.h>

#include "boot/cmdline.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/virtio.h"
#include "boot/x86_64/regs.h"
#include "lib/bits.h"
#include "lib/log.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  (1u << 31)

/* Configuration space: 32 bits each, a multiple of 4. */
#define REG_IDS           0x00
#define REG_COMMAND       0x04
#define REG_HEADER        0x0c
#define REG_BAR           0x10
#define REG_BRIDGE_BUSES  0x18
#define REG_SUBSYSTEM     0x2c
#define REG_CAPABILITIES  0x34
#define COMMAND_MEMORY    (1u << 1)
#define COMMAND_MASTER    (1u << 2)
#define COMMAND_NO_INTX   (1u << 10)
#define COMMAND_WRITABLE  0xffffu
#define STATUS_HAS_LIST   (1u << 20)
#define HEADER_MULTI      (1u << 23)
#define HEADER_TYPE(word) ((word) >> 16 & 0x7f)
#define HEADER_BRIDGE     1
#define BAR_IO            1u
#define BAR_TYPE          6u
#define BAR_64            4u
#define BARS              6
#define CAPABILITIES_MAX  48
#define CAPABILITY_VENDOR 9
#define CAPABILITY_COMMON 1
#define CAPABILITY_NOTIFY 2
#define VENDOR_VIRTIO     0x1af4u
#define DEVICE_OLD        0x1000u /* its virtio id is the subsystem's */
#define DEVICE_NEW        0x1040u /* plus the virtio id */
#define DEVICE_END        0x1080u
#define COMMON_SIZE       0x38
#define COMMON_NOTIFY_OFF 0x1e
#define OPTION            "virtio_mmio.device"

/* A function: its bus, device and number as the address port has them. */
#define FUNCTION(bus, slot, number) ((bus) << 16 | (slot) << 11 | (number) << 8)

static uint32_t config_read(uint32_t function, unsigned reg)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | function | (reg & 0xfc));
	return inl(CONFIG_DATA);
}

static void config_write(uint32_t function, unsigned reg, uint32_t value)
{
	outl(CONFIG_ADDRESS, CONFIG_ENABLE | function | (reg & 0xfc));
	outl(CONFIG_DATA, value);
}

/* --- registers ---------------------------------------------------------------------------- */

static const struct {
	uint8_t offset, size;
} places[VIRTIO_REGS] = {
	[VIRTIO_DEVICE_FEATURES_SEL] = { 0x00, 4 },
	[VIRTIO_DEVICE_FEATURES] = { 0x04, 4 },
	[VIRTIO_DRIVER_FEATURES_SEL] = { 0x08, 4 },
	[VIRTIO_DRIVER_FEATURES] = { 0x0c, 4 },
	[VIRTIO_STATUS] = { 0x14, 1 },
	[VIRTIO_QUEUE_SEL] = { 0x16, 2 },
	[VIRTIO_QUEUE_MAX] = { 0x18, 2 },
	[VIRTIO_QUEUE_SIZE] = { 0x18, 2 },
	[VIRTIO_QUEUE_ENABLE] = { 0x1c, 2 },
	[VIRTIO_QUEUE_DESC] = { 0x20, 4 },
	[VIRTIO_QUEUE_DESC_HIGH] = { 0x24, 4 },
	[VIRTIO_QUEUE_DRIVER] = { 0x28, 4 },
	[VIRTIO_QUEUE_DRIVER_HIGH] = { 0x2c, 4 },
	[VIRTIO_QUEUE_DEVICE] = { 0x30, 4 },
	[VIRTIO_QUEUE_DEVICE_HIGH] = { 0x34, 4 },
};

static uint32_t read_reg(struct virtio *v, enum virtio_reg reg)
{
	uintptr_t addr = v->regs + places[reg].offset;

	switch (places[reg].size) {
	case 1:
		return *(volatile uint8_t *)addr;
	case 2:
		return *(volatile uint16_t *)addr;
	default:
		return mmio_read32(addr);
	}
}

/* Each queue may have its own place to be notified at; a place outside is left alone, and the
 * device will be found not to answer. */
static void notify(struct virtio *v, uint32_t queue)
{
	uint64_t offset;

	*(volatile uint16_t *)(v->regs + places[VIRTIO_QUEUE_SEL].offset) = (uint16_t)queue;
	offset = v->notify_step * *(volatile uint16_t *)(v->regs + COMMON_NOTIFY_OFF);
	if (offset + 2 <= v->notify_size)
		*(volatile uint16_t *)(v->notify + offset) = (uint16_t)queue;
}

static void write_reg(struct virtio *v, enum virtio_reg reg, uint32_t value)
{
	uintptr_t addr = v->regs + places[reg].offset;

	if (reg == VIRTIO_QUEUE_NOTIFY)
		notify(v, value);
	else if (places[reg].size == 1)
		*(volatile uint8_t *)addr = (uint8_t)value;
	else if (places[reg].size == 2)
		*(volatile uint16_t *)addr = (uint16_t)value;
	else
		mmio_write32(addr, value);
}

/* --- what a function says of itself ------------------------------------------------------- */

static uint32_t virtio_id(uint32_t function)
{
	uint32_t ids = config_read(function, REG_IDS), device = ids >> 16;

	if ((ids & 0xffff) != VENDOR_VIRTIO || device < DEVICE_OLD || device >= DEVICE_END)
		return 0;
	if (device >= DEVICE_NEW)
		return device - DEVICE_NEW;
	return config_read(function, REG_SUBSYSTEM) >> 16;
}

/* Where a BAR of memory lies, 0 if it was not placed. */
static uint64_t bar_address(uint32_t function, unsigned bar)
{
	uint32_t low = config_read(function, REG_BAR + 4 * bar);
	uint64_t high = 0;

	if (low & BAR_IO)
		return 0;
	if ((low & BAR_TYPE) == BAR_64 && bar + 1 < BARS)
		high = config_read(function, REG_BAR + 4 * bar + 4);
	return high << 32 | (low & ~0xfu);
}

/* Registers that a capability describes, mapped; 0 if they are not to be had. */
static uintptr_t map_part(uint32_t function, unsigned cap, uint32_t *size)
{
	unsigned bar = config_read(function, cap + 4) & 0xff;
	uint64_t base = bar < BARS ? bar_address(function, bar) : 0;
	uint64_t start = base + config_read(function, cap + 8);

	*size = config_read(function, cap + 12);
	return base && virtio_map(start, *size) ? start : 0;
}

/* The first capability of virtio's that has this type; 0 if there is none. */
static unsigned find_capability(uint32_t function, unsigned type)
{
	unsigned cap = 0;

	if (config_read(function, REG_COMMAND) & STATUS_HAS_LIST)
		cap = config_read(function, REG_CAPABILITIES) & 0xfc;
	for (unsigned i = 0; cap && i < CAPABILITIES_MAX; i++) {
		uint32_t head = config_read(function, cap);

		if ((head & 0xff) == CAPABILITY_VENDOR && head >> 24 == type && cap <= 0xec)
			return cap;
		cap = head >> 8 & 0xfc;
	}
	return 0;
}

static bool map_registers(uint32_t function, struct virtio *v)
{
	unsigned common = find_capability(function, CAPABILITY_COMMON);
	unsigned notify_cap = find_capability(function, CAPABILITY_NOTIFY);
	uint32_t size;

	if (!common || !notify_cap)
		return false;
	v->notify = map_part(function, notify_cap, &size);
	v->notify_size = size;
	v->notify_step = config_read(function, notify_cap + 16);
	v->regs = map_part(function, common, &size);
	return v->notify && v->regs && size >= COMMON_SIZE;
}

static bool open_function(uint32_t function, uint32_t id, struct virtio *v)
{
	static const struct virtio_ops ops = { read_reg, write_reg };
	uint32_t command;

	if (virtio_id(function) != id)
		return false;
	*v = (struct virtio){ .ops = &ops, .patience_ns = VIRTIO_PATIENCE_NS };
	if (!map_registers(function, v)) {
		log_warn("virtio device at PCI %02x:%02x.%x has no registers that can be used",
			 function >> 16, function >> 11 & 31, function >> 8 & 7);
		return false;
	}
	command = config_read(function, REG_COMMAND) & COMMAND_WRITABLE;
	config_write(function, REG_COMMAND,
		     command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX);
	return true;
}

/* --- looking for it ----------------------------------------------------------------------- */

static bool open_in_slot(uint32_t slot, uint32_t id, struct virtio *v, unsigned *last_bus)
{
	unsigned functions = config_read(slot, REG_HEADER) & HEADER_MULTI ? 8 : 1;

	for (unsigned i = 0; i < functions; i++) {
		uint32_t function = slot | FUNCTION(0u, 0u, i);

		if (config_read(function, REG_IDS) == UINT32_MAX)
			continue;
		if (HEADER_TYPE(config_read(function, REG_HEADER)) == HEADER_BRIDGE) {
			unsigned bus = config_read(function, REG_BRIDGE_BUSES) >> 16 & 0xff;

			*last_bus = bus > *last_bus ? bus : *last_bus;
		} else if (open_function(function, id, v)) {
			return true;
		}
	}
	return false;
}

/* Buses are numbered without gaps from 0 on; a bridge names the last one behind it. */
static bool find_on_pci(uint32_t id, struct virtio *v)
{
	unsigned last_bus = 0;

	for (unsigned bus = 0; bus <= last_bus; bus++)
		for (unsigned slot = 0; slot < 32; slot++)
			if (config_read(FUNCTION(bus, slot, 0u), REG_IDS) != UINT32_MAX &&
			    open_in_slot(FUNCTION(bus, slot, 0u), id, v, &last_bus))
				return true;
	return false;
}

/* SIZE@ADDRESS:IRQ, and anything behind another colon. */
static bool parse_place(char *text, unsigned long long *base, unsigned long long *size)
{
	char *at = text, *colon;

	while (*at && *at != '@')
		at++;
	for (colon = at; *colon && *colon != ':';)
		colon++;
	if (!*at || !*colon)
		return false;
	*at = *colon = '\0';
	return tern_command_number(text, size) && tern_command_number(at + 1, base);
}

static bool find_on_command_line(uint32_t id, struct virtio *v)
{
	const char *rest = boot_info.cmdline;
	unsigned long long base, size;
	char text[64];

	while (cmdline_next_option(&rest, OPTION, text, sizeof(text)))
		if (!parse_place(text, &base, &size))
			log_warn(OPTION "=%s: want SIZE@ADDRESS:IRQ", text);
		else if (virtio_mmio_open(v, base, size, id))
			return true;
	return false;
}

bool mach_find_virtio(uint32_t id, struct virtio *v)
{
	return find_on_pci(id, v) || find_on_command_line(id, v);
}
