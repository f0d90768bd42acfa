/* SPDX-License-Identifier: MIT */
/* test_fdt.c - trees that the test builds: each question, each refusal, every way to spoil one. */
#include "boot/fdt.h"

#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/fdt_builder.h"
#include "tests/unit/fdt_probe.h"

static struct fdt_builder b;
static uint8_t blob[FB_MAX];
static size_t blob_len;
static struct fdt f;
static struct boot_error error;

static bool finish(void)
{
	blob_len = fb_finish(&b, blob);
	error.text[0] = '\0';
	return fdt_open(&f, blob, blob_len, &error);
}

static void begin(uint32_t address_cells, uint32_t size_cells)
{
	fb_init(&b);
	fb_node(&b, "");
	fb_cells(&b, "#address-cells", 1, address_cells);
	fb_cells(&b, "#size-cells", 1, size_cells);
}

/* A bus that maps 0x0 .. 0xffff to 0x10000000, and one below that moves by 0x1000 again. */
static void put_buses(void)
{
	fb_node(&b, "soc");
	fb_cells(&b, "#address-cells", 1, 1);
	fb_cells(&b, "#size-cells", 1, 1);
	fb_cells(&b, "ranges", 4, 0, 0, 0x10000000, 0x10000);
	fb_node(&b, "serial@200");
	fb_cells(&b, "reg", 4, 0x200, 0x100, 0xfff0, 0x11);
	fb_end(&b);
	fb_node(&b, "inner");
	fb_cells(&b, "#address-cells", 1, 1);
	fb_cells(&b, "#size-cells", 1, 1);
	fb_cells(&b, "ranges", 6, 0x8000, 0x1000, 0x100, 0, 0x2000, 0x100);
	fb_node(&b, "dev@10");
	fb_cells(&b, "reg", 4, 0x10, 0x10, 0x8010, 0x10);
	fb_end(&b);
	fb_end(&b);
	fb_end(&b);
}

static bool build(void)
{
	begin(2, 1);
	fb_reserve(&b, 0x48000000, 0x10000);
	fb_reserve(&b, 0x1ffffffff, 1);
	fb_token(&b, 4);
	fb_node(&b, "cpus");
	fb_cells(&b, "#address-cells", 1, 1);
	fb_cells(&b, "#size-cells", 1, 0);
	fb_node(&b, "cpu@0");
	fb_cells(&b, "reg", 1, 0);
	fb_cells(&b, "phandle", 1, 0x8001);
	fb_end(&b);
	fb_token(&b, 4);
	fb_node(&b, "cpu@1");
	fb_token(&b, 4);
	fb_cells(&b, "reg", 1, 0x101);
	fb_str(&b, "status", "disabled");
	fb_end(&b);
	fb_end(&b);
	fb_node(&b, "memory@40000000");
	fb_cells(&b, "reg", 6, 0, 0x40000000, 0x1000, 1, 0, 0x2000);
	fb_end(&b);
	fb_node(&b, "pl011@9000000");
	fb_prop(&b, "compatible", "arm,pl011\0arm,primecell", 24);
	fb_str(&b, "status", "okay");
	fb_end(&b);
	fb_node(&b, "pl061");
	fb_prop(&b, "compatible", "arm,pl061\0arm,primecell", 23); /* does not end */
	fb_end(&b);
	put_buses();
	fb_end(&b);
	return finish();
}

TEST(fdt, nodes_are_visited_in_order)
{
	unsigned compatible;
	fdt_node n;

	REQUIRE(build());
	EXPECT_STR(fdt_name(&f, fdt_root(&f)), "");
	n = fdt_first_child(&f, fdt_root(&f));
	EXPECT_STR(fdt_name(&f, n), "cpus");
	n = fdt_next_sibling(&f, n);
	EXPECT_STR(fdt_name(&f, n), "memory@40000000");
	EXPECT_EQ(fdt_first_child(&f, n), FDT_NONE);
	EXPECT_STR(fdt_name(&f, fdt_next_sibling(&f, n)), "pl011@9000000");
	n = fdt_first_child(&f, fdt_first_child(&f, fdt_root(&f)));
	EXPECT_STR(fdt_name(&f, n), "cpu@0");
	n = fdt_next_sibling(&f, n);
	EXPECT_STR(fdt_name(&f, n), "cpu@1");
	EXPECT_EQ(fdt_next_sibling(&f, n), FDT_NONE);
	EXPECT_EQ(fdt_next_sibling(&f, fdt_root(&f)), FDT_NONE);
	EXPECT_EQ(probe_children(&f, &compatible), 11);
	EXPECT_EQ(compatible, 1);
	EXPECT(fdt_probe(&f));
}

