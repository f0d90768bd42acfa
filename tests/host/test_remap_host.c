/* SPDX-License-Identifier: MIT */
/* test_remap_host.c - remapped objects: a kernel that has no addresses, or cannot map at some point; and
 * what is no object, handed to calls that take one. */
#include <limits.h>
#include <string.h>

#include <tern/safety.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "boot/host/ranges.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "mm/remap.h"
#include "tests/test.h"
#include "tests/unit/blocked.h"
#include "tests/unit/heap.h"
#include "tests/unit/own_heap.h"

#define PAGE TERN_HEAP_PAGE
#define SIZE TERN_REMAP_MIN

static bool is_remapped(const void *p)
{
	return tern_mspan_remap(tern_heap_span((uintptr_t)p));
}

/* As many as the test will need, and tables. */
static bool make_records(void)
{
	void *p = make_remapped(SIZE);

	tern_set_quarantine(0, 0);
	tern_free(tern_malloc(8));
	tern_free(p);
	return p;
}

#define HEAP MiB(16)

/* In a heap that has 2 MiB in one piece, and besides only pages that lie alone: an object at the beginning
 * of the piece, in which each page says which it is. */
static uint8_t *begin(struct test *t)
{
	void **alone = (void **)test_scratch;
	uint8_t *p = NULL, *run;
	unsigned n = 0;

	if (!EXPECT(own_heap_begin(HEAP) == HEAP && own_heap_add() && make_records()))
		return NULL;
	run = tern_pages_alloc(MiB(2), 0, 0);
	while ((alone[n] = tern_pages_alloc(PAGE, 0, 0)))
		n++;
	/* They come from the lowest on. The piece begins where it does. */
	for (unsigned i = 1; i < n; i += 2)
		if ((uint8_t *)alone[i] + PAGE != run)
			tern_pages_free(alone[i], PAGE);
	if (run)
		tern_pages_free(run, MiB(2));
	p = tern_malloc(SIZE);
	EXPECT(p == run);
	for (size_t i = 0; p && i < SIZE; i += PAGE)
		p[i] = (uint8_t)(i / PAGE);
	return p;
}

static void end(void)
{
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
	own_heap_end();
}

static bool holds(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE)
		if (p[i] != (uint8_t)(i / PAGE))
			return false;
	return true;
}

/* The default of the port is no. The rest of the piece is somebody's, and no copy has room. */
TEST(remap_host, a_kernel_without_addresses)
{
	uint8_t *p = begin(t), *q;
	uint64_t used;
	void *wall;

	REQUIRE(p && (wall = tern_pages_alloc(MiB(1), 0, 0)));
	used = used_when_quiet();
	atomic_store(&host_ranges_reserves, 0);
	EXPECT(!tern_realloc(p, SIZE + SIZE / 2));
	EXPECT_EQ(used_when_quiet(), used);
	EXPECT(tern_usable_size(p) == SIZE && holds(p, SIZE));
	tern_pages_free(wall, MiB(1));
	REQUIRE(q = tern_realloc(p, SIZE + PAGE));
	EXPECT(q == p && !is_remapped(q) && holds(q, SIZE));
	atomic_store(&host_ranges_reserves, UINT_MAX);
	end();
}

/* It is copied, if there is room. */
TEST(remap_host, copied_where_there_are_no_addresses)
{
	uint8_t *p, *q, *wall = NULL;

	REQUIRE(own_heap_begin(MiB(8)) == MiB(8) && own_heap_add());
	REQUIRE((p = tern_malloc(SIZE)));
	/* The page behind it, so that it cannot grow where it is; there may be free ones before it. */
	while (!wall || (uintptr_t)wall < (uintptr_t)p)
		REQUIRE((wall = tern_pages_alloc(PAGE, 0, 0)));
	for (size_t i = 0; i < SIZE; i += PAGE)
		p[i] = (uint8_t)(i / PAGE);
	atomic_store(&host_ranges_reserves, 0);
	q = tern_realloc(p, 2 * SIZE);
	atomic_store(&host_ranges_reserves, UINT_MAX);
	EXPECT(q && q != p && !is_remapped(q) && holds(q, SIZE));
	end();
}

