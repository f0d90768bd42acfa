/* SPDX-License-Identifier: MIT */
/* test_profile.c - the heap profile: estimates are near what was allocated, whose ever it was; and what is
 * written is read back by a parser that knows nothing of the writer. */
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/safety.h>
#include <tern/stats.h>

#include "lib/compiler.h"
#include "mm/debug.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/written.h"

#define TEXT_SIZE (1u << 20)
#define OBJECTS   20000
#define SIZE      48u
#define INTERVAL  1024u
/* With a thousand samples, chance is far within this. */
#define NEAR(estimate, truth) ((estimate) > (truth)*85 / 100 && (estimate) < (truth)*115 / 100)

/* --- who allocates: two places, the same class --------------------------------------------------- */

static void *objects[OBJECTS];

static TERN_NOINLINE bool make_a(unsigned i)
{
	void *volatile *p = objects[i] = tern_malloc(SIZE);

	if (p)
		*p = &objects[1];
	return p;
}

static TERN_NOINLINE bool make_b(unsigned i)
{
	void *volatile *p = objects[i] = tern_malloc(SIZE);

	if (p)
		*p = objects;
	return p;
}

static TERN_NOINLINE bool make_large(unsigned i)
{
	return (objects[i] = tern_malloc(100000));
}

static TERN_NOINLINE bool make_collected(unsigned i)
{
	return (objects[i] = tern_alloc(SIZE));
}

/* Traces end where a stack goes on in another 4 KiB, unless it is known to: so all that matters to the
 * tests is put into the same. */
static TERN_NOINLINE bool make(bool (*fn)(unsigned i), unsigned i)
{
	volatile char *pad = __builtin_alloca((uintptr_t)__builtin_frame_address(0) % 4096 + 64);

	*pad = 0;
	return fn(i);
}

/* By turns, as loops do. */
static bool make_all(void)
{
	for (unsigned i = 0; i < OBJECTS; i += 2)
		if (!make(make_a, i) || !make(make_b, i + 1))
			return false;
	return true;
}

static void free_all(void)
{
	for (unsigned i = 0; i < OBJECTS; i++) {
		tern_free(objects[i]);
		objects[i] = NULL;
	}
}

/* Debug builds keep what was freed, for a while: not here. */
static bool start(size_t interval)
{
	tern_set_quarantine(0, TERN_QUARANTINE_BYTES);
	return heap_for_tests() && tern_profile_start(interval) == TERN_OK;
}

static void stop(void)
{
	tern_profile_stop();
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
}

/* What an object takes; debug builds use some of it. */
static uint64_t slot_size(void)
{
	return tern_sizeclass_size[tern_sizeclass_of(tern_debug_room(SIZE))];
}

/* --- what was written ---------------------------------------------------------------------------- */

struct reader {
	const uint8_t *at, *end;
	bool bad;
};

static uint64_t varint(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->at == r->end)
			break;
		value |= (uint64_t)(*r->at & 0x7f) << shift;
		if (!(*r->at++ & 0x80))
			return value;
	}
	r->bad = true;
	return 0;
}

/* A field: its number and value, or what is within it. False at the end. */
struct field {
	uint64_t number, value;
	struct reader inner;
};

static bool next_field(struct reader *r, struct field *f)
{
	uint64_t key;

	if (r->bad || r->at == r->end)
		return false;
	key = varint(r);
	*f = (struct field){ .number = key >> 3, .value = varint(r) };
	if (key % 8 == 2 && f->value <= (uint64_t)(r->end - r->at)) {
		f->inner = (struct reader){ .at = r->at, .end = r->at + f->value };
		r->at += f->value;
	} else if (key % 8 != 0) {
		r->bad = true;
	}
	return !r->bad;
}

/* Sums of the samples with a call in a function: alloc_objects, alloc_space, inuse_objects, inuse_space.
 * */
struct sums {
	uint64_t value[4];
	unsigned samples, places, strings;
	bool bad;
};

/* The one of them that an address lies in, or 0. They are short, and may stand side by side. */
static uintptr_t maker_at(uint64_t addr)
{
	const uintptr_t all[] = { (uintptr_t)make_a, (uintptr_t)make_b, (uintptr_t)make_large,
				  (uintptr_t)make_collected };
	uintptr_t nearest = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] <= addr && addr - all[i] < 400 && all[i] > nearest)
			nearest = all[i];
	return nearest;
}

