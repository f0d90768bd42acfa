/* SPDX-License-Identifier: MIT */
/* test_pvh.c - start info as QEMU writes it, each refusal, and every way to spoil it. */
#include "boot/pvh.h"

#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/blob.h"

#define BASE 0x5000u /* where the blob lies */

enum { INFO = 0, MAP = 64, NENTRIES = 6, MODULES = MAP + NENTRIES * 24, CMDLINE = MODULES + 32 };

static const char cmdline[] = "loglevel=debug -- report";
static uint8_t good[CMDLINE + sizeof(cmdline)];
static struct boot_info info;
static struct boot_error error;

static void put_entry(unsigned i, uint64_t addr, uint64_t size, uint32_t type)
{
	uint8_t *p = good + MAP + 24 * i;

	put_le(p, addr, 8);
	put_le(p + 8, size, 8);
	put_le(p + 16, type, 4);
}

static void build(void)
{
	memset(good, 0, sizeof(good));
	put_le(good, PVH_MAGIC, 4);
	put_le(good + 4, 1, 4);
	put_le(good + 12, 1, 4);
	put_le(good + 16, BASE + MODULES, 8);
	put_le(good + 24, BASE + CMDLINE, 8);
	put_le(good + 32, 0xf5b20, 8);
	put_le(good + 40, BASE + MAP, 8);
	put_le(good + 48, NENTRIES, 4);
	put_entry(0, 0, 0x9fc00, 1);
	put_entry(1, 0x9fc00, 0x400, 2);
	put_entry(2, 0xf0000, 0x10000, 2);
	put_entry(3, MiB(1), MiB(63), 1);
	put_entry(4, MiB(64) - 0x21000, 0x20000, 3);
	put_entry(5, 0xfd00000000, GiB(12), 2);
	put_le(good + MODULES, MiB(32), 8);
	put_le(good + MODULES + 8, 5000, 8);
	memcpy(good + CMDLINE, cmdline, sizeof(cmdline));
}

static bool parse(const uint8_t *bytes, size_t len)
{
	struct blob_window w = blob_window(BASE, bytes, len);

	error.text[0] = '\0';
	tern_str_copy(info.cmdline, sizeof(info.cmdline), "of another boot");
	return pvh_parse(&w.pm, BASE, &info, &error);
}

TEST(pvh, start_info_is_read)
{
	build();
	REQUIRE(parse(good, sizeof(good)));
	EXPECT_STR(info.protocol, "PVH");
	EXPECT_STR(info.cmdline, cmdline);
	EXPECT_EQ(info.rsdp, 0xf5b20);
	EXPECT_EQ(memmap_kind_at(&info.map, 0), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, BASE), MEM_FIRMWARE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x9f000), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(&info.map, 0xf5b20), MEM_RESERVED);
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(32) + 5000), MEM_MODULE);
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(32) + 8192), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(64) - 0x21000), MEM_ACPI);
	EXPECT_EQ(memmap_kind_at(&info.map, 0xfd00000000), MEM_RESERVED);
	EXPECT_EQ(memmap_top(&info.map), MiB(64));
}

TEST(pvh, no_modules_and_no_command_line_are_fine)
{
	build();
	put_le(good + 12, 0, 4);
	put_le(good + 16, UINT64_MAX, 8);
	put_le(good + 24, 0, 8);
	REQUIRE(parse(good, sizeof(good)));
	EXPECT_STR(info.cmdline, "");
	EXPECT_EQ(memmap_total(&info.map, MEM_MODULE), 0);
}

/* Each row spoils one field of the start info. */
TEST(pvh, refusals_say_why)
{
	static const struct {
		unsigned at, size;
		uint64_t value;
		const char *says;
	} rows[] = {
		{ 0, 4, 0, "PVH: start info at 0x5000 has magic 0, not 0x336ec578" },
		{ 4, 4, 0, "PVH: start info is version 0, which has no memory map" },
		{ 48, 4, 0, "PVH: memory map has 0 entries, want 1 to 4096" },
		{ 48, 4, 4097, "PVH: memory map has 4097 entries, want 1 to 4096" },
		{ 48, 4, 4096, "PVH: memory map at 0x5040, 4096 entries, lies outside memory" },
		{ 40, 8, UINT64_MAX, "PVH: memory map at 0xffffffffffffffff, 6 entries, lies " },
		{ 12, 4, 257, "PVH: 257 modules, want at most 256" },
		{ 16, 8, 0x4000, "PVH: module list at 0x4000, 1 entries, lies outside memory" },
		{ 24, 8, UINT64_MAX, "PVH: command line at 0xffffffffffffffff runs outside" },
		{ 32, 8, UINT64_MAX, "memory map: ACPI tables entry at 0xffffffffffffffff" },
		{ MAP, 8, UINT64_MAX, "memory map: usable entry at 0xffffffffffffffff" },
		{ MODULES, 8, UINT64_MAX, "memory map: module entry at 0xffffffffffffffff" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		build();
		put_le(good + rows[i].at, rows[i].value, rows[i].size);
		EXPECT(!parse(good, sizeof(good)));
		if (!tern_str_starts(error.text, rows[i].says))
			test_fail(t, __FILE__, __LINE__, "row %u says: %s", i, error.text);
	}
}

TEST(pvh, a_map_without_usable_memory_is_refused)
{
	build();
	put_entry(0, 0, 0x9fc00, 2);
	put_entry(3, MiB(1), MiB(63), 7);
	EXPECT(!parse(good, sizeof(good)));
	EXPECT_STR(error.text, "PVH: memory map and modules leave no usable memory");
}

TEST(pvh, a_command_line_that_is_too_long_is_refused_not_cut)
{
	static uint8_t big[CMDLINE + BOOT_CMDLINE_MAX + 1];

	build();
	memset(big, 'a', sizeof(big));
	memcpy(big, good, CMDLINE);
	EXPECT(!parse(big, sizeof(big)));
	EXPECT_STR(error.text, "PVH: command line is longer than 1023 bytes");
	big[CMDLINE + BOOT_CMDLINE_MAX - 1] = '\0';
	EXPECT(parse(big, sizeof(big)));
	EXPECT_EQ(tern_str_len(info.cmdline), BOOT_CMDLINE_MAX - 1);
}

static bool behaves(uint8_t *bytes, size_t len, void *arg TEST_UNUSED)
{
	if (!parse(bytes, len))
		return error.text[0] != '\0';
	return memmap_check(&info.map) && memmap_top(&info.map) > 0 &&
	       tern_str_nlen(info.cmdline, BOOT_CMDLINE_MAX) < BOOT_CMDLINE_MAX;
}

TEST(pvh, spoiled_start_info_is_refused_or_read_within_bounds)
{
	build();
	EXPECT(blob_spoil(good, sizeof(good), behaves, NULL));
}