TEST(fdt, no_node_has_nothing)
{
	uint64_t addr, size;
	struct fdt_walk at = { 0 };
	struct fdt_prop p;
	struct fdt_bus bus;

	REQUIRE(build());
	EXPECT_STR(fdt_name(&f, FDT_NONE), "");
	EXPECT_EQ(fdt_first_child(&f, FDT_NONE), FDT_NONE);
	EXPECT_EQ(fdt_next_sibling(&f, FDT_NONE), FDT_NONE);
	EXPECT(!fdt_prop(&f, FDT_NONE, "reg", &p));
	EXPECT(!fdt_bus_open(&f, &at, &bus));
	EXPECT(!fdt_walk_to(&f, FDT_NONE, &at));
	EXPECT(!fdt_walk_to(&f, 4, &at)); /* inside the root's name */
	at = (struct fdt_walk){ .node = FDT_NONE };
	EXPECT(!fdt_reg(&f, &at, 0, &addr, &size));
	EXPECT_EQ(fdt_reg_count(&f, &at), 0);
}

TEST(fdt, a_walk_visits_every_node_and_knows_the_way)
{
	unsigned nodes = 0, regs = 0;
	struct fdt_walk w = { 0 };
	struct fdt_prop p;

	REQUIRE(build());
	while (fdt_walk(&f, &w)) {
		nodes++;
		regs += fdt_walk_prop(&f, &w, "reg", &p);
		EXPECT_STR(w.name, fdt_name(&f, w.node));
		EXPECT_EQ(w.path[0], fdt_root(&f));
		EXPECT_EQ(w.path[w.depth - 1], w.node);
	}
	EXPECT_EQ(nodes, 11);
	EXPECT_EQ(regs, 5);
	EXPECT(!fdt_walk(&f, &w));

	REQUIRE(fdt_walk_to(&f, fdt_find(&f, "/soc/inner/dev"), &w));
	EXPECT_EQ(w.depth, 4);
	EXPECT_EQ(w.path[1], fdt_find(&f, "/soc"));
	EXPECT_EQ(w.path[2], fdt_find(&f, "/soc/inner"));
}

TEST(fdt, lists_of_strings_end_with_the_last_that_is_terminated)
{
	struct fdt_prop p;
	const char *s;

	REQUIRE(build());
	REQUIRE(fdt_prop(&f, fdt_find(&f, "/pl011"), "compatible", &p));
	s = fdt_next_str(&p, NULL);
	EXPECT_STR(s, "arm,pl011");
	s = fdt_next_str(&p, s);
	EXPECT_STR(s, "arm,primecell");
	EXPECT(fdt_next_str(&p, s) == NULL);
	EXPECT(!fdt_prop_is(&p, "arm,pl011"));

	REQUIRE(fdt_prop(&f, fdt_find(&f, "/pl061"), "compatible", &p));
	s = fdt_next_str(&p, NULL);
	EXPECT_STR(s, "arm,pl061");
	EXPECT(fdt_next_str(&p, s) == NULL);

	REQUIRE(fdt_prop(&f, fdt_find(&f, "/pl011"), "status", &p));
	EXPECT(fdt_prop_is(&p, "okay"));
	EXPECT(!fdt_prop_is(&p, "oka"));
	EXPECT(!fdt_prop_is(&p, "okey"));
	p.len = 0;
	EXPECT(fdt_next_str(&p, NULL) == NULL);
	EXPECT(!fdt_prop_is(&p, ""));
}

