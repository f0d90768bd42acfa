/* SPDX-License-Identifier: MIT */
/* test_debug_host.c - damage to objects in debug builds: a panic says what was written where, and who
 * allocated and freed the object. */
#include <string.h>

#include <tern/safety.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/own_heap.h"

#define SKIPPED "release builds know nothing of it"
#define SIZE    40u

static char text[400];

static void do_free(void *p)
{
	tern_free(p);
}

static void do_free_sized(void *p)
{
	tern_free_sized(p, SIZE);
}

static void do_realloc(void *p)
{
	tern_free(tern_realloc(p, 4 * SIZE));
}

static void do_malloc(void *unused)
{
	(void)unused;
	tern_malloc(SIZE);
}

static void do_offline(void *unused)
{
	(void)unused;
	tern_cpu_offline();
}

/* It panics, and the text has every part. */
static bool says(struct test *t, void (*fn)(void *), void *p, const char *a, const char *b)
{
	bool good = EXPECT(host_panics(fn, p, text, sizeof(text))) && EXPECT(strstr(text, a)) &&
		    EXPECT(strstr(text, b)) && EXPECT(strstr(text, "llocated at 0x")) &&
		    EXPECT(!strstr(text, "ted at 0x0"));

	if (!good)
		test_note(t, "%s", text);
	return good;
}

static const char *with(const char *format, uintptr_t addr)
{
	static char buf[2][120];
	static unsigned turn;
	char *b = buf[turn++ % 2];

	tern_snprintf(b, sizeof(buf[0]), "%s 0x%lx", format, (unsigned long)addr);
	return b;
}

TEST(debug_host, a_byte_behind_an_object)
{
	uint8_t *p;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests() && (p = tern_malloc(SIZE)));
	p[SIZE + 1] = 0x41;
	says(t, do_free, p,
	     with("tern_free: written 41 fd fd fd fd fd fd fd at", (uintptr_t)p + 41),
	     with("+1 past the end of the object of 40 at", (uintptr_t)p));
	EXPECT(!strstr(text, "freed at"));
	says(t, do_free_sized, p, "tern_free: written 41", "+1 past the end");
	says(t, do_realloc, p, "tern_realloc: written 41", "+1 past the end");
	p[SIZE + 1] = TERN_DEBUG_BEHIND;
	EXPECT_EQ(tern_usable_size(p), SIZE);
	tern_free(p);
}

static bool double_free_says(struct test *t, void (*fn)(void *), void *p, const char *call)
{
	return says(t, fn, p, with(call, (uintptr_t)p), ", an object of 40 in the span at 0x") &&
	       EXPECT(strstr(text, ", freed at 0x"));
}

/* In quarantine, and behind it. */
TEST(debug_host, a_second_free)
{
	uint8_t *p, *neighbour;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE(heap_for_tests() && (p = tern_malloc(SIZE)) && (neighbour = tern_malloc(SIZE)));
	says(t, do_free, p + 8, "8 bytes inside the object of 40", with("at", (uintptr_t)p));
	tern_free(p);
	for (unsigned i = 0; i < 2; i++) {
		double_free_says(t, do_free, p, "tern_free: double free of");
		double_free_says(t, do_free_sized, p, "tern_free_sized: double free of");
		double_free_says(t, do_realloc, p, "tern_realloc: double free of");
		says(t, do_free, p + 8, "8 bytes inside the freed object of 40", "freed at");
		tern_cpu_offline();
	}
	tern_free(neighbour);
}

/* All that a panic leaves half done goes with the heap. */
static uint8_t *freed_object(struct test *t, bool kept)
{
	uint8_t *p, *volatile gone;

	if (!EXPECT(own_heap_begin(MiB(1)) && own_heap_add()))
		return NULL;
	tern_set_quarantine(kept ? TERN_QUARANTINE_OBJECTS : 0, TERN_QUARANTINE_BYTES);
	gone = p = tern_malloc(SIZE);
	tern_free(p);
	return gone;
}

static void end(void)
{
	own_heap_end();
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}

TEST(debug_host, a_write_to_what_is_in_quarantine)
{
	volatile uint8_t *p;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE((p = freed_object(t, true)));
	p[3] = 0x41;
	says(t, do_offline, NULL,
	     with("leaving quarantine: written 41 dd dd dd dd dd dd dd at", (uintptr_t)p + 3),
	     with("+3 into the freed object of 40 at", (uintptr_t)p));
	EXPECT(strstr(text, ", freed at 0x"));
	end();
}

TEST(debug_host, a_write_to_a_free_slot)
{
	volatile uint8_t *p;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE((p = freed_object(t, false)));
	p[SIZE - 1] = 0x41;
	says(t, do_malloc, NULL, "given out again: written 41 dd dd",
	     with("+39 into the freed object of 40 at", (uintptr_t)p));
	end();
}

TEST(debug_host, a_write_to_a_span_that_is_given_up)
{
	volatile uint8_t *p;

	if (!TERN_DEBUG)
		SKIP(SKIPPED);
	REQUIRE((p = freed_object(t, false)));
	p[0] = 0x41;
	says(t, do_offline, NULL, "span given up: written 41 dd dd",
	     with("+0 into the freed object of 40 at", (uintptr_t)p));
	end();
}
