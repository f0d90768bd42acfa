/* SPDX-License-Identifier: MIT */
/* fdt.c - a reader of flattened device trees.
 *
 * Job      Check a blob as a whole, then answer questions about nodes and properties.
 * Above    boot/fdt_machine.c says what the nodes mean; boot/aarch64 hands in the blob.
 * Owns     nothing; struct fdt points into the blob, which must stay.
 * Locks    none.   Context: any, also with the MMU off: every load is a byte.
 * Holds    fdt_open() checks of every token that it lies inside with all that belongs to it, and
 *          that nodes nest. All others read without a doubt, and only from one checked token to
 *          the next. Every token moves on by 4 bytes or more. So each walk is linear in the blob
 *          and ends, whatever the blob says.
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
	uint32_t at, next; /* offsets in the structure block: of this one, behind it */
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

static inline const uint8_t *structure(const struct fdt *f, uint32_t at)
{
	return f->blob + f->off_struct + at;
}

static bool check_prop(const struct fdt *f, uint32_t at, struct boot_error *e)
{
	uint32_t left = f->size_struct - at - 4, len, name;

	if (left < 8)
		return boot_error(e, "FDT: property at %#x runs past the structure block", at);
	len = load_be32(structure(f, at + 4));
	name = load_be32(structure(f, at + 8));
	left -= 8;
	if (len > left)
		return boot_error(e, "FDT: property at %#x runs %u bytes past the structure block",
				  at, len - left);
	if (name >= f->size_strings)
		return boot_error(e, "FDT: property at %#x has its name at %#x, past the strings",
				  at, name);
	return true;
}

static bool check_name(const struct fdt *f, uint32_t at, struct boot_error *e)
{
	uint32_t left = f->size_struct - at - 4;

	if (tern_str_nlen((const char *)structure(f, at + 4), left) == left)
		return boot_error(e, "FDT: name of the node at %#x does not end", at);
	return true;
}

/* True if the token at `at` and all that belongs to it lie inside. */
static bool check_bounds(const struct fdt *f, uint32_t at, struct boot_error *e)
{
	uint32_t what;

	if (at > f->size_struct || f->size_struct - at < 4)
		return boot_error(e, "FDT: structure block of %u bytes has no end token",
				  f->size_struct);
	what = load_be32(structure(f, at));
	switch (what) {
	case BEGIN_NODE:
		return check_name(f, at, e);
	case PROP:
		return check_prop(f, at, e);
	case END_NODE:
	case NOP:
	case END:
		return true;
	default:
		return boot_error(e, "FDT: token at %#x is %#x", at, what);
	}
}

/* Only for tokens whose bounds were checked. */
static inline struct token token_at(const struct fdt *f, uint32_t at)
{
	const uint8_t *p = structure(f, at);
	struct token t = { .what = load_be32(p), .at = at, .next = at + 4 };

	if (t.what == PROP)
		t.next += 8 + load_be32(p + 4);
	else if (t.what == BEGIN_NODE)
		t.next += (uint32_t)tern_str_len((const char *)p + 4) + 1;
	t.next = (uint32_t)align_up(t.next, 4);
	return t;
}

/* The token at `at`, or the next one that is no NOP; false at the tree's end. */
static inline bool next_token(const struct fdt *f, uint32_t at, struct token *t)
{
	do {
		*t = token_at(f, at);
		at = t->next;
	} while (t->what == NOP);
	return t->what != END;
}

/* Where the nesting stands while fdt_open() walks. */
struct nesting {
	unsigned depth;
	bool seen_root, props_over;
};

static bool check_nesting(const struct token *t, struct nesting *s, struct boot_error *e)
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
	struct nesting s = { 0, false, false };
	struct token t = { .what = NOP, .next = 0 };

	if (!read_header(f, blob, len, e) || !check_reservations(f, e))
		return false;
	while (f->size_strings > 0 && f->blob[f->off_strings + f->size_strings - 1] != '\0')
		f->size_strings--;
	while (t.what != END) {
		if (!check_bounds(f, t.next, e))
			return false;
		t = token_at(f, t.next);
		if (!check_nesting(&t, &s, e))
			return false;
	}
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
	if (n >= f->size_struct)
		return false;
	*t = token_at(f, n);
	return t->what == BEGIN_NODE;
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

bool fdt_walk(const struct fdt *f, struct fdt_walk *w)
{
	struct token t;

	while (next_token(f, w->next, &t)) {
		w->next = t.next;
		if (t.what == END_NODE)
			w->depth--;
		if (t.what != BEGIN_NODE)
			continue;
		w->path[w->depth++] = t.at;
		w->node = t.at;
		w->name = (const char *)structure(f, t.at + 4);
		return true;
	}
	return false;
}

bool fdt_walk_to(const struct fdt *f, fdt_node n, struct fdt_walk *w)
{
	*w = (struct fdt_walk){ 0 };
	while (fdt_walk(f, w) && w->node <= n)
		if (w->node == n)
			return true;
	return false;
}

const char *fdt_name(const struct fdt *f, fdt_node n)
{
	struct token t;

	return begin(f, n, &t) ? (const char *)structure(f, n + 4) : "";
}

