/* SPDX-License-Identifier: MIT */
/* test_fdt_machine.c - trees of QEMU as they are, and built ones with each part changed.
 *
 * A case is a set of switches on the builder below: what it leaves out, doubles or gets wrong.
 * QEMU's own trees come from the fuzzer's corpus. */
#include "boot/fdt_machine.h"

#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/fdt_builder.h"
#include "tests/unit/fdt_probe.h"

#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 8\n" #name "_start: .incbin \"tests/fuzz/corpus/fdt/" file "\"\n" #name   \
		"_end: .byte 0\n"                                                                  \
		".popsection");                                                                    \
	extern const uint8_t name##_start[] __attribute__((visibility("hidden")));                 \
	extern const uint8_t name##_end[] __attribute__((visibility("hidden")))

EMBED(gicv2, "qemu-virt-gicv2.dtb");
EMBED(gicv3, "qemu-virt-gicv3.dtb");

#if defined(TERN_HOSTED)
#define DAMAGES 1000
#else
#define DAMAGES 50
#endif

#define FDT_ADDR 0x48000000u

static struct fdt_builder b;
static uint8_t blob[FB_MAX];
static size_t blob_len;
static struct fdt f;
static struct boot_info info;
static struct fdt_machine machine_info;
static struct boot_error error;

TEST(fdt_machine, qemu_gicv2)
{
	struct fdt_machine *m = &machine_info;

	REQUIRE(fdt_open(&f, gicv2_start, (size_t)(gicv2_end - gicv2_start), &error));
	REQUIRE(fdt_probe(&f));
	REQUIRE(fdt_machine_parse(&f, m, &error));
	EXPECT_STR(m->model, "linux,dummy-virt");
	REQUIRE(EXPECT_EQ(m->ncpus, 4));
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(m->mpidr[i], i);
	EXPECT_EQ(m->psci, PSCI_HVC);
	EXPECT_EQ(m->psci_cpu_on, 0xc4000003);
	EXPECT_EQ(m->gic_version, 2);
	EXPECT_EQ(m->gicd_base, 0x8000000);
	EXPECT_EQ(m->gicc_base, 0x8010000);
	EXPECT_EQ(m->gicc_size, 0x10000);
	EXPECT_EQ(m->timer_ppi_phys, 30);
	EXPECT_EQ(m->timer_ppi_virt, 27);
	EXPECT_EQ(m->uart_base, 0x9000000);
	EXPECT_EQ(m->uart_size, 0x1000);

	REQUIRE(fdt_boot_info(&f, FDT_ADDR, &info, &error));
	EXPECT_STR(info.protocol, "Linux Image");
	EXPECT_EQ(info.fdt, FDT_ADDR);
	EXPECT_EQ(info.map.count, 2);
	EXPECT_EQ(memmap_total(&info.map, MEM_USABLE), MiB(64));
	EXPECT_EQ(memmap_kind_at(&info.map, FDT_ADDR), MEM_FIRMWARE);
}

TEST(fdt_machine, qemu_gicv3)
{
	struct fdt_machine *m = &machine_info;

	REQUIRE(fdt_open(&f, gicv3_start, (size_t)(gicv3_end - gicv3_start), &error));
	REQUIRE(fdt_probe(&f));
	REQUIRE(fdt_machine_parse(&f, m, &error));
	EXPECT_EQ(m->ncpus, 4);
	EXPECT_EQ(m->gic_version, 3);
	EXPECT_EQ(m->gicd_base, 0x8000000);
	EXPECT_EQ(m->gicr_regions, 1);
	EXPECT_EQ(m->gicr[0].base, 0x80a0000);
	EXPECT_EQ(m->gicr[0].size, 0xf60000);
	EXPECT_EQ(m->gicr_stride, 0);
	EXPECT_EQ(m->gicc_base, 0);
}

