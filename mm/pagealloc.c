/* SPDX-License-Identifier: MIT */
/* pagealloc.c - which pages of the address space are free, and runs of them.
 *
 * Job      Give the lowest run that is long enough; take pages back, in any pieces.
 * How      The address space is a tree: 64 roots, seven levels of eight children, and at the end
 *          chunks of 512 pages with a bit for each. Each child's summary (free pages at its
 *          start, at its end, longest run) stands beside the pointer to it, so a search looks
 *          only into children that have what it wants, and carries the free end of one over
 *          to the start of the next. Nodes are made where pages are given: an address space
 *          with nothing in it costs nothing.
 * Cost     a search or a change walks one path: at most 8 * 8 summaries, whatever the heap's size.
 * Owns     nodes and chunks, from meta; they are never given back.
 * Locks    the owner's.   Context: the owner's.
 * Holds    I-PAG-1 a child's summary says what its bits say.   I-PAG-2 free bit i is set exactly
 *          if sum[i].max > 0.   I-PAG-3 no page below the hint is free.   I-PAG-4 nfree and
 *          nowned count bits.   I-PAG-5 a page that is not owned is taken, and
 *          so is one that is kept.   I-PAG-6 a released page is free; nreleased counts them.
 *          I-PAG-7 a child whose loose bit is clear has no group of pages to release.
 * Release  Freeing sets the loose bits on its path, a search that finds nothing clears them: so all
 *          searches together cost no more than the frees did.
 * Go       runtime/mpagealloc.go; we differ: levels are made on demand instead of reserved in
 *          virtual memory, which bare metal may not have, and runs need not lie in one root. */
#include "mm/pagealloc.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/string.h"

#define CHUNK_SHIFT 9
#define ROOT_SHIFT  (CHUNK_SHIFT + PAGEALLOC_LEVELS * PAGEALLOC_FAN_SHIFT)

TERN_STATIC_ASSERT(1u << CHUNK_SHIFT == PALLOC_CHUNK_PAGES, "a chunk's pages");
TERN_STATIC_ASSERT((uint64_t)PAGEALLOC_ROOT << ROOT_SHIFT == TERN_PAGES_END, "roots cover all");

/* Levels count from the chunks: a node on level 0 has chunks for children. */
static unsigned child_shift(unsigned level)
{
	return CHUNK_SHIFT + level * PAGEALLOC_FAN_SHIFT;
}

void tern_pagealloc_init(struct tern_pagealloc *p, struct tern_meta *meta,
			 struct tern_pageroots *root)
{
	memset(root, 0, sizeof(*root));
	*p = (struct tern_pagealloc)TERN_PAGEALLOC_INIT(meta, root);
}

/* --- summaries ------------------------------------------------------------------------- */

static bool same_sum(struct pallocsum a, struct pallocsum b)
{
	return a.start == b.start && a.max == b.max && a.end == b.end;
}

/* Children joined from the left. Only those with a free page are looked at: between them lies
 * nothing but taken ones. */
static struct pallocsum sum_of_node(const struct tern_pagenode *node, unsigned level)
{
	uint32_t pages = 1u << child_shift(level);
	struct pallocsum s = { 0, 0, 0 };
	uint32_t run = 0; /* free pages that end where child `next` begins */
	unsigned next = 0;
	bool first = true; /* the run began with the node */

	for (uint32_t left = node->free; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		const struct pallocsum *c = &node->sum[i];

		if (i != next) {
			run = 0;
			first = false;
		}
		run += c->start;
		if (first)
			s.start = run;
		if (run > s.max)
			s.max = run;
		if (c->max > s.max)
			s.max = c->max;
		if (c->start < pages) {
			first = false;
			run = c->end;
		}
		next = i + 1;
	}
	s.end = next == PAGEALLOC_FAN ? run : 0;
	return s;
}

/* Record what a child says now; true if that is news. */
static bool set_child(struct tern_pagenode *node, unsigned i, struct pallocsum s)
{
	if (same_sum(node->sum[i], s))
		return false;
	node->sum[i] = s;
	if (s.max)
		node->free |= 1u << i;
	else
		node->free &= ~(1u << i);
	return true;
}

