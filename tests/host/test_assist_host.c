/* SPDX-License-Identifier: MIT */
/* test_assist_host.c - no allocation marks more than a part of what its span costs. Hosted: there are no workers
 * that mark meanwhile. */
#include <tern/tern.h>

#include "gc/gc.h"
#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/marking.h"

/* A part, and the roots or the span that it ends in. */
#define MOST (2 * KiB(8))

static uint64_t most_at_once(size_t size, unsigned n)
{
	uint64_t most = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t before = bytes_scanned(), now;

		tern_alloc_noscan(size);
		now = bytes_scanned() - before;
		most = now > most ? now : most;
	}
	return most;
}

TEST(assist, no_allocation_marks_more_than_a_part)
{
	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, false));
	make_living(4096, 64);
	start_marking_and_help();
	EXPECT(most_at_once(64, 64) <= MOST);
	EXPECT(most_at_once(1000, 64) <= MOST);
	EXPECT(bytes_scanned() > MOST);
	finish_helping();
	drop_living();
	EXPECT(restore_options());
}