/* Mapping fails at each point in turn: of the object itself, and of each run that is added. */
TEST(remap_host, every_failure_to_map_is_survived)
{
	const size_t size = SIZE + SIZE / 2;
	uint8_t *p = begin(t), *q = NULL;
	void *wall;
	unsigned n;

	REQUIRE(p && (wall = tern_pages_alloc(MiB(1), 0, 0)));
	for (n = 0; n < 100 && !t->failures; n++) {
		uint64_t used = used_when_quiet();

		atomic_store(&host_ranges_commits, n);
		q = tern_realloc(p, size);
		atomic_store(&host_ranges_commits, UINT_MAX);
		if (q)
			break;
		EXPECT_EQ(used_when_quiet(), used);
		EXPECT(holds(p, SIZE));
	}
	test_note(t, "%u calls", n);
	/* Nearly every page that is added is a run. */
	EXPECT(n > SIZE / 2 / PAGE - 8 && n <= SIZE / 2 / PAGE + 1);
	EXPECT(q && is_remapped(q) && holds(q, SIZE));
	end();
}

/* Once more, when its own pages lead nowhere but to its addresses. */
TEST(remap_host, every_failure_to_move_on_is_survived)
{
	uint8_t *p = begin(t), *q = NULL;
	void *wall;
	unsigned n;

	REQUIRE(p && (wall = tern_pages_alloc(MiB(1), 0, 0)));
	REQUIRE(p = tern_realloc(p, SIZE + PAGE));
	p[SIZE] = SIZE / PAGE;
	tern_pages_free(wall, MiB(1));
	for (n = 0; n < 1000 && !t->failures; n++) {
		uint64_t used = used_when_quiet();

		atomic_store(&host_ranges_commits, n);
		q = tern_realloc(p, 4 * SIZE + PAGE);
		atomic_store(&host_ranges_commits, UINT_MAX);
		if (q)
			break;
		EXPECT_EQ(used_when_quiet(), used);
		EXPECT(holds(p, SIZE + PAGE));
		EXPECT_EQ(tern_usable_size(p), SIZE + PAGE);
	}
	EXPECT(n > 200 && q && q != p && is_remapped(q) && holds(q, SIZE + PAGE));
	end();
}

static void free_it(void *p)
{
	tern_free(p);
}

static void free_sized(void *p)
{
	tern_free_sized(p, 8);
}

static void resize_it(void *p)
{
	if (!tern_realloc(p, SIZE))
		tern_free(NULL);
}

static void refused(struct test *t, void *p, const char *what)
{
	void (*const call[])(void *) = { free_it, free_sized, resize_it };
	char text[256], addr[32];

	tern_snprintf(addr, sizeof(addr), "0x%lx", (unsigned long)(uintptr_t)p);
	for (unsigned i = 0; i < ARRAY_SIZE(call); i++)
		if (!EXPECT(host_panics(call[i], p, text, sizeof(text))) ||
		    !EXPECT(strstr(text, what)) || !EXPECT(strstr(text, addr)))
			test_note(t, "%p: %s", p, text);
}

TEST(remap_host, bad_pointers_panic_with_numbers)
{
	uint8_t *p = begin(t), *q;

	REQUIRE(p && tern_pages_alloc(MiB(1), 0, 0));
	REQUIRE(q = tern_realloc(p, SIZE + PAGE));
	EXPECT(is_remapped(q));
	refused(t, p, "moved");
	refused(t, p + SIZE - PAGE, "moved");
	refused(t, q + 8, "inside the object of ");
	refused(t, q + SIZE + 1, "inside the object of ");
	refused(t, q + SIZE + PAGE, "is not in an object");
	EXPECT(holds(q, SIZE));
	tern_free(q);
	refused(t, q, "is not in an object");
	refused(t, p, "is not in an object");
	end();
}