/* What a case wants to be different; all 0 is a good GICv2 machine. */
struct plan {
	unsigned cpus;          /* 0: 2 of them */
	uint32_t cpu_cells;     /* 0: 1 */
	uint32_t cpu_reg_len;   /* 0: right */
	const char *cpu_status; /* of the last CPU */
	bool same_mpidr, no_cpus_node;
	const char *psci, *method; /* NULL: "arm,psci-1.0", "smc"; "" leaves it out */
	bool psci_id;
	const char *gic;          /* NULL: "arm,cortex-a15-gic" */
	unsigned gic_regs;        /* 0: 2 */
	uint64_t gic_size;        /* 0: 64 KiB, else 1 more than the size of each reg entry */
	uint32_t regions;         /* 0: not told */
	uint32_t stride;          /* 0: not told */
	unsigned timer_cells;     /* 0: 12 */
	uint32_t timer_type;      /* 0: 1, a private one */
	uint32_t timer_number;    /* 0: 14 */
	const char *stdout_path;  /* NULL: not told */
	const char *first_status; /* of the first UART */
	const char *second;       /* compatible of the second UART, NULL: "arm,pl011" */
	bool no_uart_reg;
};

static void put_cpus(const struct plan *p)
{
	unsigned n = p->cpus ? p->cpus : 2;
	uint8_t reg[8];

	fb_node(&b, p->no_cpus_node ? "nothing" : "cpus");
	fb_cells(&b, "#address-cells", 1, p->cpu_cells ? p->cpu_cells : 1);
	fb_cells(&b, "#size-cells", 1, 0);
	fb_node(&b, "cpu-map");
	fb_end(&b);
	for (unsigned i = 0; i < n; i++) {
		size_t len = 4 * (p->cpu_cells ? p->cpu_cells : 1);

		put_be(reg, p->same_mpidr ? 0 : i + (len == 8 ? 0xab80000100 : 0x100), len);
		fb_node(&b, "cpu");
		fb_str(&b, "device_type", "cpu");
		fb_prop(&b, "reg", reg, p->cpu_reg_len ? p->cpu_reg_len : len);
		if (p->cpu_status && i == n - 1)
			fb_str(&b, "status", p->cpu_status);
		fb_end(&b);
	}
	fb_end(&b);
}

static void put_psci(const struct plan *p)
{
	const char *compatible = p->psci ? p->psci : "arm,psci-1.0";
	const char *method = p->method ? p->method : "smc";

	if (!*compatible)
		return;
	fb_node(&b, "psci");
	fb_str(&b, "compatible", compatible);
	if (*method)
		fb_str(&b, "method", method);
	if (p->psci_id)
		fb_cells(&b, "cpu_on", 1, 0x95c1ba60);
	fb_end(&b);
}

static void put_gic(const struct plan *p)
{
	unsigned n = p->gic_regs ? p->gic_regs : 2;
	uint8_t reg[8 * 16];

	for (unsigned i = 0; i < n; i++) {
		put_be(reg + 16 * i, 0x8000000 + i * 0x10000, 8);
		put_be(reg + 16 * i + 8, p->gic_size ? p->gic_size - 1 : 0x10000, 8);
	}
	fb_node(&b, "intc@8000000");
	fb_str(&b, "compatible", p->gic ? p->gic : "arm,cortex-a15-gic");
	fb_prop(&b, "reg", reg, 16 * n);
	if (p->regions)
		fb_cells(&b, "#redistributor-regions", 1, p->regions);
	if (p->stride)
		fb_cells(&b, "redistributor-stride", 2, 0, p->stride);
	fb_end(&b);
}

static void put_timer(const struct plan *p)
{
	unsigned type = p->timer_type ? p->timer_type : 1;
	unsigned number = p->timer_number ? p->timer_number : 14;

	fb_node(&b, "timer");
	fb_str(&b, "compatible", "arm,armv8-timer");
	fb_cells(&b, "interrupts", p->timer_cells ? p->timer_cells : 12, 1, 13, 4, type, number, 4,
		 1, 11, 4, 1, 10, 4);
	fb_cells(&b, "clock-frequency", 1, 24000000);
	fb_end(&b);
}

static void put_uart(const char *name, const char *compatible, const char *status, uint32_t addr)
{
	fb_node(&b, name);
	fb_str(&b, "compatible", compatible);
	if (addr)
		fb_cells(&b, "reg", 4, 0, addr, 0, 0x1000);
	if (status)
		fb_str(&b, "status", status);
	fb_end(&b);
}

static void begin(void)
{
	fb_init(&b);
	fb_node(&b, "");
	fb_cells(&b, "#address-cells", 1, 2);
	fb_cells(&b, "#size-cells", 1, 2);
}

