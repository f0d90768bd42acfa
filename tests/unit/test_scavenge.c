/* SPDX-License-Identifier: MIT */
/* test_scavenge.c - releasing free pages: the page allocator against an array of bytes, one a page;
 * then a scavenger on a heap of its own, with a port and a clock that are made up. */
#include <tern/scavenge.h>
#include <tern/tern.h>

#include "lib/irq.h"
#include "lib/bits.h"
#include "mm/scavenge.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

/* --- pages ------------------------------------------------------------------------------- */

#define WINDOW  3000u
#define RECORDS (96u << 10)
#define FAR     ((uint64_t)1 << 30) /* pages: 8 TiB */

static struct tern_pagealloc pa;
static struct tern_meta meta;
static char *const memory = test_scratch;

enum page { OUTSIDE, DIRTY, RELEASED, TAKEN, RELEASING };
static uint8_t model[WINDOW];
static uint64_t base; /* page number of model[0] */
static struct tern_piece pending[4];

static const uint64_t bases[] = {
	0, 512 * 8 - 700, FAR - 1403, 5 * FAR + 12345, TERN_PAGES_END - WINDOW,
};

static void start_pages(uint64_t at)
{
	meta = (struct tern_meta)TERN_META_INIT;
	tern_meta_feed(&meta, (uintptr_t)memory, RECORDS);
	pa = (struct tern_pagealloc)TERN_PAGEALLOC_INIT(&meta);
	memset(model, OUTSIDE, sizeof(model));
	memset(pending, 0, sizeof(pending));
	base = at;
}

static uint64_t count(enum page state)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < WINDOW; i++)
		n += model[i] == state;
	return n;
}

static bool is_model(uint64_t page, uint64_t n, enum page state)
{
	for (uint64_t i = page - base; i < page - base + n; i++)
		if (i >= WINDOW || model[i] != state)
			return false;
	return true;
}

static void set_model(uint64_t page, uint64_t n, enum page state)
{
	memset(model + (page - base), state, n);
}

/* The highest aligned group of 8 dirty pages, and those below it as far as `most` and the chunk go. */
static struct tern_piece model_find(uint64_t most)
{
	uint64_t end = align_down(base + WINDOW, 8), first;

	while (end >= base + 8 && !is_model(end - 8, 8, DIRTY))
		end -= 8;
	if (end < base + 8)
		return (struct tern_piece){ 0, 0 };
	first = end - 8;
	while (end - first < most && first % 512 && first >= base + 8 &&
	       is_model(first - 8, 8, DIRTY))
		first -= 8;
	return (struct tern_piece){ first, end - first };
}

static bool give_some(struct test *t)
{
	uint64_t i = test_random_below(t, WINDOW), n = 1 + test_random_below(t, WINDOW - i), given;

	for (uint64_t k = i; k < i + n; k++)
		if (model[k] == OUTSIDE)
			model[k] = RELEASED;
	return EXPECT(tern_pagealloc_give(&pa, base + i, n, &given));
}

static bool take_some(struct test *t)
{
	uint64_t n = 1 + test_random_below(t, test_random_below(t, 4) ? 30 : 900);
	uint64_t first = tern_pagealloc_take(&pa, n);

	if (first == TERN_NO_PAGE)
		return true;
	for (uint64_t k = first; k < first + n; k++)
		if (!EXPECT(is_model(k, 1, DIRTY) || is_model(k, 1, RELEASED)))
			return false;
	set_model(first, n, TAKEN);
	return true;
}

static bool free_some(struct test *t)
{
	uint64_t i = test_random_below(t, WINDOW), most = 1 + test_random_below(t, 700), n = 0;

	while (i + n < WINDOW && n < most && model[i + n] == TAKEN)
		n++;
	if (n) {
		tern_pagealloc_free(&pa, base + i, n);
		set_model(base + i, n, DIRTY);
	}
	return true;
}

/* What a window took is in use, so none of it is released any more. */
static bool use_window(struct test *t)
{
	struct tern_pagecache c;
	uint64_t bits;

	if (!tern_pagealloc_take_window(&pa, 1 + (unsigned)test_random_below(t, 64), &c))
		return true;
	bits = tern_pagecache_bits(&c);
	for (unsigned i = 0; i < 64; i++)
		if (bits >> i & 1)
			set_model(c.base + i, 1, DIRTY);
	EXPECT(tern_pagealloc_check(&pa));
	tern_pagealloc_free_window(&pa, &c);
	return true;
}