static void set_root(struct tern_pagealloc *p, unsigned r)
{
	p->root->sum[r] = sum_of_node(p->root->node[r], PAGEALLOC_LEVELS - 1);
	if (p->root->sum[r].max)
		p->free_roots |= 1ull << r;
	else
		p->free_roots &= ~(1ull << r);
}

/* --- looking up ------------------------------------------------------------------------ */

static struct tern_pagechunk *chunk_at(const struct tern_pagealloc *p, uint64_t page)
{
	const struct tern_pagenode *node = p->root->node[page >> ROOT_SHIFT];

	for (unsigned level = PAGEALLOC_LEVELS - 1; node && level > 0; level--)
		node = node->node[page >> child_shift(level) & (PAGEALLOC_FAN - 1)];
	return node ? node->chunk[page >> CHUNK_SHIFT & (PAGEALLOC_FAN - 1)] : NULL;
}

const struct tern_pagechunk *tern_pagealloc_next_chunk(const struct tern_pagealloc *p,
						       uint64_t *page)
{
	while (*page < TERN_PAGES_END) {
		const struct tern_pagenode *node = p->root->node[*page >> ROOT_SHIFT];
		unsigned shift = ROOT_SHIFT;

		for (unsigned level = PAGEALLOC_LEVELS - 1; node && level > 0; level--) {
			shift = child_shift(level);
			node = node->node[*page >> shift & (PAGEALLOC_FAN - 1)];
		}
		if (node) {
			shift = CHUNK_SHIFT;
			if (node->chunk[*page >> shift & (PAGEALLOC_FAN - 1)])
				return node->chunk[*page >> shift & (PAGEALLOC_FAN - 1)];
		}
		/* Past what is absent. */
		*page = ((*page >> shift) + 1) << shift;
	}
	return NULL;
}

struct piece {
	uint32_t i, n; /* pages [i, i + n) of one chunk */
};

/* The part of [first, first + n) that lies in first's chunk. */
static struct piece piece_at(uint64_t first, uint64_t n)
{
	uint32_t i = first & (PALLOC_CHUNK_PAGES - 1);
	uint32_t room = PALLOC_CHUNK_PAGES - i;

	return (struct piece){ i, n < room ? (uint32_t)n : room };
}

static bool in_range(uint64_t first, uint64_t n)
{
	return n > 0 && first < TERN_PAGES_END && n <= TERN_PAGES_END - first;
}

bool tern_pagealloc_is_taken(const struct tern_pagealloc *p, uint64_t first, uint64_t n)
{
	if (!in_range(first, n))
		return false;
	while (n) {
		const struct tern_pagechunk *c = chunk_at(p, first);
		struct piece at = piece_at(first, n);

		if (!c || !tern_pallocbits_all_taken(&c->owned, at.i, at.n) ||
		    !tern_pallocbits_all_taken(&c->taken, at.i, at.n) ||
		    !tern_pallocbits_all_free(&c->kept, at.i, at.n))
			return false;
		first += at.n;
		n -= at.n;
	}
	return true;
}

static bool is_free(const struct tern_pagealloc *p, uint64_t first, uint64_t n)
{
	while (n) {
		const struct tern_pagechunk *c = chunk_at(p, first);
		struct piece at = piece_at(first, n);

		if (!c || !tern_pallocbits_all_free(&c->taken, at.i, at.n))
			return false;
		first += at.n;
		n -= at.n;
	}
	return true;
}

struct tern_piece tern_pagealloc_first_fresh(const struct tern_pagealloc *p, uint64_t first,
					     uint64_t n, uint32_t most)
{
	while (n) {
		const struct tern_pagechunk *c = chunk_at(p, first);
		struct piece at = piece_at(first, n);
		uint32_t i = c ? tern_pallocbits_find(&c->owned, 1, at.i) : at.i;

		if (i < at.i + at.n) {
			uint32_t run = at.i + at.n - i < most ? at.i + at.n - i : most;

			while (c && !tern_pallocbits_all_free(&c->owned, i, run))
				run--;
			return (struct tern_piece){ first + (i - at.i), run };
		}
		first += at.n;
		n -= at.n;
	}
	return (struct tern_piece){ 0, 0 };
}

/* --- searching ------------------------------------------------------------------------- */

