/* SPDX-License-Identifier: MIT */
/* test_multiboot2.c - information as GRUB writes it, each refusal, and every way to spoil it. */
#include "boot/multiboot2.h"

#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/blob.h"

#define BASE 0x10000u

static uint8_t good[1024];
static size_t used;
static struct boot_info info;
static struct boot_error error;

/* Add a tag; size is its own, the next one begins at a multiple of 8. Returns its offset. */
static size_t put_tag(uint32_t type, uint32_t size)
{
	size_t at = used;

	put_le(good + at, type, 4);
	put_le(good + at + 4, size, 4);
	used += align_up(size, 8);
	return at;
}

static size_t put_text_tag(uint32_t type, uint32_t text_at, const char *text)
{
	size_t len = tern_str_len(text) + 1;
	size_t at = put_tag(type, text_at + (uint32_t)len);

	memcpy(good + at + text_at, text, len);
	return at;
}

static void put_entry(size_t tag, unsigned entry_size, unsigned i, uint64_t addr, uint64_t size,
		      uint32_t type)
{
	uint8_t *p = good + tag + 16 + i * entry_size;

	put_le(p, addr, 8);
	put_le(p + 8, size, 8);
	put_le(p + 16, type, 4);
}

static void begin(void)
{
	memset(good, 0, sizeof(good));
	used = 8;
}

static void finish(void)
{
	put_tag(0, 8);
	put_le(good, used, 4);
}

static size_t put_map(unsigned entry_size)
{
	size_t at = put_tag(6, 16 + 4 * entry_size);

	put_le(good + at + 8, entry_size, 4);
	put_entry(at, entry_size, 0, 0, 0x9fc00, 1);
	put_entry(at, entry_size, 1, MiB(1), MiB(127), 1);
	put_entry(at, entry_size, 2, MiB(100), 0x3000, 4);
	put_entry(at, entry_size, 3, MiB(120), 0x3000, 5);
	return at;
}

static size_t put_module(uint32_t start, uint32_t end)
{
	size_t at = put_text_tag(3, 16, "initrd");

	put_le(good + at + 8, start, 4);
	put_le(good + at + 12, end, 4);
	return at;
}

static void put_memory(uint32_t lower, uint32_t upper)
{
	size_t at = put_tag(4, 16);

	put_le(good + at + 8, lower, 4);
	put_le(good + at + 12, upper, 4);
}

/* Everything that we read, and some tags that we do not. */
static void build(void)
{
	begin();
	put_text_tag(1, 8, "seed=7 -- report");
	put_text_tag(2, 8, "a boot loader");
	put_module(MiB(32), MiB(32) + 5000);
	put_memory(640, 1024);
	put_map(24);
	put_tag(8, 31);
	put_tag(15, 8 + 36);
	put_tag(14, 8 + 20);
	put_tag(0x1000, 8);
	finish();
}

static bool parse(const uint8_t *bytes, size_t len)
{
	struct blob_window w = blob_window(BASE, bytes, len);

	error.text[0] = '\0';
	tern_str_copy(info.cmdline, sizeof(info.cmdline), "of another boot");
	return multiboot2_parse(&w.pm, BASE, &info, &error);
}

TEST(multiboot2, information_is_read)
{
	build();
	REQUIRE(parse(good, used));
	EXPECT_STR(info.protocol, "Multiboot2");
	EXPECT_STR(info.cmdline, "seed=7 -- report");
	EXPECT_EQ(memmap_kind_at(&info.map, BASE), MEM_FIRMWARE);
	EXPECT_EQ(memmap_kind_at(&info.map, BASE + used - 1), MEM_FIRMWARE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x9f000), MEM_NONE);
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(32) + 5000), MEM_MODULE);
	EXPECT_EQ(memmap_total(&info.map, MEM_MODULE), 8192);
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(100)), MEM_NVS);
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(120)), MEM_BAD);
	EXPECT_EQ(memmap_top(&info.map), MiB(128));
}

TEST(multiboot2, the_newer_copy_of_the_root_pointer_counts)
{
	size_t v1, v2;

	begin();
	put_map(24);
	v1 = put_tag(14, 8 + 20);
	finish();
	REQUIRE(parse(good, used));
	EXPECT_EQ(info.rsdp, BASE + v1 + 8);

	begin();
	v2 = put_tag(15, 8 + 36);
	put_map(24);
	put_tag(14, 8 + 20);
	finish();
	REQUIRE(parse(good, used));
	EXPECT_EQ(info.rsdp, BASE + v2 + 8);
}

TEST(multiboot2, entries_may_be_longer_than_ours)
{
	begin();
	put_map(40);
	finish();
	REQUIRE(parse(good, used));
	EXPECT_EQ(memmap_top(&info.map), MiB(128));
	EXPECT_EQ(memmap_kind_at(&info.map, MiB(100)), MEM_NVS);
	EXPECT_EQ(info.rsdp, 0);
	EXPECT_STR(info.cmdline, "");
}

