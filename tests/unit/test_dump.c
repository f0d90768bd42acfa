/* SPDX-License-Identifier: MIT */
/* test_dump.c - the heap as text: what is said of objects that the test knows is looked up in it. */
#include <tern/gc.h>
#include <tern/observe.h>

#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/written.h"

#define TEXT_SIZE (2u << 20)
#define SIZE      20000u /* few others are of that class */
#define OBJECTS   32u
#define SEEN_MAX  (OBJECTS * 3 / 4) /* words that nobody cleared may lead to some */

static void *volatile held[2];

static TERN_NOINLINE void make_garbage(void)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		tern_alloc(SIZE);
}

/* The slots in use and those that were seen, of all spans of scanned objects so large. */
struct slots {
	unsigned used, seen;
};

static unsigned digit_bits(char c)
{
	unsigned digit = c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);

	return (digit & 1) + (digit >> 1 & 1) + (digit >> 2 & 1) + (digit >> 3);
}

static unsigned bits_in(const char *digits)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 16; i++)
		n += digit_bits(digits[i]);
	return n;
}

static struct slots slots_in(struct written *w, const char *kind_and_size)
{
	struct slots s = { 0 };
	bool ours = false;

	for (char *line = w->bytes, *end; line < w->bytes + w->n; line = end + 1) {
		for (end = line; *end != '\n'; end++)
			;
		*end = '\0';
		if (tern_str_starts(line, "span "))
			ours = tern_str_match(kind_and_size, line);
		if (ours && tern_str_starts(line, "bits ")) {
			s.used += bits_in(line + 5);
			s.seen += bits_in(line + 22);
		}
		*end = '\n';
	}
	return s;
}

TEST(dump, says_what_is_in_use_and_what_is_seen)
{
	struct tern_gc_stats before, after;
	struct slots first, then;
	struct written w;
	uint64_t live;

	REQUIRE(collector_for_tests() && written_init(&w, TEXT_SIZE));
	EXPECT_EQ(tern_gc(), TERN_OK);
	REQUIRE(tern_heap_dump(false, written_add, &w));
	first = slots_in(&w, "span * scan 20480 *");
	make_garbage();
	REQUIRE(held[0] = tern_alloc(SIZE));
	tern_gc_stats(&before);
	w.n = 0;
	REQUIRE(tern_heap_dump(false, written_add, &w));
	then = slots_in(&w, "span * scan 20480 *");
	EXPECT_EQ(then.used - first.used, OBJECTS + 1);
	EXPECT(then.seen >= first.seen + 1 && then.seen <= first.seen + 1 + SEEN_MAX);
	live = then.seen;
	/* The collector finds the same. */
	EXPECT_EQ(tern_gc(), TERN_OK);
	tern_gc_stats(&after);
	EXPECT(after.swept_objects - before.swept_objects + SEEN_MAX >= then.used - live);
	EXPECT_EQ(written_count(&w, "tern-heap 1 8192\n"), 1);
	EXPECT_EQ(written_count(&w, "\nend\n"), 1);
	EXPECT_EQ(written_count(&w, "\nedge "), 0);
	EXPECT(written_count(&w, "\nroot ") >= 2 && written_count(&w, "\npages ") >= 2);
	held[0] = NULL;
	written_free(&w);
}

TEST(dump, has_the_edges_that_the_program_made)
{
	struct written w;
	char line[64];
	void **p;

	REQUIRE(collector_for_tests() && written_init(&w, TEXT_SIZE));
	REQUIRE(p = tern_alloc(64));
	held[1] = p;
	REQUIRE(p[3] = tern_alloc(64));
	REQUIRE(tern_heap_dump(true, written_add, &w));
	tern_snprintf(line, sizeof(line), "edge 0x%lx 0x%lx\n", (unsigned long)&held[1],
		      (unsigned long)p);
	EXPECT_EQ(written_count(&w, line), 1);
	tern_snprintf(line, sizeof(line), "edge 0x%lx 0x%lx\n", (unsigned long)&p[3],
		      (unsigned long)p[3]);
	EXPECT_EQ(written_count(&w, line), 1);
	held[1] = NULL;
	written_free(&w);
}

TEST(dump, who_writes_may_say_no)
{
	struct written w;

	REQUIRE(collector_for_tests() && written_init(&w, TEXT_SIZE));
	w.refuse_at = 1;
	EXPECT(!tern_heap_dump(true, written_add, &w));
	EXPECT_EQ(w.n, 0);
	w.refuse_at = 0;
	EXPECT(tern_heap_dump(false, written_add, &w));
	written_free(&w);
}