static bool finish(void)
{
	fb_end(&b);
	blob_len = fb_finish(&b, blob);
	error.text[0] = '\0';
	return fdt_open(&f, blob, blob_len, &error);
}

static void put_machine(const struct plan *p)
{
	begin();
	fb_str(&b, "compatible", "some,board");
	put_cpus(p);
	put_psci(p);
	put_gic(p);
	put_timer(p);
	put_uart("uart@1000", "arm,pl011", p->first_status, p->no_uart_reg ? 0 : 0x1000);
	put_uart("uart@2000", p->second ? p->second : "arm,pl011", NULL, 0x2000);
	fb_node(&b, "aliases");
	fb_str(&b, "serial1", "/uart@2000");
	fb_end(&b);
	fb_node(&b, "chosen");
	if (p->stdout_path)
		fb_str(&b, "stdout-path", p->stdout_path);
	fb_end(&b);
}

static bool parse(struct plan p)
{
	put_machine(&p);
	return finish() && fdt_machine_parse(&f, &machine_info, &error);
}

#define PARSE(...) parse((struct plan){ __VA_ARGS__ })

TEST(fdt_machine, a_plain_machine_is_read)
{
	REQUIRE(PARSE(.cpus = 2));
	EXPECT_STR(machine_info.model, "some,board");
	EXPECT_EQ(machine_info.ncpus, 2);
	EXPECT_EQ(machine_info.mpidr[1], 0x101);
	EXPECT_EQ(machine_info.psci, PSCI_SMC);
	EXPECT_EQ(machine_info.psci_system_off, 0x84000008);
	EXPECT_EQ(machine_info.psci_system_reset, 0x84000009);
	EXPECT_EQ(machine_info.gic_version, 2);
	EXPECT_EQ(machine_info.timer_hz, 24000000);
	EXPECT_EQ(machine_info.uart_base, 0x1000);
}

TEST(fdt_machine, cpus_are_those_that_are_okay)
{
	REQUIRE(PARSE(.cpus = 3, .cpu_status = "disabled"));
	EXPECT_EQ(machine_info.ncpus, 2);
	REQUIRE(PARSE(.cpus = 3, .cpu_status = "fail-late"));
	EXPECT_EQ(machine_info.ncpus, 2);
	REQUIRE(PARSE(.cpus = 3, .cpu_status = "okay"));
	EXPECT_EQ(machine_info.ncpus, 3);
	REQUIRE(PARSE(.same_mpidr = true));
	EXPECT_EQ(machine_info.ncpus, 1);
	REQUIRE(PARSE(.cpu_cells = 2));
	EXPECT_EQ(machine_info.mpidr[1], 0xab00000101); /* only the affinity fields */
	REQUIRE(PARSE(.cpus = TERN_MAX_CPUS + 3));
	EXPECT_EQ(machine_info.ncpus, TERN_MAX_CPUS);
	EXPECT_EQ(machine_info.ncpus_ignored, 3);
}

TEST(fdt_machine, psci_has_numbers_by_its_version)
{
	REQUIRE(PARSE(.psci = ""));
	EXPECT_EQ(machine_info.psci, PSCI_NONE);
	EXPECT_EQ(machine_info.psci_cpu_on, 0);
	REQUIRE(PARSE(.psci = "arm,psci-0.2", .method = "hvc", .psci_id = true));
	EXPECT_EQ(machine_info.psci, PSCI_HVC);
	EXPECT_EQ(machine_info.psci_cpu_on, 0xc4000003);
	REQUIRE(PARSE(.psci = "arm,psci", .psci_id = true));
	EXPECT_EQ(machine_info.psci, PSCI_SMC);
	EXPECT_EQ(machine_info.psci_cpu_on, 0x95c1ba60);
	EXPECT_EQ(machine_info.psci_system_off, 0);
	REQUIRE(PARSE(.psci = "arm,psci"));
	EXPECT_EQ(machine_info.psci_cpu_on, 0);
}

TEST(fdt_machine, gicv3_may_have_several_regions)
{
	REQUIRE(PARSE(.gic = "arm,gic-v3", .gic_regs = 5, .regions = 4, .stride = 0x20000));
	EXPECT_EQ(machine_info.gic_version, 3);
	EXPECT_EQ(machine_info.gicr_regions, 4);
	EXPECT_EQ(machine_info.gicr[3].base, 0x8040000);
	EXPECT_EQ(machine_info.gicr_stride, 0x20000);
	REQUIRE(PARSE(.gic = "arm,gic-400"));
	EXPECT_EQ(machine_info.gic_version, 2);
	EXPECT_EQ(machine_info.gicc_base, 0x8010000);
}