static void read_sample(struct reader r, uintptr_t fn, struct sums *s)
{
	uint64_t values[4] = { 0 };
	unsigned n = 0;
	uintptr_t maker = 0;
	struct field f;

	/* The innermost call comes first. */
	while (next_field(&r, &f)) {
		if (f.number == 1 && !maker)
			maker = maker_at(f.value);
		if (f.number == 2 && n < 4)
			values[n++] = f.value;
	}
	s->bad |= r.bad || n != 4;
	s->samples++;
	for (unsigned i = 0; maker == fn && i < 4; i++)
		s->value[i] += values[i];
}

static struct sums read_profile(const struct written *w, uintptr_t fn)
{
	struct reader r = { .at = (const uint8_t *)w->bytes,
			    .end = (const uint8_t *)w->bytes + w->n };
	struct sums s = { .bad = false };
	struct field f;

	while (next_field(&r, &f)) {
		if (f.number == 2)
			read_sample(f.inner, fn, &s);
		s.places += f.number == 4;
		s.strings += f.number == 6;
	}
	s.bad |= r.bad;
	return s;
}

static struct sums sums_of(struct test *t, struct written *w, bool (*fn)(unsigned i))
{
	struct sums s;

	w->n = 0;
	EXPECT(tern_profile_write(NULL, written_add, w));
	s = read_profile(w, (uintptr_t)fn);
	EXPECT(!s.bad && s.strings >= 11 && (s.places || !s.samples));
	return s;
}

static struct sums less(struct sums a, struct sums b)
{
	for (unsigned i = 0; i < 4; i++)
		a.value[i] -= b.value[i];
	return a;
}

static void expect_half(struct test *t, struct sums s, bool inuse)
{
	EXPECT(NEAR(s.value[0], OBJECTS / 2));
	EXPECT(NEAR(s.value[1], OBJECTS / 2 * slot_size()));
	EXPECT(inuse ? NEAR(s.value[2], OBJECTS / 2) : s.value[2] == 0);
	EXPECT(inuse ? NEAR(s.value[3], OBJECTS / 2 * slot_size()) : s.value[3] == 0);
}

TEST(profile, each_place_has_its_share)
{
	struct sums a, b;
	struct written w;

	REQUIRE(start(INTERVAL) && written_init(&w, TEXT_SIZE));
	/* The first samples of a class are few, and there is something to take the sums from. */
	REQUIRE(make_all());
	free_all();
	a = sums_of(t, &w, make_a);
	b = sums_of(t, &w, make_b);
	REQUIRE(make_all());
	expect_half(t, less(sums_of(t, &w, make_a), a), true);
	expect_half(t, less(sums_of(t, &w, make_b), b), true);
	free_all();
	expect_half(t, less(sums_of(t, &w, make_a), a), false);
	EXPECT_EQ(sums_of(t, &w, make_a).value[3], 0);
	EXPECT_EQ(sums_of(t, &w, make_b).value[3], 0);
	stop();
	written_free(&w);
}

/* Slots that are hidden until a sample is due are free, and counted so. */
TEST(profile, statistics_stay_exact)
{
	struct tern_class_stats before, now;
	unsigned c = tern_sizeclass_of(slot_size());

	REQUIRE(start(INTERVAL));
	REQUIRE(tern_class_stats(c, TERN_OBJECTS_MANUAL, &before));
	for (unsigned i = 0; i < 500; i++) {
		REQUIRE(make(make_a, i));
		tern_class_stats(c, TERN_OBJECTS_MANUAL, &now);
		EXPECT_EQ(now.live - before.live, i + 1);
	}
	free_all();
	tern_class_stats(c, TERN_OBJECTS_MANUAL, &now);
	EXPECT_EQ(now.live, before.live);
	stop();
}

TEST(profile, what_is_larger_than_the_interval_counts_as_it_is)
{
	struct sums before, now;
	struct written w;
	size_t size;

	REQUIRE(start(65536) && written_init(&w, TEXT_SIZE));
	REQUIRE(make(make_a, 0));
	before = sums_of(t, &w, make_large);
	for (unsigned i = 1; i < 8; i++)
		REQUIRE(make(make_large, i));
	size = tern_heap_span((uintptr_t)objects[1])->elemsize;
	now = less(sums_of(t, &w, make_large), before);
	EXPECT_EQ(now.value[0], 7);
	EXPECT_EQ(now.value[1], 7 * size);
	EXPECT_EQ(now.value[2], 7);
	tern_free(objects[3]);
	objects[3] = NULL;
	now = less(sums_of(t, &w, make_large), before);
	EXPECT_EQ(now.value[0], 7);
	EXPECT_EQ(now.value[3], 6 * size);
	tern_profile_stop();
	free_all();
	now = less(sums_of(t, &w, make_large), before);
	EXPECT_EQ(now.value[3], 0);
	stop();
	written_free(&w);
}

