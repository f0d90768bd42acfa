/* SPDX-License-Identifier: MIT */
/* pagealloc.c - which pages of the address space are free, and runs of them.
 *
 * Job      Give the lowest run that is long enough; take pages back, in any pieces.
 * How      The address space is a tree of nodes with eight children, and at the end chunks of 512
 *          pages with a bit for each. Each child's summary (free pages at its start, at its end,
 *          longest run) stands beside the pointer to it, so a search looks only into the child
 *          that has what it wants, and carries the free end of one over to the start of the
 *          next; and a change of one child changes its parent's summary by what that child is
 *          joined with on both sides. The tree is as high as what was given lies apart, and
 *          nodes are made where pages are given: an address space with nothing in it costs
 *          nothing, and a small heap has two levels.
 * Cost     a search or a change walks one path: eight summaries for each time that the memory, as it
 *          lies, is eight times as large.
 * Owns     nodes and chunks, from meta; they are never given back.
 * Locks    the owner's.   Context: the owner's.
 * Holds    I-PAG-1 a child's summary says what its bits say, and `sum` what the top's children
 *          say.   I-PAG-2 what was given lies below the top.   I-PAG-3 nfree and nowned count
 *          bits.   I-PAG-4 a page that is not owned is taken, and so is one that is kept.
 *          I-PAG-5 a released page is free; nreleased counts them.   I-PAG-6 a child whose
 *          loose bit is clear has no group of pages to release.
 * Release  Freeing sets the loose bits on its path, a search that finds nothing clears them: so all
 *          searches together cost no more than the frees did.
 * Go       runtime/mpagealloc.go; we differ: levels are made on demand instead of reserved in
 *          virtual memory, which bare metal may not have, and there are as many as are needed. */
#include "mm/pagealloc.h"

#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/string.h"

#define CHUNK_SHIFT 9

TERN_STATIC_ASSERT(1u << CHUNK_SHIFT == PALLOC_CHUNK_PAGES, "a chunk's pages");
TERN_STATIC_ASSERT(1ull << (CHUNK_SHIFT + PAGEALLOC_LEVELS * PAGEALLOC_FAN_SHIFT) >= TERN_PAGES_END,
		   "the highest level covers all");

/* Levels count from the chunks: a node on level 0 has chunks for children. */
static unsigned child_shift(unsigned level)
{
	return CHUNK_SHIFT + level * PAGEALLOC_FAN_SHIFT;
}

static unsigned child_index(uint64_t page, unsigned level)
{
	return page >> child_shift(level) & (PAGEALLOC_FAN - 1);
}

/* How many pages are below a node. */
static uint64_t node_pages(unsigned level)
{
	return 1ull << child_shift(level + 1);
}

static bool is_below_top(const struct tern_pagealloc *p, uint64_t page)
{
	return p->top && page - p->first < node_pages(p->level);
}

/* --- summaries ------------------------------------------------------------------------- */

static bool same_sum(const struct pallocsum *a, const struct pallocsum *b)
{
	return a->start == b->start && a->max == b->max && a->end == b->end;
}

/* Free pages in a row that end where child i begins. */
static uint64_t run_before(const struct tern_pagenode *node, unsigned i, uint64_t pages)
{
	uint64_t run = 0, end = pages;

	while (i-- > 0 && end == pages)
		run += end = node->sum[i].end;
	return run;
}

/* Free pages in a row that begin where child i does. */
static uint64_t run_from(const struct tern_pagenode *node, unsigned i, uint64_t pages)
{
	uint64_t run = 0, start = pages;

	for (; i < PAGEALLOC_FAN && start == pages; i++)
		run += start = node->sum[i].start;
	return run;
}

static uint64_t longest_in(const struct tern_pagenode *node, uint64_t pages)
{
	uint64_t longest = 0, run = 0; /* free pages that end where child c begins */

	for (const struct pallocsum *c = node->sum; c < node->sum + PAGEALLOC_FAN; c++) {
		run += c->start;
		if (run > longest)
			longest = run;
		if (c->max > longest)
			longest = c->max;
		if (c->start < pages)
			run = c->end;
	}
	return longest;
}

/* The longest run that is one of a child's, or touches it, with so many free pages on both sides. */
static uint64_t longest_with(const struct pallocsum *s, uint64_t pages, uint64_t left,
			     uint64_t right)
{
	uint64_t longest = s->max;

	if (longest == pages)
		return left + pages + right;
	if (left + s->start > longest)
		longest = left + s->start;
	return right + s->end > longest ? right + s->end : longest;
}

