/* SPDX-License-Identifier: MIT */
/* fdt.c - a reader of flattened device trees.
 *
 * Job      Check a blob as a whole, then answer questions about nodes and properties.
 * Above    boot/fdt_machine.c says what the nodes mean; boot/aarch64 hands in the blob.
 * Owns     nothing; struct fdt points into the blob, which must stay.
 * Locks    none.   Context: any, also with the MMU off: every load is a byte.
 * Holds    read_token() is the only one that reads the structure block, and checks each length
 *          against the block's end every time; fdt_open() needs it to say why a blob is bad, all
 *          others know that it does not fail. Every token moves on by 4 bytes or more. So each
 *          walk is linear in the blob and ends, whatever the blob says.
 * Strings  The strings block is cut behind its last NUL when opened. So an offset inside it is a
 *          terminated string, and no name must be measured to know it. */
#include "boot/fdt.h"

#include "boot/bytes.h"
#include "lib/bits.h"
#include "lib/string.h"

#define MAGIC       0xd00dfeedu
#define HEADER_SIZE 40u
#define VERSION     17u

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

struct token {
	uint32_t what;
	uint32_t at, next;    /* offsets in the structure block: of this one, behind it */
	const char *name;     /* BEGIN_NODE */
	struct fdt_prop prop; /* PROP */
};

/* The header ------------------------------------------------------------------------------ */

uint32_t fdt_size(const void *header)
{
	const uint8_t *p = header;

	return load_be32(p) == MAGIC ? load_be32(p + 4) : 0;
}

static bool check_block(const struct fdt *f, const char *what, uint32_t off, uint32_t size,
			struct boot_error *e)
{
	if (off < HEADER_SIZE || off > f->total_size || size > f->total_size - off)
		return boot_error(e,
				  "FDT: %s block at %#x, %u bytes, lies outside the %u of the blob",
				  what, off, size, f->total_size);
	return true;
}

static bool read_header(struct fdt *f, const uint8_t *p, size_t len, struct boot_error *e)
{
	if (len < HEADER_SIZE)
		return boot_error(e, "FDT: %zu bytes are no device tree", len);
	if (load_be32(p) != MAGIC)
		return boot_error(e, "FDT: magic is %#x, not %#x", load_be32(p), MAGIC);
	if (load_be32(p + 20) < VERSION || load_be32(p + 24) > VERSION)
		return boot_error(e, "FDT: version %u, readable from %u on; we read %u",
				  load_be32(p + 20), load_be32(p + 24), VERSION);
	*f = (struct fdt){
		.blob = p,
		.total_size = load_be32(p + 4),
		.off_struct = load_be32(p + 8),
		.size_struct = load_be32(p + 36),
		.off_strings = load_be32(p + 12),
		.size_strings = load_be32(p + 32),
		.off_rsvmap = load_be32(p + 16),
	};
	if (f->total_size < HEADER_SIZE || f->total_size > len)
		return boot_error(e, "FDT: blob of %u bytes in %zu bytes of memory", f->total_size,
				  len);
	return check_block(f, "structure", f->off_struct, f->size_struct, e) &&
	       check_block(f, "strings", f->off_strings, f->size_strings, e) &&
	       check_block(f, "reservation", f->off_rsvmap, 0, e);
}

static bool check_reservations(const struct fdt *f, struct boot_error *e)
{
	for (uint32_t at = f->off_rsvmap; f->total_size - at >= 16; at += 16)
		if ((load_be64(f->blob + at) | load_be64(f->blob + at + 8)) == 0)
			return true;
	return boot_error(e, "FDT: reservation block at %#x does not end", f->off_rsvmap);
}

/* Tokens ---------------------------------------------------------------------------------- */

static const uint8_t *structure(const struct fdt *f, uint32_t at)
{
	return f->blob + f->off_struct + at;
}