TEST(fdt_machine, the_console_is_the_stdout_path_or_the_first_that_is_okay)
{
	static const struct {
		struct plan plan;
		uint64_t base;
	} rows[] = {
		{ { .stdout_path = "/uart@2000" }, 0x2000 },
		{ { .stdout_path = "/uart@2000:115200n8" }, 0x2000 },
		{ { .stdout_path = "serial1" }, 0x2000 },
		{ { .stdout_path = "serial1:9600" }, 0x2000 },
		{ { .stdout_path = "serial2" }, 0x1000 },
		{ { .stdout_path = "" }, 0x1000 },
		{ { .stdout_path = "serial1", .second = "ns16550a" }, 0x1000 },
		{ { .first_status = "disabled" }, 0x2000 },
		{ { .stdout_path = "/uart@1000", .first_status = "disabled" }, 0x2000 },
		{ { .first_status = "disabled", .second = "ns16550a" }, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		REQUIRE(parse(rows[i].plan));
		if (machine_info.uart_base != rows[i].base)
			test_fail(t, __FILE__, __LINE__, "row %u: UART at %#llx", i,
				  (unsigned long long)machine_info.uart_base);
	}
}

TEST(fdt_machine, a_long_stdout_path_is_no_path)
{
	static char path[200] = "/uart@2000";

	memset(path + 10, '/', sizeof(path) - 11);
	REQUIRE(PARSE(.stdout_path = path));
	EXPECT_EQ(machine_info.uart_base, 0x1000);
}

TEST(fdt_machine, bad_machines_are_refused)
{
	static const struct {
		struct plan plan;
		const char *says;
	} rows[] = {
		{ { .no_cpus_node = true }, "FDT: there is no /cpus" },
		{ { .cpus = 1, .cpu_status = "fail" }, "FDT: /cpus names no CPU" },
		{ { .cpu_reg_len = 3 }, "FDT: CPU node at " },
		{ { .cpu_cells = 2, .cpu_reg_len = 4 }, "FDT: CPU node at " },
		{ { .method = "" }, "FDT: PSCI node at " },
		{ { .method = "call" }, "FDT: PSCI node at " },
		{ { .gic = "arm,gic-v5" }, "FDT: there is no GICv2 or GICv3" },
		{ { .gic_regs = 1 }, "FDT: node at " },
		{ { .gic_size = 1 }, "FDT: node at " },
		{ { .gic_size = UINT64_MAX - 0x8000000 + 3 }, "FDT: node at " },
		{ { .gic = "arm,gic-v3", .gic_regs = 1 }, "FDT: node at " },
		{ { .gic = "arm,gic-v3", .regions = 2 }, "FDT: node at " },
		{ { .gic = "arm,gic-v3", .regions = 5, .gic_regs = 6 }, "FDT: GIC at " },
		{ { .timer_cells = 8 }, "FDT: timer at " },
		{ { .timer_cells = 6 }, "FDT: timer at " },
		{ { .timer_type = 2 }, "FDT: timer at " },
		{ { .timer_number = 16 }, "FDT: timer at " },
		{ { .no_uart_reg = true }, "FDT: node at " },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT(!parse(rows[i].plan));
		if (!tern_str_starts(error.text, rows[i].says))
			test_fail(t, __FILE__, __LINE__, "row %u says: %s", i, error.text);
	}
}

/* Memory ---------------------------------------------------------------------------------- */

static void put_memory(const char *name, uint32_t addr, uint32_t size, const char *status)
{
	fb_node(&b, name);
	fb_str(&b, "device_type", "memory");
	fb_cells(&b, "reg", 4, 0, addr, 0, size);
	if (status)
		fb_str(&b, "status", status);
	fb_end(&b);
}

static void put_reserved(void)
{
	fb_node(&b, "reserved-memory");
	fb_cells(&b, "#address-cells", 1, 2);
	fb_cells(&b, "#size-cells", 1, 2);
	fb_prop(&b, "ranges", "", 0);
	fb_node(&b, "firmware@41000000");
	fb_cells(&b, "reg", 8, 0, 0x41000000, 0, 0x1800, 0, 0x41800000, 0, 0x1000);
	fb_end(&b);
	fb_node(&b, "pool"); /* asks for memory, has none */
	fb_cells(&b, "size", 2, 0, 0x100000);
	fb_end(&b);
	fb_node(&b, "off@42000000");
	fb_cells(&b, "reg", 4, 0, 0x42000000, 0, 0x1000);
	fb_str(&b, "status", "disabled");
	fb_end(&b);
	fb_end(&b);
}

static bool boot_info(void)
{
	tern_str_copy(info.cmdline, sizeof(info.cmdline), "of another boot");
	return finish() && fdt_boot_info(&f, FDT_ADDR, &info, &error);
}

TEST(fdt_machine, memory_and_what_is_reserved_in_it)
{
	begin();
	put_memory("memory@40000000", 0x40000000, 0x4000000, NULL);
	put_memory("memory@80000000", 0x80000000, 0x4000000, "okay");
	put_memory("memory@c0000000", 0xc0000000, 0x4000000, "disabled");
	put_reserved();
	fb_reserve(&b, 0x80000000, 0x800);
	fb_node(&b, "chosen");
	fb_str(&b, "bootargs", "seed=7 -- report");
	fb_cells(&b, "linux,initrd-start", 1, 0x43000000);
	fb_cells(&b, "linux,initrd-end", 2, 0, 0x43001001);
	fb_end(&b);
	REQUIRE(boot_info());
	EXPECT_STR(info.cmdline, "seed=7 -- report");
	EXPECT_EQ(info.rsdp, 0);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x40000000), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x41001fff), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x41002000), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x41800000), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x42000000), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x43001fff), MEM_MODULE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x43002000), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x80000fff), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(&info.map, 0xc0000000), MEM_NONE);
	EXPECT_EQ(memmap_kind_at(&info.map, FDT_ADDR), MEM_FIRMWARE);
	EXPECT_EQ(memmap_top(&info.map), 0x84000000);
}

