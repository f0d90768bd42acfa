/* SPDX-License-Identifier: MIT */
/* multiboot2.c - the information of a Multiboot2 loader.
 *
 * Job      Walk the list of tags and turn memory map, modules, command line and the copy of
 *          ACPI's root pointer into a struct boot_info.
 * Owns     nothing; all reading goes through the caller's window.
 * Locks    none.   Context: any; the first thing after entry.
 * Holds    The walk stays within the size that the information gives, each tag moves it on by 8
 *          bytes or more, and it must meet the end tag. The information is kept out of free
 *          memory as a whole, and with it the command line and the root pointer's copy.
 * Why      The two numbers of the old memory tag count only where no map is given: they know
 *          nothing of holes. Among two copies of the root pointer the newer form counts. */
#include "boot/multiboot2.h"

#include <stdbool.h>
#include <stddef.h>

#include "boot/bytes.h"
#include "lib/bits.h"
#include "lib/string.h"

#define INFO_MAX 0x100000u

/* Numbers of the tags that we read. */
enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_MODULE = 3,
	TAG_BASIC_MEMORY = 4,
	TAG_MEMORY_MAP = 6,
	TAG_RSDP_V1 = 14,
	TAG_RSDP_V2 = 15,
};

struct tag {
	uint32_t type;
	uint32_t size; /* with its own 8 bytes of header */
	uint32_t at;   /* offset in the information */
	const uint8_t *p;
};

static bool read_cmdline(const struct tag *t, struct boot_info *info, struct boot_error *e)
{
	const char *text = (const char *)t->p + 8;
	size_t len = tern_str_nlen(text, t->size - 8);

	if (len == t->size - 8)
		return boot_error(e, "Multiboot2: command line at %#x does not end", t->at);
	if (!tern_str_copy(info->cmdline, sizeof(info->cmdline), text))
		return boot_error(e, "Multiboot2: command line has %zu bytes, at most %d fit", len,
				  BOOT_CMDLINE_MAX - 1);
	return true;
}

static bool read_module(const struct tag *t, struct boot_info *info, struct boot_error *e)
{
	uint32_t start = load_le32(t->p + 8), end = load_le32(t->p + 12);

	if (end < start)
		return boot_error(e, "Multiboot2: module from %#x ends at %#x", start, end);
	return memmap_add(&info->map, start, end - start, MEM_MODULE, e);
}

static bool read_basic_memory(const struct tag *t, struct boot_info *info, struct boot_error *e)
{
	return memmap_add(&info->map, 0, KiB(load_le32(t->p + 8)), MEM_USABLE, e) &&
	       memmap_add(&info->map, MiB(1), KiB(load_le32(t->p + 12)), MEM_USABLE, e);
}

static bool read_memory_map(const struct tag *t, struct boot_info *info, struct boot_error *e)
{
	uint32_t entry_size = load_le32(t->p + 8), len = t->size - 16;

	if (entry_size < 24 || entry_size % 8 != 0 || len % entry_size != 0)
		return boot_error(e, "Multiboot2: memory map of %u bytes has entries of %u", len,
				  entry_size);
	for (uint32_t at = 0; at < len; at += entry_size) {
		const uint8_t *p = t->p + 16 + at;

		if (!memmap_add(&info->map, load_le64(p), load_le64(p + 8),
				mem_kind_of_e820(load_le32(p + 16)), e))
			return false;
	}
	return true;
}

/* How many bytes a tag of this type has at least. */
static uint32_t min_size(uint32_t type)
{
	switch (type) {
	case TAG_MODULE:
	case TAG_BASIC_MEMORY:
	case TAG_MEMORY_MAP:
		return 16;
	case TAG_RSDP_V1:
		return 8 + 20;
	case TAG_RSDP_V2:
		return 8 + 36;
	default:
		return 8;
	}
}

/* The tag at offset `at` of the information; false if it does not fit. */
static bool open_tag(const uint8_t *base, uint32_t at, uint32_t total, struct tag *t,
		     struct boot_error *e)
{
	if (at >= total || total - at < 8)
		return boot_error(e, "Multiboot2: no end tag in %u bytes of information", total);
	*t = (struct tag){ load_le32(base + at), load_le32(base + at + 4), at, base + at };
	if (t->size < min_size(t->type) || t->size > total - at)
		return boot_error(e, "Multiboot2: tag %u at %#x has %u bytes, want %u to %u",
				  t->type, at, t->size, min_size(t->type), total - at);
	return true;
}

/* What the order of tags leaves to the end of the walk. */
struct walk {
	bool has_map, has_rsdp_v2;
	struct tag basic_memory; /* p is NULL if it was not met */
};

static bool read_tag(const struct tag *t, uint64_t addr, struct walk *w, struct boot_info *info,
		     struct boot_error *e)
{
	switch (t->type) {
	case TAG_CMDLINE:
		return read_cmdline(t, info, e);
	case TAG_MODULE:
		return read_module(t, info, e);
	case TAG_BASIC_MEMORY:
		w->basic_memory = *t;
		return true;
	case TAG_MEMORY_MAP:
		w->has_map = true;
		return read_memory_map(t, info, e);
	case TAG_RSDP_V1:
		if (!w->has_rsdp_v2)
			info->rsdp = addr + t->at + 8;
		return true;
	case TAG_RSDP_V2:
		w->has_rsdp_v2 = true;
		info->rsdp = addr + t->at + 8;
		return true;
	default:
		return true;
	}
}

static bool walk_tags(const uint8_t *base, uint32_t total, uint64_t addr, struct boot_info *info,
		      struct boot_error *e)
{
	struct walk w = { .basic_memory = { .p = NULL } };
	struct tag t;

	for (uint32_t at = 8;; at += (uint32_t)align_up(t.size, 8)) {
		if (!open_tag(base, at, total, &t, e))
			return false;
		if (t.type == TAG_END)
			break;
		if (!read_tag(&t, addr, &w, info, e))
			return false;
	}
	if (!w.has_map && w.basic_memory.p)
		return read_basic_memory(&w.basic_memory, info, e);
	return true;
}

bool multiboot2_parse(const struct physmem *pm, uint64_t addr, struct boot_info *info,
		      struct boot_error *e)
{
	const uint8_t *p = pm->view(pm, addr, 8);
	uint32_t total = p ? load_le32(p) : 0;

	info->protocol = "Multiboot2";
	info->cmdline[0] = '\0';
	info->rsdp = 0;
	memmap_init(&info->map);

	if (total < 16 || total > INFO_MAX)
		return boot_error(e, "Multiboot2: information at %#llx has %u bytes, want 16 to %u",
				  (unsigned long long)addr, total, INFO_MAX);
	p = pm->view(pm, addr, total);
	if (!p)
		return boot_error(e,
				  "Multiboot2: information at %#llx, %u bytes, is outside memory",
				  (unsigned long long)addr, total);
	if (!walk_tags(p, total, addr, info, e) ||
	    !memmap_add(&info->map, addr, total, MEM_FIRMWARE, e))
		return false;
	if (memmap_top(&info->map) == 0)
		return boot_error(e, "Multiboot2: memory map and modules leave no usable memory");
	return true;
}
