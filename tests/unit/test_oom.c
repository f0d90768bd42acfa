/* SPDX-License-Identifier: MIT */
/* test_oom.c - the end of memory: pages, records, or both are short, on one CPU or several. Calls say
 * NULL, nothing panics, and what is freed can be had again, to the last page. */
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"
#include "tests/unit/own_heap.h"

#define MAX_CPUS 8u

struct link {
	struct link *next;
};

/* Records of many sizes, as large as those of debug builds, would soon cut all of it to pieces: these
 * begin anew for each class. */
static bool begin_class(struct test *t, size_t size)
{
	if (!TERN_DEBUG)
		return true;
	own_heap_end();
	return own_heap_for(t, size);
}

/* Take all that there is in objects of a size. */
static struct link *take_all(size_t size, uint64_t *n)
{
	struct link *list = NULL, *l;

	for (*n = 0; (l = tern_malloc(size)); ++*n) {
		l->next = list;
		list = l;
	}
	return list;
}

static void free_all(struct link *list)
{
	for (struct link *next; list; list = next) {
		next = list->next;
		tern_free(list);
	}
}

/* Every other one first, so that no span is empty until the end. */
static void free_in_two_turns(struct link *list)
{
	for (struct link *l = list; l && l->next; l = l->next) {
		struct link *odd = l->next;

		l->next = odd->next;
		tern_free(odd);
		if (!l->next)
			break;
	}
	free_all(list);
}

/* What a CPU keeps for a class for ever (parked.c) is made when it first allocates of it. */
static void take_one(unsigned cpu, void *arg)
{
	const size_t *size = arg;

	(void)cpu;
	tern_free(tern_malloc(*size));
}

TEST(oom, each_class_takes_all_and_gives_it_back)
{
	uint64_t free;

	if (!own_heap_for(t, MiB(2)))
		return;
	free_all(take_all(8, &free)); /* makes the records that the largest number of spans need */
	for (unsigned c = 1; c <= TERN_SIZECLASSES && !t->failures && begin_class(t, MiB(2)); c++) {
		size_t size = c < TERN_SIZECLASSES ? tern_sizeclass_size[c] : 5 * TERN_HEAP_PAGE;
		uint64_t n, again;

		/* The heap grows and makes its records. If the border of an arena lies in this memory,
		 * that cuts it otherwise than what comes later. */
		run_on_cpus(cpus_for_tests(), take_one, &size);
		free_all(take_all(size, &n));
		EXPECT_EQ(used_when_quiet(), 0);
		free_all(take_all(size, &n));
		EXPECT_EQ(used_when_quiet(), 0);
		free_in_two_turns(take_all(size, &again));
		EXPECT_EQ(used_when_quiet(), 0);
		if (!EXPECT(n > 0 && again >= n))
			test_note(t, "of %zu bytes: %llu, then %llu", size, (unsigned long long)n,
				  (unsigned long long)again);
	}
	if (t->skip_reason)
		return;
	EXPECT(tern_mheap_check(&tern_heap.pages));
	own_heap_end();
}

static bool has_run(unsigned npages)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return s.longest_free >= (uint64_t)npages << TERN_PAGE_SHIFT;
}

/* One class has everything; all others have nothing, until it lets go of a little. The heap's own
 * records, which stay where they were made, may lie between what was let go: a span that needs more
 * pages than there are in a row may be refused, and no other. */
