/* SPDX-License-Identifier: MIT */
/* test.h - one framework, three places: hosted, QEMU x86_64, QEMU aarch64.
 *
 *	TEST(memmap, overlap_takes_the_stricter_kind)
 *	{
 *		struct memmap m;
 *		...
 *		EXPECT_EQ(m.count, 2);
 *	}
 *
 * TEST puts a pointer into the section tern_tests; nothing else has to be listed. A test fails
 * when an EXPECT in it fails (it goes on) or a REQUIRE (it returns). Output is KTAP 1. Random
 * tests draw from test_random(t), whose seed is printed and may be given (seed=N in a guest's
 * command line, SEED=N on the host). tests/unit runs everywhere, tests/kernel in guests only,
 * tests/host on the host only. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"
#include "lib/string.h"

struct test {
	const char *group, *name;
	void (*fn)(struct test *t);
	bool quick; /* part of make check */
	/* state of a run */
	unsigned failures;
	const char *skip_reason;
	uint64_t rng;
};

/* t is NULL-safe nowhere: always pass the test's own t. */
uint64_t test_random(struct test *t);                       /* 64 random bits */
uint64_t test_random_below(struct test *t, uint64_t limit); /* 0 <= n < limit, limit > 0 */
void test_fail(struct test *t, const char *file, int line, const char *format, ...)
	TERN_PRINTF(4, 5);
void test_note(struct test *t, const char *format, ...) TERN_PRINTF(2, 3); /* "# ..." line */

/* Memory of the test that runs, all zero when it begins: for what is large. In a guest no root. */
#define TEST_SCRATCH_SIZE (704u << 10)
extern char test_scratch[TEST_SCRATCH_SIZE];

/* If they are set: called before each test, such as to keep it on one CPU, and after each, such as to collect
 * what it has left. */
extern void (*test_before_each)(void), (*test_after_each)(void);

/* Run every test whose "group.name" matches the pattern (see tern_str_match; a pattern without
 * wildcards also matches a group, and NULL matches all). Prints KTAP. Returns how many failed,
 * or -1 when none matched. */
int test_run(const char *pattern, uint64_t seed, bool quick_only);
const char *test_name(unsigned index, const char **group); /* NULL past the end */

#define TEST_RECORD(group_, name_, quick_)                                                         \
	static void test_##group_##_##name_(struct test *t);                                       \
	static struct test record_##group_##_##name_ = {                                           \
		.group = #group_,                                                                  \
		.name = #name_,                                                                    \
		.fn = test_##group_##_##name_,                                                     \
		.quick = quick_,                                                                   \
	};                                                                                         \
	static struct test *const pointer_##group_##_##name_ TEST_SECTION("tern_tests") =          \
		&record_##group_##_##name_;                                                        \
	static void test_##group_##_##name_(struct test *t TEST_UNUSED)
#define TEST_UNUSED __attribute__((unused))
/* Sections of pointers: a compiler pads larger things as it likes. */
#define TEST_SECTION(name_) __attribute__((section(name_), used))

/* TEST: quick. TEST_SLOW: takes more than about 100 ms, left out of make check. */
#define TEST(group_, name_)      TEST_RECORD(group_, name_, true)
#define TEST_SLOW(group_, name_) TEST_RECORD(group_, name_, false)

#define EXPECT(cond) ((cond) ? true : (test_fail(t, __FILE__, __LINE__, "%s", #cond), false))
#define EXPECT_EQ(a, b)                                                                            \
	({                                                                                         \
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                                   \
		if (a_ != b_)                                                                      \
			test_fail(t, __FILE__, __LINE__,                                           \
				  "%s is %lld (%#llx), not %s = %lld (%#llx)", #a, (long long)a_,  \
				  (unsigned long long)a_, #b, (long long)b_,                       \
				  (unsigned long long)b_);                                         \
		a_ == b_;                                                                          \
	})
#define EXPECT_STR(a, b)                                                                           \
	({                                                                                         \
		const char *a_ = (a), *b_ = (b);                                                   \
		bool ok_ = a_ && b_ && tern_str_eq(a_, b_);                                        \
		if (!ok_)                                                                          \
			test_fail(t, __FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a,           \
				  a_ ? a_ : "(null)", b_ ? b_ : "(null)");                         \
		ok_;                                                                               \
	})
#define REQUIRE(cond)                                                                              \
	do {                                                                                       \
		if (!EXPECT(cond))                                                                 \
			return;                                                                    \
	} while (0)
#define SKIP(reason)                                                                               \
	do {                                                                                       \
		t->skip_reason = (reason);                                                         \
		return;                                                                            \
	} while (0)

/* Benchmarks, in the same way: fn prints rows by bench_row(). Only guests under -icount, and the
 * host's own program, run them. */
struct bench {
	const char *name;
	void (*fn)(void);
	bool alone; /* only when it is named, as it changes what others measure */
};

#define BENCH_RECORD(name_, alone_)                                                                \
	static void bench_##name_(void);                                                           \
	static const struct bench bench_record_##name_ = { #name_, bench_##name_, alone_ };        \
	static const struct bench *const bench_pointer_##name_ TEST_SECTION("tern_benches") =      \
		&bench_record_##name_;                                                             \
	static void bench_##name_(void)
#define BENCH(name_)       BENCH_RECORD(name_, false)
#define BENCH_ALONE(name_) BENCH_RECORD(name_, true)

/* A row "bench: NAME VALUE UNIT". */
void bench_row(const char *name, uint64_t value, const char *unit);
int bench_run(const char *pattern);

#endif