struct search {
	uint64_t from, n;    /* wanted: n free pages, none below from */
	uint64_t start, len; /* the free run that ends where the search stands */
};

static void extend(struct search *s, uint64_t base, uint64_t len)
{
	if (s->start + s->len != base) {
		s->start = base;
		s->len = 0;
	}
	s->len += len;
}

/* What a child says that lies wholly at or above `from`. True if the run ends the search. */
static bool pass_child(struct search *s, uint64_t base, uint64_t pages, struct pallocsum sum)
{
	extend(s, base, sum.start);
	if (s->len >= s->n)
		return true;
	if (sum.start < pages) {
		s->start = base + pages - sum.end;
		s->len = sum.end;
	}
	return false;
}

static bool search_chunk(struct search *s, const struct tern_pagechunk *c, uint64_t base)
{
	uint32_t low = s->from > base ? (uint32_t)(s->from - base) : 0;
	uint32_t i = PALLOC_NONE, end;

	if (s->n <= PALLOC_CHUNK_PAGES)
		i = tern_pallocbits_find(&c->taken, (uint32_t)s->n, low);
	if (i != PALLOC_NONE) {
		s->start = base + i;
		s->len = s->n;
		return true;
	}
	end = tern_pallocbits_summarize(&c->taken).end;
	if (end > PALLOC_CHUNK_PAGES - low)
		end = PALLOC_CHUNK_PAGES - low;
	s->start = base + PALLOC_CHUNK_PAGES - end;
	s->len = end;
	return false;
}

static bool search_node(struct search *s, const struct tern_pagenode *node, unsigned level,
			uint64_t base);

static bool search_child(struct search *s, const struct tern_pagenode *node, unsigned level,
			 unsigned i, uint64_t base)
{
	return level ? search_node(s, node->node[i], level - 1, base)
		     : search_chunk(s, node->chunk[i], base);
}

/* Recursion is as deep as the tree. A child is entered if `from` lies in it, or if it has the run
 * that is wanted: so at most two on each level. */
static bool search_node(struct search *s, const struct tern_pagenode *node, unsigned level,
			uint64_t base)
{
	uint64_t pages = 1ull << child_shift(level);

	for (uint32_t left = node->free; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		uint64_t at = base + i * pages;

		if (at + pages <= s->from)
			continue;
		if (at < s->from ||
		    (node->sum[i].max >= s->n &&
		     !(s->start + s->len == at && s->len + node->sum[i].start >= s->n))) {
			if (search_child(s, node, level, i, at))
				return true;
		} else if (pass_child(s, at, pages, node->sum[i])) {
			return true;
		}
	}
	return false;
}

/* Lowest page at or above `from` at which n free pages begin. */
static uint64_t find_from(const struct tern_pagealloc *p, uint64_t from, uint64_t n)
{
	struct search s = { .from = from > p->hint ? from : p->hint, .n = n };

	for (uint64_t left = p->free_roots; left; left &= left - 1) {
		unsigned r = (unsigned)__builtin_ctzll(left);
		uint64_t base = (uint64_t)r << ROOT_SHIFT;

		if (base + (1ull << ROOT_SHIFT) <= s.from)
			continue;
		if (search_node(&s, p->root->node[r], PAGEALLOC_LEVELS - 1, base))
			return s.start;
	}
	return TERN_NO_PAGE;
}

/* --- changing -------------------------------------------------------------------------- */

/* Nodes from the root to the chunk that holds a page, [PAGEALLOC_LEVELS - 1] the highest. */
struct path {
	struct tern_pagenode *node[PAGEALLOC_LEVELS];
};

static unsigned child_index(uint64_t page, unsigned level)
{
	return page >> child_shift(level) & (PAGEALLOC_FAN - 1);
}

/* The way to a chunk that is there. */
static struct tern_pagechunk *walk(const struct tern_pagealloc *p, uint64_t page, struct path *path)
{
	struct tern_pagenode *node = p->root->node[page >> ROOT_SHIFT];

	for (unsigned level = PAGEALLOC_LEVELS - 1; level > 0; level--) {
		path->node[level] = node;
		node = node->node[child_index(page, level)];
	}
	path->node[0] = node;
	return node->chunk[child_index(page, 0)];
}