TEST(fdt_machine, reservations_are_translated)
{
	begin();
	put_memory("memory", 0x40000000, 0x4000000, NULL);
	fb_node(&b, "reserved-memory");
	fb_cells(&b, "#address-cells", 1, 1);
	fb_cells(&b, "#size-cells", 1, 1);
	fb_cells(&b, "ranges", 4, 0, 0, 0x41000000, 0x1000000);
	fb_node(&b, "r");
	fb_cells(&b, "reg", 2, 0x2000, 0x1000);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(boot_info());
	EXPECT_EQ(memmap_kind_at(&info.map, 0x41002000), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x2000), MEM_NONE);
}

/* Properties of /chosen of a machine that has memory. */
static void begin_chosen(void)
{
	begin();
	put_memory("memory", 0x40000000, 0x4000000, NULL);
	fb_node(&b, "chosen");
}

static void expect_boot_info(struct test *t, const char *says)
{
	bool ok;

	fb_end(&b);
	ok = boot_info();
	EXPECT_EQ(ok, says == NULL);
	if (says && !tern_str_starts(error.text, says))
		test_fail(t, __FILE__, __LINE__, "want \"%s\", got \"%s\"", says, error.text);
}

TEST(fdt_machine, what_is_chosen_is_checked)
{
	static char line[BOOT_CMDLINE_MAX + 1];

	begin_chosen();
	expect_boot_info(t, NULL);
	EXPECT_STR(info.cmdline, "");

	begin_chosen();
	fb_prop(&b, "bootargs", "", 0);
	expect_boot_info(t, NULL);

	begin_chosen();
	fb_prop(&b, "bootargs", "abc", 3);
	expect_boot_info(t, "FDT: bootargs of 3 bytes do not end");

	memset(line, 'a', BOOT_CMDLINE_MAX);
	begin_chosen();
	fb_str(&b, "bootargs", line);
	expect_boot_info(t, "FDT: bootargs have 1024 bytes, at most 1023 fit");

	begin_chosen();
	fb_cells(&b, "linux,initrd-start", 1, 0x43000000);
	expect_boot_info(t, "FDT: initrd needs a start and an end");

	begin_chosen();
	fb_cells(&b, "linux,initrd-end", 1, 0x43000000);
	expect_boot_info(t, "FDT: initrd needs a start and an end");

	begin_chosen();
	fb_cells(&b, "linux,initrd-start", 1, 0x43000001);
	fb_cells(&b, "linux,initrd-end", 1, 0x43000000);
	expect_boot_info(t, "FDT: initrd from 0x43000001 ends at 0x43000000");

	begin_chosen();
	fb_cells(&b, "linux,initrd-start", 1, 0x40000000);
	fb_cells(&b, "linux,initrd-end", 1, 0x44000000);
	expect_boot_info(t, "FDT: memory nodes and reservations leave no usable memory");
}