/* True if the node's name is the `len` bytes at `component`, or these without "@unit". */
static bool name_matches(const char *name, const char *component, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] != component[i])
			return false;
	return name[len] == '\0' || name[len] == '@';
}

fdt_node fdt_find(const struct fdt *f, const char *path)
{
	struct fdt_walk w = { 0 };
	unsigned found = 0; /* components, the root among them */
	size_t len = 0;

	while (fdt_walk(f, &w) && w.depth > found) {
		if (w.depth > found + 1 || (found > 0 && !name_matches(w.name, path, len)))
			continue;
		found++;
		path += len;
		while (*path == '/')
			path++;
		for (len = 0; path[len] && path[len] != '/'; len++)
			;
		if (len == 0)
			return w.node;
	}
	return FDT_NONE;
}

fdt_node fdt_by_phandle(const struct fdt *f, uint32_t phandle)
{
	struct fdt_walk w = { 0 };
	uint32_t value;

	while (fdt_walk(f, &w))
		if (fdt_prop_u32(f, w.node, "phandle", &value) && value == phandle)
			return w.node;
	return FDT_NONE;
}

bool fdt_is_compatible(const struct fdt *f, fdt_node n, const char *compatible)
{
	const char *s = NULL;
	struct fdt_prop p;

	if (!fdt_prop(f, n, "compatible", &p))
		return false;
	while ((s = fdt_next_str(&p, s)) != NULL)
		if (tern_str_eq(s, compatible))
			return true;
	return false;
}

bool fdt_is_okay(const struct fdt *f, fdt_node n)
{
	struct fdt_prop p;

	return !fdt_prop(f, n, "status", &p) || fdt_prop_is(&p, "okay") || fdt_prop_is(&p, "ok");
}

/* Properties ------------------------------------------------------------------------------ */

static struct fdt_prop read_prop(const struct fdt *f, uint32_t at)
{
	const uint8_t *p = structure(f, at);

	return (struct fdt_prop){
		.name = (const char *)f->blob + f->off_strings + load_be32(p + 8),
		.data = p + 12,
		.len = load_be32(p + 4),
	};
}

/* Among the properties that begin at *at, which moves behind those that were looked at. */
static bool find_prop(const struct fdt *f, uint32_t *at, const char *name, struct fdt_prop *p)
{
	struct token t;

	while (next_token(f, *at, &t) && t.what == PROP) {
		*at = t.next;
		*p = read_prop(f, t.at);
		if (tern_str_eq(p->name, name))
			return true;
	}
	return false;
}

bool fdt_prop(const struct fdt *f, fdt_node n, const char *name, struct fdt_prop *p)
{
	struct token t;

	return begin(f, n, &t) && find_prop(f, &t.next, name, p);
}

bool fdt_walk_prop(const struct fdt *f, struct fdt_walk *w, const char *name, struct fdt_prop *p)
{
	return find_prop(f, &w->next, name, p);
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

bool fdt_prop_is(const struct fdt_prop *p, const char *text)
{
	return p->len == tern_str_len(text) + 1 && memcmp(p->data, text, p->len) == 0;
}

const char *fdt_prop_str(const struct fdt *f, fdt_node n, const char *name)
{
	struct fdt_prop p;

	if (!fdt_prop(f, n, name, &p) || p.len == 0 || p.data[p.len - 1] != '\0')
		return NULL;
	return (const char *)p.data;
}

const char *fdt_next_str(const struct fdt_prop *p, const char *s)
{
	const char *end = (const char *)p->data + p->len;

	s = s ? s + tern_str_len(s) + 1 : (const char *)p->data;
	return tern_str_nlen(s, (size_t)(end - s)) < (size_t)(end - s) ? s : NULL;
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
	struct fdt_level l = { .addr_cells = 2, .size_cells = 1 }; /* the specification's default */
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

static bool open_bus(const struct fdt *f, const fdt_node *path, unsigned depth, struct fdt_bus *bus)
{
	bus->depth = depth;
	for (unsigned i = 0; i < depth; i++)
		bus->level[i] = read_level(f, path[i]);
	return depth > 0;
}

bool fdt_bus_open(const struct fdt *f, const struct fdt_walk *at, struct fdt_bus *bus)
{
	return open_bus(f, at->path, at->depth, bus);
}

/* The bus that a node hangs on; the root hangs on none. */
static bool open_above(const struct fdt *f, const struct fdt_walk *at, struct fdt_bus *bus)
{
	return at->depth > 0 && open_bus(f, at->path, at->depth - 1, bus);
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

bool fdt_reg(const struct fdt *f, const struct fdt_walk *at, unsigned i, uint64_t *addr,
	     uint64_t *size)
{
	struct fdt_prop reg;
	struct fdt_bus bus;

	return fdt_prop(f, at->node, "reg", &reg) && open_above(f, at, &bus) &&
	       fdt_bus_entry(&bus, &reg, i, addr, size);
}

int fdt_reg_count(const struct fdt *f, const struct fdt_walk *at)
{
	struct fdt_prop reg;
	struct fdt_bus bus;

	if (!fdt_prop(f, at->node, "reg", &reg))
		return 0;
	return open_above(f, at, &bus) ? fdt_bus_count(&bus, &reg) : -1;
}
