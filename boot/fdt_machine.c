/* SPDX-License-Identifier: MIT */
/* fdt_machine.c - what the nodes of a device tree mean to an aarch64 guest kernel.
 *
 * Job      fdt_boot_info(): memory, what is reserved in it, initrd, command line, before
 *          anything else runs. fdt_machine_parse(): CPUs, PSCI, GIC, timer, UART.
 * Above    boot/aarch64.   Below  fdt.c, memmap.c.
 * Owns     nothing.   Locks  none.   Context: any; the first part runs with the MMU off.
 * Holds    What is there but malformed is refused with the node's offset in the structure block;
 *          what is not there has its "none" value if the machine can run without it. A node
 *          that is not okay is not there.
 * Cost     linear in the blob, whatever it says: children are visited in one pass over a bus
 *          that was read once, and all parts of the machine are found in one walk. */
#include "boot/fdt_machine.h"

#include "boot/bytes.h"
#include "lib/bits.h"
#include "lib/string.h"

/* Parts ----------------------------------------------------------------------------------- */

/* What a machine has at most one of. */
enum part { CHOSEN, ALIASES, RESERVED, CPUS, PSCI, PSCI_0_1, GIC_V2, GIC_V3, TIMER, UART, PARTS };

/* Each part's node, FDT_NONE if there is none, and the way to it. */
struct parts {
	struct fdt_walk at[PARTS];
};

struct known {
	const char *text;
	enum part part;
};

static void no_parts(struct parts *parts)
{
	for (unsigned i = 0; i < PARTS; i++)
		parts->at[i] = (struct fdt_walk){ .node = FDT_NONE };
}

/* One bit for each part that has this text. */
static unsigned look_up(const char *text, const struct known *known, unsigned nknown)
{
	unsigned set = 0;

	for (; nknown > 0; nknown--, known++)
		if (tern_str_eq(text, known->text))
			set |= 1u << known->part;
	return set;
}

/* Children of the root are known by their names. */
static unsigned parts_by_name(const struct fdt_walk *w)
{
	static const struct known known[] = {
		{ "chosen", CHOSEN },
		{ "aliases", ALIASES },
		{ "reserved-memory", RESERVED },
		{ "cpus", CPUS },
	};

	return w->depth == 2 ? look_up(w->name, known, ARRAY_SIZE(known)) : 0;
}

/* All other parts are Arm's. */
static unsigned parts_by_compatible(const struct fdt_prop *compatible)
{
	static const struct known known[] = {
		{ "psci-1.0", PSCI },        { "psci-0.2", PSCI },
		{ "psci", PSCI_0_1 },        { "gic-v3", GIC_V3 },
		{ "gic-400", GIC_V2 },       { "cortex-a7-gic", GIC_V2 },
		{ "cortex-a9-gic", GIC_V2 }, { "cortex-a15-gic", GIC_V2 },
		{ "armv8-timer", TIMER },    { "armv7-timer", TIMER },
		{ "pl011", UART },
	};
	static const char arm[] = "arm,";
	const char *s = NULL;
	unsigned set = 0;

	while ((s = fdt_next_str(compatible, s)) != NULL)
		if (tern_str_starts(s, arm))
			set |= look_up(s + sizeof(arm) - 1, known, ARRAY_SIZE(known));
	return set;
}

/* Of several nodes that are the same part the first that is okay counts. */
static void note_parts(struct parts *parts, unsigned set, const struct fdt *f,
		       const struct fdt_walk *w)
{
	if (set == 0 || !fdt_is_okay(f, w->node))
		return;
	for (unsigned i = 0; i < PARTS; i++)
		if ((set >> i & 1) && parts->at[i].node == FDT_NONE)
			parts->at[i] = *w;
}

static void find_parts(const struct fdt *f, struct parts *parts)
{
	struct fdt_walk w = { 0 };
	struct fdt_prop p;

	no_parts(parts);
	while (fdt_walk(f, &w)) {
		unsigned set = parts_by_name(&w);

		if (fdt_walk_prop(f, &w, "compatible", &p))
			set |= parts_by_compatible(&p);
		note_parts(parts, set, f, &w);
	}
}

/* Memory ---------------------------------------------------------------------------------- */

/* Every entry of n's reg, as memory of one kind. */
static bool add_reg(const struct fdt *f, const struct fdt_bus *bus, fdt_node n, enum mem_kind kind,
		    struct memmap *map, struct boot_error *e)
{
	struct fdt_prop reg;
	uint64_t addr, size;
	int count;

