/* SPDX-License-Identifier: MIT */
/* test_malloc_host.c - what is no object, handed to each call that takes one: a panic that says what is
 * wrong, with the numbers, before anything is harmed. */
#include <string.h>

#include <tern/tern.h>

#include "boot/host/host.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

enum call { FREE, FREE_SIZED, REALLOC, CALLS };

static const char *const names[CALLS] = { "tern_free: ", "tern_free_sized: ", "tern_realloc: " };

struct bad {
	enum call call;
	void *p;
};

static void call(void *arg)
{
	struct bad *b = arg;

	switch (b->call) {
	case FREE:
		tern_free(b->p);
		break;
	case FREE_SIZED:
		tern_free_sized(b->p, 8);
		break;
	default:
		b->p = tern_realloc(b->p, 200);
	}
}

/* Each call refuses p; and the text has `what` and the address in it. */
static void refused(struct test *t, void *p, const char *what)
{
	char text[256], addr[32];

	tern_snprintf(addr, sizeof(addr), "0x%lx", (unsigned long)(uintptr_t)p);
	for (enum call c = FREE; c < CALLS; c++) {
		struct bad b = { c, p };

		if (EXPECT(host_panics(call, &b, text, sizeof(text))) &&
		    EXPECT(tern_str_starts(text, names[c])) && EXPECT(strstr(text, what)) &&
		    EXPECT(strstr(text, addr)))
			continue;
		test_note(t, "%p %s: %s", p, names[c], text);
	}
}

TEST(malloc_host, foreign_memory_is_refused)
{
	static char in_data[16];
	char on_stack[16];
	void *const foreign[] = {
		in_data,
		on_stack,
		(void *)1,
		(void *)8,
		(void *)4096,
		(void *)UINTPTR_MAX,
		(void *)(1ul << 47),
		(void *)(1ul << 48),
		(void *)(1ul << 63),
		(void *)-(1ul << 48),
		(void *)-(1ul << 13),
	};

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++) {
		refused(t, foreign[i], "is not in an object");
		EXPECT_EQ(tern_usable_size(foreign[i]), 0);
		EXPECT(!tern_base(foreign[i]));
	}
}

TEST(malloc_host, runs_of_pages_and_records_are_refused)
{
	char *run;
	void *record;

	REQUIRE(heap_for_tests() && (run = tern_pages_alloc(3 * TERN_HEAP_PAGE, 0, 0)));
	refused(t, run, "lies in a run of pages");
	refused(t, run + 2 * TERN_HEAP_PAGE + 8, "lies in a run of pages");
	tern_pages_free(run, 3 * TERN_HEAP_PAGE);
	refused(t, run, "is not in an object");
	record = tern_heap.cache[0];
	refused(t, record, "is not in an object");
	EXPECT(!tern_base(record));
}

TEST(malloc_host, the_middle_of_an_object_is_refused)
{
	static const size_t sizes[] = { 8, 24, 48, 1000, 3000, 9000, 32768, 32769, 300000 };

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *p = tern_malloc(sizes[i]);

		REQUIRE(p);
		refused(t, p + 1, "1 bytes inside");
		refused(t, p + sizes[i] - 1, "bytes inside");
		refused(t, p + sizes[i] / 2, "bytes inside");
		EXPECT(tern_base(p + sizes[i] - 1) == p);
		EXPECT(tern_usable_size(p) >= sizes[i]);
		tern_free(p);
	}
}

static void free_it(unsigned cpu, void *arg)
{
	if (cpu == 1)
		tern_free(arg);
}

/* Freed by its owner or by another CPU: the second time it is refused, and every time after. */
TEST(malloc_host, a_second_free_is_refused)
{
	static const size_t sizes[] = { 8, 24, 48, 1000, 3000, 9000, 32768 };

	REQUIRE(heap_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned remote = 0; remote < 2; remote++) {
			/* The second one keeps the span. */
			char *p = tern_malloc(sizes[i]), *q = tern_malloc(sizes[i]);

			REQUIRE(p && q);
			if (remote)
				host_on_cpus(2, free_it, p);
			else
				tern_free(p);
			for (unsigned again = 0; again < 2; again++)
				refused(t, p, sizes[i] < 9000 ? "double free" : "");
			EXPECT_EQ(tern_usable_size(p), 0);
			EXPECT(!tern_base(p));
			tern_free(q);
		}
}

TEST(malloc_host, a_large_object_is_freed_once)
{
	char *p;

	REQUIRE(heap_for_tests() && (p = tern_malloc(300000)));
	tern_free(p);
	refused(t, p, "is not in an object");
	refused(t, p + 200000, "is not in an object");
	EXPECT(!tern_base(p));
}

