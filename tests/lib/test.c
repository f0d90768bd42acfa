/* SPDX-License-Identifier: MIT */
/* test.c - runs the tests and prints KTAP: see tests/test.h.
 *
 * Each test draws its random numbers from the run's seed and its own name, so that one test run
 * alone sees what it saw among all. Context: one thread at a time. */
#include "tests/test.h"

#include <stdarg.h>

#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/compiler.h"
#include "lib/lock.h"
#include "lib/string.h"

void (*test_before_each)(void), (*test_after_each)(void);
char test_scratch[TEST_SCRATCH_SIZE] TERN_ALIGNED(8192) TERN_UNCLEARED;

/* The linker makes these around the section. */
extern struct test *const __start_tern_tests[], *const __stop_tern_tests[];

#define for_each_test(p)                                                                           \
	for (struct test *const *p = __start_tern_tests; p < __stop_tern_tests; p++)

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
	return h;
}

/* splitmix64: every seed is good, 0 too. */
uint64_t test_random(struct test *t)
{
	uint64_t z = t->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t test_random_below(struct test *t, uint64_t limit)
{
	return test_random(t) % limit;
}

/* Each line of the text behind a #, so that none is taken for a result. */
static void print_comment(const char *text)
{
	while (*text) {
		size_t len = 0;

		while (text[len] && text[len] != '\n')
			len++;
		tern_printf("    # %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void test_fail(struct test *t, const char *file, int line, const char *format, ...)
{
	char text[512];
	size_t used = tern_snprintf(text, sizeof(text), "%s:%d: ", file, line);
	va_list args;

	t->failures++;
	va_start(args, format);
	tern_vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	print_comment(text);
}

void test_note(struct test *t, const char *format, ...)
{
	char text[256];
	va_list args;

	(void)t;
	va_start(args, format);
	tern_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_comment(text);
}

const char *test_name(unsigned index, const char **group)
{
	struct test *const *t = __start_tern_tests + index;

	if (t >= __stop_tern_tests)
		return NULL;
	*group = (*t)->group;
	return (*t)->name;
}

static bool selected(const struct test *t, const char *pattern, bool quick_only)
{
	char full[96];

	if (quick_only && !t->quick)
		return false;
	if (!pattern || tern_str_eq(pattern, t->group))
		return true;
	tern_snprintf(full, sizeof(full), "%s.%s", t->group, t->name);
	return tern_str_match(pattern, full);
}

/* What one test leaves behind would fail the next. */
static void expect_tidy(struct test *t)
{
	if (!arch_irq_enabled()) {
		t->failures++;
		test_note(t, "leaves interrupts off");
		arch_irq_enable();
	}
	if (tern_lock_depth()) {
		t->failures++;
		test_note(t, "leaves %u locks held", tern_lock_depth());
	}
}

static bool run_one(struct test *t, unsigned number, uint64_t seed)
{
	t->failures = 0;
	t->skip_reason = NULL;
	t->rng = hash_text(hash_text(seed ^ 0xcbf29ce484222325ull, t->group), t->name);
	memset(test_scratch, 0, sizeof(test_scratch));
	if (test_before_each)
		test_before_each();
	t->fn(t);
	memset(test_scratch, 0, sizeof(test_scratch)); /* no stale pointers, where it is a root */
	if (test_after_each)
		test_after_each();
	expect_tidy(t);
	tern_printf("%s %u %s.%s", t->failures ? "not ok" : "ok", number, t->group, t->name);
	if (t->skip_reason && !t->failures)
		tern_printf(" # SKIP %s", t->skip_reason);
	tern_printf("\n");
	return t->failures == 0;
}

int test_run(const char *pattern, uint64_t seed, bool quick_only)
{
	unsigned planned = 0, number = 0, failed = 0;

	for_each_test(t) planned += selected(*t, pattern, quick_only);
	if (planned == 0)
		return -1;
	tern_printf("KTAP version 1\n# seed %llu\n1..%u\n", (unsigned long long)seed, planned);
	for_each_test(t) if (selected(*t, pattern, quick_only)) failed +=
		!run_one(*t, ++number, seed);
	return (int)failed;
}