static bool release_some(struct test *t)
{
	uint64_t most = 1 + test_random_below(t, test_random_below(t, 2) ? 40 : 2000);
	struct tern_piece *p = &pending[test_random_below(t, ARRAY_SIZE(pending))], want;

	if (p->n) {
		bool released = test_random_below(t, 4);

		tern_pagealloc_put_back(&pa, *p, released);
		set_model(p->first, p->n, released ? RELEASED : DIRTY);
		p->n = 0;
		return true;
	}
	want = model_find(most);
	*p = tern_pagealloc_take_unreleased(&pa, most);
	if (!EXPECT_EQ(p->n, want.n) || (p->n && !EXPECT_EQ(p->first, want.first)))
		return false;
	if (p->n)
		set_model(p->first, p->n, RELEASING);
	return true;
}

static bool matches(struct test *t)
{
	return EXPECT(tern_pagealloc_check(&pa)) && EXPECT_EQ(pa.nreleased, count(RELEASED)) &&
	       EXPECT_EQ(pa.nreleasing, count(RELEASING)) &&
	       EXPECT_EQ(pa.nfree, count(RELEASED) + count(DIRTY)) &&
	       EXPECT_EQ(tern_pagealloc_in_use(&pa), count(TAKEN)) &&
	       EXPECT(pa.peak >= count(TAKEN));
}

static void play(struct test *t, uint64_t at, unsigned steps)
{
	static bool (*const moves[])(struct test *) = { give_some,  take_some,    take_some,
							free_some,  free_some,    free_some,
							use_window, release_some, release_some };

	start_pages(at);
	for (unsigned step = 0; step < steps; step++)
		if (!moves[test_random_below(t, ARRAY_SIZE(moves))](t) ||
		    (step % 16 == 0 && !matches(t))) {
			test_note(t, "window at page %#llx, step %u", (unsigned long long)at, step);
			return;
		}
	matches(t);
}

TEST_SLOW(scavenge, random_traces_equal_the_model)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bases) && !t->failures; i++)
		for (unsigned round = 0; round < 8 && !t->failures; round++)
			play(t, bases[i], 300);
}

TEST(scavenge, the_highest_run_goes_first_and_never_twice)
{
	struct tern_piece run;
	uint64_t given, below = 2048;

	start_pages(0);
	REQUIRE(tern_pagealloc_give(&pa, 0, 2048, &given));
	EXPECT_EQ(pa.nreleased, 2048); /* never used */
	EXPECT_EQ(tern_pagealloc_take_unreleased(&pa, 1).n, 0);
	REQUIRE(tern_pagealloc_take(&pa, 2048) == 0);
	EXPECT_EQ(pa.nreleased, 0);
	tern_pagealloc_free(&pa, 0, 2048);
	while ((run = tern_pagealloc_take_unreleased(&pa, 100)).n) {
		REQUIRE(run.first + run.n == below);
		below = run.first;
		tern_pagealloc_put_back(&pa, run, true);
	}
	EXPECT_EQ(below, 0);
	EXPECT_EQ(pa.nreleased, 2048);
	EXPECT_EQ(pa.top->loose, 0); /* the next search looks at nothing */
	EXPECT_EQ(pa.peak, 2048);
}

TEST(scavenge, scattered_pages_stay)
{
	uint64_t given;

	start_pages(0);
	REQUIRE(tern_pagealloc_give(&pa, 0, 512, &given));
	REQUIRE(tern_pagealloc_take(&pa, 512) == 0);
	for (uint64_t i = 0; i < 512; i += 8)
		tern_pagealloc_free(&pa, i, 7);
	EXPECT_EQ(tern_pagealloc_take_unreleased(&pa, 512).n, 0);
	tern_pagealloc_free(&pa, 263, 1);
	EXPECT_EQ(tern_pagealloc_take_unreleased(&pa, 512).first, 256);
}

/* --- a scavenger ------------------------------------------------------------------------- */

#define PAGES 96u
#define MS    1000000ull

static char *buffer;
static struct tern_mheap h;
static struct tern_mheap_tables tables;
static bool port_says;
static unsigned port_calls;
static uint64_t port_bytes, clock_ns, port_takes_ns;

static bool port_release(uintptr_t start, size_t size)
{
	port_calls++;
	clock_ns += port_takes_ns;
	if (!port_says)
		return false;
	port_bytes += size;
	memset((void *)start, 0xdb, size);
	return true;
}

static uint64_t port_clock(void)
{
	return clock_ns;
}

