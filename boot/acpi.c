/* SPDX-License-Identifier: MIT */
/* acpi.c - CPUs, clocks and the reset register, from ACPI's tables.
 *
 * Job      From the root pointer to the MADT, FADT and HPET, and what they say.
 * Above    boot/x86_64 starts the CPUs and calibrates clocks by it.
 * Owns     nothing; all reading goes through the caller's window.
 * Locks    none.   Context: any.
 * Holds    A table is used only if its length is sane and its bytes add up to 0. A list (XSDT,
 *          MADT) is walked within its table's length; each entry moves the walk on, so that the
 *          walk ends. Fields behind a table's end are fields of a later revision: absent.
 * Limits   1 MiB for a table. The first table of a signature counts, as more are not allowed. */
#include "boot/acpi.h"

#include "boot/bytes.h"
#include "lib/string.h"

#define TABLE_MAX    (1u << 20)
#define HEADER_SIZE  36u
#define RSDP_V1_SIZE 20u
#define RSDP_V2_SIZE 36u

/* A table whose length and checksum were found good. */
struct table {
	const uint8_t *bytes;
	uint32_t len;
};

/* Where the parser is told to go on; 0 where there is no such table. */
struct tables {
	uint64_t madt, fadt, hpet;
};

static uint8_t sum(const uint8_t *p, uint32_t len)
{
	uint8_t total = 0;

	while (len-- > 0)
		total = (uint8_t)(total + *p++);
	return total;
}

static bool has_signature(const uint8_t *p, const char *signature)
{
	return memcmp(p, signature, tern_str_len(signature)) == 0;
}

static bool is_rsdp(const uint8_t *p)
{
	return has_signature(p, "RSD PTR ") && sum(p, RSDP_V1_SIZE) == 0;
}

static uint64_t scan_for_rsdp(const struct physmem *pm, uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += 16) {
		const uint8_t *p = pm->view(pm, at, RSDP_V1_SIZE);

		if (p && is_rsdp(p))
			return at;
	}
	return 0;
}

uint64_t acpi_find_rsdp(const struct physmem *pm)
{
	const uint8_t *segment = pm->view(pm, 0x40e, 2); /* BIOS data area: the EBDA's segment */
	uint64_t ebda = segment ? (uint64_t)load_le16(segment) << 4 : 0;
	uint64_t found = 0;

	if (ebda)
		found = scan_for_rsdp(pm, ebda, ebda + 1024);
	return found ? found : scan_for_rsdp(pm, 0xe0000, 0x100000);
}

/* Read a table whose signature the caller knows already. */
static bool open_table(const struct physmem *pm, uint64_t addr, const char *signature,
		       uint32_t min_len, struct table *t, struct boot_error *e)
{
	const uint8_t *p = pm->view(pm, addr, HEADER_SIZE);

	if (!p)
		return boot_error(e, "ACPI: %s at %#llx is outside memory", signature,
				  (unsigned long long)addr);
	if (!has_signature(p, signature))
		return boot_error(e, "ACPI: no %s at %#llx", signature, (unsigned long long)addr);
	t->len = load_le32(p + 4);
	if (t->len < min_len || t->len > TABLE_MAX)
		return boot_error(e, "ACPI: %s at %#llx has %u bytes, want %u to %u", signature,
				  (unsigned long long)addr, t->len, min_len, TABLE_MAX);
	t->bytes = pm->view(pm, addr, t->len);
	if (!t->bytes)
		return boot_error(e, "ACPI: %s at %#llx, %u bytes, runs outside memory", signature,
				  (unsigned long long)addr, t->len);
	if (sum(t->bytes, t->len) != 0)
		return boot_error(e, "ACPI: %s at %#llx, %u bytes, has checksum %#x, not 0",
				  signature, (unsigned long long)addr, t->len,
				  sum(t->bytes, t->len));
	return true;
}

/* Remember the table at addr if it is one of ours. */
static bool sort_table(const struct physmem *pm, uint64_t addr, struct tables *found,
		       struct boot_error *e)
{
	const uint8_t *p;
	uint64_t *slot;

