/* SPDX-License-Identifier: MIT */
/* test_acpi.c - a small firmware's tables, each refusal, and every way to spoil them.
 *
 * The tables lie behind each other in one blob. Damage is tried twice: as it is, which the
 * checksums catch, and with the checksums mended, which leaves it to the parser. */
#include "boot/acpi.h"

#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/blob.h"

#define BASE 0xe0000u /* so that the BIOS rule finds it, too */

/* Offsets in the blob. */
enum {
	RSDP = 0x20,
	RSDT = 0x50,
	RSDT_LEN = 36 + 4 * 4,
	XSDT = 0x90,
	XSDT_LEN = 36 + 5 * 8,
	MADT = 0x100,
	MADT_LEN = 44 + 3 * 8 + 12 + 4 * 16 + 6,
	FADT = 0x200,
	FADT_LEN = 244,
	HPET = 0x300,
	HPET_LEN = 56,
	SSDT = 0x340,
	SSDT_LEN = 36,
	BLOB_LEN = 0x370,
};

static uint8_t good[BLOB_LEN];
static struct acpi_info info;
static struct boot_error error;

/* Set the byte at p[at] so that all bytes add up to 0. */
static void mend(uint8_t *p, size_t len, size_t at)
{
	uint8_t sum = 0;

	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

/* All checksums, by the lengths that the tables ought to have. */
static void mend_all(uint8_t *b)
{
	mend(b + RSDP, 20, 8);
	mend(b + RSDP, 36, 32);
	mend(b + RSDT, RSDT_LEN, 9);
	mend(b + XSDT, XSDT_LEN, 9);
	mend(b + MADT, MADT_LEN, 9);
	mend(b + FADT, FADT_LEN, 9);
	mend(b + HPET, HPET_LEN, 9);
	mend(b + SSDT, SSDT_LEN, 9);
}

static uint8_t *put_header(size_t at, const char *signature, uint32_t len)
{
	memcpy(good + at, signature, 4);
	put_le(good + at + 4, len, 4);
	return good + at;
}

static uint8_t *put_lapic(uint8_t *p, uint8_t id, uint32_t flags)
{
	p[0] = 0;
	p[1] = 8;
	p[3] = id;
	put_le(p + 4, flags, 4);
	return p + 8;
}

static uint8_t *put_x2apic(uint8_t *p, uint32_t id, uint32_t flags)
{
	p[0] = 9;
	p[1] = 16;
	put_le(p + 4, id, 4);
	put_le(p + 8, flags, 4);
	return p + 16;
}

static void build_madt(void)
{
	uint8_t *p = put_header(MADT, "APIC", MADT_LEN);

	put_le(p + 36, 0xfee00000, 4);
	p = put_lapic(p + 44, 0, 1);
	p = put_lapic(p, 2, 1);
	p = put_lapic(p, 4, 2); /* online-capable only */
	p[0] = 5;
	p[1] = 12;
	put_le(p + 4, 0x1fee00000, 8);
	p = put_x2apic(p + 12, 0x100, 1);
	p = put_x2apic(p, 0, 1); /* these two are named already, as local APICs */
	p = put_x2apic(p, 2, 1);
	p = put_x2apic(p, UINT32_MAX, 1);
	p[0] = 0x7f; /* a type to be skipped */
	p[1] = 6;
}

static void put_gas(uint8_t *p, uint8_t space, uint64_t addr)
{
	p[0] = space;
	put_le(p + 4, addr, 8);
}

static void build_others(void)
{
	uint8_t *p = put_header(FADT, "FACP", FADT_LEN);

	put_le(p + 76, 0x608, 4);
	put_le(p + 112, 1 << 8 | 1 << 10, 4);
	put_gas(p + 116, 1, 0xcf9);
	p[128] = 0xf;
	p = put_header(HPET, "HPET", HPET_LEN);
	put_gas(p + 40, 0, 0xfed00000);
	put_header(SSDT, "SSDT", SSDT_LEN);
}

static void build(void)
{
	uint8_t *p = good + RSDP;

	memset(good, 0, sizeof(good));
	memcpy(p, "RSD PTR ", 8);
	p[15] = 2;
	put_le(p + 16, BASE + RSDT, 4);
	put_le(p + 20, 36, 4);
	put_le(p + 24, BASE + XSDT, 8);
	p = put_header(RSDT, "RSDT", RSDT_LEN) + 36;
	put_le(p, BASE + SSDT, 4);
	put_le(p + 4, BASE + FADT, 4);
	put_le(p + 8, BASE + MADT, 4);
	put_le(p + 12, BASE + SSDT, 4);
	p = put_header(XSDT, "XSDT", XSDT_LEN) + 36;
	put_le(p, BASE + SSDT, 8);
	put_le(p + 8, BASE + HPET, 8);
	put_le(p + 16, 0, 8);
	put_le(p + 24, BASE + MADT, 8);
	put_le(p + 32, BASE + FADT, 8);
	build_madt();
	build_others();
	mend_all(good);
}

static bool parse(const uint8_t *bytes, size_t len)
{
	struct blob_window w = blob_window(BASE, bytes, len);

	error.text[0] = '\0';
	return acpi_parse(&w.pm, BASE + RSDP, &info, &error);
}

/* Change size bytes at `at`, mend the checksums, parse. */
static bool parse_with(unsigned at, uint64_t value, unsigned size)
{
	build();
	put_le(good + at, value, size);
	mend_all(good);
	return parse(good, sizeof(good));
}

TEST(acpi, tables_are_read)
{
	build();
	REQUIRE(parse(good, sizeof(good)));
	EXPECT_EQ(info.lapic_base, 0x1fee00000);
	REQUIRE(EXPECT_EQ(info.ncpus, 3));
	EXPECT_EQ(info.apic_id[0], 0);
	EXPECT_EQ(info.apic_id[1], 2);
	EXPECT_EQ(info.apic_id[2], 0x100);
	EXPECT_EQ(info.ncpus_ignored, 0);
	EXPECT_EQ(info.pm_timer_port, 0x608);
	EXPECT(info.pm_timer_32bit);
	EXPECT_EQ(info.hpet_base, 0xfed00000);
	EXPECT_EQ(info.reset_port, 0xcf9);
	EXPECT_EQ(info.reset_value, 0xf);
}

TEST(acpi, the_lapic_address_may_have_no_override)
{
	REQUIRE(parse_with(MADT + 44 + 3 * 8, 0x7e, 1)); /* some other type */
	EXPECT_EQ(info.lapic_base, 0xfee00000);
}

TEST(acpi, the_rsdt_counts_where_there_is_no_xsdt)
{
	REQUIRE(parse_with(RSDP + 24, 0, 8)); /* revision 2 without the pointer */
	EXPECT_EQ(info.ncpus, 3);
	EXPECT_EQ(info.hpet_base, 0);         /* this RSDT does not name it */
	REQUIRE(parse_with(RSDP + 15, 0, 1)); /* revision 0 */
	EXPECT_EQ(info.ncpus, 3);
	EXPECT_EQ(info.hpet_base, 0);
	EXPECT_EQ(info.pm_timer_port, 0x608);
}

TEST(acpi, the_root_pointer_is_found_by_the_bios_rule)
{
	struct blob_window w;

	build();
	w = blob_window(BASE, good, sizeof(good));
	EXPECT_EQ(acpi_find_rsdp(&w.pm), BASE + RSDP);
	good[RSDP + 9]++;
	EXPECT_EQ(acpi_find_rsdp(&w.pm), 0);
}

TEST(acpi, the_root_pointer_is_found_in_the_ebda)
{
	static uint8_t low[0x1400];
	struct blob_window w = blob_window(0, low, sizeof(low));

	build();
	put_le(low + 0x40e, 0x1000 >> 4, 2);
	memcpy(low + 0x13e0, good + RSDP, 20);
	EXPECT_EQ(acpi_find_rsdp(&w.pm), 0x13e0);
	memset(low + 0x13e0, 0, 20);
	memcpy(low + 0x1108, good + RSDP, 20); /* not on 16 bytes */
	EXPECT_EQ(acpi_find_rsdp(&w.pm), 0);
}

TEST(acpi, timer_and_reset_follow_the_fadt)
{
	REQUIRE(parse_with(FADT + 112, 0, 4));
	EXPECT(!info.pm_timer_32bit);
	EXPECT_EQ(info.pm_timer_port, 0x608);
	EXPECT_EQ(info.reset_port, 0);
	REQUIRE(parse_with(FADT + 112, 1 << 20 | 1 << 8, 4)); /* reduced hardware */
	EXPECT_EQ(info.pm_timer_port, 0);
	REQUIRE(parse_with(FADT + 208, 1, 1)); /* an extended block without an address */
	EXPECT_EQ(info.pm_timer_port, 0x608);
	REQUIRE(parse_with(FADT + 212, 0xfed80000, 8)); /* a timer in memory */
	EXPECT_EQ(info.pm_timer_port, 0);
	build();
	put_gas(good + FADT + 208, 1, 0xb008);
	mend_all(good);
	REQUIRE(parse(good, sizeof(good)));
	EXPECT_EQ(info.pm_timer_port, 0xb008);
	REQUIRE(parse_with(FADT + 116, 0, 1)); /* a reset register in memory */
	EXPECT_EQ(info.reset_port, 0);
	REQUIRE(parse_with(HPET + 40, 1, 1));
	EXPECT_EQ(info.hpet_base, 0);
}

TEST(acpi, an_old_fadt_has_no_later_fields)
{
	build();
	put_gas(good + FADT + 208, 1, 0xb008);
	put_le(good + FADT + 4, 116, 4);
	mend_all(good);
	mend(good + FADT, 116, 9);
	REQUIRE(parse(good, sizeof(good)));
	EXPECT_EQ(info.pm_timer_port, 0x608);
	EXPECT_EQ(info.reset_port, 0);
}

TEST(acpi, a_missing_fadt_or_hpet_is_fine_but_not_a_missing_madt)
{
	REQUIRE(parse_with(XSDT + 36 + 32, 0, 8));
	EXPECT_EQ(info.pm_timer_port, 0);
	REQUIRE(parse_with(XSDT + 36 + 8, BASE + SSDT, 8));
	EXPECT_EQ(info.hpet_base, 0);
	EXPECT(!parse_with(XSDT + 36 + 24, 0, 8));
	EXPECT_STR(error.text, "ACPI: there is no MADT, which would name the CPUs");
}

TEST(acpi, more_cpus_than_fit_are_counted)
{
	static uint8_t big[MADT + 44 + 16 * (TERN_MAX_CPUS + 5)];
	uint8_t *p = big + MADT + 44;

	build();
	memcpy(big, good, MADT + 44);
	for (uint32_t i = 0; i < TERN_MAX_CPUS + 5; i++)
		p = put_x2apic(p, i, 1);
	put_le(big + MADT + 4, sizeof(big) - MADT, 4);
	mend(big + MADT, sizeof(big) - MADT, 9);
	put_le(big + RSDP + 24, 0, 8);
	put_le(big + RSDT + 4, 36 + 4, 4);
	put_le(big + RSDT + 36, BASE + MADT, 4);
	mend(big + RSDT, 40, 9);
	mend(big + RSDP, 20, 8);
	mend(big + RSDP, 36, 32);
	REQUIRE(parse(big, sizeof(big)));
	EXPECT_EQ(info.ncpus, TERN_MAX_CPUS);
	EXPECT_EQ(info.ncpus_ignored, 5);
}

/* Each row spoils one field and mends the checksums. */
TEST(acpi, refusals_say_why)
{
	static const struct {
		unsigned at, size;
		uint64_t value;
		const char *says;
	} rows[] = {
		{ RSDP, 1, 'X', "ACPI: RSDP at 0xe0020 has a wrong signature or checksum" },
		{ RSDP + 20, 4, 35, "ACPI: RSDP at 0xe0020 has 35 bytes, want 36 or more" },
		{ RSDP + 24, 8, BASE + RSDT, "ACPI: no XSDT at 0xe0050" },
		{ RSDP + 24, 8, UINT64_MAX, "ACPI: XSDT at 0xffffffffffffffff is outside memory" },
		{ XSDT + 4, 4, 35, "ACPI: XSDT at 0xe0090 has 35 bytes, want 36 to 1048576" },
		{ XSDT + 36, 8, 0x1000, "ACPI: a table at 0x1000 is outside memory" },
		{ MADT + 4, 4, 43, "ACPI: APIC at 0xe0100 has 43 bytes, want 44 to 1048576" },
		{ MADT + 4, 4, 0x100001, "ACPI: APIC at 0xe0100 has 1048577 bytes, want 44 to" },
		{ MADT + 4, 4, 0x1000, "ACPI: APIC at 0xe0100, 4096 bytes, runs outside memory" },
		{ MADT + 45, 1, 0, "ACPI: MADT entry at 0x2c, type 0, has 0 bytes of 106" },
		{ MADT + 45, 1, 1, "ACPI: MADT entry at 0x2c, type 0, has 1 bytes of 106" },
		{ MADT + 45, 1, 7, "ACPI: MADT entry at 0x2c, type 0, has 7 bytes of 106" },
		{ MADT + 45, 1, 255, "ACPI: MADT entry at 0x2c, type 0, has 255 bytes of 106" },
		{ MADT + MADT_LEN - 5, 1, 5, "ACPI: MADT entry at 0x95, type 0, has 1 bytes of 1" },
		{ FADT + 4, 4, 115, "ACPI: FACP at 0xe0200 has 115 bytes, want 116 to" },
		{ FADT + 76, 4, 0x10000, "ACPI: FADT puts the PM timer at port 0x10000" },
		{ FADT + 120, 8, 0x10000, "ACPI: FADT puts the reset register at port 0x10000" },
		{ HPET + 4, 4, 55, "ACPI: HPET at 0xe0300 has 55 bytes, want 56 to" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT(!parse_with(rows[i].at, rows[i].value, rows[i].size));
		if (!tern_str_starts(error.text, rows[i].says))
			test_fail(t, __FILE__, __LINE__, "row %u says: %s", i, error.text);
	}
}

TEST(acpi, each_checksum_is_checked)
{
	static const struct {
		unsigned at;
		const char *says;
	} rows[] = {
		{ RSDP + 9, "ACPI: RSDP at 0xe0020 has a wrong signature or checksum" },
		{ RSDP + 33, "ACPI: RSDP at 0xe0020 has a wrong extended checksum" },
		{ XSDT + 10, "ACPI: XSDT at 0xe0090, 76 bytes, has checksum 0x1, not 0" },
		{ MADT + MADT_LEN - 1,
		  "ACPI: APIC at 0xe0100, 150 bytes, has checksum 0x1, not 0" },
		{ FADT + 10, "ACPI: FACP at 0xe0200, 244 bytes, has checksum 0x1, not 0" },
		{ HPET + 10, "ACPI: HPET at 0xe0300, 56 bytes, has checksum 0x1, not 0" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		build();
		good[rows[i].at]++;
		EXPECT(!parse(good, sizeof(good)));
		EXPECT_STR(error.text, rows[i].says);
	}
}

TEST(acpi, a_root_pointer_that_leads_nowhere_is_refused)
{
	build();
	put_le(good + RSDP + 16, 0, 4);
	put_le(good + RSDP + 24, 0, 8);
	mend_all(good);
	EXPECT(!parse(good, sizeof(good)));
	EXPECT_STR(error.text, "ACPI: RSDP at 0xe0020 names neither XSDT nor RSDT");
	EXPECT(!parse(good, RSDP + 19));
	EXPECT_STR(error.text, "ACPI: RSDP at 0xe0020 is outside memory");
}

TEST(acpi, a_madt_without_an_enabled_cpu_is_refused)
{
	build();
	for (unsigned i = 0; i < 3; i++)
		put_le(good + MADT + 48 + 8 * i, 0, 4);
	for (unsigned i = 0; i < 4; i++)
		put_le(good + MADT + 44 + 24 + 12 + 8 + 16 * i, 0, 4);
	mend_all(good);
	EXPECT(!parse(good, sizeof(good)));
	EXPECT_STR(error.text, "ACPI: MADT at 0xe0100 names no enabled CPU");
}

/* arg: not NULL to mend the checksums after the damage. */
static bool behaves(uint8_t *bytes, size_t len, void *arg)
{
	if (arg && len == BLOB_LEN)
		mend_all(bytes);
	if (!parse(bytes, len))
		return error.text[0] != '\0';
	return info.ncpus >= 1 && info.ncpus <= TERN_MAX_CPUS && info.pm_timer_port <= 0xffff;
}

TEST(acpi, spoiled_tables_are_refused_or_read_within_bounds)
{
	bool mended = true;

	build();
	EXPECT(blob_spoil(good, sizeof(good), behaves, NULL));
	EXPECT(blob_spoil(good, sizeof(good), behaves, &mended));
}
