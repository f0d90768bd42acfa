/* SPDX-License-Identifier: MIT */
/* Tests of the port's calls for pages that were written to: all that was written is reported, once, and
 * nothing else, whoever wrote it and when. */
#include <stdatomic.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"

#define BLOCK MiB(2)
#define PAGES (BLOCK / TERN_WATCHED_PAGE)
#define WORDS (PAGES / 64)

struct block {
	char *start;
	uint64_t bits[WORDS];
};

/* No cycle watches pages until it is dropped: one that ends watches none any more, not this block's
 * either. */
static bool make_block(struct block *b)
{
	b->start = tern_pages_alloc(BLOCK, BLOCK, 0);
	if (!b->start)
		return false;
	memset(b->start, 0, BLOCK);
	hold_between_cycles();
	return true;
}

static void drop_block(struct block *b)
{
	tern_port_unwatch_pages((uintptr_t)b->start, BLOCK);
	tern_gc_release();
	tern_pages_free(b->start, BLOCK);
}

static unsigned count(const struct block *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WORDS; i++)
		n += count_bits(b->bits[i]);
	return n;
}

static bool has(const struct block *b, unsigned page)
{
	return b->bits[page / 64] >> page % 64 & 1;
}

static unsigned take(struct block *b)
{
	memset(b->bits, 0xff, sizeof(b->bits));
	tern_port_watch_pages((uintptr_t)b->start, b->bits, WORDS);
	return count(b);
}

static unsigned look(struct block *b)
{
	memset(b->bits, 0xff, sizeof(b->bits));
	tern_port_written_pages((uintptr_t)b->start, b->bits, WORDS);
	return count(b);
}

static volatile char *page_at(const struct block *b, unsigned page)
{
	return b->start + page * TERN_WATCHED_PAGE;
}

static bool can_watch(void)
{
	return tern_port_watch_pages(0, NULL, 0);
}

TEST(watch, what_was_written_is_reported_once)
{
	struct block b;

	REQUIRE(heap_for_tests() && can_watch());
	if (!make_block(&b))
		SKIP("too little memory");
	EXPECT_EQ(take(&b), PAGES);
	EXPECT_EQ(take(&b), 0);
	page_at(&b, 3)[0] = 1;
	page_at(&b, 77)[TERN_WATCHED_PAGE - 1] = 1;
	page_at(&b, PAGES - 1)[100] = page_at(&b, 5)[100];
	EXPECT_EQ(take(&b), 3);
	EXPECT(has(&b, 3) && has(&b, 77) && has(&b, PAGES - 1));
	EXPECT_EQ(take(&b), 0);
	page_at(&b, 3)[1] = 1;
	EXPECT_EQ(take(&b), 1);
	EXPECT(has(&b, 3) && page_at(&b, 3)[0] == 1 && page_at(&b, 3)[1] == 1);
	drop_block(&b);
}

TEST(watch, others_are_not_asked_about)
{
	struct block b;

	REQUIRE(heap_for_tests() && can_watch());
	if (!make_block(&b))
		SKIP("too little memory");
	take(&b);
	page_at(&b, 64)[0] = page_at(&b, 65)[0] = 1;
	memset(b.bits, 0, sizeof(b.bits));
	b.bits[1] = 1;
	tern_port_watch_pages((uintptr_t)b.start, b.bits, WORDS);
	EXPECT(count(&b) == 1 && has(&b, 64));
	EXPECT(!(take(&b) && has(&b, 64)));
	page_at(&b, 65)[0] = 2;
	EXPECT(take(&b) == 1 && has(&b, 65));
	drop_block(&b);
}

TEST(watch, the_last_look_changes_nothing)
{
	struct block b;

	REQUIRE(heap_for_tests() && can_watch());
	if (!make_block(&b))
		SKIP("too little memory");
	take(&b);
	EXPECT_EQ(look(&b), 0);
	page_at(&b, 9)[8] = 1;
	EXPECT_EQ(look(&b), 1);
	EXPECT(look(&b) == 1 && has(&b, 9));
	EXPECT_EQ(take(&b), 1);
	drop_block(&b);
}