/* The chunk's bits changed, and its summary is s now: tell every node above, as far as it is news. */
static void update_above(struct tern_pagealloc *p, uint64_t page, const struct path *path)
{
	for (unsigned level = 1; level < PAGEALLOC_LEVELS; level++)
		if (!set_child(path->node[level], child_index(page, level),
			       sum_of_node(path->node[level - 1], level - 1)))
			return;
	set_root(p, (unsigned)(page >> ROOT_SHIFT));
}

static void update_path(struct tern_pagealloc *p, uint64_t page, const struct path *path,
			struct pallocsum s)
{
	if (set_child(path->node[0], child_index(page, 0), s))
		update_above(p, page, path);
}

/* The chunk may have pages to release. */
static void loosen_path(struct tern_pagealloc *p, uint64_t page, const struct path *path)
{
	for (unsigned level = 0; level < PAGEALLOC_LEVELS; level++) {
		uint32_t before = path->node[level]->loose;

		path->node[level]->loose = before | 1u << child_index(page, level);
		if (before)
			return;
	}
	p->loose_roots |= 1ull << (page >> ROOT_SHIFT);
}

/* Within one chunk, which most changes are. Freeing can only make runs longer: so the run that the
 * pages are in now, and what was known before, tell the whole summary. */
static void change_chunk(struct tern_pagealloc *p, uint64_t first, struct piece at, bool free)
{
	struct path path;
	struct tern_pagechunk *c = walk(p, first, &path);
	struct pallocsum s = path.node[0]->sum[child_index(first, 0)];

	if (free) {
		tern_pallocbits_free(&c->taken, at.i, at.n);
		loosen_path(p, first, &path);
		s = tern_pallocbits_sum_with_run(&c->taken, s, at.i, at.n);
	} else {
		tern_pallocbits_take(&c->taken, at.i, at.n);
		p->nreleased -= tern_pallocbits_clear(&c->released, at.i, at.n);
		s = tern_pallocbits_summarize(&c->taken);
	}
	update_path(p, first, &path, s);
}

static void change(struct tern_pagealloc *p, uint64_t first, uint64_t n, bool free)
{
	while (n) {
		struct piece at = piece_at(first, n);

		change_chunk(p, first, at, free);
		first += at.n;
		n -= at.n;
	}
}

/* Free pages came into use. */
static void count_used(struct tern_pagealloc *p, uint64_t n)
{
	p->nfree -= n;
	if (tern_pagealloc_in_use(p) > p->peak)
		p->peak = tern_pagealloc_in_use(p);
}

static void take(struct tern_pagealloc *p, uint64_t first, uint64_t n)
{
	change(p, first, n, false);
	count_used(p, n);
	TERN_VERIFY(tern_pagealloc_check(p));
}

uint64_t tern_pagealloc_take(struct tern_pagealloc *p, uint64_t n)
{
	uint64_t first;

	TERN_ASSERT(n > 0);
	if (n > p->nfree)
		return TERN_NO_PAGE;
	first = find_from(p, 0, n);
	if (first == TERN_NO_PAGE)
		return TERN_NO_PAGE;
	/* For a single page "the lowest run" is the lowest free page. */
	if (n == 1)
		p->hint = first + 1;
	take(p, first, n);
	return first;
}

uint64_t tern_pagealloc_take_where(struct tern_pagealloc *p, uint64_t n, uint64_t align,
				   uint64_t below)
{
	uint64_t at = 0;

	TERN_ASSERT(n > 0 && is_pow2(align));
	/* Each turn passes over a run, or ends. */
	while ((at = find_from(p, at, n)) != TERN_NO_PAGE && !is_aligned(at, align))
		at = align_up(at, align);
	if (at == TERN_NO_PAGE || at + n > below)
		return TERN_NO_PAGE;
	take(p, at, n);
	return at;
}

bool tern_pagealloc_take_at(struct tern_pagealloc *p, uint64_t first, uint64_t n)
{
	if (!in_range(first, n) || !is_free(p, first, n))
		return false;
	take(p, first, n);
	return true;
}

void tern_pagealloc_free(struct tern_pagealloc *p, uint64_t first, uint64_t n)
{
	TERN_ASSERT(tern_pagealloc_is_taken(p, first, n));
	change(p, first, n, true);
	p->nfree += n;
	if (first < p->hint)
		p->hint = first;
	TERN_VERIFY(tern_pagealloc_check(p));
}

