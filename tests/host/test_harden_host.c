/* SPDX-License-Identifier: MIT */
/* test_harden_host.c - guards of large objects in a process: they fault, and are open again when the
 * object is gone; a second free is told before anything is filled. */
#include <tern/safety.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "tests/host/faults.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define LARGE (5u * TERN_HEAP_PAGE)

TEST(harden_host, guards_fault_until_the_object_is_freed)
{
	char *p;

	REQUIRE(heap_for_tests());
	tern_set_hardening(TERN_HARDEN_GUARDS);
	p = tern_malloc(LARGE);
	tern_set_hardening(0);
	REQUIRE(p);
	EXPECT(host_faults(p - 1) && host_faults(p - TERN_HEAP_PAGE));
	EXPECT(host_faults(p + LARGE) && host_faults(p + LARGE + TERN_HEAP_PAGE - 1));
	EXPECT(!host_faults(p) && !host_faults(p + LARGE - 1));
	tern_free(p);
	/* Debug builds keep it until then. */
	tern_set_quarantine(TERN_QUARANTINE_OBJECTS, TERN_QUARANTINE_BYTES);
	EXPECT(!host_faults(p - 1) && !host_faults(p + LARGE));
}

static void free_again(void *p)
{
	tern_free(p);
}

TEST(harden_host, second_free_fills_nothing)
{
	char *p, *neighbour, text[200];
	volatile char *gone;

	REQUIRE(heap_for_tests());
	tern_set_hardening(TERN_HARDEN_JUNK);
	p = tern_malloc(100);
	neighbour = tern_malloc(100);
	REQUIRE(p && neighbour);
	gone = p;
	tern_free(p);
	gone[50] = 1;
	EXPECT(host_panics(free_again, p, text, sizeof(text)));
	EXPECT(tern_str_starts(text, "tern_free: double free of 0x"));
	EXPECT_EQ(gone[50], 1);
	EXPECT_EQ(gone[51], (char)0xdd);
	gone[50] = (char)0xdd; /* or debug builds find it */
	tern_set_hardening(0);
	tern_free(neighbour);
}
