/* SPDX-License-Identifier: MIT */
/* fdt_probe.h - ask a device tree that fdt_open() took for everything, and check the answers.
 *
 * The tests of spoiled trees and the fuzzer share it. */
#ifndef TESTS_UNIT_FDT_PROBE_H
#define TESTS_UNIT_FDT_PROBE_H

#include "boot/fdt.h"
#include "lib/compiler.h"
#include "lib/string.h"

/* True if [p, p + len) lies inside the blob. */
static inline bool probe_inside(const struct fdt *f, const void *p, size_t len)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)f->blob;

	return at <= f->total_size && len <= f->total_size - at;
}

static inline bool probe_text(const struct fdt *f, const char *text)
{
	return probe_inside(f, text, 1) && probe_inside(f, text, tern_str_len(text) + 1);
}

static inline bool probe_node(const struct fdt *f, fdt_node n)
{
	static const char *const names[] = { "reg", "compatible", "ranges", "status", "absent" };
	uint64_t addr, size;
	uint32_t cell;
	struct fdt_prop p;
	struct fdt_walk at;
	const char *text;
	int count;

	if (*fdt_name(f, n) && !probe_text(f, fdt_name(f, n)))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!fdt_prop(f, n, names[i], &p))
			continue;
		if (!probe_inside(f, p.data, p.len) || !probe_text(f, p.name))
			return false;
		text = fdt_prop_str(f, n, names[i]);
		if (text && !probe_text(f, text))
			return false;
		fdt_prop_u32(f, n, names[i], &cell);
	}
	fdt_is_compatible(f, n, "arm,pl011");
	if (!fdt_walk_to(f, n, &at) || at.depth == 0 || at.depth > FDT_DEPTH_MAX ||
	    at.path[at.depth - 1] != n)
		return false;
	count = fdt_reg_count(f, &at);
	fdt_reg(f, &at, 0, &addr, &size);
	return !fdt_reg(f, &at, count < 0 ? 0 : (unsigned)count, &addr, &size);
}

/* Visit every node by children and siblings, without recursion: their number comes back, or -1
 * for a wrong answer. *compatible counts those that are "arm,primecell". */
static inline int probe_children(const struct fdt *f, unsigned *compatible)
{
	fdt_node path[FDT_DEPTH_MAX];
	unsigned depth = 0;
	fdt_node n = fdt_root(f);
	int count = 0;

	*compatible = 0;
	while (n != FDT_NONE) {
		if (depth == FDT_DEPTH_MAX || !probe_node(f, n))
			return -1;
		count++;
		*compatible += fdt_is_compatible(f, n, "arm,primecell");
		path[depth++] = n;
		n = fdt_first_child(f, n);
		while (n == FDT_NONE && depth > 0)
			n = fdt_next_sibling(f, path[--depth]);
	}
	return count;
}

static inline bool fdt_probe(const struct fdt *f)
{
	struct fdt_walk w = { 0 };
	uint64_t addr, size;
	unsigned i = 0, compatible;

	while (fdt_reservation(f, i, &addr, &size))
		i++;
	fdt_find(f, "/cpus/cpu@1");
	fdt_by_phandle(f, 0x8001);
	if (probe_children(f, &compatible) <= 0 || i > f->total_size / 16)
		return false;
	while (fdt_walk(f, &w))
		compatible -= fdt_is_compatible(f, w.node, "arm,primecell");
	return compatible == 0;
}

#endif