static struct bad remote_bad;
static bool remote_panicked;
static char remote_text[256];

static void call_there(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu == 1)
		remote_panicked = host_panics(call, &remote_bad, remote_text, sizeof(remote_text));
}

static bool panics_there(void *p)
{
	remote_bad = (struct bad){ FREE, p };
	host_on_cpus(2, call_there, NULL);
	return remote_panicked;
}

/* The same on a CPU that does not own the span. */
TEST(malloc_host, another_cpu_is_refused_as_well)
{
	char *p, *q;

	REQUIRE(heap_for_tests() && (p = tern_malloc(48)) && (q = tern_malloc(48)));
	EXPECT(panics_there(p + 8));
	EXPECT(strstr(remote_text, "8 bytes inside"));
	tern_free(p);
	EXPECT(panics_there(p));
	EXPECT(strstr(remote_text, "double free"));
	host_on_cpus(2, free_it, q);
	EXPECT(panics_there(q));
	EXPECT(strstr(remote_text, "double free"));
	/* It is parked there by now; and so says who owns its span. */
	refused(t, q, "double free");
}

/* A CPU that never had the span is refused what another one parked. Who has allocated of a class parks. */
static void park_it(unsigned cpu, void *arg)
{
	if (cpu != 1)
		return;
	tern_free(tern_malloc(48));
	tern_free(arg);
}

static void free_on_third(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu == 2)
		remote_panicked = host_panics(call, &remote_bad, remote_text, sizeof(remote_text));
}

TEST(malloc_host, what_one_cpu_parked_no_other_frees)
{
	void *p;

	REQUIRE(heap_for_tests() && (p = tern_malloc(48)));
	all_cpus_offline();
	host_on_cpus(2, park_it, p);
	remote_bad = (struct bad){ FREE, p };
	host_on_cpus(3, free_on_third, NULL);
	EXPECT(remote_panicked);
	EXPECT(strstr(remote_text, "double free"));
	remote_bad = (struct bad){ FREE, (char *)p + 8 };
	host_on_cpus(3, free_on_third, NULL);
	EXPECT(strstr(remote_text, "8 bytes inside"));
}

/* What is left over at a span's end is nobody's, though it lies where a slot would begin. */
TEST(malloc_host, the_rest_of_a_span_is_refused)
{
	REQUIRE(heap_for_tests());
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		size_t size = tern_sizeclass_size[c], slots = tern_sizeclass_nelems[c] * size;
		char *p, *rest;

		if (tern_debug_room(0) > size)
			continue;
		REQUIRE((p = tern_malloc(size - TERN_DEBUG_REDZONE)));
		rest = (char *)tern_heap_span((uintptr_t)p)->base + slots;
		if (slots < (size_t)tern_sizeclass_pages[c] << TERN_PAGE_SHIFT) {
			refused(t, rest, "is not in an object");
			refused(t, rest + 1, "is not in an object");
			EXPECT(panics_there(rest));
			EXPECT(!tern_base(rest));
		}
		tern_free(p);
		if (slots < (size_t)tern_sizeclass_pages[c] << TERN_PAGE_SHIFT)
			refused(t, rest, "is not in an object");
	}
}

static void free_sized(void *arg)
{
	struct bad *b = arg;

	tern_free_sized(b->p, 1000);
}

TEST(malloc_host, a_size_that_cannot_be_is_refused)
{
	struct bad b = { 0 };
	char text[256];

	REQUIRE(heap_for_tests() && (b.p = tern_malloc(800)));
	EXPECT(tern_usable_size(b.p) < 1000);
	EXPECT(host_panics(free_sized, &b, text, sizeof(text)));
	EXPECT(strstr(text, "has less than 1000 bytes"));
	tern_free_sized(b.p, 800);
}

/* Whatever was refused, the heap is as it was. */
TEST(malloc_host, refusals_harm_nothing)
{
	struct tern_page_stats before, after;
	char *p[100];

	REQUIRE(heap_for_tests());
	tern_cpu_offline();
	tern_page_stats(&before);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		REQUIRE((p[i] = tern_malloc(48)));
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		refused(t, p[i] + 16, "16 bytes inside");
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		for (unsigned k = 0; k < i; k++)
			EXPECT(p[i] != p[k]);
		tern_free(p[i]);
		refused(t, p[i], "");
	}
	tern_cpu_offline();
	tern_page_stats(&after);
	EXPECT_EQ(after.used, before.used);
}