static void make_and_free(unsigned cpu, void *arg)
{
	(void)arg;
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = cpu; i < 4000; i += 8)
			make(make_a, i);
		/* What this CPU made, and others freed */
		for (unsigned i = cpu; i < 4000; i += 8)
			tern_free(objects[i]);
	}
}

TEST(profile, on_all_cpus_nothing_is_left_in_use)
{
	struct sums s;
	struct written w;

	REQUIRE(start(INTERVAL) && written_init(&w, TEXT_SIZE));
	run_on_cpus(cpus_for_tests(), make_and_free, NULL);
	s = sums_of(t, &w, make_a);
	EXPECT(s.value[1] > 0);
	EXPECT_EQ(s.value[3], 0);
	stop();
	for (unsigned i = 0; i < OBJECTS; i++)
		objects[i] = NULL;
	written_free(&w);
}

/* Of those that the collector frees only complements are kept here. */
static uint64_t alive(void)
{
	const uintptr_t *hidden = (const uintptr_t *)test_scratch;
	uint64_t n = 0;

	for (unsigned i = 0; i < OBJECTS; i++)
		n += tern_base((void *)~hidden[i]) == (void *)~hidden[i];
	return n;
}

/* What is in use by the profile is near what is in use. Words that nobody cleared hold some. */
static void expect_live(struct test *t, struct sums s, int64_t most)
{
	/* Below 0 if the one that was made before was sampled, and is gone. */
	int64_t ours = (int64_t)alive(), sampled = (int64_t)s.value[2];

	EXPECT(ours <= most);
	/* Of some 500 samples: five deviations. */
	EXPECT(sampled < ours + OBJECTS / 8 && sampled + OBJECTS / 8 > ours);
}

TEST(profile, what_the_collector_frees_is_in_use_no_more)
{
	uintptr_t *hidden = (uintptr_t *)test_scratch;
	struct sums before, s;
	struct written w;

	REQUIRE(collector_for_tests() && start(INTERVAL) && written_init(&w, TEXT_SIZE));
	REQUIRE(make(make_collected, 0));
	EXPECT_EQ(tern_gc(), TERN_OK);
	before = sums_of(t, &w, make_collected);
	for (unsigned i = 0; i < OBJECTS; i++) {
		REQUIRE(make(make_collected, i));
		hidden[i] = ~(uintptr_t)objects[i];
		objects[i & ~1u] = NULL;
	}
	s = less(sums_of(t, &w, make_collected), before);
	EXPECT(NEAR(s.value[0], OBJECTS) && s.value[0] == s.value[2]);
	EXPECT_EQ(tern_gc(), TERN_OK);
	s = less(sums_of(t, &w, make_collected), before);
	EXPECT(NEAR(s.value[0], OBJECTS));
	expect_live(t, s, OBJECTS * 3 / 4);
	for (unsigned i = 0; i < OBJECTS; i++)
		objects[i] = NULL;
	EXPECT_EQ(tern_gc(), TERN_OK);
	s = less(sums_of(t, &w, make_collected), before);
	EXPECT(NEAR(s.value[0], OBJECTS));
	expect_live(t, s, OBJECTS / 4);
	stop();
	written_free(&w);
}

TEST(profile, intervals_that_make_no_sense_are_refused)
{
	EXPECT_EQ(tern_profile_start(63), TERN_EINVAL);
	EXPECT_EQ(tern_profile_start((size_t)1 << 32), TERN_EINVAL);
}

static const char *any_name(uintptr_t addr, uintptr_t *offset)
{
	*offset = addr % 16;
	return addr % 2 ? "odd" : NULL;
}

TEST(profile, names_and_paths_are_told)
{
	const struct tern_profile_image image = { .path = "some/image.elf",
						  .start = 0x1000,
						  .limit = UINTPTR_MAX,
						  .function = any_name };
	struct written w;
	struct sums s;

	REQUIRE(start(64) && written_init(&w, TEXT_SIZE));
	for (unsigned i = 0; i < 100; i++)
		REQUIRE(make(make_a, i));
	stop();
	EXPECT(tern_profile_write(&image, written_add, &w));
	s = read_profile(&w, (uintptr_t)make_a);
	EXPECT(!s.bad && s.samples > 0);
	EXPECT_EQ(written_count(&w, "some/image.elf"), 1);
	EXPECT_EQ(written_count(&w, "inuse_space"), 1);
	free_all();
	w.n = 0;
	w.refuse_at = 1;
	EXPECT(!tern_profile_write(&image, written_add, &w));
	written_free(&w);
}