static bool read_prop(const struct fdt *f, struct token *t, struct boot_error *e)
{
	uint32_t left = f->size_struct - t->next, len, name;

	if (left < 8)
		return boot_error(e, "FDT: property at %#x runs past the structure block", t->at);
	len = load_be32(structure(f, t->next));
	name = load_be32(structure(f, t->next + 4));
	left -= 8;
	if (len > left)
		return boot_error(e, "FDT: property at %#x runs %u bytes past the structure block",
				  t->at, len - left);
	if (name >= f->size_strings)
		return boot_error(e, "FDT: property at %#x has its name at %#x, past the strings",
				  t->at, name);
	t->prop.name = (const char *)f->blob + f->off_strings + name;
	t->prop.data = structure(f, t->next + 8);
	t->prop.len = len;
	t->next += 8 + len;
	return true;
}

static bool read_node(const struct fdt *f, struct token *t, struct boot_error *e)
{
	uint32_t left = f->size_struct - t->next;
	size_t len;

	t->name = (const char *)structure(f, t->next);
	len = tern_str_nlen(t->name, left);
	if (len == left)
		return boot_error(e, "FDT: name of the node at %#x does not end", t->at);
	t->next += (uint32_t)len + 1;
	return true;
}

static bool read_token(const struct fdt *f, uint32_t at, struct token *t, struct boot_error *e)
{
	bool ok = true;

	if (at > f->size_struct || f->size_struct - at < 4)
		return boot_error(e, "FDT: structure block of %u bytes has no end token",
				  f->size_struct);
	t->at = at;
	t->next = at + 4;
	t->what = load_be32(structure(f, at));
	switch (t->what) {
	case BEGIN_NODE:
		ok = read_node(f, t, e);
		break;
	case PROP:
		ok = read_prop(f, t, e);
		break;
	case END_NODE:
	case NOP:
	case END:
		break;
	default:
		return boot_error(e, "FDT: token at %#x is %#x", at, t->what);
	}
	t->next = (uint32_t)align_up(t->next, 4);
	return ok;
}

/* The next token that is no NOP; false behind the end of a tree that fdt_open() took. */
static bool next_token(const struct fdt *f, uint32_t at, struct token *t)
{
	while (read_token(f, at, t, NULL)) {
		if (t->what != NOP)
			return t->what != END;
		at = t->next;
	}
	return false;
}

/* Where the nesting stands while fdt_open() walks. */
struct nesting {
	unsigned depth;
	bool seen_root, props_over;
};

static bool check_token(const struct token *t, struct nesting *s, struct boot_error *e)
{
	switch (t->what) {
	case BEGIN_NODE:
		if (s->depth == 0 && s->seen_root)
			return boot_error(e, "FDT: second root at %#x", t->at);
		if (s->depth == FDT_DEPTH_MAX)
			return boot_error(e, "FDT: node at %#x is deeper than %d", t->at,
					  FDT_DEPTH_MAX);
		s->depth++;
		s->seen_root = true;
		s->props_over = false;
		return true;
	case END_NODE:
		if (s->depth == 0)
			return boot_error(e, "FDT: node ends at %#x but none is open", t->at);
		s->depth--;
		s->props_over = true;
		return true;
	case PROP:
		if (s->depth == 0 || s->props_over)
			return boot_error(e, "FDT: property at %#x follows a node's end", t->at);
		return true;
	case END:
		if (s->depth > 0 || !s->seen_root)
			return boot_error(e, "FDT: tree ends at %#x with %u nodes open", t->at,
					  s->depth);
		return true;
	default:
		return true;
	}
}

bool fdt_open(struct fdt *f, const void *blob, size_t len, struct boot_error *e)
{
	struct nesting s = {0, false, false};
	struct token t = {.what = NOP, .next = 0};

	if (!read_header(f, blob, len, e) || !check_reservations(f, e))
		return false;
	while (f->size_strings > 0 && f->blob[f->off_strings + f->size_strings - 1] != '\0')
		f->size_strings--;
	while (t.what != END)
		if (!read_token(f, t.next, &t, e) || !check_token(&t, &s, e))
			return false;
	return true;
}