static TERN_NOINLINE struct pallocsum sum_of_node(const struct tern_pagenode *node, unsigned level)
{
	uint64_t pages = 1ull << child_shift(level);

	return (struct pallocsum){ run_from(node, 0, pages), longest_in(node, pages),
				   run_before(node, PAGEALLOC_FAN, pages) };
}

/* What child i says is news: what the node says then, which was s when the child said `was`. */
static void sum_with_child(const struct tern_pagenode *node, unsigned level, unsigned i,
			   const struct pallocsum *was, struct pallocsum *s)
{
	uint64_t pages = 1ull << child_shift(level);
	const struct pallocsum *now = &node->sum[i];
	/* What changed inside of it, its neighbours have no part in. */
	bool inside = now->start == was->start && now->end == was->end;
	uint64_t left = inside ? 0 : run_before(node, i, pages);
	uint64_t right = inside ? 0 : run_from(node, i + 1, pages);
	uint64_t longest = longest_with(now, pages, left, right);

	if (left == i * pages)
		s->start = run_from(node, 0, pages);
	if (right == (PAGEALLOC_FAN - 1 - i) * pages)
		s->end = run_before(node, PAGEALLOC_FAN, pages);
	if (longest >= s->max)
		s->max = longest;
	else if (longest_with(was, pages, left, right) == s->max)
		s->max = longest_in(node, pages);
}

/* --- looking up ------------------------------------------------------------------------ */

static struct tern_pagechunk *chunk_at(const struct tern_pagealloc *p, uint64_t page)
{
	const struct tern_pagenode *node = p->top;

	if (!is_below_top(p, page))
		return NULL;
	for (unsigned level = p->level; node && level > 0; level--)
		node = node->node[child_index(page, level)];
	return node ? node->chunk[child_index(page, 0)] : NULL;
}