/* Within one chunk, so that runs are as long as they look. */
static bool take_buffer(void)
{
	if (heap_for_tests())
		buffer = tern_pages_alloc(PAGES * TERN_PAGE_SIZE, MiB(1), 0);
	return buffer;
}

static bool start_heap(struct tern_scavenger *s, bool zeroed)
{
	struct tern_piece p = { 0, PAGES };

	*s = (struct tern_scavenger)TERN_SCAVENGER_INIT(&h, port_release, port_clock);
	port_says = true;
	port_calls = 0;
	port_bytes = 0;
	clock_ns = 1;
	port_takes_ns = 0;
	p.first = tern_page_of((uintptr_t)buffer);
	tern_mheap_init(&h, &tables);
	return tern_mheap_add(&h, p, zeroed) && tern_mheap_grow(&h, 1);
}

static void end_heap(void)
{
	tern_pages_free(buffer, PAGES * TERN_PAGE_SIZE);
}

/* n pages that were used and are free again. */
static bool make_dirty(uint64_t n)
{
	uint64_t page = tern_mheap_take(&h, NULL, n, 8, TERN_PAGES_END);

	if (page == TERN_NO_PAGE)
		return false;
	tern_mheap_free(&h, NULL, page, n);
	return true;
}

TEST(scavenge, releases_what_is_asked_for_and_no_more_than_there_is)
{
	struct tern_scavenger s;
	uint64_t retained;
	struct tern_mheap_stats stats;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, false));
	retained = tern_mheap_usage(&h).retained;
	REQUIRE(make_dirty(64));
	EXPECT_EQ(tern_mheap_usage(&h).retained, retained + 64);
	EXPECT_EQ(tern_scavenger_release(&s, 0), 0);
	EXPECT_EQ(port_calls, 0);
	EXPECT_EQ(tern_scavenger_release(&s, 9), 16);
	EXPECT_EQ(tern_scavenger_release(&s, UINT64_MAX), 48);
	EXPECT_EQ(tern_scavenger_release(&s, UINT64_MAX), 0);
	EXPECT_EQ(port_bytes, 64 * 8192);
	EXPECT_EQ(tern_mheap_usage(&h).retained, retained);
	tern_mheap_stats(&h, &stats);
	EXPECT_EQ(stats.free, stats.released);
	EXPECT(tern_mheap_check(&h));
	EXPECT_EQ(atomic_load(&h.growing), 0);
	end_heap();
}

TEST(scavenge, a_port_that_refuses_is_asked_once)
{
	struct tern_scavenger s;
	uint64_t free;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, false));
	free = h.pages.nfree;
	REQUIRE(make_dirty(64));
	port_says = false;
	EXPECT_EQ(tern_scavenger_release(&s, 64), 0);
	EXPECT_EQ(tern_scavenger_release(&s, 64), 0);
	tern_scavenger_step(&s);
	EXPECT_EQ(port_calls, 1);
	EXPECT_EQ(h.pages.nfree, free);
	EXPECT(tern_mheap_check(&h) && make_dirty(64));
	port_says = true;
	atomic_store(&s.off, false);
	EXPECT_EQ(tern_scavenger_release(&s, 64), 64);
	end_heap();
}

/* Pages that were taken and given back unused, as a cache does, of memory that was handed over as zero. */
TEST(scavenge, released_memory_counts_as_anything_but_zero)
{
	struct tern_scavenger s;
	uint64_t page;
	struct tern_mspan *span;
	unsigned long irq;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, true));
	page = tern_pagealloc_take_where(&h.pages, 8, 8, TERN_PAGES_END);
	REQUIRE(page != TERN_NO_PAGE);
	tern_pagealloc_free(&h.pages, page, 8);
	REQUIRE(tern_scavenger_release(&s, UINT64_MAX) == 8);
	irq = tern_irq_save();
	span = tern_mheap_large(&h, NULL, 8, 8, 0, TERN_KIND_MANUAL, NULL);
	tern_irq_restore(irq);
	REQUIRE(span);
	EXPECT(span->needzero);
	EXPECT_EQ(*(uint8_t *)span->base, 0xdb);
	end_heap();
}