TEST(fdt, paths_may_leave_out_the_unit_address)
{
	REQUIRE(build());
	EXPECT_EQ(fdt_find(&f, "/"), fdt_root(&f));
	EXPECT_STR(fdt_name(&f, fdt_find(&f, "/cpus/cpu@1")), "cpu@1");
	EXPECT_STR(fdt_name(&f, fdt_find(&f, "/cpus/cpu")), "cpu@0");
	EXPECT_STR(fdt_name(&f, fdt_find(&f, "/memory")), "memory@40000000");
	EXPECT_STR(fdt_name(&f, fdt_find(&f, "/soc/inner/dev@10/")), "dev@10");
	EXPECT_EQ(fdt_find(&f, "/cpu"), FDT_NONE);
	EXPECT_EQ(fdt_find(&f, "/cpus/cpu@"), FDT_NONE);
	EXPECT_EQ(fdt_find(&f, "/cpus/cpu@11"), FDT_NONE);
	EXPECT_EQ(fdt_find(&f, "/cpus/cpu@0/x"), FDT_NONE);
}

TEST(fdt, nodes_are_found_by_what_they_say)
{
	fdt_node n;

	REQUIRE(build());
	EXPECT_STR(fdt_name(&f, fdt_by_phandle(&f, 0x8001)), "cpu@0");
	EXPECT_EQ(fdt_by_phandle(&f, 0x8002), FDT_NONE);
	n = fdt_find(&f, "/pl011");
	EXPECT(fdt_is_compatible(&f, n, "arm,pl011"));
	EXPECT(fdt_is_compatible(&f, n, "arm,primecell"));
	n = fdt_find(&f, "/pl061");
	EXPECT(fdt_is_compatible(&f, n, "arm,pl061"));
	EXPECT(!fdt_is_compatible(&f, n, "arm,primecell"));
	EXPECT(!fdt_is_compatible(&f, n, "arm,pl06"));
	EXPECT(!fdt_is_compatible(&f, fdt_root(&f), "arm,pl061"));
	EXPECT(fdt_is_okay(&f, n));
	EXPECT(fdt_is_okay(&f, fdt_find(&f, "/pl011")));
	EXPECT(!fdt_is_okay(&f, fdt_find(&f, "/cpus/cpu@1")));
}

TEST(fdt, properties_are_read_by_their_length)
{
	struct fdt_prop p;
	uint64_t number;
	uint32_t cell;

	begin(1, 1);
	fb_cells(&b, "one", 1, 0x12345678);
	fb_cells(&b, "two", 2, 1, 2);
	fb_cells(&b, "three", 3, 1, 2, 3);
	fb_str(&b, "text", "abc");
	fb_prop(&b, "open", "abc", 3);
	fb_prop(&b, "empty", "", 0);
	fb_str(&b, "status", "fail");
	fb_end(&b);
	REQUIRE(finish());
	EXPECT(fdt_prop_u32(&f, 0, "one", &cell));
	EXPECT_EQ(cell, 0x12345678);
	EXPECT(!fdt_prop_u32(&f, 0, "two", &cell));
	EXPECT(fdt_prop_number(&f, 0, "one", &number));
	EXPECT_EQ(number, 0x12345678);
	EXPECT(fdt_prop_number(&f, 0, "two", &number));
	EXPECT_EQ(number, 0x100000002);
	EXPECT(!fdt_prop_number(&f, 0, "three", &number));
	EXPECT(!fdt_prop_number(&f, 0, "empty", &number));
	EXPECT_STR(fdt_prop_str(&f, 0, "text"), "abc");
	EXPECT(fdt_prop_str(&f, 0, "open") == NULL);
	EXPECT(fdt_prop_str(&f, 0, "empty") == NULL);
	EXPECT(fdt_prop_str(&f, 0, "absent") == NULL);
	EXPECT(fdt_prop(&f, 0, "empty", &p));
	EXPECT_EQ(p.len, 0);
	EXPECT_STR(p.name, "empty");
	EXPECT(!fdt_is_okay(&f, 0));
}

static int reg_count(const char *path)
{
	struct fdt_walk at;

	return fdt_walk_to(&f, fdt_find(&f, path), &at) ? fdt_reg_count(&f, &at) : -2;
}

static void expect_reg(struct test *t, const char *path, unsigned i, uint64_t want_addr,
		       uint64_t want_size)
{
	uint64_t addr = 0, size = 0;
	struct fdt_walk at;

	REQUIRE(fdt_walk_to(&f, fdt_find(&f, path), &at));
	EXPECT(fdt_reg(&f, &at, i, &addr, &size));
	EXPECT_EQ(addr, want_addr);
	EXPECT_EQ(size, want_size);
}