	if (!fdt_prop(f, n, "reg", &reg))
		return true;
	count = fdt_bus_count(bus, &reg);
	if (count < 0)
		return boot_error(e,
				  "FDT: reg of the node at %#x, %u bytes, does not fit its cells",
				  n, reg.len);
	for (unsigned i = 0; i < (unsigned)count; i++) {
		if (!fdt_bus_entry(bus, &reg, i, &addr, &size))
			return boot_error(e, "FDT: reg entry %u of the node at %#x has no address",
					  i, n);
		if (!memmap_add(map, addr, size, kind, e))
			return false;
	}
	return true;
}

/* Memory lies below the root. On the way the root's other children are noted. */
static bool add_memory(const struct fdt *f, struct memmap *map, struct parts *parts,
		       struct boot_error *e)
{
	struct fdt_walk w = { 0 };
	struct fdt_bus bus;
	struct fdt_prop type;

	if (!fdt_walk(f, &w) || !fdt_bus_open(f, &w, &bus))
		return true;
	while (fdt_walk(f, &w)) {
		note_parts(parts, parts_by_name(&w), f, &w);
		if (w.depth != 2 || !fdt_walk_prop(f, &w, "device_type", &type) ||
		    !fdt_prop_is(&type, "memory") || !fdt_is_okay(f, w.node))
			continue;
		if (!add_reg(f, &bus, w.node, MEM_USABLE, map, e))
			return false;
	}
	return true;
}

/* Children without reg ask for memory instead of having it; nobody here gives them any. */
static bool add_reserved(const struct fdt *f, const struct fdt_walk *parent, struct memmap *map,
			 struct boot_error *e)
{
	struct fdt_bus bus;
	uint64_t addr, size;
	fdt_node n;

	for (unsigned i = 0; fdt_reservation(f, i, &addr, &size); i++)
		if (!memmap_add(map, addr, size, MEM_RESERVED, e))
			return false;
	if (!fdt_bus_open(f, parent, &bus))
		return true;
	for (n = fdt_first_child(f, parent->node); n != FDT_NONE; n = fdt_next_sibling(f, n))
		if (fdt_is_okay(f, n) && !add_reg(f, &bus, n, MEM_RESERVED, map, e))
			return false;
	return true;
}

static bool add_initrd(const struct fdt *f, fdt_node chosen, struct memmap *map,
		       struct boot_error *e)
{
	struct fdt_prop p;
	uint64_t start, end;

	if (!fdt_prop(f, chosen, "linux,initrd-start", &p) &&
	    !fdt_prop(f, chosen, "linux,initrd-end", &p))
		return true;
	if (!fdt_prop_number(f, chosen, "linux,initrd-start", &start) ||
	    !fdt_prop_number(f, chosen, "linux,initrd-end", &end))
		return boot_error(e, "FDT: initrd needs a start and an end of 4 or 8 bytes");
	if (end < start)
		return boot_error(e, "FDT: initrd from %#llx ends at %#llx",
				  (unsigned long long)start, (unsigned long long)end);
	return memmap_add(map, start, end - start, MEM_MODULE, e);
}

static bool read_bootargs(const struct fdt *f, fdt_node chosen, struct boot_info *info,
			  struct boot_error *e)
{
	struct fdt_prop p;
	const char *text = fdt_prop_str(f, chosen, "bootargs");

	/* A property of no bytes is how some loaders write an empty line. */
	if (!fdt_prop(f, chosen, "bootargs", &p) || p.len == 0)
		return true;
	if (!text)
		return boot_error(e, "FDT: bootargs of %u bytes do not end", p.len);
	if (!tern_str_copy(info->cmdline, sizeof(info->cmdline), text))
		return boot_error(e, "FDT: bootargs have %u bytes, at most %d fit", p.len - 1,
				  BOOT_CMDLINE_MAX - 1);
	return true;
}

bool fdt_boot_info(const struct fdt *f, uint64_t fdt_addr, struct boot_info *info,
		   struct boot_error *e)
{
	struct parts parts;