TEST(fdt_machine, memory_that_cannot_be_read_is_refused)
{
	begin();
	expect_boot_info(t, "FDT: node ends"); /* one end too many */

	begin();
	EXPECT(!boot_info());
	EXPECT_STR(error.text, "FDT: memory nodes and reservations leave no usable memory");

	begin();
	put_memory("memory@1", 0x40000000, 0x4000000, NULL);
	fb_node(&b, "memory@2"); /* says nothing, and that is fine */
	fb_str(&b, "device_type", "memory");
	fb_prop(&b, "reg", "", 0);
	expect_boot_info(t, NULL);

	begin();
	fb_node(&b, "memory");
	fb_str(&b, "device_type", "memory");
	fb_cells(&b, "reg", 3, 0, 0x40000000, 0x4000000);
	expect_boot_info(t, "FDT: reg of the node at 0x28, 12 bytes, does not fit its cells");

	begin();
	fb_node(&b, "memory");
	fb_str(&b, "device_type", "memory");
	fb_cells(&b, "reg", 4, UINT32_MAX, 0, 1, 1);
	expect_boot_info(t, "memory map: usable entry at 0xffffffff00000000");

	begin();
	put_memory("memory", 0x40000000, 0x4000000, NULL);
	fb_node(&b, "reserved-memory"); /* without ranges nothing in it has an address */
	fb_cells(&b, "#address-cells", 1, 2);
	fb_cells(&b, "#size-cells", 1, 2);
	fb_node(&b, "r");
	fb_cells(&b, "reg", 4, 0, 0x41000000, 0, 0x1000);
	fb_end(&b);
	expect_boot_info(t, "FDT: reg entry 0 of the node at");
}

/* Spoiled trees --------------------------------------------------------------------------- */

static bool behaves(uint8_t *bytes, size_t len, void *arg TEST_UNUSED)
{
	const struct fdt_machine *m = &machine_info;

	error.text[0] = '\0';
	if (!fdt_open(&f, bytes, len, &error))
		return error.text[0] != '\0';
	if (!fdt_probe(&f))
		return false;
	if (fdt_boot_info(&f, FDT_ADDR, &info, &error)) {
		if (!memmap_check(&info.map) || memmap_top(&info.map) == 0)
			return false;
	} else if (error.text[0] == '\0') {
		return false;
	}
	error.text[0] = '\0';
	if (!fdt_machine_parse(&f, &machine_info, &error))
		return error.text[0] != '\0';
	return m->ncpus >= 1 && m->ncpus <= TERN_MAX_CPUS && m->gicr_regions <= 4 &&
	       m->timer_ppi_phys / 16 == 1 && m->timer_ppi_virt / 16 == 1;
}

TEST(fdt_machine, spoiled_machines_are_refused_or_read_within_bounds)
{
	put_machine(&(struct plan){ .gic = "arm,gic-v3", .stdout_path = "serial1:9600" });
	put_memory("memory", 0x40000000, 0x4000000, NULL);
	put_reserved();
	REQUIRE(finish());
	EXPECT(blob_spoil(blob, blob_len, behaves, NULL));
}

/* Up to 4 bytes of QEMU's own tree changed at once, in its first bytes or anywhere. */
TEST(fdt_machine, damaged_trees_of_qemu)
{
	size_t len = (size_t)(gicv3_end - gicv3_start);

	for (unsigned i = 0; i < DAMAGES; i++) {
		uint8_t *copy = blob_at_end(gicv3_start, len);
		uint64_t n = 1 + test_random_below(t, 4);

		while (n-- > 0) {
			size_t at = test_random_below(t, test_random_below(t, 2) ? 256 : len);

			copy[at] = (uint8_t)test_random(t);
		}
		REQUIRE(behaves(copy, len, NULL));
	}
}
