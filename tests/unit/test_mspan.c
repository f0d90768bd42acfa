/* SPDX-License-Identifier: MIT */
/* test_mspan.c - the slots of spans of every class, against a byte for each slot. No memory stands
 * behind these spans: mspan.c looks at its record alone. */
#include "lib/bits.h"
#include "mm/mheap.h"
#include "mm/mspan.h"
#include "mm/page.h"
#include "mm/typed.h"
#include "tests/test.h"

#define BASE      ((uintptr_t)0x12340000)
#define MAX_SLOTS 1024u

enum slot { FREE, USED, REMOTE };

static uint64_t record[(sizeof(struct tern_mspan) + 4 * TERN_SPAN_MAX_WORDS * 8) / 8];
static struct tern_mspan *const s = (struct tern_mspan *)record;
static uint8_t model[MAX_SLOTS];

/* What was left there by the last span: all of it is to be overwritten. */
static void start(unsigned sizeclass, enum tern_kind kind)
{
	memset(record, 0x5a, sizeof(record));
	memset(model, FREE, sizeof(model));
	s->nwords = (uint8_t)tern_mspan_words(sizeclass);
	s->scanned = kind == TERN_KIND_SCAN ? (uint16_t)tern_mspan_record_size(s->nwords) : 0;
	tern_mspan_init_small(s, BASE, tern_spanclass_of(kind, sizeclass));
}

static unsigned count(enum slot kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nelems; i++)
		n += model[i] == kind;
	return n;
}

/* As a cache does it: the lowest bit of the lowest word that has one. */
static void take(struct test *t)
{
	unsigned w = tern_mspan_next_word(s), slot;
	uint64_t free;

	if (count(FREE) == 0) {
		EXPECT_EQ(w, s->nwords);
		return;
	}
	REQUIRE(w < s->nwords);
	free = atomic_load_explicit(&s->word[w].free, memory_order_relaxed);
	slot = w * 64 + (unsigned)__builtin_ctzll(free);
	REQUIRE(slot < s->nelems && model[slot] == FREE);
	for (unsigned i = 0; i < slot; i++)
		REQUIRE(model[i] != FREE);
	model[slot] = USED;
	atomic_store_explicit(&s->word[w].free, free & (free - 1), memory_order_relaxed);
}

static void give(struct test *t, enum slot how)
{
	unsigned slot = (unsigned)test_random_below(t, s->nelems);
	struct tern_span_word *w = &s->word[slot / 64];

	if (model[slot] != USED)
		return;
	model[slot] = (uint8_t)how;
	atomic_fetch_or_explicit(how == FREE ? &w->free : &w->remote, 1ull << slot % 64,
				 memory_order_relaxed);
}

static void collect(struct test *t)
{
	bool before = s->needzero;
	unsigned remote = count(REMOTE);

	EXPECT_EQ(tern_mspan_collect(s), remote);
	EXPECT_EQ(s->needzero, before || remote > 0);
	for (unsigned i = 0; i < s->nelems; i++)
		if (model[i] == REMOTE)
			model[i] = FREE;
}

static void compare(struct test *t)
{
	EXPECT(tern_mspan_check(s));
	EXPECT_EQ(tern_mspan_taken(s), s->nelems - count(FREE));
	EXPECT_EQ(tern_mspan_is_empty(s), count(USED) == 0);
	for (unsigned i = 0; i < s->nelems; i++)
		if (!EXPECT_EQ(tern_mspan_slot_in_use(s, i), model[i] == USED))
			return;
	for (unsigned i = s->nelems; i < 64u * s->nwords + 70; i++)
		EXPECT(!tern_mspan_slot_in_use(s, i));
}

static void churn(struct test *t, unsigned rounds)
{
	for (unsigned i = 0; i < rounds && !t->failures; i++)
		switch (test_random_below(t, 12)) {
		case 0:
			collect(t);
			break;
		case 1 ... 3:
			give(t, FREE);
			break;
		case 4 ... 6:
			give(t, REMOTE);
			break;
		default:
			take(t);
		}
}

TEST(mspan, random_slots_of_every_class)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES && !t->failures; c++) {
		start(c, TERN_KIND_MANUAL);
		compare(t);
		s->needzero = false;
		for (unsigned i = 0; i < 5; i++) {
			churn(t, 200);
			compare(t);
		}
		while (count(FREE) && !t->failures)
			take(t);
		take(t);
		compare(t);
		for (unsigned i = 0; i < s->nelems; i++)
			model[i] = REMOTE;
		for (unsigned w = 0; w < s->nwords; w++)
			atomic_fetch_or_explicit(&s->word[w].remote, tern_mspan_slots_in(s, w),
						 memory_order_relaxed);
		compare(t);
		collect(t);
		compare(t);
		EXPECT_EQ(tern_mspan_taken(s), 0);
	}
}

TEST(mspan, a_new_span_has_nothing_of_the_last_one)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		uint32_t before = 0x5a5a5a5a;

		start(c, TERN_KIND_SCAN);
		EXPECT_EQ(s->base, BASE);
		EXPECT_EQ(s->elemsize, tern_sizeclass_size[c]);
		EXPECT_EQ(s->nelems, tern_sizeclass_nelems[c]);
		EXPECT_EQ(s->npages, tern_sizeclass_pages[c]);
		EXPECT_EQ(s->spc, tern_spanclass_of(TERN_KIND_SCAN, c));
		EXPECT(!s->owner && !s->specials);
		EXPECT_EQ(tern_span_where(s->place), TERN_SPAN_OWNED);
		/* Who looked before is to see that it changed. */
		EXPECT(s->place >> TERN_SPAN_WHERE_BITS != before >> TERN_SPAN_WHERE_BITS);
		for (unsigned w = 0; w < s->nwords; w++)
			EXPECT(s->word[w].remote == 0 && s->word[w].mark == 0 &&
			       tern_mspan_scanned(s)[w] == 0);
		EXPECT_EQ(s->queued, 0);
	}
}