	no_parts(&parts);
	info->protocol = "Linux Image";
	info->cmdline[0] = '\0';
	info->rsdp = 0;
	info->fdt = fdt_addr;
	memmap_init(&info->map);
	if (!add_memory(f, &info->map, &parts, e) ||
	    !add_reserved(f, &parts.at[RESERVED], &info->map, e) ||
	    !add_initrd(f, parts.at[CHOSEN].node, &info->map, e) ||
	    !read_bootargs(f, parts.at[CHOSEN].node, info, e) ||
	    !memmap_add(&info->map, fdt_addr, f->total_size, MEM_FIRMWARE, e))
		return false;
	if (memmap_top(&info->map) == 0)
		return boot_error(e, "FDT: memory nodes and reservations leave no usable memory");
	return true;
}

/* CPUs ------------------------------------------------------------------------------------ */

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

static void add_cpu(struct fdt_machine *m, uint64_t mpidr)
{
	for (unsigned i = 0; i < m->ncpus; i++)
		if (m->mpidr[i] == mpidr)
			return;
	if (m->ncpus < TERN_MAX_CPUS)
		m->mpidr[m->ncpus++] = mpidr;
	else
		m->ncpus_ignored++;
}

static bool read_cpus(const struct fdt *f, const struct fdt_walk *parent, struct fdt_machine *m,
		      struct boot_error *e)
{
	fdt_node n;
	struct fdt_prop reg;
	struct fdt_bus bus;
	uint64_t mpidr, size;
	const char *type;

	if (!fdt_bus_open(f, parent, &bus))
		return boot_error(e, "FDT: there is no /cpus");
	for (n = fdt_first_child(f, parent->node); n != FDT_NONE; n = fdt_next_sibling(f, n)) {
		type = fdt_prop_str(f, n, "device_type");
		if (!type || !tern_str_eq(type, "cpu") || !fdt_is_okay(f, n))
			continue;
		if (!fdt_prop(f, n, "reg", &reg) || !fdt_bus_entry(&bus, &reg, 0, &mpidr, &size))
			return boot_error(e, "FDT: CPU node at %#x has no reg that can be read", n);
		add_cpu(m, mpidr & MPIDR_AFFINITY);
	}
	if (m->ncpus == 0)
		return boot_error(e, "FDT: /cpus names no CPU");
	return true;
}

/* PSCI ------------------------------------------------------------------------------------ */

static bool read_psci(const struct fdt *f, const struct parts *parts, struct fdt_machine *m,
		      struct boot_error *e)
{
	fdt_node n = parts->at[PSCI].node;
	const char *method;

	if (n != FDT_NONE) {
		m->psci_cpu_on = 0xc4000003;
		m->psci_system_off = 0x84000008;
		m->psci_system_reset = 0x84000009;
	} else {
		/* Version 0.1 had no numbers of its own and could not switch off. */
		n = parts->at[PSCI_0_1].node;
		fdt_prop_u32(f, n, "cpu_on", &m->psci_cpu_on);
	}
	if (n == FDT_NONE)
		return true;
	method = fdt_prop_str(f, n, "method");
	if (method && tern_str_eq(method, "hvc"))
		m->psci = PSCI_HVC;
	else if (method && tern_str_eq(method, "smc"))
		m->psci = PSCI_SMC;
	else
		return boot_error(e, "FDT: PSCI node at %#x has a method that is not hvc or smc",
				  n);
	return true;
}

/* Interrupt controller -------------------------------------------------------------------- */

static bool need_reg(const struct fdt *f, const struct fdt_walk *at, unsigned i, uint64_t *addr,
		     uint64_t *size, struct boot_error *e)
{
	if (fdt_reg(f, at, i, addr, size) && *size > 0 && *size - 1 <= UINT64_MAX - *addr)
		return true;
	return boot_error(e, "FDT: node at %#x has no reg entry %u that can be read", at->node, i);
}

static bool read_redistributors(const struct fdt *f, const struct fdt_walk *at,
				struct fdt_machine *m, struct boot_error *e)
{
	fdt_node n = at->node;
	uint32_t regions = 1;
	struct fdt_prop p;

	if (fdt_prop(f, n, "#redistributor-regions", &p) &&
	    !fdt_prop_u32(f, n, "#redistributor-regions", &regions))
		return boot_error(e, "FDT: GIC at %#x: #redistributor-regions has %u bytes", n,
				  p.len);
	if (regions == 0 || regions > ARRAY_SIZE(m->gicr))
		return boot_error(e, "FDT: GIC at %#x has %u redistributor regions, want 1 to %zu",
				  n, regions, ARRAY_SIZE(m->gicr));
	if (fdt_prop(f, n, "redistributor-stride", &p) &&
	    !fdt_prop_number(f, n, "redistributor-stride", &m->gicr_stride))
		return boot_error(e, "FDT: GIC at %#x: redistributor-stride has %u bytes", n,
				  p.len);
	for (unsigned i = 0; i < regions; i++)
		if (!need_reg(f, at, i + 1, &m->gicr[i].base, &m->gicr[i].size, e))
			return false;
	m->gicr_regions = regions;
	return true;
}

