/* SPDX-License-Identifier: MIT */
/* test_trace.c - what is told of the collector's work: events, pauses. */
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/port.h>

#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/json.h"
#include "tests/unit/written.h"

#define TEXT_SIZE (1u << 20)

TEST(trace, has_a_pause_for_each_cycle)
{
	struct written w;

	REQUIRE(collector_for_tests() && written_init(&w, TEXT_SIZE));
	REQUIRE(tern_trace_start(0) == TERN_OK);
	EXPECT(tern_alloc(100));
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(tern_gc(), TERN_OK);
	tern_trace_stop();
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(tern_trace_write(written_add, &w));
	EXPECT(json_is_valid(w.bytes, w.n));
	EXPECT(written_count(&w, "\"name\":\"pause\"") >= 3);
	EXPECT_EQ(written_count(&w, "\"name\":\"stop\""), written_count(&w, "\"name\":\"pause\""));
	EXPECT_EQ(written_count(&w, "\"name\":\"settle\""), 3);
	EXPECT(written_count(&w, "\"name\":\"mark\"") >= 3);
	EXPECT(written_count(&w, "\"name\":\"sweep\"") >= 1);
	EXPECT(written_count(&w, "\"name\":\"heap\"") >= 6);
	EXPECT_EQ(written_count(&w, "\"lost\":\"0\""), 1);
	written_free(&w);
}

TEST(gc, the_last_pauses_are_remembered)
{
	/* Not in the data: a time may look like an object's address there, and keep it. */
	struct tern_gc_pause *p = (struct tern_gc_pause *)test_scratch;
	struct tern_gc_stats before, s;
	uint64_t start_ns, sum = 0;
	size_t n;

	REQUIRE(collector_for_tests());
	tern_gc_stats(&before);
	start_ns = tern_port_clock_ns();
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(tern_gc(), TERN_OK);
	tern_gc_stats(&s);
	n = tern_gc_pauses(p, TERN_GC_PAUSES + 1);
	EXPECT(n >= 3 && n <= TERN_GC_PAUSES);
	EXPECT_EQ(p[0].ns, s.last_pause_ns);
	for (size_t i = 0; i < n && p[i].end_ns >= start_ns; i++)
		sum += p[i].ns;
	EXPECT_EQ(sum, s.pause_ns - before.pause_ns);
	for (size_t i = 1; i < n; i++)
		EXPECT(p[i].end_ns <= p[i - 1].end_ns - p[i - 1].ns);
	EXPECT_EQ(tern_gc_pauses(p, 2), 2);
	EXPECT(p[0].end_ns <= tern_port_clock_ns());
}