TEST(oom, what_one_class_lets_go_another_has)
{
	if (!own_heap_for(t, MiB(1)))
		return;
	for (unsigned c = 1; c < TERN_SIZECLASSES && !t->failures && begin_class(t, MiB(1));
	     c += 5) {
		uint64_t n;
		struct link *list = take_all(tern_sizeclass_size[c], &n), *l = list;

		EXPECT(!tern_malloc(100000));
		/* Half of it, in one piece. */
		for (uint64_t i = 0; i < n / 2; i++)
			l = l->next;
		free_all(l->next);
		l->next = NULL;
		for (unsigned d = 1; d < TERN_SIZECLASSES; d++) {
			unsigned npages = tern_sizeclass_pages[d];
			void *p = tern_malloc(tern_sizeclass_size[d]);

			EXPECT(p || (npages > 1 && !has_run(npages)));
			tern_free(p);
		}
		free_all(list);
	}
	if (t->skip_reason)
		return;
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

/* --- no memory for records ---------------------------------------------------------------- */

#define CALLS 40u

struct held {
	uint8_t *p;
	size_t size; /* 0: of objects */
	size_t pages;
};

static struct held *const held = (struct held *)test_scratch;
static unsigned nheld, refused;

static void keep(struct test *t, void *p, size_t size, size_t pages)
{
	if (!p) {
		refused++;
		return;
	}
	REQUIRE(nheld < CALLS);
	memset(p, (int)nheld, size);
	held[nheld++] = (struct held){ p, size, pages };
}

static void resize(struct test *t, struct held *h, size_t size)
{
	size_t kept = size < h->size ? size : h->size;
	uint8_t *p = tern_realloc(h->p, size);

	if (p) {
		h->p = p;
		h->size = size;
	} else {
		refused++;
	}
	for (size_t i = 0; i < kept; i++)
		REQUIRE(h->p[i] == (uint8_t)(h - held));
	memset(h->p, (int)(h - held), h->size);
}

/* One of each: every call works or says NULL. */
static void call_everything(struct test *t)
{
	static const size_t sizes[] = { 0, 8, 24, 100, 1000, 3000, 9000, 32768, 32769, 100000 };

	nheld = refused = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		keep(t, tern_malloc(sizes[i]), sizes[i], 0);
	keep(t, tern_calloc(3, 50), 150, 0);
	keep(t, tern_calloc(10, 5000), 50000, 0);
	keep(t, tern_alloc(64), 64, 0);
	keep(t, tern_alloc_noscan(5), 5, 0);
	keep(t, tern_alloc_noscan(40000), 40000, 0);
	keep(t, tern_aligned_alloc(4096, 100), 100, 0);
	keep(t, tern_aligned_alloc(65536, 100), 100, 0);
	keep(t, tern_pages_alloc(TERN_HEAP_PAGE, 0, 0), TERN_HEAP_PAGE, TERN_HEAP_PAGE);
	keep(t, tern_pages_alloc(50000, 32768, 0), 50000, 50000);
	for (unsigned i = 0; i < nheld; i++)
		if (!held[i].pages && held[i].size > 24)
			resize(t, &held[i], i % 2 ? held[i].size * 2 : held[i].size / 3 + 16);
}

static void end_everything(struct test *t)
{
	for (unsigned i = 0; i < nheld; i++) {
		for (size_t k = 0; k < held[i].size; k++)
			REQUIRE(held[i].p[k] == (uint8_t)i);
		if (held[i].pages)
			tern_pages_free(held[i].p, held[i].pages);
		else
			tern_free(held[i].p);
	}
}

/* Records can be had n times, and then no more, until it is over. True if that was enough. */
static bool starve(struct test *t, size_t n)
{
	struct tern_meta *meta = &tern_heap.pages.meta;
	size_t have = own_heap_begin(MiB(2));
	bool added, enough;

	if (have < MiB(2)) {
		t->skip_reason = "too little memory";
		if (have)
			own_heap_end();
		return true;
	}
	meta->fail_after = n;
	added = own_heap_add();
	call_everything(t);
	end_everything(t);
	enough = meta->fail_after > 0;
	EXPECT(!enough || (added && refused == 0));
	meta->fail_after = SIZE_MAX;
	EXPECT(added || own_heap_add());
	call_everything(t);
	EXPECT_EQ(refused, 0);
	end_everything(t);
	/* The block of crumbs stays. */
	EXPECT(used_when_quiet() <= TERN_HEAP_PAGE);
	EXPECT(tern_mheap_check(&tern_heap.pages));
	own_heap_end();
	return enough;
}

TEST(oom, every_shortage_of_records_is_survived)
{
	size_t n = 0;

	while (!starve(t, n) && !t->failures)
		n++;
	if (t->skip_reason)
		return;
	test_note(t, "%zu records", n);
	EXPECT(n > 20);
}

/* --- the kernel's handler -------------------------------------------------------------------- */

static struct {
	struct link *stash;
	unsigned calls, depth, deepest;
	size_t asked;
	bool greedy; /* it allocates, more than there is */
	void *had;
} handler;

static bool handle(size_t size)
{
	struct link *l = handler.stash;

	handler.calls++;
	handler.asked = size;
	if (++handler.depth > handler.deepest)
		handler.deepest = handler.depth;
	if (handler.greedy)
		handler.had = tern_malloc(MiB(64)) ? NULL : tern_malloc(100);
	handler.depth--;
	if (!l)
		return false;
	handler.stash = l->next;
	tern_free(l);
	return true;
}

static void reset_handler(size_t reserve)
{
	memset(&handler, 0, sizeof(handler));
	tern_set_oom_handler(handle, reserve);
}

TEST(oom, a_handler_that_frees_makes_the_call_succeed)
{
	struct link *list;
	uint64_t n;
	void *p[10];

	if (!own_heap_for(t, MiB(1)))
		return;
	list = take_all(20000, &n);
	REQUIRE(n > 20);
	reset_handler(0);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		handler.stash = list;
		EXPECT((p[i] = tern_malloc(20000)));
		list = handler.stash;
	}
	EXPECT(handler.calls >= ARRAY_SIZE(p));
	EXPECT(handler.asked >= 20000);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		tern_free(p[i]);
	free_all(list);
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

TEST(oom, every_call_asks_the_handler)
{
	struct link *list, *keep;
	uint64_t n;
	void *p;

	if (!own_heap_for(t, MiB(1)))
		return;
	keep = tern_malloc(100000);
	list = take_all(40000, &n);
	reset_handler(0);
	EXPECT(!tern_malloc(40000) && handler.calls == 1);
	EXPECT(!tern_calloc(4, 10000) && handler.calls == 2);
	EXPECT(!tern_alloc(40000) && handler.calls == 3);
	EXPECT(!tern_alloc_noscan(40000) && handler.calls == 4);
	EXPECT(!tern_aligned_alloc(16384, 40000) && handler.calls == 5);
	EXPECT(!tern_realloc(list, 100000) && handler.calls == 6);
	EXPECT(!tern_pages_alloc(40000, 0, 0) && handler.calls == 7);
	EXPECT(!tern_malloc(SIZE_MAX) && handler.calls == 7);
	handler.stash = keep;
	keep->next = NULL;
	EXPECT((p = tern_realloc(list, 100000)) && handler.calls == 8);
	list = p;
	tern_set_oom_handler(NULL, 0);
	EXPECT(!tern_malloc(100000) && handler.calls == 8);
	free_all(list);
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

/* The handler has the reserve for itself, and no handler of its own. */
TEST(oom, the_reserve_is_for_the_handler)
{
	struct link *list;
	uint64_t n;

	if (!own_heap_for(t, MiB(1)))
		return;
	reset_handler(64 << 10);
	list = take_all(8192, &n);
	EXPECT_EQ(handler.calls, 1);
	handler.greedy = true;
	EXPECT(!tern_malloc(8192));
	EXPECT_EQ(handler.calls, 2);
	EXPECT_EQ(handler.deepest, 1);
	EXPECT(handler.had);
	tern_free(handler.had);
	/* Without a reserve those pages are everybody's. */
	tern_set_oom_handler(NULL, 0);
	for (unsigned i = 0; i < 6; i++) {
		struct link *l = tern_malloc(8192);

		REQUIRE(l);
		l->next = list;
		list = l;
	}
	free_all(list);
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

TEST(oom, a_reserve_larger_than_memory_is_no_panic)
{
	if (!own_heap_for(t, MiB(1)))
		return;
	reset_handler(SIZE_MAX);
	EXPECT(!tern_malloc(8) && !tern_pages_alloc(8192, 0, 0));
	EXPECT(handler.calls == 2);
	tern_set_oom_handler(NULL, 0);
	tern_free(tern_malloc(8));
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

/* --- several CPUs ---------------------------------------------------------------------------- */

static struct {
	uint64_t seed;
	struct object *list[MAX_CPUS];
	atomic_uint wrong, refused;
} all;

/* To the end, and on at the end: each time there is nothing, a part is freed. */
static void fill_up(unsigned cpu, void *arg)
{
	uint64_t rng = (all.seed + cpu * 7919) | 1;
	unsigned ends = 0;

	(void)arg;
	while (ends < 5) {
		struct object *o = object_make(&rng);

		if (o) {
			o->next = all.list[cpu];
			all.list[cpu] = o;
			continue;
		}
		atomic_fetch_add_explicit(&all.refused, 1, memory_order_relaxed);
		ends++;
		for (unsigned i = 0; i < 50 && (o = all.list[cpu]); i++) {
			all.list[cpu] = o->next;
			if (!object_end(o, &rng))
				atomic_fetch_add_explicit(&all.wrong, 1, memory_order_relaxed);
		}
	}
}

/* What CPU n made is freed by CPU n + 1. */
static void empty(unsigned cpu, void *arg)
{
	unsigned from = (cpu + 1) % *(unsigned *)arg;
	uint64_t rng = (all.seed ^ cpu) | 1;

	for (struct object *o = all.list[from], *next; o; o = next) {
		next = o->next;
		if (!object_end(o, &rng))
			atomic_fetch_add_explicit(&all.wrong, 1, memory_order_relaxed);
	}
	all.list[from] = NULL;
}

TEST(oom, all_cpus_use_memory_to_the_last_page)
{
	unsigned n = cpus_for_tests();

	if (!own_heap_for(t, MiB(16)) && !own_heap_for(t, MiB(2)))
		return;
	t->skip_reason = NULL;
	for (unsigned round = 0; round < 3 && !t->failures; round++) {
		memset(&all, 0, sizeof(all));
		all.seed = test_random(t);
		run_on_cpus(n, fill_up, NULL);
		run_on_cpus(n, empty, &n);
		EXPECT_EQ(all.wrong, 0);
		EXPECT(all.refused >= n);
		EXPECT_EQ(used_when_quiet(), 0);
		EXPECT(tern_mheap_check(&tern_heap.pages));
	}
	own_heap_end();
}