static void expect_no_reg(struct test *t, const char *path, unsigned i)
{
	uint64_t addr, size;
	struct fdt_walk at;

	REQUIRE(fdt_walk_to(&f, fdt_find(&f, path), &at));
	EXPECT(!fdt_reg(&f, &at, i, &addr, &size));
}

TEST(fdt, reg_follows_the_cells_of_the_parent)
{
	REQUIRE(build());
	expect_reg(t, "/memory", 0, 0x40000000, 0x1000);
	expect_reg(t, "/memory", 1, 0x100000000, 0x2000);
	expect_no_reg(t, "/memory", 2);
	expect_no_reg(t, "/memory", UINT32_MAX);
	EXPECT_EQ(reg_count("/memory"), 2);
	expect_reg(t, "/cpus/cpu@1", 0, 0x101, 0);
	expect_no_reg(t, "/soc", 0);
	EXPECT_EQ(reg_count("/soc"), 0);
}

TEST(fdt, reg_goes_through_the_ranges_of_each_bus)
{
	REQUIRE(build());
	expect_reg(t, "/soc/serial", 0, 0x10000200, 0x100);
	expect_no_reg(t, "/soc/serial", 1); /* ends outside the range */
	expect_reg(t, "/soc/inner/dev", 0, 0x10002010, 0x10);
	expect_reg(t, "/soc/inner/dev", 1, 0x10001010, 0x10);
}

/* One device at 0x1000, 0x100 bytes, below a bus; what its ranges say is the caller's. */
static bool build_bus(bool has_ranges, const uint8_t *ranges, size_t len)
{
	begin(2, 2);
	fb_node(&b, "bus");
	fb_cells(&b, "#address-cells", 1, 2);
	fb_cells(&b, "#size-cells", 1, 2);
	if (has_ranges)
		fb_prop(&b, "ranges", ranges, len);
	fb_node(&b, "dev");
	fb_cells(&b, "reg", 4, 0, 0x1000, 0, 0x100);
	fb_end(&b);
	fb_end(&b);
	fb_end(&b);
	return finish();
}

TEST(fdt, ranges_may_be_empty_absent_or_malformed)
{
	static uint8_t ranges[24 * (FDT_RANGES_MAX + 1)];

	REQUIRE(build_bus(true, blob, 0));
	expect_reg(t, "/bus/dev", 0, 0x1000, 0x100);
	REQUIRE(build_bus(false, blob, 0));
	expect_no_reg(t, "/bus/dev", 0);
	EXPECT_EQ(reg_count("/bus/dev"), 1);

	put_be(ranges + 24 * (FDT_RANGES_MAX - 1) + 8, 0x8000000000000000, 8);
	put_be(ranges + 24 * (FDT_RANGES_MAX - 1) + 16, 0x1100, 8);
	REQUIRE(build_bus(true, ranges, 24 * FDT_RANGES_MAX));
	expect_reg(t, "/bus/dev", 0, 0x8000000000001000, 0x100);
	REQUIRE(build_bus(true, ranges, sizeof(ranges)));
	expect_no_reg(t, "/bus/dev", 0);
	REQUIRE(build_bus(true, ranges, 20));
	expect_no_reg(t, "/bus/dev", 0);
}

TEST(fdt, a_range_that_leads_past_64_bits_translates_nothing)
{
	uint8_t range[24];

	put_be(range, 0, 8);
	put_be(range + 8, 0xfffffffffffff800, 8);
	put_be(range + 16, 0x10000, 8);
	REQUIRE(build_bus(true, range, sizeof(range)));
	expect_no_reg(t, "/bus/dev", 0);
	put_be(range, 0x1000, 8);
	REQUIRE(build_bus(true, range, sizeof(range)));
	expect_reg(t, "/bus/dev", 0, 0xfffffffffffff800, 0x100);
}

