/* SPDX-License-Identifier: MIT */
/* pvh.c - the start info of a PVH loader.
 *
 * Job      Turn hvm_start_info, its memory map and its modules into a struct boot_info.
 * Owns     nothing; all reading goes through the caller's window.
 * Locks    none.   Context: any; the first thing after entry.
 * Holds    What the loader wrote for us (the info, its lists, the command line, ACPI's root
 *          pointer) is kept out of free memory, also where the loader's map calls it free.
 * Limits   4096 entries in the memory map, 256 modules. Version 0 has no memory map and is
 *          refused: to guess at memory is worse than to stop. */
#include "boot/pvh.h"

#include "boot/bytes.h"
#include "lib/string.h"

#define INFO_SIZE   56u /* of version 1; later ones only append */
#define MODULE_SIZE 32u
#define ENTRY_SIZE  24u
#define MODULES_MAX 256u
#define ENTRIES_MAX 4096u
#define RSDP_SIZE   36u

/* Byte by byte, as nothing tells the length, and memory may end behind the terminator. */
static bool copy_cmdline(const struct physmem *pm, uint64_t addr, struct boot_info *info,
			 struct boot_error *e)
{
	for (uint32_t i = 0; i < BOOT_CMDLINE_MAX; i++) {
		const char *c = addr <= UINT64_MAX - i ? pm->view(pm, addr + i, 1) : NULL;

		if (!c)
			return boot_error(e, "PVH: command line at %#llx runs outside memory",
					  (unsigned long long)addr);
		info->cmdline[i] = *c;
		if (!*c)
			return memmap_add(&info->map, addr, i + 1, MEM_FIRMWARE, e);
	}
	return boot_error(e, "PVH: command line is longer than %d bytes", BOOT_CMDLINE_MAX - 1);
}

/* A list of n entries, itself kept out of free memory; NULL when it cannot be read. */
static const uint8_t *open_list(const struct physmem *pm, uint64_t addr, uint32_t n, uint32_t size,
				const char *what, struct boot_info *info, struct boot_error *e)
{
	const uint8_t *p = pm->view(pm, addr, (size_t)n * size);

	if (!p) {
		boot_error_set(e, "PVH: %s at %#llx, %u entries, lies outside memory", what,
			       (unsigned long long)addr, n);
		return NULL;
	}
	return memmap_add(&info->map, addr, (uint64_t)n * size, MEM_FIRMWARE, e) ? p : NULL;
}

static bool add_memory(const struct physmem *pm, uint64_t addr, uint32_t n, struct boot_info *info,
		       struct boot_error *e)
{
	const uint8_t *p;

	if (n == 0 || n > ENTRIES_MAX)
		return boot_error(e, "PVH: memory map has %u entries, want 1 to %u", n,
				  ENTRIES_MAX);
	p = open_list(pm, addr, n, ENTRY_SIZE, "memory map", info, e);
	if (!p)
		return false;
	for (; n > 0; n--, p += ENTRY_SIZE)
		if (!memmap_add(&info->map, load_le64(p), load_le64(p + 8),
				mem_kind_of_e820(load_le32(p + 16)), e))
			return false;
	return true;
}

static bool add_modules(const struct physmem *pm, uint64_t addr, uint32_t n, struct boot_info *info,
			struct boot_error *e)
{
	const uint8_t *p;

	if (n == 0)
		return true;
	if (n > MODULES_MAX)
		return boot_error(e, "PVH: %u modules, want at most %u", n, MODULES_MAX);
	p = open_list(pm, addr, n, MODULE_SIZE, "module list", info, e);
	if (!p)
		return false;
	for (; n > 0; n--, p += MODULE_SIZE)
		if (!memmap_add(&info->map, load_le64(p), load_le64(p + 8), MEM_MODULE, e))
			return false;
	return true;
}

bool pvh_parse(const struct physmem *pm, uint64_t start_info, struct boot_info *info,
	       struct boot_error *e)
{
	const uint8_t *p = pm->view(pm, start_info, INFO_SIZE);
	uint64_t cmdline;

	info->protocol = "PVH";
	info->cmdline[0] = '\0';
	info->rsdp = 0;
	memmap_init(&info->map);

	if (!p)
		return boot_error(e, "PVH: start info at %#llx lies outside memory",
				  (unsigned long long)start_info);
	if (load_le32(p) != PVH_MAGIC)
		return boot_error(e, "PVH: start info at %#llx has magic %#x, not %#x",
				  (unsigned long long)start_info, load_le32(p), PVH_MAGIC);
	if (load_le32(p + 4) == 0)
		return boot_error(e, "PVH: start info is version 0, which has no memory map");

	cmdline = load_le64(p + 24);
	info->rsdp = load_le64(p + 32);
	if (!add_memory(pm, load_le64(p + 40), load_le32(p + 48), info, e) ||
	    !add_modules(pm, load_le64(p + 16), load_le32(p + 12), info, e))
		return false;
	if (cmdline && !copy_cmdline(pm, cmdline, info, e))
		return false;
	if (info->rsdp && !memmap_add(&info->map, info->rsdp, RSDP_SIZE, MEM_ACPI, e))
		return false;
	if (!memmap_add(&info->map, start_info, INFO_SIZE, MEM_FIRMWARE, e))
		return false;
	if (memmap_top(&info->map) == 0)
		return boot_error(e, "PVH: memory map and modules leave no usable memory");
	return true;
}