const struct tern_pagechunk *tern_pagealloc_next_chunk(const struct tern_pagealloc *p,
						       uint64_t *page)
{
	if (*page < p->first)
		*page = p->first;
	while (is_below_top(p, *page)) {
		const struct tern_pagenode *node = p->top;
		unsigned level = p->level;

		while (level > 0 && node->node[child_index(*page, level)])
			node = node->node[child_index(*page, level--)];
		if (level == 0 && node->chunk[child_index(*page, 0)])
			return node->chunk[child_index(*page, 0)];
		/* Past what is absent. */
		*page = align_down(*page, 1ull << child_shift(level)) +
			(1ull << child_shift(level));
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

static uint64_t find_in_node(const struct tern_pagenode *node, unsigned level, uint64_t base,
			     uint64_t n);

/* Neighbours from i on, of so many pages each: the first with n free pages in a row, or at whose start they
 * end; `count` if there is none. *run is how many free pages end where neighbour i begins, and then where the
 * one that is returned does. */
static TERN_INLINE unsigned look_along(const struct pallocsum *sum, unsigned i, unsigned count,
				       uint64_t pages, uint64_t n, uint64_t *run)
{
	for (; i < count; i++) {
		const struct pallocsum *c = &sum[i];

		if (c->max >= n || *run + c->start >= n)
			break;
		*run = c->end < pages ? c->end : *run + pages;
	}
	return i;
}

/* The lowest of n pages in child i, which begins at base, or at its start. */
static uint64_t find_in_child(const struct tern_pagenode *node, unsigned level, unsigned i,
			      uint64_t base, uint64_t run, uint64_t n)
{
	if (run + node->sum[i].start >= n)
		return base - run;
	return level ? find_in_node(node->node[i], level - 1, base, n)
		     : base + tern_pallocbits_find(&node->chunk[i]->taken, (uint32_t)n, 0);
}

/* There are n in a row in it. */
static uint64_t find_in_node(const struct tern_pagenode *node, unsigned level, uint64_t base,
			     uint64_t n)
{
	uint64_t pages = 1ull << child_shift(level), run = 0;
	unsigned i = look_along(node->sum, 0, PAGEALLOC_FAN, pages, n, &run);

	return find_in_child(node, level, i, base + i * pages, run, n);
}

/* Where n pages begin at or above `from`, which lies in the chunk, and in it; if there are none, *run of its
 * pages are free at its end. */
static uint64_t find_from_in_chunk(const struct tern_pagechunk *c, uint64_t from, uint64_t n,
				   uint64_t *run)
{
	uint32_t low = from & (PALLOC_CHUNK_PAGES - 1), i = PALLOC_NONE;
	uint32_t room = PALLOC_CHUNK_PAGES - low;

	if (n <= PALLOC_CHUNK_PAGES)
		i = tern_pallocbits_find(&c->taken, (uint32_t)n, low);
	if (i != PALLOC_NONE)
		return from - low + i;
	*run = tern_pallocbits_summarize(&c->taken).end;
	if (*run > room)
		*run = room;
	return TERN_NO_PAGE;
}

/* The same in a node. First in the child in which `from` lies, then in those behind it. Recursion is as deep as
 * the tree. */
static uint64_t find_from_in_node(const struct tern_pagenode *node, unsigned level, uint64_t from,
				  uint64_t n, uint64_t *run)
{
	uint64_t pages = 1ull << child_shift(level), found = TERN_NO_PAGE;
	unsigned k = child_index(from, level), i;

	if (node->sum[k].max)
		found = level ? find_from_in_node(node->node[k], level - 1, from, n, run)
			      : find_from_in_chunk(node->chunk[k], from, n, run);
	if (found != TERN_NO_PAGE)
		return found;
	i = look_along(node->sum, k + 1, PAGEALLOC_FAN, pages, n, run);
	if (i == PAGEALLOC_FAN)
		return TERN_NO_PAGE;
	return find_in_child(node, level, i, align_down(from, pages) + (i - k) * pages, *run, n);
}

/* Lowest page at or above `from` at which n free pages begin. */
static uint64_t find_from(const struct tern_pagealloc *p, uint64_t from, uint64_t n)
{
	uint64_t run = 0;

	if (p->sum.max < n)
		return TERN_NO_PAGE;
	if (from <= p->first)
		return find_in_node(p->top, p->level, p->first, n);
	return is_below_top(p, from) ? find_from_in_node(p->top, p->level, from, n, &run)
				     : TERN_NO_PAGE;
}

/* --- changing -------------------------------------------------------------------------- */

/* Nodes from the top to the chunk that holds a page, [0] the lowest. */
struct path {
	struct tern_pagenode *node[PAGEALLOC_LEVELS];
};

/* The way to a chunk that is there. */
static struct tern_pagechunk *walk(const struct tern_pagealloc *p, uint64_t page, struct path *path)
{
	struct tern_pagenode *node = p->top;

	for (unsigned level = p->level; level > 0; level--) {
		path->node[level] = node;
		node = node->node[child_index(page, level)];
	}
	path->node[0] = node;
	return node->chunk[child_index(page, 0)];
}

/* The summary of a node's child is s now: tell it and every node above, as far as it is news. */
static void update_from(struct tern_pagealloc *p, uint64_t page, const struct path *path,
			unsigned level, struct pallocsum s)
{
	for (; level <= p->level; level++) {
		struct tern_pagenode *node = path->node[level];
		unsigned i = child_index(page, level);
		struct pallocsum was = node->sum[i];

		if (same_sum(&s, &was))
			return;
		node->sum[i] = s;
		s = level < p->level ? path->node[level + 1]->sum[child_index(page, level + 1)]
				     : p->sum;
		sum_with_child(node, level, i, &was, &s);
	}
	p->sum = s;
}

/* The chunk may have pages to release. */
static void loosen_path(struct tern_pagealloc *p, uint64_t page, const struct path *path)
{
	for (unsigned level = 0; level <= p->level; level++) {
		uint64_t before = path->node[level]->loose;

		path->node[level]->loose = before | 1u << child_index(page, level);
		if (before)
			return;
	}
}

/* Within one chunk, which most changes are. The run that the pages are in, and what was known before, tell the
 * summary. */
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
		s = tern_pallocbits_sum_without_run(&c->taken, s, at.i, at.n);
	}
	update_from(p, first, &path, 0, s);
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
		left &= ~bits_at(i, n);
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
		unsigned i = 63 - (unsigned)__builtin_clzll(node->loose);
		uint64_t at = base + ((uint64_t)i << child_shift(level));
		struct tern_piece found =
			level ? find_unreleased(node->node[i], level - 1, at, most)
			      : find_in_chunk(node->chunk[i], at, most);

		if (found.n)
			return found;
		node->loose &= ~(1ull << i);
	}
	return (struct tern_piece){ 0, 0 };
}

