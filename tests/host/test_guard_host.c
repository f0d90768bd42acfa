/* SPDX-License-Identifier: MIT */
/* test_guard_host.c - sampled objects in a process: what faults, and what panics with the places where
 * the object was made and ended. */
#include <string.h>

#include <tern/safety.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "mm/page.h"
#include "tests/host/faults.h"
#include "tests/test.h"
#include "tests/unit/guard.h"

TEST(guard_host, past_the_end_and_after_free_fault)
{
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *p = sampled_object(48);
		uintptr_t page = (uintptr_t)p & ~(TERN_PAGE_SIZE - 1);

		REQUIRE(p);
		EXPECT(host_faults((char *)page - 1) && host_faults((char *)page + TERN_PAGE_SIZE));
		EXPECT(!host_faults(p) && !host_faults(p + 47));
		tern_free(p);
		EXPECT(host_faults(p) && host_faults(p + 47));
	}
}

/* What was freed is closed for as long as there is another. */
TEST(guard_host, freed_longest_ago_is_the_next)
{
	uint8_t *first = sampled_object(48);

	REQUIRE(first);
	tern_free(first);
	for (unsigned i = 1; i < SAMPLED_OBJECTS; i++) {
		uint8_t *p = sampled_object(48);

		REQUIRE(p);
		tern_free(p);
		EXPECT(host_faults(first));
	}
}

static void do_free(void *p)
{
	tern_free(p);
}

static bool says(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static bool says_size(const char *text, size_t size)
{
	char part[64];

	tern_snprintf(part, sizeof(part), "the object of %zu at 0x", size);
	return says(text, part);
}

TEST(guard_host, bad_frees_name_the_sites)
{
	uint8_t *p = sampled_object(48);
	size_t size = tern_usable_size(p); /* debug builds take a larger class */
	char text[400];

	REQUIRE(p);
	EXPECT(host_panics(do_free, p + 8, text, sizeof(text)));
	EXPECT(says(text, "tern_free: no object begins at 0x") && says_size(text, size));
	tern_free(p);
	EXPECT(host_panics(do_free, p, text, sizeof(text)));
	EXPECT(says(text, "tern_free: double free of 0x") && says(text, ", allocated at 0x") &&
	       says(text, ", freed at 0x") && !says(text, "freed at 0x0,"));
}

/* Within the page nothing faults; it is seen later. */
TEST(guard_host, a_write_beside_an_object_is_seen_when_it_is_freed)
{
	uint8_t *p = sampled_object(48);
	size_t size = tern_usable_size(p);
	char text[400];
	uint8_t *beside, was;

	REQUIRE(p);
	beside = (uintptr_t)p % TERN_PAGE_SIZE ? p - 1 : p + size;
	was = *beside;
	*beside = 0x11;
	EXPECT(host_panics(do_free, p, text, sizeof(text)));
	EXPECT(says(text, "tern_free: somebody wrote 0x11 to 0x") && says(text, "beside") &&
	       says_size(text, size));
	*beside = was;
	tern_free(p);
}