/* Where each form of record has scanned bits is room for them, and nothing else. */
TEST(mspan, scanned_bits_have_their_place)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		unsigned plain = tern_mspan_form(TERN_KIND_TYPED, c);
		unsigned form = tern_mspan_scanned_form(TERN_KIND_TYPED, c);
		size_t bytes = tern_mspan_words(c) * sizeof(uint64_t);

		EXPECT_EQ(form != plain, tern_sizeclass_size[c] <= TERN_SPAN_SCANNED_MAX);
		EXPECT_EQ(tern_mspan_form_words(form), tern_mspan_form_words(plain));
		EXPECT_EQ(tern_mspan_form_scanned(plain), 0);
		EXPECT_EQ(tern_mspan_scanned_form(TERN_KIND_NOSCAN, c),
			  tern_mspan_form(TERN_KIND_NOSCAN, c));
		if (form == plain)
			continue;
		EXPECT_EQ(tern_mspan_form_size(form), tern_mspan_form_size(plain) + bytes);
		EXPECT(tern_mspan_form_scanned(form) >=
		       tern_mspan_record_size(tern_mspan_words(c)) + tern_typed_map_size(c));
		EXPECT(tern_mspan_form_scanned(form) + bytes <= tern_mspan_form_size(form));
		EXPECT(tern_mspan_form_scanned(form) <= UINT16_MAX);
	}
}

TEST(mspan, an_address_leads_to_its_slot)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		uint64_t bytes = (uint64_t)tern_sizeclass_pages[c] << TERN_PAGE_SHIFT;

		start(c, TERN_KIND_NOSCAN);
		for (unsigned i = 0; i < 300; i++) {
			uint64_t at = i ? test_random_below(t, bytes) : bytes - 1;

			EXPECT_EQ(tern_mspan_slot(s, BASE + at), at / s->elemsize);
		}
	}
}

TEST(mspan, words_count_their_slots)
{
	for (unsigned c = 1; c < TERN_SIZECLASSES; c++) {
		unsigned slots = 0;

		start(c, TERN_KIND_MANUAL);
		for (unsigned w = 0; w < s->nwords; w++) {
			EXPECT_EQ(s->word[w].free, tern_mspan_slots_in(s, w));
			slots += count_bits(tern_mspan_slots_in(s, w));
		}
		EXPECT_EQ(slots, s->nelems);
		EXPECT_EQ(tern_mspan_slots_in(s, s->nwords), 0);
	}
}

TEST(mspan, a_large_object_is_one_slot_in_use)
{
	memset(record, 0x5a, sizeof(record));
	s->nwords = 1;
	s->scanned = 0;
	tern_mspan_init_large(s, BASE, 70000, TERN_KIND_SCAN);
	EXPECT_EQ(s->elemsize, 70000ull << TERN_PAGE_SHIFT);
	EXPECT_EQ(s->magic, 0);
	EXPECT_EQ(s->nbytes, 0);
	EXPECT_EQ(tern_spanclass_kind(s->spc), TERN_KIND_SCAN);
	EXPECT(tern_mspan_slot_in_use(s, 0) && !tern_mspan_is_empty(s));
	EXPECT_EQ(tern_mspan_taken(s), 1);
	EXPECT(tern_mspan_check(s));
}

/* Each invariant, broken on its own, is found. */
TEST(mspan, what_is_broken_is_found)
{
	unsigned c = tern_sizeclass_of(48);

	start(c, TERN_KIND_MANUAL);
	s->word[0].remote = 1;
	EXPECT(!tern_mspan_check(s));
	start(c, TERN_KIND_MANUAL);
	s->word[s->nelems / 64].free |= 1ull << s->nelems % 64;
	EXPECT(!tern_mspan_check(s));
	start(c, TERN_KIND_MANUAL);
	s->word[s->nelems / 64].remote = 1ull << 63;
	EXPECT(!tern_mspan_check(s));
	start(c, TERN_KIND_MANUAL);
	s->base += 8;
	EXPECT(!tern_mspan_check(s));
	start(c, TERN_KIND_MANUAL);
	s->nelems++;
	EXPECT(!tern_mspan_check(s));
	start(c, TERN_KIND_MANUAL);
	s->npages = 0;
	EXPECT(!tern_mspan_check(s));
	start(c, TERN_KIND_MANUAL);
	s->nelems = 0;
	EXPECT(!tern_mspan_check(s));
}

TEST(mspan, a_place_says_where_and_counts)
{
	uint32_t place = UINT32_MAX;

	for (unsigned i = 0; i < 8; i++) {
		uint32_t next = tern_span_place((enum tern_span_where)(i % 4), place);

		EXPECT_EQ(tern_span_where(next), i % 4);
		EXPECT_EQ((uint32_t)((next >> 2) - (place >> 2)) & 0x3fffffff, 1);
		place = next;
	}
}
