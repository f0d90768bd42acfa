/* SPDX-License-Identifier: MIT */
/* test_final_host.c - what is tied to freed objects panics, with the address. */
#include <string.h>

#include <tern/final.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "tests/test.h"
#include "tests/unit/collect.h"

static void nothing(void *arg)
{
	(void)arg;
}

static void nothing_to(void *obj, void *arg)
{
	(void)obj;
	(void)arg;
}

static void set_finalizer(void *p)
{
	tern_set_finalizer(p, nothing_to, NULL);
}

static void add_cleanup(void *p)
{
	tern_add_cleanup(p, nothing, NULL, NULL);
}

static void make_weak(void *p)
{
	struct tern_weak weak;

	tern_weak_make(&weak, p);
}

static struct tern_ephemerons *table;

static void set_value(void *p)
{
	tern_ephemeron_set(table, p, p);
}

static void get_value(void *p)
{
	tern_ephemeron_get(table, p);
}

static void delete_key(void *p)
{
	tern_ephemeron_delete(table, p);
}

static void pin(void *p)
{
	tern_pin(p);
}

static void unpin(void *p)
{
	tern_unpin(p);
}

static void free_table(void *p)
{
	tern_ephemerons_free(p);
}

TEST(final_host, freed_objects_panic_in_the_name_of_the_call)
{
	static const struct {
		void (*fn)(void *p);
		const char *name;
	} calls[] = {
		{ set_finalizer, "tern_set_finalizer" },
		{ add_cleanup, "tern_add_cleanup" },
		{ make_weak, "tern_weak_make" },
		{ set_value, "tern_ephemeron_set" },
		{ get_value, "tern_ephemeron_get" },
		{ delete_key, "tern_ephemeron_delete" },
		{ pin, "tern_pin" },
		{ unpin, "tern_unpin" },
	};
	char text[256], address[32];
	uint64_t *p, *other;

	REQUIRE(collector_for_tests());
	table = tern_ephemerons_make();
	p = tern_alloc(64);
	/* Its span stays. */
	other = tern_alloc(64);
	REQUIRE(table && p && other);
	tern_free(p);
	tern_snprintf(address, sizeof(address), "0x%lx", (unsigned long)(uintptr_t)p);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT(host_panics(calls[i].fn, p, text, sizeof(text)));
		EXPECT(strstr(text, calls[i].name) == text);
		EXPECT(strstr(text, address) != NULL);
	}
	/* And nothing is left locked. */
	EXPECT_EQ(tern_pin(other), TERN_OK);
	EXPECT_EQ(tern_unpin(other), TERN_OK);
	tern_free(other);
	EXPECT_EQ(tern_ephemerons_count(table), 0);
	tern_ephemerons_free(table);
}

/* As long as its record has not become another table. */
TEST(final_host, a_table_is_freed_once)
{
	struct tern_ephemerons *freed;
	char text[256];
	uint64_t *key;

	REQUIRE(collector_for_tests());
	freed = tern_ephemerons_make();
	key = tern_alloc(64);
	REQUIRE(freed && key);
	EXPECT_EQ(tern_ephemeron_set(freed, key, key), TERN_OK);
	tern_ephemerons_free(freed);
	EXPECT(host_panics(free_table, freed, text, sizeof(text)));
	EXPECT(strstr(text, "freed before") != NULL);
	tern_free(key);
}