/* Nodes ----------------------------------------------------------------------------------- */

fdt_node fdt_root(const struct fdt *f)
{
	struct token t;

	return next_token(f, 0, &t) ? t.at : FDT_NONE;
}

static bool begin(const struct fdt *f, fdt_node n, struct token *t)
{
	return n != FDT_NONE && read_token(f, n, t, NULL) && t->what == BEGIN_NODE;
}

fdt_node fdt_first_child(const struct fdt *f, fdt_node n)
{
	struct token t;

	if (!begin(f, n, &t))
		return FDT_NONE;
	do {
		if (!next_token(f, t.next, &t))
			return FDT_NONE;
	} while (t.what == PROP);
	return t.what == BEGIN_NODE ? t.at : FDT_NONE;
}

fdt_node fdt_next_sibling(const struct fdt *f, fdt_node n)
{
	unsigned depth = 1;
	struct token t;

	if (!begin(f, n, &t))
		return FDT_NONE;
	while (depth > 0) {
		if (!next_token(f, t.next, &t))
			return FDT_NONE;
		depth += t.what == BEGIN_NODE;
		depth -= t.what == END_NODE;
	}
	return next_token(f, t.next, &t) && t.what == BEGIN_NODE ? t.at : FDT_NONE;
}

/* The next node in tree order. */
static fdt_node next_node(const struct fdt *f, fdt_node n)
{
	struct token t;

	if (!begin(f, n, &t))
		return FDT_NONE;
	while (next_token(f, t.next, &t))
		if (t.what == BEGIN_NODE)
			return t.at;
	return FDT_NONE;
}

const char *fdt_name(const struct fdt *f, fdt_node n)
{
	struct token t;

	return begin(f, n, &t) ? t.name : "";
}

/* True if the node's name is the `len` bytes at `component`, or these without "@unit". */
static bool name_matches(const char *name, const char *component, size_t len)
{
	if (tern_str_nlen(name, len) < len || memcmp(name, component, len) != 0)
		return false;
	return name[len] == '\0' || name[len] == '@';
}

fdt_node fdt_find(const struct fdt *f, const char *path)
{
	fdt_node n = fdt_root(f);

	while (n != FDT_NONE) {
		size_t len = 0;

		while (*path == '/')
			path++;
		while (path[len] && path[len] != '/')
			len++;
		if (len == 0)
			return n;
		n = fdt_first_child(f, n);
		while (n != FDT_NONE && !name_matches(fdt_name(f, n), path, len))
			n = fdt_next_sibling(f, n);
		path += len;
	}
	return FDT_NONE;
}

fdt_node fdt_by_phandle(const struct fdt *f, uint32_t phandle)
{
	uint32_t value;

	for (fdt_node n = fdt_root(f); n != FDT_NONE; n = next_node(f, n))
		if (fdt_prop_u32(f, n, "phandle", &value) && value == phandle)
			return n;
	return FDT_NONE;
}

bool fdt_is_compatible(const struct fdt *f, fdt_node n, const char *compatible)
{
	size_t want = tern_str_len(compatible) + 1;
	struct fdt_prop p;

	if (!fdt_prop(f, n, "compatible", &p))
		return false;
	while (p.len > 0) {
		size_t len = tern_str_nlen((const char *)p.data, p.len) + 1;

		if (len > p.len) /* the last string does not end */
			return false;
		if (len == want && memcmp(p.data, compatible, len) == 0)
			return true;
		p.data += len;
		p.len -= (uint32_t)len;
	}
	return false;
}

fdt_node fdt_compatible(const struct fdt *f, fdt_node after, const char *compatible)
{
	fdt_node n = after == FDT_NONE ? fdt_root(f) : next_node(f, after);

	while (n != FDT_NONE && !fdt_is_compatible(f, n, compatible))
		n = next_node(f, n);
	return n;
}