struct tern_piece tern_pagealloc_take_unreleased(struct tern_pagealloc *p, uint64_t most)
{
	struct tern_piece found = { 0, 0 };

	TERN_ASSERT(most > 0);
	if (p->top)
		found = find_unreleased(p->top, p->level, p->first, most);
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

/* Another node above the top: the old one is one of its children. */
static bool raise_top(struct tern_pagealloc *p)
{
	struct tern_pagenode *top = NULL;
	unsigned level = p->level + 1, i = child_index(p->first, level);

	if (!make_node(p, &top))
		return false;
	top->node[i] = p->top;
	top->sum[i] = p->sum;
	top->loose = (uint64_t)(p->top->loose != 0) << i;
	p->top = top;
	p->level = level;
	p->first = align_down(p->first, node_pages(level));
	p->sum = sum_of_node(top, level);
	return true;
}

static TERN_NOINLINE bool make_top(struct tern_pagealloc *p, uint64_t page)
{
	if (!p->top) {
		p->first = align_down(page, node_pages(0));
		return make_node(p, &p->top);
	}
	while (!is_below_top(p, page))
		if (!raise_top(p))
			return false;
	return true;
}

static struct tern_pagechunk *make_path(struct tern_pagealloc *p, uint64_t page, struct path *path)
{
	struct tern_pagenode **slot = &p->top;

	if (!make_top(p, page))
		return NULL;
	for (unsigned level = p->level;; level--) {
		path->node[level] = make_node(p, slot);
		if (!path->node[level])
			return NULL;
		if (level == 0)
			return make_chunk(p, &path->node[0]->chunk[child_index(page, 0)]);
		slot = &path->node[level]->node[child_index(page, level)];
	}
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
				update_from(p, page - 1, &path, 1, sum_of_node(path.node[0], 0));
			}
			return false;
		}
		fresh = give_to_chunk(c, at);
		p->nowned += fresh;
		p->nfree += fresh;
		p->nreleased += fresh;
		path.node[0]->sum[child_index(page, 0)] =
			fresh == PALLOC_CHUNK_PAGES ? all_free
						    : tern_pallocbits_summarize(&c->taken);
		*given += at.n;
		/* Chunks side by side have the same nodes above them: tell those once. */
		if (*given == n || child_index(first + *given, 0) == 0)
			update_from(p, page, &path, 1, sum_of_node(path.node[0], 0));
	}
	TERN_VERIFY(tern_pagealloc_check(p));
	return true;
}

/* --- checking -------------------------------------------------------------------------- */

struct counts {
	uint64_t owned, free, released;
};

static bool check_chunk(const struct tern_pagechunk *c, struct counts *n)
{
	for (unsigned w = 0; w < ARRAY_SIZE(c->taken.word); w++)
		if ((~c->taken.word[w] & ~c->owned.word[w]) ||
		    (c->kept.word[w] & ~c->taken.word[w]) ||
		    (c->released.word[w] & c->taken.word[w]))
			return false;
	n->owned += tern_pallocbits_count_taken(&c->owned, 0, PALLOC_CHUNK_PAGES);
	n->free +=
		PALLOC_CHUNK_PAGES - tern_pallocbits_count_taken(&c->taken, 0, PALLOC_CHUNK_PAGES);
	n->released += tern_pallocbits_count_taken(&c->released, 0, PALLOC_CHUNK_PAGES);
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
			if (!check_chunk(node->chunk[i], n))
				return false;
			loose = find_in_chunk(node->chunk[i], at, 1).n;
			s = tern_pallocbits_summarize(&node->chunk[i]->taken);
		} else if (level > 0 && node->node[i]) {
			if (!check_node(node->node[i], level - 1, at, n))
				return false;
			loose = node->node[i]->loose;
			s = sum_of_node(node->node[i], level - 1);
		}
		if (!same_sum(&s, &node->sum[i]) || (loose && !(node->loose >> i & 1)))
			return false;
	}
	return true;
}

bool tern_pagealloc_check(const struct tern_pagealloc *p)
{
	struct counts n = { 0 };
	struct pallocsum s = { 0, 0, 0 };

	if (p->top) {
		if (!check_node(p->top, p->level, p->first, &n))
			return false;
		s = sum_of_node(p->top, p->level);
	}
	return same_sum(&s, &p->sum) && n.owned == p->nowned && n.free == p->nfree &&
	       n.released == p->nreleased;
}