TEST(fdt, cells_that_fit_no_address_are_refused)
{
	static const uint32_t cells[][2] = {
		{ 0, 1 },          { 3, 1 },          { 2, 3 },
		{ 0xffffffff, 2 }, { 2, 0xffffffff }, { 0x40000000, 0 }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cells); i++) {
		begin(cells[i][0], cells[i][1]);
		fb_node(&b, "dev");
		fb_cells(&b, "reg", 4, 0, 0x1000, 0, 0x100);
		fb_end(&b);
		fb_end(&b);
		REQUIRE(finish());
		expect_no_reg(t, "/dev", 0);
		EXPECT_EQ(reg_count("/dev"), -1);
	}
}

TEST(fdt, cells_default_to_two_and_one)
{
	fb_init(&b);
	fb_node(&b, "");
	fb_node(&b, "dev");
	fb_cells(&b, "reg", 3, 1, 2, 3);
	fb_end(&b);
	fb_node(&b, "odd");
	fb_cells(&b, "reg", 4, 1, 2, 3, 4);
	fb_end(&b);
	fb_end(&b);
	REQUIRE(finish());
	expect_reg(t, "/dev", 0, 0x100000002, 3);
	expect_no_reg(t, "/odd", 0);
}

TEST(fdt, reservations_end_with_an_empty_one)
{
	uint64_t addr, size;

	REQUIRE(build());
	EXPECT(fdt_reservation(&f, 0, &addr, &size));
	EXPECT_EQ(addr, 0x48000000);
	EXPECT_EQ(size, 0x10000);
	EXPECT(fdt_reservation(&f, 1, &addr, &size));
	EXPECT_EQ(addr, 0x1ffffffff);
	EXPECT(!fdt_reservation(&f, 2, &addr, &size));
	EXPECT(!fdt_reservation(&f, UINT32_MAX, &addr, &size));
}

TEST(fdt, size_is_told_by_the_header)
{
	REQUIRE(build());
	EXPECT_EQ(fdt_size(blob), blob_len);
	blob[0]++;
	EXPECT_EQ(fdt_size(blob), 0);
}

TEST(fdt, depth_is_limited)
{
	for (unsigned depth = FDT_DEPTH_MAX; depth <= FDT_DEPTH_MAX + 1; depth++) {
		fb_init(&b);
		for (unsigned i = 0; i < depth; i++)
			fb_node(&b, "n");
		for (unsigned i = 0; i < depth; i++)
			fb_end(&b);
		EXPECT_EQ(finish(), depth == FDT_DEPTH_MAX);
	}
	EXPECT_STR(error.text, "FDT: node at 0x80 is deeper than 16");
}

TEST(fdt, a_strings_block_without_an_end_is_cut)
{
	uint32_t cell;

	begin(1, 1);
	fb_cells(&b, "last", 1, 7);
	fb_end(&b);
	REQUIRE(finish());
	EXPECT(fdt_prop_u32(&f, 0, "last", &cell));
	blob[blob_len - 1] = 'x'; /* the NUL of "last" */
	EXPECT(!fdt_open(&f, blob, blob_len, &error));
	EXPECT_STR(error.text, "FDT: property at 0x28 has its name at 0x1b, past the strings");
}