bool fdt_is_okay(const struct fdt *f, fdt_node n)
{
	const char *status = fdt_prop_str(f, n, "status");
	struct fdt_prop p;

	if (!status)
		return !fdt_prop(f, n, "status", &p);
	return tern_str_eq(status, "okay") || tern_str_eq(status, "ok");
}

/* Properties ------------------------------------------------------------------------------ */

bool fdt_prop(const struct fdt *f, fdt_node n, const char *name, struct fdt_prop *p)
{
	struct token t;

	if (!begin(f, n, &t))
		return false;
	while (next_token(f, t.next, &t) && t.what == PROP) {
		if (tern_str_eq(t.prop.name, name)) {
			*p = t.prop;
			return true;
		}
	}
	return false;
}

bool fdt_prop_u32(const struct fdt *f, fdt_node n, const char *name, uint32_t *value)
{
	struct fdt_prop p;

	if (!fdt_prop(f, n, name, &p) || p.len != 4)
		return false;
	*value = load_be32(p.data);
	return true;
}

/* A number of `cells` cells, at most 2. */
static uint64_t load_cells(const uint8_t *p, uint32_t cells)
{
	return cells == 0 ? 0 : cells == 1 ? load_be32(p) : load_be64(p);
}

bool fdt_prop_number(const struct fdt *f, fdt_node n, const char *name, uint64_t *value)
{
	struct fdt_prop p;

	if (!fdt_prop(f, n, name, &p) || (p.len != 4 && p.len != 8))
		return false;
	*value = load_cells(p.data, p.len / 4);
	return true;
}

const char *fdt_prop_str(const struct fdt *f, fdt_node n, const char *name)
{
	struct fdt_prop p;

	if (!fdt_prop(f, n, name, &p) || p.len == 0 || p.data[p.len - 1] != '\0')
		return NULL;
	return (const char *)p.data;
}

bool fdt_reservation(const struct fdt *f, unsigned i, uint64_t *addr, uint64_t *size)
{
	const uint8_t *p;

	if (i >= (f->total_size - f->off_rsvmap) / 16)
		return false;
	p = f->blob + f->off_rsvmap + (size_t)i * 16;
	*addr = load_be64(p);
	*size = load_be64(p + 8);
	return (*addr | *size) != 0;
}

/* Addresses ------------------------------------------------------------------------------- */

static struct fdt_level read_level(const struct fdt *f, fdt_node n)
{
	struct fdt_level l = {.addr_cells = 2, .size_cells = 1}; /* the specification's default */
	struct fdt_prop p;

	/* A cell count that is no number fits no address: 0 is refused later. */
	if (fdt_prop(f, n, "#address-cells", &p))
		l.addr_cells = p.len == 4 ? load_be32(p.data) : 0;
	if (fdt_prop(f, n, "#size-cells", &p))
		l.size_cells = p.len == 4 ? load_be32(p.data) : UINT32_MAX;
	l.has_ranges = fdt_prop(f, n, "ranges", &l.ranges);
	return l;
}

static bool cells_ok(const struct fdt_level *l)
{
	return l->addr_cells >= 1 && l->addr_cells <= 2 && l->size_cells <= 2;
}

/* The nodes from the root to n in path[]; how many they are, 0 if n is no node. */
static unsigned find_path(const struct fdt *f, fdt_node n, fdt_node path[FDT_DEPTH_MAX])
{
	struct token t = {.next = 0};
	unsigned depth = 0;

	while (next_token(f, t.next, &t) && t.at <= n) {
		if (t.what == END_NODE && depth > 0)
			depth--;
		if (t.what != BEGIN_NODE || depth == FDT_DEPTH_MAX)
			continue;
		path[depth++] = t.at;
		if (t.at == n)
			return depth;
	}
	return 0;
}