void tern_pagealloc_keep(struct tern_pagealloc *p, uint64_t first, uint64_t n)
{
	TERN_ASSERT(tern_pagealloc_is_taken(p, first, n));
	while (n) {
		struct piece at = piece_at(first, n);

		tern_pallocbits_take(&chunk_at(p, first)->kept, at.i, at.n);
		first += at.n;
		n -= at.n;
	}
}

uint64_t tern_pagealloc_longest(const struct tern_pagealloc *p)
{
	uint64_t longest = 0, run = 0; /* free pages that end where root `next` begins */
	unsigned next = 0;

	for (uint64_t left = p->free_roots; left; left &= left - 1) {
		unsigned r = (unsigned)__builtin_ctzll(left);
		struct pallocsum s = p->root->sum[r];

		run = s.start + (r == next ? run : 0);
		if (run > longest)
			longest = run;
		if (s.max > longest)
			longest = s.max;
		if (!(s.start >> ROOT_SHIFT))
			run = s.end;
		next = r + 1;
	}
	return longest;
}

/* --- windows of 64 pages ----------------------------------------------------------------- */

/* The lowest `most` bits of a word. */
static uint64_t lowest_bits(uint64_t word, unsigned most)
{
	uint64_t rest = word;

	while (most-- && rest)
		rest &= rest - 1;
	return word & ~rest;
}

/* Change each run of bits. */
static void change_window(struct tern_pagealloc *p, const struct tern_pagecache *c, bool free)
{
	for (uint64_t left = tern_pagecache_bits(c); left;) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		uint64_t from_i = left >> i;
		unsigned n = ~from_i ? (unsigned)__builtin_ctzll(~from_i) : 64;

		change(p, c->base + i, n, free);
		left &= ~(~0ull >> (64 - n) << i);
	}
}

bool tern_pagealloc_take_window(struct tern_pagealloc *p, unsigned most, struct tern_pagecache *c)
{
	uint64_t first = p->nfree ? find_from(p, 0, 1) : TERN_NO_PAGE;
	uint64_t free;

	TERN_ASSERT(most > 0);
	if (first == TERN_NO_PAGE)
		return false;
	free = ~chunk_at(p, first)->taken.word[(first & (PALLOC_CHUNK_PAGES - 1)) / 64];
	tern_pagecache_set(c, align_down(first, TERN_PAGECACHE_PAGES), lowest_bits(free, most));
	p->hint = first;
	change_window(p, c, false);
	count_used(p, count_bits(tern_pagecache_bits(c)));
	TERN_VERIFY(tern_pagealloc_check(p));
	return true;
}

void tern_pagealloc_free_window(struct tern_pagealloc *p, const struct tern_pagecache *c)
{
	TERN_ASSERT(tern_pagecache_bits(c));
	change_window(p, c, true);
	p->nfree += count_bits(tern_pagecache_bits(c));
	if (c->base < p->hint)
		p->hint = c->base;
	TERN_VERIFY(tern_pagealloc_check(p));
}

/* --- releasing ------------------------------------------------------------------------- */

static struct tern_piece find_in_chunk(const struct tern_pagechunk *c, uint64_t base, uint64_t most)
{
	uint32_t n32 = most < PALLOC_CHUNK_PAGES ? (uint32_t)most : PALLOC_CHUNK_PAGES;
	uint32_t i, n = tern_pallocbits_find_unreleased(&c->taken, &c->released, n32, &i);

	return (struct tern_piece){ base + i, n };
}

/* Loose bits with nothing behind them are cleared on the way. */
static struct tern_piece find_unreleased(struct tern_pagenode *node, unsigned level, uint64_t base,
					 uint64_t most)
{
	while (node->loose) {
		unsigned i = 31 - (unsigned)__builtin_clz(node->loose);
		uint64_t at = base + ((uint64_t)i << child_shift(level));
		struct tern_piece found =
			level ? find_unreleased(node->node[i], level - 1, at, most)
			      : find_in_chunk(node->chunk[i], at, most);

		if (found.n)
			return found;
		node->loose &= ~(1u << i);
	}
	return (struct tern_piece){ 0, 0 };
}