static bool read_gic(const struct fdt *f, const struct parts *parts, struct fdt_machine *m,
		     struct boot_error *e)
{
	const struct fdt_walk *at = &parts->at[GIC_V3];

	m->gic_version = 3;
	if (at->node == FDT_NONE) {
		at = &parts->at[GIC_V2];
		m->gic_version = 2;
	}
	if (at->node == FDT_NONE)
		return boot_error(e, "FDT: there is no GICv2 or GICv3");
	if (!need_reg(f, at, 0, &m->gicd_base, &m->gicd_size, e))
		return false;
	if (m->gic_version == 3)
		return read_redistributors(f, at, m, e);
	return need_reg(f, at, 1, &m->gicc_base, &m->gicc_size, e);
}

/* Timer and console ----------------------------------------------------------------------- */

/* Interrupt id of a private interrupt in GIC's three cells: type, number, flags. */
static bool read_ppi(const uint8_t *cells, unsigned *id)
{
	uint32_t type = load_be32(cells), number = load_be32(cells + 4);

	*id = 16 + (number & 15);
	return type == 1 && number < 16;
}

static bool read_timer(const struct fdt *f, fdt_node n, struct fdt_machine *m, struct boot_error *e)
{
	enum {
		PHYS = 1,
		VIRT = 2,
		ENTRY = 12
	}; /* order: secure, non-secure, virtual, hypervisor */
	struct fdt_prop p;

	if (n == FDT_NONE)
		return boot_error(e, "FDT: there is no generic timer");
	if (!fdt_prop(f, n, "interrupts", &p) || p.len % ENTRY != 0 || p.len < (VIRT + 1) * ENTRY)
		return boot_error(e, "FDT: timer at %#x has no 3 interrupts of 3 cells", n);
	if (!read_ppi(p.data + PHYS * ENTRY, &m->timer_ppi_phys) ||
	    !read_ppi(p.data + VIRT * ENTRY, &m->timer_ppi_virt))
		return boot_error(e, "FDT: timer at %#x has interrupts that are not private", n);
	fdt_prop_u32(f, n, "clock-frequency", &m->timer_hz);
	return true;
}

/* The node that /chosen's stdout-path names: a path or an alias, and ":115200" or so. */
static fdt_node find_stdout(const struct fdt *f, const struct parts *parts)
{
	const char *text = fdt_prop_str(f, parts->at[CHOSEN].node, "stdout-path");
	char name[128];
	size_t len = 0;

	if (!text)
		return FDT_NONE;
	while (text[len] && text[len] != ':')
		len++;
	if (len >= sizeof(name))
		return FDT_NONE;
	memcpy(name, text, len);
	name[len] = '\0';
	if (name[0] == '/')
		return fdt_find(f, name);
	text = fdt_prop_str(f, parts->at[ALIASES].node, name);
	return text ? fdt_find(f, text) : FDT_NONE;
}

static bool read_uart(const struct fdt *f, const struct parts *parts, struct fdt_machine *m,
		      struct boot_error *e)
{
	struct fdt_walk at = parts->at[UART]; /* the first one */
	fdt_node n = find_stdout(f, parts);

	if (n != at.node && fdt_is_compatible(f, n, "arm,pl011") && fdt_is_okay(f, n))
		fdt_walk_to(f, n, &at);
	return at.node == FDT_NONE || need_reg(f, &at, 0, &m->uart_base, &m->uart_size, e);
}

bool fdt_machine_parse(const struct fdt *f, struct fdt_machine *m, struct boot_error *e)
{
	const char *model = fdt_prop_str(f, fdt_root(f), "model");
	struct parts parts;

	memset(m, 0, sizeof(*m));
	if (!model)
		model = fdt_prop_str(f, fdt_root(f), "compatible");
	tern_str_copy(m->model, sizeof(m->model), model ? model : "unnamed");
	find_parts(f, &parts);
	return read_cpus(f, &parts.at[CPUS], m, e) && read_psci(f, &parts, m, e) &&
	       read_gic(f, &parts, m, e) && read_timer(f, parts.at[TIMER].node, m, e) &&
	       read_uart(f, &parts, m, e);
}