TEST(multiboot2, basic_memory_counts_where_there_is_no_map)
{
	begin();
	put_memory(639, 4096);
	finish();
	REQUIRE(parse(good, used));
	EXPECT_EQ(memmap_kind_at(&info.map, 0), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x9e000), MEM_USABLE);
	EXPECT_EQ(memmap_kind_at(&info.map, 0x9f000), MEM_NONE);
	EXPECT_EQ(memmap_top(&info.map), MiB(5));
}

/* Build one bad tag; what the parser says about it begins with `says`. */
static void expect_refusal(struct test *t, const char *says)
{
	EXPECT(!parse(good, used));
	if (!tern_str_starts(error.text, says))
		test_fail(t, __FILE__, __LINE__, "want \"%s\", got \"%s\"", says, error.text);
}

TEST(multiboot2, bad_tags_are_refused)
{
	size_t at;

	begin();
	at = put_text_tag(1, 8, "abc");
	good[at + 11] = 'd';
	finish();
	expect_refusal(t, "Multiboot2: command line at 0x8 does not end");

	begin();
	put_module(MiB(2), MiB(2) - 1);
	finish();
	expect_refusal(t, "Multiboot2: module from 0x200000 ends at 0x1fffff");

	begin();
	put_tag(14, 8 + 19);
	finish();
	expect_refusal(t, "Multiboot2: tag 14 at 0x8 has 27 bytes, want 28 to");

	begin();
	put_tag(15, 8 + 35);
	finish();
	expect_refusal(t, "Multiboot2: tag 15 at 0x8 has 43 bytes, want 44 to");

	begin();
	put_map(24);
	put_tag(77, 1000000);
	used = 512;
	put_le(good, used, 4);
	expect_refusal(t, "Multiboot2: tag 77 at 0x78 has 1000000 bytes, want 8 to 392");

	put_le(good + 0x7c, 400, 4);
	expect_refusal(t, "Multiboot2: tag 77 at 0x78 has 400 bytes, want 8 to 392");

	begin();
	at = put_map(24);
	put_entry(at, 24, 0, UINT64_MAX, 2, 1);
	finish();
	expect_refusal(t, "memory map: usable entry at 0xffffffffffffffff");

	begin();
	at = put_map(24);
	put_le(good + at + 8, 16, 4);
	finish();
	expect_refusal(t, "Multiboot2: memory map of 96 bytes has entries of 16");
	put_le(good + at + 8, 40, 4);
	expect_refusal(t, "Multiboot2: memory map of 96 bytes has entries of 40");
	put_le(good + at + 8, 0, 4);
	expect_refusal(t, "Multiboot2: memory map of 96 bytes has entries of 0");
}

TEST(multiboot2, bad_information_is_refused)
{
	begin();
	put_map(24);
	put_le(good, used, 4);
	expect_refusal(t, "Multiboot2: no end tag in 120 bytes of information");
	used += 7; /* half a tag */
	put_le(good, used, 4);
	expect_refusal(t, "Multiboot2: no end tag in 127 bytes of information");

	begin();
	finish();
	expect_refusal(t, "Multiboot2: memory map and modules leave no usable memory");
	put_le(good, 15, 4);
	expect_refusal(t, "Multiboot2: information at 0x10000 has 15 bytes, want 16 to 1048576");
	put_le(good, 0x100001, 4);
	expect_refusal(t, "Multiboot2: information at 0x10000 has 1048577 bytes");
	put_le(good, 0x100000, 4);
	expect_refusal(t, "Multiboot2: information at 0x10000, 1048576 bytes, is outside memory");
	used = 4;
	expect_refusal(t, "Multiboot2: information at 0x10000 has 0 bytes");
}

TEST(multiboot2, a_command_line_that_is_too_long_is_refused_not_cut)
{
	static uint8_t big[8 + 8 + BOOT_CMDLINE_MAX + 8];

	memset(big, 'a', sizeof(big));
	put_le(big, sizeof(big), 4);
	put_le(big + 8, 1, 4);
	put_le(big + 12, 8 + BOOT_CMDLINE_MAX + 1, 4);
	big[16 + BOOT_CMDLINE_MAX] = '\0';
	EXPECT(!parse(big, sizeof(big)));
	EXPECT_STR(error.text, "Multiboot2: command line has 1024 bytes, at most 1023 fit");
}

static bool behaves(uint8_t *bytes, size_t len, void *arg TEST_UNUSED)
{
	if (!parse(bytes, len))
		return error.text[0] != '\0';
	return memmap_check(&info.map) && memmap_top(&info.map) > 0 &&
	       tern_str_nlen(info.cmdline, BOOT_CMDLINE_MAX) < BOOT_CMDLINE_MAX;
}

/* Cut in the blob, and cut with a total size that agrees. */
static bool behaves_when_cut(uint8_t *bytes, size_t len, void *arg)
{
	if (!behaves(bytes, len, arg))
		return false;
	if (len < 4)
		return true;
	put_le(bytes, len, 4);
	return behaves(bytes, len, arg);
}

TEST(multiboot2, spoiled_information_is_refused_or_read_within_bounds)
{
	build();
	EXPECT(blob_truncate(good, used, behaves_when_cut, NULL));
	EXPECT(blob_spoil(good, used, behaves, NULL));
}