TEST(scavenge, the_limit_is_kept_while_there_is_something_to_release)
{
	struct tern_scavenger s;
	uint64_t retained;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, false));
	retained = tern_mheap_usage(&h).retained;
	REQUIRE(make_dirty(64));
	tern_scavenger_make_room(&s, 8);
	EXPECT_EQ(port_calls, 0);
	atomic_store(&s.limit, retained + 40);
	tern_scavenger_make_room(&s, 8);
	EXPECT_EQ(tern_mheap_usage(&h).retained, retained + 32);
	tern_scavenger_make_room(&s, 8);
	EXPECT_EQ(port_calls, 1);
	atomic_store(&s.limit, 1);
	tern_scavenger_make_room(&s, 8);
	EXPECT_EQ(tern_mheap_usage(&h).retained, retained);
	tern_scavenger_make_room(&s, UINT64_MAX);
	EXPECT(tern_mheap_take(&h, NULL, 8, 1, TERN_PAGES_END) != TERN_NO_PAGE);
	end_heap();
}

/* --- in the background --------------------------------------------------------------------- */

TEST(scavenge, the_background_keeps_a_tenth_over_the_last_peak)
{
	struct tern_scavenger s;
	uint64_t in_use;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, false));
	in_use = tern_pagealloc_in_use(&h.pages);
	REQUIRE(make_dirty(64));
	/* The peak of this period, and of the one before, holds all. */
	EXPECT_EQ(tern_scavenger_step(&s), 1000 * MS);
	clock_ns += 5000 * MS;
	tern_scavenger_step(&s);
	EXPECT_EQ(port_calls, 0);
	clock_ns += 5000 * MS;
	tern_scavenger_step(&s);
	/* What stays is the goal, but for a part of a group. */
	EXPECT(port_calls > 0);
	EXPECT(tern_mheap_usage(&h).retained <= in_use + in_use / 10);
	EXPECT(tern_mheap_usage(&h).retained + 8 > in_use + in_use / 10);
	EXPECT(tern_mheap_check(&h));
	end_heap();
}

TEST(scavenge, the_background_takes_one_percent_of_a_cpu)
{
	struct tern_scavenger s;
	uint64_t page;
	uint64_t start, rest;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, false));
	page = tern_mheap_take(&h, NULL, 80, 1, TERN_PAGES_END);
	REQUIRE(page != TERN_NO_PAGE);
	/* Runs of 8, apart from each other. */
	for (uint64_t i = align_up(page, 8); i + 8 <= page + 80; i += 16)
		tern_mheap_free(&h, NULL, i, 8);
	tern_mheap_new_peak(&h);
	port_takes_ns = MS / 2;
	start = clock_ns;
	rest = tern_scavenger_step(&s);
	EXPECT_EQ(port_calls, 2);
	EXPECT_EQ(clock_ns - start, MS);
	EXPECT_EQ(rest, 99 * MS);
	end_heap();
}

TEST(scavenge, without_a_clock_a_step_is_one_run)
{
	struct tern_scavenger s;
	uint64_t page;

	if (!take_buffer())
		SKIP("no room in one piece");
	REQUIRE(start_heap(&s, false));
	page = tern_mheap_take(&h, NULL, 80, 1, TERN_PAGES_END);
	REQUIRE(page != TERN_NO_PAGE);
	for (uint64_t i = align_up(page, 8); i + 8 <= page + 80; i += 16)
		tern_mheap_free(&h, NULL, i, 8);
	tern_mheap_new_peak(&h);
	clock_ns = 0;
	for (unsigned i = 1; i <= 3; i++) {
		EXPECT_EQ(tern_scavenger_step(&s), 100 * MS);
		EXPECT_EQ(port_calls, i);
	}
	/* Time goes on all the same. */
	for (unsigned i = 0; i < 20; i++)
		tern_scavenger_step(&s);
	EXPECT(s.period_start >= 5000 * MS);
	end_heap();
}

/* --- the public calls ---------------------------------------------------------------------- */

TEST(scavenge, public_calls_take_any_number)
{
	bool was = tern_scavenging();
	struct tern_page_stats before, after;

	REQUIRE(heap_for_tests());
	tern_set_scavenging(true);
	EXPECT_EQ(tern_scavenge(0), 0);
	EXPECT(tern_scavenging());
	tern_pages_free(tern_pages_alloc(64 * 8192, 0, 0), 64 * 8192);
	/* What this CPU's spans have no more use for, scavenging gives back too. */
	tern_cpu_offline();
	tern_page_stats(&before);
	EXPECT_EQ(tern_scavenge(SIZE_MAX) % TERN_HEAP_PAGE, 0);
	tern_page_stats(&after);
	EXPECT_EQ(after.used, before.used);
	EXPECT(after.released >= before.released && after.released <= after.free);
	tern_set_memory_limit(1);
	EXPECT(tern_background() > 0);
	tern_set_memory_limit(SIZE_MAX);
	tern_set_memory_limit(0);
	tern_set_scavenging(was);
}