/* Each row changes one field of 4 bytes of the header. */
TEST(fdt, bad_headers_are_refused)
{
	static const struct {
		unsigned at;
		uint32_t value;
		const char *says;
	} rows[] = {
		{ 0, 0xedfe0dd0, "FDT: magic is 0xedfe0dd0, not 0xd00dfeed" },
		{ 4, 39, "FDT: blob of 39 bytes in" },
		{ 4, 0x100000, "FDT: blob of 1048576 bytes in" },
		{ 8, 0xfffffff0, "FDT: structure block at 0xfffffff0" },
		{ 8, 0, "FDT: structure block at 0" },
		{ 36, 0xffffffff, "FDT: structure block at" },
		{ 12, 0xffffffff, "FDT: strings block at 0xffffffff" },
		{ 32, 0xffffffff, "FDT: strings block at" },
		{ 16, 0xffffffff, "FDT: reservation block at 0xffffffff" },
		{ 20, 16, "FDT: version 16, readable from 16 on; we read 17" },
		{ 24, 18, "FDT: version 17, readable from 18 on; we read 17" },
		{ 36, 0, "FDT: structure block of 0 bytes has no end token" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		REQUIRE(build());
		put_be(blob + rows[i].at, rows[i].value, 4);
		EXPECT(!fdt_open(&f, blob, blob_len, &error));
		if (!tern_str_starts(error.text, rows[i].says))
			test_fail(t, __FILE__, __LINE__, "row %u says: %s", i, error.text);
	}
	EXPECT(!fdt_open(&f, blob, 39, &error));
	EXPECT_STR(error.text, "FDT: 39 bytes are no device tree");
}

TEST(fdt, reservations_without_an_end_are_refused)
{
	REQUIRE(build());
	put_be(blob + 16, blob_len - 15, 4);
	EXPECT(!fdt_open(&f, blob, blob_len, &error));
	EXPECT(tern_str_starts(error.text, "FDT: reservation block at"));
	put_be(blob + 16, blob_len - 16, 4); /* there are names, not zeros */
	EXPECT(!fdt_open(&f, blob, blob_len, &error));
	memset(blob + blob_len, 0, 16);
	put_be(blob + 4, blob_len + 16, 4);
	put_be(blob + 16, blob_len, 4);
	EXPECT(fdt_open(&f, blob, blob_len + 16, &error));
}

static void expect_refusal(struct test *t, const char *says)
{
	EXPECT(!finish());
	EXPECT_STR(error.text, says);
}

TEST(fdt, bad_nesting_is_refused)
{
	fb_init(&b);
	expect_refusal(t, "FDT: tree ends at 0 with 0 nodes open");

	fb_init(&b);
	fb_end(&b);
	expect_refusal(t, "FDT: node ends at 0 but none is open");

	fb_init(&b);
	fb_node(&b, "");
	expect_refusal(t, "FDT: tree ends at 0x8 with 1 nodes open");

	fb_init(&b);
	fb_node(&b, "");
	fb_end(&b);
	fb_node(&b, "");
	expect_refusal(t, "FDT: second root at 0xc");

	fb_init(&b);
	fb_node(&b, "");
	fb_node(&b, "a");
	fb_end(&b);
	fb_cells(&b, "late", 1, 0);
	expect_refusal(t, "FDT: property at 0x14 follows a node's end");

	fb_init(&b);
	fb_cells(&b, "early", 1, 0);
	expect_refusal(t, "FDT: property at 0 follows a node's end");

	fb_init(&b);
	fb_token(&b, 5);
	expect_refusal(t, "FDT: token at 0 is 0x5");
}

TEST(fdt, what_runs_past_the_structure_block_is_refused)
{
	fb_init(&b);
	fb_node(&b, "");
	fb_token(&b, 3);
	fb_token(&b, 48);
	fb_token(&b, fb_string(&b, "long"));
	expect_refusal(t, "FDT: property at 0x8 runs 44 bytes past the structure block");

	fb_init(&b);
	fb_node(&b, "");
	fb_token(&b, 3);
	expect_refusal(t, "FDT: property at 0x8 runs past the structure block");

	fb_init(&b);
	fb_token(&b, 1);
	fb_raw(&b, "name", 4);
	blob_len = fb_finish(&b, blob);
	memset(blob + blob_len - 4, 'x', 4); /* there the end token was */
	EXPECT(!fdt_open(&f, blob, blob_len, &error));
	EXPECT_STR(error.text, "FDT: name of the node at 0 does not end");
}

static bool behaves(uint8_t *bytes, size_t len, void *arg TEST_UNUSED)
{
	error.text[0] = '\0';
	if (!fdt_open(&f, bytes, len, &error))
		return error.text[0] != '\0';
	return fdt_probe(&f);
}

/* Cut in the blob, and cut with a total size that agrees. */
static bool behaves_when_cut(uint8_t *bytes, size_t len, void *arg)
{
	if (!behaves(bytes, len, arg))
		return false;
	if (len < 8)
		return true;
	put_be(bytes + 4, len, 4);
	return behaves(bytes, len, arg);
}

TEST(fdt, spoiled_trees_are_refused_or_read_within_bounds)
{
	REQUIRE(build());
	EXPECT(blob_truncate(blob, blob_len, behaves_when_cut, NULL));
	EXPECT(blob_spoil(blob, blob_len, behaves, NULL));
}
