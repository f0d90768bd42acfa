/* SPDX-License-Identifier: MIT */
/* fdt.h - read a flattened device tree (devicetree specification v0.3, format 17).
 *
 * fdt_open() walks the whole blob once and refuses it unless every token, name and length lies
 * inside and nests; after that the other calls cannot run outside it. Allocates nothing. Depth
 * is limited to FDT_DEPTH_MAX. Calls that take a node want one that another call gave, or
 * FDT_NONE, of which they find nothing. */
#ifndef BOOT_FDT_H
#define BOOT_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/error.h"

#define FDT_DEPTH_MAX 16
/* A `ranges` with more entries than this translates nothing. */
#define FDT_RANGES_MAX 256

struct fdt {
	const uint8_t *blob;
	uint32_t total_size, off_struct, size_struct, off_strings, size_strings, off_rsvmap;
};

/* A node is the offset of its begin token within the structure block. */
typedef uint32_t fdt_node;
#define FDT_NONE UINT32_MAX

struct fdt_prop {
	const char *name;
	const uint8_t *data;
	uint32_t len;
};

/* len: how many bytes of blob may be read at all. */
bool fdt_open(struct fdt *f, const void *blob, size_t len, struct boot_error *e);
/* Size of the whole blob by its header, 0 if the first 8 bytes are no FDT's. */
uint32_t fdt_size(const void *header);

fdt_node fdt_root(const struct fdt *f);
fdt_node fdt_first_child(const struct fdt *f, fdt_node n);
fdt_node fdt_next_sibling(const struct fdt *f, fdt_node n);
const char *fdt_name(const struct fdt *f, fdt_node n);

/* All nodes in tree order: begin with a struct of zeros, call until it is false. */
struct fdt_walk {
	fdt_node node;
	const char *name;
	unsigned depth;               /* the root's is 1 */
	fdt_node path[FDT_DEPTH_MAX]; /* from the root to the node, which is path[depth - 1] */
	uint32_t next;                /* the token to go on with */
};
bool fdt_walk(const struct fdt *f, struct fdt_walk *w);
/* Walk from the root to n; false if n is no node. */
bool fdt_walk_to(const struct fdt *f, fdt_node n, struct fdt_walk *w);

/* "/cpus/cpu@0"; a component without @ also matches name@unit. FDT_NONE if absent. */
fdt_node fdt_find(const struct fdt *f, const char *path);
fdt_node fdt_by_phandle(const struct fdt *f, uint32_t phandle);
bool fdt_is_compatible(const struct fdt *f, fdt_node n, const char *compatible);
/* False when `status` is there and is neither "okay" nor "ok". */
bool fdt_is_okay(const struct fdt *f, fdt_node n);

bool fdt_prop(const struct fdt *f, fdt_node n, const char *name, struct fdt_prop *p);
/* The same of the node that a walk is at, once for each node: what is read need not be walked. */
bool fdt_walk_prop(const struct fdt *f, struct fdt_walk *w, const char *name, struct fdt_prop *p);
bool fdt_prop_u32(const struct fdt *f, fdt_node n, const char *name, uint32_t *value);
/* A number of one cell or of two. */
bool fdt_prop_number(const struct fdt *f, fdt_node n, const char *name, uint64_t *value);
/* True if it is this text, terminated. */
bool fdt_prop_is(const struct fdt_prop *p, const char *text);
/* A terminated string, or NULL. */
const char *fdt_prop_str(const struct fdt *f, fdt_node n, const char *name);
/* The string behind s in a list of strings, the first for s = NULL; NULL if there is none that is
 * terminated. */
const char *fdt_next_str(const struct fdt_prop *p, const char *s);
/* Entry i of `reg`, by the parent's #address-cells and #size-cells (1 or 2 each; size may be 0
 * cells). False when there is no such entry or the property is malformed. Addresses are
 * translated through the `ranges` of the parents; numbers without a size stay as they are. */
bool fdt_reg(const struct fdt *f, const struct fdt_walk *at, unsigned i, uint64_t *addr,
	     uint64_t *size);
/* How many entries reg has; -1 when it is there but malformed. */
int fdt_reg_count(const struct fdt *f, const struct fdt_walk *at);
/* Entry i of the memory reservation block; false past its end. */
bool fdt_reservation(const struct fdt *f, unsigned i, uint64_t *addr, uint64_t *size);

/* How the children of one node write addresses, read once for all of them. */
struct fdt_bus {
	unsigned depth; /* levels in use, the node itself last */
	struct fdt_level {
		uint32_t addr_cells, size_cells;
		bool has_ranges;
		struct fdt_prop ranges; /* valid if has_ranges */
	} level[FDT_DEPTH_MAX];
};

/* Of the children of the node that a walk is at; false before its first. */
bool fdt_bus_open(const struct fdt *f, const struct fdt_walk *at, struct fdt_bus *bus);
int fdt_bus_count(const struct fdt_bus *bus, const struct fdt_prop *reg);
bool fdt_bus_entry(const struct fdt_bus *bus, const struct fdt_prop *reg, unsigned i,
		   uint64_t *addr, uint64_t *size);

#endif