static void read_bus(const struct fdt *f, const fdt_node *path, unsigned depth, struct fdt_bus *bus)
{
	bus->depth = depth;
	for (unsigned i = 0; i < depth; i++)
		bus->level[i] = read_level(f, path[i]);
}

bool fdt_bus_open(const struct fdt *f, fdt_node n, struct fdt_bus *bus)
{
	fdt_node path[FDT_DEPTH_MAX];
	unsigned depth = find_path(f, n, path);

	read_bus(f, path, depth, bus);
	return depth > 0;
}

/* From the addresses of l's children to those of l itself, whose parent is up. */
static bool translate(const struct fdt_level *l, const struct fdt_level *up, uint64_t *addr,
		      uint64_t size)
{
	uint32_t step = 4 * (l->addr_cells + up->addr_cells + l->size_cells);
	const uint8_t *p = l->ranges.data;

	if (!l->has_ranges)
		return false;
	if (l->ranges.len == 0)
		return true;
	if (l->ranges.len % step != 0 || l->ranges.len / step > FDT_RANGES_MAX)
		return false;
	for (; p < l->ranges.data + l->ranges.len; p += step) {
		uint64_t child = load_cells(p, l->addr_cells);
		uint64_t parent = load_cells(p + 4 * l->addr_cells, up->addr_cells);
		uint64_t len = load_cells(p + step - 4 * l->size_cells, l->size_cells);
		uint64_t skip = *addr - child;

		if (*addr < child || skip > len || size > len - skip)
			continue;
		if (skip > UINT64_MAX - parent)
			return false;
		*addr = parent + skip;
		return true;
	}
	return false;
}

int fdt_bus_count(const struct fdt_bus *bus, const struct fdt_prop *reg)
{
	const struct fdt_level *l = &bus->level[bus->depth - 1];
	uint32_t step = 4 * (l->addr_cells + l->size_cells);

	if (!cells_ok(l) || reg->len % step != 0)
		return -1;
	return (int)(reg->len / step);
}

bool fdt_bus_entry(const struct fdt_bus *bus, const struct fdt_prop *reg, unsigned i,
		   uint64_t *addr, uint64_t *size)
{
	int count = fdt_bus_count(bus, reg);
	const struct fdt_level *l = &bus->level[bus->depth - 1];
	const uint8_t *p;

	if (count < 0 || i >= (unsigned)count)
		return false;
	p = reg->data + (size_t)i * 4 * (l->addr_cells + l->size_cells);
	*addr = load_cells(p, l->addr_cells);
	*size = load_cells(p + 4 * l->addr_cells, l->size_cells);
	if (l->size_cells == 0) /* a number, such as a CPU's: it lies on no bus */
		return true;
	for (; l > bus->level; l--)
		if (!cells_ok(l - 1) || !translate(l, l - 1, addr, *size))
			return false;
	return true;
}

/* The bus that n hangs on; false for the root, which hangs on none. */
static bool open_parent(const struct fdt *f, fdt_node n, struct fdt_bus *bus)
{
	fdt_node path[FDT_DEPTH_MAX];
	unsigned depth = find_path(f, n, path);

	if (depth < 2)
		return false;
	read_bus(f, path, depth - 1, bus);
	return true;
}

bool fdt_reg(const struct fdt *f, fdt_node n, unsigned i, uint64_t *addr, uint64_t *size)
{
	struct fdt_prop reg;
	struct fdt_bus bus;

	return fdt_prop(f, n, "reg", &reg) && open_parent(f, n, &bus) &&
	       fdt_bus_entry(&bus, &reg, i, addr, size);
}

int fdt_reg_count(const struct fdt *f, fdt_node n)
{
	struct fdt_prop reg;
	struct fdt_bus bus;

	if (!fdt_prop(f, n, "reg", &reg))
		return 0;
	return open_parent(f, n, &bus) ? fdt_bus_count(&bus, &reg) : -1;
}
