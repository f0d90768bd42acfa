/* SPDX-License-Identifier: MIT */
/* test_fixalloc.c - records of one size: each is one record at a time, the last that came back is the
 * first to go, and what was freed stays readable as it was left. */
#include "lib/bits.h"
#include "mm/fixalloc.h"
#include "tests/test.h"

#define SIZE    40u
#define RECORDS 100u

struct record {
	_Atomic(struct tern_fixrecord *) next;
	uint64_t mark[SIZE / 8 - 1];
};

static char memory[SIZE * RECORDS] TERN_ALIGNED(8) TERN_UNCLEARED;
static struct record *held[RECORDS], *given[RECORDS];
static unsigned nheld, ngiven;
static struct tern_fixalloc f;
static struct tern_meta m;

static void start(void)
{
	memset(memory, 0x5a, sizeof(memory));
	f = (struct tern_fixalloc){ 0 };
	m = (struct tern_meta)TERN_META_INIT;
	tern_meta_feed(&m, (uintptr_t)memory, sizeof(memory));
	nheld = ngiven = 0;
}

static bool is_marked(const struct record *r, uint64_t mark)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->mark); i++)
		if (r->mark[i] != mark)
			return false;
	return true;
}

static void mark(struct record *r, uint64_t with)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->mark); i++)
		r->mark[i] = with;
}

/* The model: what was freed is a stack; a mark is the record's own address. */
static void take(struct test *t)
{
	bool fresh = ngiven == 0;
	struct record *r = tern_fixalloc_take(&f, &m, SIZE);

	if (nheld + ngiven == RECORDS && fresh) {
		EXPECT(!r);
		return;
	}
	REQUIRE(r);
	REQUIRE((char *)r >= memory && (char *)(r + 1) <= memory + sizeof(memory));
	EXPECT(is_aligned((uintptr_t)r, 8));
	if (!fresh)
		EXPECT(r == given[--ngiven]);
	EXPECT(is_marked(r, fresh ? 0 : (uintptr_t)r));
	for (unsigned i = 0; i < nheld; i++)
		REQUIRE(held[i] != r);
	mark(r, (uintptr_t)r);
	held[nheld++] = r;
}

static void give(struct test *t)
{
	unsigned i;

	if (nheld == 0)
		return;
	i = (unsigned)test_random_below(t, nheld);
	tern_fixalloc_free(&f, held[i]);
	EXPECT(is_marked(held[i], (uintptr_t)held[i]));
	given[ngiven++] = held[i];
	held[i] = held[--nheld];
}

TEST(fixalloc, random_takes_and_frees_follow_a_stack)
{
	start();
	for (unsigned i = 0; i < 5000 && !t->failures; i++) {
		if (test_random_below(t, 200) < 100 + (i / 1000 % 2 ? 20u : -20u))
			take(t);
		else
			give(t);
		EXPECT_EQ(f.used, nheld);
		EXPECT_EQ(f.all, nheld + ngiven);
	}
}

TEST(fixalloc, to_the_last_record_and_back)
{
	start();
	for (unsigned i = 0; i < RECORDS + 2; i++)
		take(t);
	EXPECT_EQ(nheld, RECORDS);
	while (nheld)
		give(t);
	for (unsigned i = 0; i < RECORDS; i++)
		take(t);
	EXPECT_EQ(f.all, RECORDS);
	EXPECT_EQ(m.used, sizeof(memory));
}

TEST(fixalloc, a_failure_changes_nothing)
{
	start();
	take(t);
	m.fail_after = 0;
	EXPECT(!tern_fixalloc_take(&f, &m, SIZE));
	EXPECT_EQ(f.used, 1);
	EXPECT_EQ(f.all, 1);
	give(t);
	take(t);
	m.fail_after = SIZE_MAX;
	take(t);
	EXPECT_EQ(f.used, 2);
}