/* Any pages are written to, and any asked about. */
TEST(watch, the_last_look_tells_pages_apart)
{
	uint64_t written[WORDS], asked[WORDS];
	struct block b;

	REQUIRE(heap_for_tests() && can_watch());
	if (!make_block(&b))
		SKIP("too little memory");
	for (unsigned round = 0; round < 8; round++) {
		take(&b);
		memset(written, 0, sizeof(written));
		for (unsigned i = 0; i < 1u << round; i++) {
			unsigned page = (unsigned)test_random_below(t, PAGES);

			written[page / 64] |= 1ull << page % 64;
			page_at(&b, page)[round] = 1;
		}
		for (unsigned i = 0; i < WORDS; i++)
			b.bits[i] = asked[i] = test_random(t) | test_random(t);
		tern_port_written_pages((uintptr_t)b.start, b.bits, WORDS);
		for (unsigned i = 0; i < WORDS; i++)
			EXPECT_EQ(b.bits[i], asked[i] & written[i]);
	}
	drop_block(&b);
}

TEST(watch, what_is_watched_no_more_counts_as_written)
{
	struct block b;

	REQUIRE(heap_for_tests() && can_watch());
	if (!make_block(&b))
		SKIP("too little memory");
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_EQ(take(&b), PAGES);
		EXPECT_EQ(take(&b), 0);
		tern_port_unwatch_pages((uintptr_t)b.start, BLOCK);
		page_at(&b, 1)[0]++;
	}
	EXPECT_EQ(page_at(&b, 1)[0], 3);
	drop_block(&b);
}

/* --- all CPUs -------------------------------------------------------------------------------- */

#define MAX_CPUS 8u
#define ROUNDS   20u

struct writers {
	struct block block;
	atomic_bool written[PAGES];
	uint64_t seed;
	atomic_uint running; /* [atomic: release by who is done, acquire] */
};

static struct writers w;

static uint64_t next(uint64_t *rng)
{
	*rng = *rng * 6364136223846793005u + 1442695040888963407u;
	return *rng >> 33;
}

static void write_some(unsigned cpu, void *arg)
{
	uint64_t rng = w.seed + cpu;

	(void)arg;
	for (unsigned i = 0; i < 20; i++) {
		unsigned page = next(&rng) % PAGES;
		unsigned long irq = i % 2 ? arch_irq_save() : 0;

		page_at(&w.block, page)[next(&rng) % TERN_WATCHED_PAGE] = 1;
		if (i % 2)
			arch_irq_restore(irq);
		atomic_store_explicit(&w.written[page], true, memory_order_relaxed);
	}
}

TEST(watch, every_cpus_writes_are_reported)
{
	unsigned wrong = 0;

	REQUIRE(heap_for_tests() && can_watch());
	if (!make_block(&w.block))
		SKIP("too little memory");
	take(&w.block);
	for (unsigned round = 0; round < ROUNDS; round++) {
		memset(w.written, 0, sizeof(w.written));
		w.seed = test_random(t);
		run_on_cpus(cpus_for_tests(), write_some, NULL);
		take(&w.block);
		for (unsigned i = 0; i < PAGES; i++)
			wrong += has(&w.block, i) != atomic_load(&w.written[i]);
	}
	EXPECT_EQ(wrong, 0);
	drop_block(&w.block);
}

/* CPU 0 has what it saw of each page when that was reported last. */
static uint64_t seen[PAGES];

static _Atomic uint64_t *counter(unsigned page)
{
	return (_Atomic uint64_t *)(uintptr_t)page_at(&w.block, page);
}

static void see(void)
{
	take(&w.block);
	for (unsigned i = 0; i < PAGES; i++)
		if (has(&w.block, i))
			seen[i] = atomic_load_explicit(counter(i), memory_order_relaxed);
}

static void count_or_see(unsigned cpu, void *arg)
{
	uint64_t rng = w.seed + cpu;

	(void)arg;
	if (cpu == 0) {
		while (atomic_load_explicit(&w.running, memory_order_acquire))
			see();
		return;
	}
	for (unsigned i = 0; i < 50000; i++)
		atomic_fetch_add_explicit(counter(next(&rng) % PAGES), 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w.running, 1, memory_order_release);
}

TEST_SLOW(watch, nothing_is_lost_while_others_write)
{
	unsigned n = cpus_for_tests(), wrong = 0;
	uint64_t sum = 0;

	REQUIRE(heap_for_tests() && can_watch());
	if (n < 2)
		SKIP("one CPU");
	if (!make_block(&w.block))
		SKIP("too little memory");
	w.seed = test_random(t);
	atomic_store(&w.running, n - 1);
	memset(seen, 0, sizeof(seen));
	see();
	run_on_cpus(n, count_or_see, NULL);
	see();
	for (unsigned i = 0; i < PAGES; i++) {
		wrong += seen[i] != *counter(i);
		sum += *counter(i);
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(sum, (n - 1) * 50000);
	EXPECT_EQ(take(&w.block), 0);
	drop_block(&w.block);
}