static struct tern_piece find_highest_unreleased(struct tern_pagealloc *p, uint64_t most)
{
	while (p->loose_roots) {
		unsigned r = 63 - (unsigned)__builtin_clzll(p->loose_roots);
		struct tern_piece found = find_unreleased(p->root->node[r], PAGEALLOC_LEVELS - 1,
							  (uint64_t)r << ROOT_SHIFT, most);

		if (found.n)
			return found;
		p->loose_roots &= ~(1ull << r);
	}
	return (struct tern_piece){ 0, 0 };
}

struct tern_piece tern_pagealloc_take_unreleased(struct tern_pagealloc *p, uint64_t most)
{
	struct tern_piece found = find_highest_unreleased(p, most);

	TERN_ASSERT(most > 0);
	if (found.n) {
		change(p, found.first, found.n, false);
		p->nfree -= found.n;
		p->nreleasing += found.n;
	}
	TERN_VERIFY(tern_pagealloc_check(p));
	return found;
}

void tern_pagealloc_put_back(struct tern_pagealloc *p, struct tern_piece run, bool released)
{
	TERN_ASSERT(run.n <= p->nreleasing && piece_at(run.first, run.n).n == run.n);
	p->nreleasing -= run.n;
	tern_pagealloc_free(p, run.first, run.n);
	if (!released)
		return;
	tern_pallocbits_take(&chunk_at(p, run.first)->released,
			     run.first & (PALLOC_CHUNK_PAGES - 1), (uint32_t)run.n);
	p->nreleased += run.n;
	TERN_VERIFY(tern_pagealloc_check(p));
}

/* --- growing --------------------------------------------------------------------------- */

static struct tern_pagenode *make_node(struct tern_pagealloc *p, struct tern_pagenode **slot)
{
	if (!*slot)
		*slot = tern_meta_alloc(p->meta, sizeof(**slot), sizeof(uint64_t));
	return *slot;
}

static struct tern_pagechunk *make_chunk(struct tern_pagealloc *p, struct tern_pagechunk **slot)
{
	if (*slot)
		return *slot;
	*slot = tern_meta_alloc(p->meta, sizeof(**slot), TERN_CACHE_LINE);
	if (*slot)
		memset(&(*slot)->taken, 0xff, sizeof((*slot)->taken));
	return *slot;
}

static struct tern_pagechunk *make_path(struct tern_pagealloc *p, uint64_t page, struct path *path)
{
	struct tern_pagenode **slot = &p->root->node[page >> ROOT_SHIFT];

	for (unsigned level = PAGEALLOC_LEVELS; level-- > 0;) {
		path->node[level] = make_node(p, slot);
		if (!path->node[level])
			return NULL;
		if (level > 0)
			slot = &path->node[level]->node[child_index(page, level)];
	}
	return make_chunk(p, &path->node[0]->chunk[child_index(page, 0)]);
}

static bool owns_any(const struct tern_pagechunk *c)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < ARRAY_SIZE(c->owned.word); w++)
		any |= c->owned.word[w];
	return any;
}

/* Returns how many pages are new. The heap has not used them: the machine beneath need not hold them
 * yet, and whether it does is not the heap's doing. */
static uint32_t give_to_chunk(struct tern_pagechunk *c, struct piece at)
{
	struct pallocbits before;
	uint32_t fresh;

	if (at.n == PALLOC_CHUNK_PAGES && !owns_any(c)) {
		for (unsigned w = 0; w < ARRAY_SIZE(c->owned.word); w++) {
			c->taken.word[w] = 0;
			c->owned.word[w] = c->released.word[w] = ~0ull;
		}
		return at.n;
	}
	before = c->owned;
	fresh = tern_pallocbits_give(&c->taken, &c->owned, at.i, at.n);
	for (unsigned w = 0; w < ARRAY_SIZE(before.word); w++)
		c->released.word[w] |= c->owned.word[w] & ~before.word[w];
	return fresh;
}