	if (addr == 0) /* firmware leaves such holes where it drops a table */
		return true;
	p = pm->view(pm, addr, HEADER_SIZE);
	if (!p)
		return boot_error(e, "ACPI: a table at %#llx is outside memory",
				  (unsigned long long)addr);
	if (has_signature(p, "APIC"))
		slot = &found->madt;
	else if (has_signature(p, "FACP"))
		slot = &found->fadt;
	else if (has_signature(p, "HPET"))
		slot = &found->hpet;
	else
		return true;
	if (!*slot)
		*slot = addr;
	return true;
}

static bool walk_root(const struct physmem *pm, uint64_t addr, bool extended, struct tables *found,
		      struct boot_error *e)
{
	uint32_t entry_size = extended ? 8 : 4;
	struct table t;

	if (!open_table(pm, addr, extended ? "XSDT" : "RSDT", HEADER_SIZE, &t, e))
		return false;
	if ((t.len - HEADER_SIZE) % entry_size != 0)
		return boot_error(e, "ACPI: %s at %#llx ends inside an entry: %u bytes",
				  extended ? "XSDT" : "RSDT", (unsigned long long)addr, t.len);
	for (uint32_t at = HEADER_SIZE; at < t.len; at += entry_size) {
		const uint8_t *p = t.bytes + at;

		if (!sort_table(pm, extended ? load_le64(p) : load_le32(p), found, e))
			return false;
	}
	return true;
}

static bool find_tables(const struct physmem *pm, uint64_t rsdp, struct tables *found,
			struct boot_error *e)
{
	const uint8_t *p = pm->view(pm, rsdp, RSDP_V1_SIZE);
	uint64_t rsdt, xsdt = 0;
	uint32_t len;

	if (!p)
		return boot_error(e, "ACPI: RSDP at %#llx is outside memory",
				  (unsigned long long)rsdp);
	if (!is_rsdp(p))
		return boot_error(e, "ACPI: RSDP at %#llx has a wrong signature or checksum",
				  (unsigned long long)rsdp);
	rsdt = load_le32(p + 16);
	if (p[15] >= 2) {
		p = pm->view(pm, rsdp, RSDP_V2_SIZE);
		len = p ? load_le32(p + 20) : 0;
		if (len < RSDP_V2_SIZE || len > TABLE_MAX)
			return boot_error(e, "ACPI: RSDP at %#llx has %u bytes, want %u or more",
					  (unsigned long long)rsdp, len, RSDP_V2_SIZE);
		p = pm->view(pm, rsdp, len);
		if (!p || sum(p, len) != 0)
			return boot_error(e, "ACPI: RSDP at %#llx has a wrong extended checksum",
					  (unsigned long long)rsdp);
		xsdt = load_le64(p + 24);
	}
	if (!xsdt && !rsdt)
		return boot_error(e, "ACPI: RSDP at %#llx names neither XSDT nor RSDT",
				  (unsigned long long)rsdp);
	return walk_root(pm, xsdt ? xsdt : rsdt, xsdt != 0, found, e);
}

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
	if (!(flags & 1)) /* enabled; a CPU that may come online later is not there now */
		return;
	for (unsigned i = 0; i < info->ncpus; i++)
		if (info->apic_id[i] == apic_id)
			return;
	if (info->ncpus < TERN_MAX_CPUS)
		info->apic_id[info->ncpus++] = apic_id;
	else
		info->ncpus_ignored++;
}

/* The size of a MADT entry that we read; 0 for those that we do not. */
static uint32_t madt_entry_size(uint8_t type)
{
	switch (type) {
	case 0: /* local APIC */
		return 8;
	case 5: /* local APIC address override */
		return 12;
	case 9: /* local x2APIC */
		return 16;
	default:
		return 0;
	}
}

static void read_madt_entry(const uint8_t *p, struct acpi_info *info)
{
	switch (p[0]) {
	case 0:
		if (p[3] != 0xff) /* all CPUs' address: firmware's filler for "none" */
			add_cpu(info, p[3], load_le32(p + 4));
		break;
	case 5:
		info->lapic_base = load_le64(p + 4);
		break;
	case 9:
		if (load_le32(p + 4) != UINT32_MAX)
			add_cpu(info, load_le32(p + 4), load_le32(p + 8));
		break;
	}
}

