/* SPDX-License-Identifier: MIT */
/* test_event.c - the ring of events, and how it is written. */
#include "gc/event.h"

#include <tern/observe.h>

#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/json.h"
#include "tests/unit/written.h"

#define TEXT_SIZE (1u << 20)
#define MANY      20000u

TEST(json, what_is_json_and_what_is_not)
{
	static const char *const good[] = {
		"0",     "-1.5e+10",     "[]",
		" { } ", "[true,false]", "{\"a\":[1,{\"b\":null}],\"c\":\"\\u00e4\"}"
	};
	static const char *const bad[] = { "",       "01",         "[1,]",   "{\"a\"}", "[1 2]",
					   "\"\n\"", "{\"a\":1,}", "[1]]",   "tru",     "{1:2}",
					   "1.",     "[\"abc]",    "\"\\x\"" };

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		if (!json_is_valid(good[i], tern_str_len(good[i])))
			test_fail(t, __FILE__, __LINE__, "refused: %s", good[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (json_is_valid(bad[i], tern_str_len(bad[i])))
			test_fail(t, __FILE__, __LINE__, "taken: %s", bad[i]);
}

static bool start(struct written *w)
{
	return heap_for_tests() && written_init(w, TEXT_SIZE) && tern_trace_start(0) == TERN_OK;
}

TEST(event, numbers_come_out_as_they_went_in)
{
	char line[160];
	struct written w;
	uint64_t now;

	REQUIRE(start(&w));
	now = tern_port_clock_ns();
	tern_event_add(TERN_EVENT_MARK, now, 89001, 42, UINT64_MAX);
	tern_trace_stop();
	EXPECT(tern_trace_write(written_add, &w));
	EXPECT(json_is_valid(w.bytes, w.n));
	tern_snprintf(
		line, sizeof(line),
		"\"ts\":%llu.%03llu,\"dur\":89.001,\"name\":\"mark\",\"args\":{\"objects\":42,"
		"\"bytes\":18446744073709551615}}",
		(unsigned long long)(now / 1000), (unsigned long long)(now % 1000));
	EXPECT_EQ(written_count(&w, line), 1);
	written_free(&w);
}

TEST(event, what_is_older_than_the_start_is_left_out)
{
	struct written w;

	REQUIRE(start(&w));
	tern_event_add(TERN_EVENT_MARK, tern_port_clock_ns(), 1, 2, 3);
	for (uint64_t now = tern_port_clock_ns(); tern_port_clock_ns() == now;)
		;
	EXPECT_EQ(tern_trace_start(0), TERN_OK);
	tern_event_add(TERN_EVENT_STOP, tern_port_clock_ns(), 1, 2, 3);
	tern_trace_stop();
	EXPECT(tern_trace_write(written_add, &w));
	EXPECT_EQ(written_count(&w, "\"name\":\"mark\""), 0);
	EXPECT_EQ(written_count(&w, "\"name\":\"stop\""), 1);
	written_free(&w);
}

TEST(event, while_nothing_is_traced_nothing_is_recorded)
{
	struct written w;

	REQUIRE(start(&w));
	tern_trace_stop();
	EXPECT_EQ(tern_event_start(), 0);
	tern_event_end(TERN_EVENT_STOP, tern_port_clock_ns(), 1, 2);
	EXPECT(tern_trace_write(written_add, &w));
	EXPECT_EQ(written_count(&w, "\"name\":\"stop\""), 0);
	written_free(&w);
}

/* The number behind a text that occurs once. */
static uint64_t number_after(const struct written *w, const char *text)
{
	size_t len = tern_str_len(text);
	uint64_t n = 0;

	for (size_t i = 0; i + len < w->n; i++)
		if (memcmp(w->bytes + i, text, len) == 0)
			for (i += len; w->bytes[i] >= '0' && w->bytes[i] <= '9'; i++)
				n = n * 10 + (uint64_t)(w->bytes[i] - '0');
	return n;
}

/* More events than there is room for: the newest are there, and the others are counted. */
TEST(event, a_full_ring_forgets_the_oldest)
{
	struct written w;
	unsigned kept;

	REQUIRE(start(&w));
	for (unsigned i = 0; i < MANY; i++)
		tern_event_add(TERN_EVENT_SWEEP, tern_port_clock_ns(), 1, i, 0);
	tern_trace_stop();
	EXPECT(tern_trace_write(written_add, &w));
	EXPECT(json_is_valid(w.bytes, w.n));
	kept = written_count(&w, "\"name\":\"sweep\"");
	EXPECT(kept > 1000);
	EXPECT_EQ(kept + number_after(&w, "\"lost\":\""), MANY);
	EXPECT_EQ(written_count(&w, "\"pages\":0,"), 0);
	EXPECT_EQ(written_count(&w, "\"pages\":19999,"), 1);
	written_free(&w);
}

TEST(event, who_writes_may_say_no)
{
	struct written w;

	REQUIRE(start(&w));
	for (unsigned i = 0; i < 100; i++)
		tern_event_add(TERN_EVENT_SWEEP, tern_port_clock_ns(), 1, i, 0);
	tern_trace_stop();
	w.refuse_at = 1500;
	EXPECT(!tern_trace_write(written_add, &w));
	EXPECT(w.n > 0 && w.n <= 1500);
	w.refuse_at = w.n = 0;
	EXPECT(tern_trace_write(written_add, &w));
	EXPECT_EQ(written_count(&w, "\"name\":\"sweep\""), 100);
	written_free(&w);
}

struct writers {
	struct test *t;
	struct written w;
	_Atomic unsigned busy;
};

static void record_or_write(unsigned cpu, void *arg)
{
	struct writers *k = arg;
	struct test *t = k->t;

	if (cpu) {
		for (unsigned i = 0; i < MANY; i++)
			tern_event_add(TERN_EVENT_SWEEP, tern_port_clock_ns(), cpu, i, cpu);
		k->busy--;
		return;
	}
	do {
		k->w.n = 0;
		EXPECT(tern_trace_write(written_add, &k->w));
		EXPECT(json_is_valid(k->w.bytes, k->w.n));
	} while (k->busy);
}

TEST(event, all_cpus_record_while_it_is_written)
{
	unsigned n = cpus_for_tests();
	struct writers k = { .t = t, .busy = n - 1 };
	unsigned kept;

	REQUIRE(start(&k.w));
	run_on_cpus(n, record_or_write, &k);
	tern_trace_stop();
	k.w.n = 0;
	EXPECT(tern_trace_write(written_add, &k.w));
	kept = written_count(&k.w, "\"name\":\"sweep\"");
	EXPECT_EQ(kept + number_after(&k.w, "\"lost\":\""), (n - 1) * MANY);
	written_free(&k.w);
}