bool tern_pagealloc_give(struct tern_pagealloc *p, uint64_t first, uint64_t n, uint64_t *given)
{
	static const struct pallocsum all_free = { PALLOC_CHUNK_PAGES, PALLOC_CHUNK_PAGES,
						   PALLOC_CHUNK_PAGES };

	TERN_ASSERT(in_range(first, n));
	for (*given = 0; *given < n;) {
		uint64_t page = first + *given;
		struct piece at = piece_at(page, n - *given);
		struct path path;
		struct tern_pagechunk *c = make_path(p, page, &path);
		uint32_t fresh;

		if (!c) {
			if (*given) {
				walk(p, page - 1, &path);
				update_above(p, page - 1, &path);
			}
			return false;
		}
		fresh = give_to_chunk(c, at);
		p->nowned += fresh;
		p->nfree += fresh;
		p->nreleased += fresh;
		if (fresh && page < p->hint)
			p->hint = page;
		set_child(path.node[0], child_index(page, 0),
			  fresh == PALLOC_CHUNK_PAGES ? all_free
						      : tern_pallocbits_summarize(&c->taken));
		*given += at.n;
		/* Chunks side by side have the same nodes above them: tell those once. */
		if (*given == n || child_index(first + *given, 0) == 0)
			update_above(p, page, &path);
	}
	TERN_VERIFY(tern_pagealloc_check(p));
	return true;
}

/* --- checking -------------------------------------------------------------------------- */

struct counts {
	uint64_t owned, free, released, lowest;
};

static bool check_chunk(const struct tern_pagechunk *c, uint64_t base, struct counts *n)
{
	uint32_t lowest = tern_pallocbits_find(&c->taken, 1, 0);

	for (unsigned w = 0; w < ARRAY_SIZE(c->taken.word); w++)
		if ((~c->taken.word[w] & ~c->owned.word[w]) ||
		    (c->kept.word[w] & ~c->taken.word[w]) ||
		    (c->released.word[w] & c->taken.word[w]))
			return false;
	n->owned += tern_pallocbits_count_taken(&c->owned, 0, PALLOC_CHUNK_PAGES);
	n->free +=
		PALLOC_CHUNK_PAGES - tern_pallocbits_count_taken(&c->taken, 0, PALLOC_CHUNK_PAGES);
	n->released += tern_pallocbits_count_taken(&c->released, 0, PALLOC_CHUNK_PAGES);
	if (lowest != PALLOC_NONE && base + lowest < n->lowest)
		n->lowest = base + lowest;
	return true;
}

static bool check_node(const struct tern_pagenode *node, unsigned level, uint64_t base,
		       struct counts *n)
{
	for (unsigned i = 0; i < PAGEALLOC_FAN; i++) {
		uint64_t at = base + ((uint64_t)i << child_shift(level));
		struct pallocsum s = { 0, 0, 0 };
		bool loose = false;

		if (level == 0 && node->chunk[i]) {
			if (!check_chunk(node->chunk[i], at, n))
				return false;
			loose = find_in_chunk(node->chunk[i], at, 1).n;
			s = tern_pallocbits_summarize(&node->chunk[i]->taken);
		} else if (level > 0 && node->node[i]) {
			if (!check_node(node->node[i], level - 1, at, n))
				return false;
			loose = node->node[i]->loose;
			s = sum_of_node(node->node[i], level - 1);
		}
		if (!same_sum(s, node->sum[i]) || !(node->free >> i & 1) != !s.max ||
		    (loose && !(node->loose >> i & 1)))
			return false;
	}
	return true;
}

bool tern_pagealloc_check(const struct tern_pagealloc *p)
{
	struct counts n = { .lowest = TERN_NO_PAGE };

	for (unsigned r = 0; r < PAGEALLOC_ROOT; r++) {
		struct pallocsum s = { 0, 0, 0 };
		bool loose = p->root->node[r] && p->root->node[r]->loose;

		if (p->root->node[r]) {
			if (!check_node(p->root->node[r], PAGEALLOC_LEVELS - 1,
					(uint64_t)r << ROOT_SHIFT, &n))
				return false;
			s = sum_of_node(p->root->node[r], PAGEALLOC_LEVELS - 1);
		}
		if (!same_sum(s, p->root->sum[r]) || !(p->free_roots >> r & 1) != !s.max ||
		    (loose && !(p->loose_roots >> r & 1)))
			return false;
	}
	return n.owned == p->nowned && n.free == p->nfree && n.released == p->nreleased &&
	       n.lowest >= p->hint;
}