static bool parse_madt(const struct physmem *pm, uint64_t addr, struct acpi_info *info,
		       struct boot_error *e)
{
	struct table t;
	uint32_t left;

	if (!addr)
		return boot_error(e, "ACPI: there is no MADT, which would name the CPUs");
	if (!open_table(pm, addr, "APIC", HEADER_SIZE + 8, &t, e))
		return false;
	info->lapic_base = load_le32(t.bytes + 36);
	for (uint32_t at = HEADER_SIZE + 8; at < t.len; at += t.bytes[at + 1]) {
		const uint8_t *p = t.bytes + at;

		left = t.len - at;
		if (left < 2 || p[1] < 2 || p[1] > left || p[1] < madt_entry_size(p[0]))
			return boot_error(e, "ACPI: MADT entry at %#x, type %u, has %u bytes of %u",
					  at, p[0], left < 2 ? left : p[1], left);
		read_madt_entry(p, info);
	}
	if (info->ncpus == 0)
		return boot_error(e, "ACPI: MADT at %#llx names no enabled CPU",
				  (unsigned long long)addr);
	return true;
}

/* ACPI's generic address structure. */
enum { SPACE_MEMORY = 0, SPACE_IO = 1 };

struct gas {
	uint8_t space;
	uint64_t addr; /* 0: there is no such register */
};

static struct gas read_gas(const struct table *t, uint32_t at)
{
	if (t->len < at + 12)
		return (struct gas){ 0, 0 };
	return (struct gas){ t->bytes[at], load_le64(t->bytes + at + 4) };
}

static bool parse_fadt(const struct physmem *pm, uint64_t addr, struct acpi_info *info,
		       struct boot_error *e)
{
	enum { TMR_VAL_EXT = 1 << 8, RESET_REG_SUP = 1 << 10, HW_REDUCED = 1 << 20 };
	struct table t;
	struct gas timer, reset;
	uint32_t flags;

	if (!addr)
		return true;
	if (!open_table(pm, addr, "FACP", 116, &t, e))
		return false;
	flags = load_le32(t.bytes + 112);

	timer = read_gas(&t, 208);
	if (!timer.addr)
		timer = (struct gas){ SPACE_IO, load_le32(t.bytes + 76) };
	if (!(flags & HW_REDUCED) && timer.space == SPACE_IO && timer.addr) {
		if (timer.addr > 0xffff - 3)
			return boot_error(e, "ACPI: FADT puts the PM timer at port %#llx",
					  (unsigned long long)timer.addr);
		info->pm_timer_port = (uint32_t)timer.addr;
		info->pm_timer_32bit = flags & TMR_VAL_EXT;
	}

	reset = read_gas(&t, 116);
	if ((flags & RESET_REG_SUP) && reset.space == SPACE_IO && reset.addr && t.len > 128) {
		if (reset.addr > 0xffff)
			return boot_error(e, "ACPI: FADT puts the reset register at port %#llx",
					  (unsigned long long)reset.addr);
		info->reset_port = (uint16_t)reset.addr;
		info->reset_value = t.bytes[128];
	}
	return true;
}

static bool parse_hpet(const struct physmem *pm, uint64_t addr, struct acpi_info *info,
		       struct boot_error *e)
{
	struct table t;
	struct gas base;

	if (!addr)
		return true;
	if (!open_table(pm, addr, "HPET", 56, &t, e))
		return false;
	base = read_gas(&t, 40);
	if (base.space == SPACE_MEMORY)
		info->hpet_base = base.addr;
	return true;
}

bool acpi_parse(const struct physmem *pm, uint64_t rsdp, struct acpi_info *info,
		struct boot_error *e)
{
	struct tables found = { 0, 0, 0 };

	memset(info, 0, sizeof(*info));
	return find_tables(pm, rsdp, &found, e) && parse_madt(pm, found.madt, info, e) &&
	       parse_fadt(pm, found.fadt, info, e) && parse_hpet(pm, found.hpet, info, e);
}
