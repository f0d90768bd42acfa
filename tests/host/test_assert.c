/* SPDX-License-Identifier: MIT */
/* test_assert.c - failed checks: what they say, where they are alive, and a panic that fails. */
#include "lib/assert.h"

#include <string.h>

#include "boot/host/host.h"
#include "lib/lock.h"
#include "tests/test.h"

static char text[256];

static bool panics(void (*fn)(void *arg), void *arg)
{
	return host_panics(fn, arg, text, sizeof(text));
}

static void check_size(void *arg)
{
	size_t size = *(size_t *)arg;

	TERN_CHECK(size <= 8, "size %zu is over %d", size, 8);
}

TEST(assert, a_check_tells_its_numbers)
{
	size_t fits = 8, large = 9;

	EXPECT(!panics(check_size, &fits));
	EXPECT_STR(text, "");
	EXPECT(panics(check_size, &large));
	EXPECT_STR(text, "size 9 is over 8");
}

static void assert_count(void *arg)
{
	unsigned *evaluated = arg;

	TERN_ASSERT(++*evaluated > 1);
}

static void verify_count(void *arg)
{
	unsigned *evaluated = arg;

	TERN_VERIFY(++*evaluated > 1);
}

/* Alive: the first round fails, as it leaves 1. Off: nothing is evaluated. */
static void expect_alive(struct test *t, void (*fn)(void *arg), bool alive)
{
	unsigned evaluated = 0;

	EXPECT_EQ(panics(fn, &evaluated), alive);
	EXPECT_EQ(evaluated, alive);
	if (alive)
		EXPECT(strstr(text, "tests/host/test_assert.c:") == text &&
		       strstr(text, ": assertion failed: ++*evaluated > 1"));
	EXPECT(!panics(fn, &evaluated));
	EXPECT_EQ(evaluated, alive ? 2 : 0);
}

TEST(assert, is_alive_from_its_level_on)
{
	expect_alive(t, assert_count, TERN_CHECK_LEVEL >= 1);
	expect_alive(t, verify_count, TERN_CHECK_LEVEL >= 2);
}

static void panic_long(void *arg)
{
	tern_panic("%s", (const char *)arg);
}

TEST(assert, a_long_text_is_cut)
{
	char longer[1000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	EXPECT(panics(panic_long, longer));
	EXPECT_EQ(strlen(text), sizeof(text) - 1);
}

static void panic_short(void *arg)
{
	(void)arg;
	tern_panic("first");
}

static unsigned writes;

static void fail_a_check(void)
{
	writes++;
	TERN_CHECK(false, "the console is broken");
}

TEST(assert, a_panic_that_cannot_be_written_ends_too)
{
	writes = 0;
	host_before_write(fail_a_check);
	EXPECT(panics(panic_short, NULL));
	host_before_write(NULL);
	EXPECT_STR(text, "the console is broken");
	EXPECT_EQ(writes, 1);
	EXPECT(!tern_panic_here());
}

static const struct tern_lock_class outer_class = { .name = "outer", .rank = 910 };
static const struct tern_lock_class inner_class = { .name = "inner", .rank = 920 };
static struct tern_lock console_lock = TERN_LOCK_INIT(&outer_class);
static struct tern_lock held_lock = TERN_LOCK_INIT(&inner_class);

static void lock_console(void)
{
	tern_lock(&console_lock);
	tern_unlock(&console_lock);
}

TEST(assert, a_panic_is_told_whatever_locks_are_held)
{
	tern_lock(&held_lock);
	host_before_write(lock_console);
	EXPECT(panics(panic_short, NULL));
	host_before_write(NULL);
	tern_unlock(&held_lock);
	EXPECT_STR(text, "first");
}
