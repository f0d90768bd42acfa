/* SPDX-License-Identifier: MIT */
/* protocol.h - what the tests of lock-free protocols share.
 *
 * Job      Run a protocol with the memory orders that tern has, which must do in all schedules tried, and
 *          then with one order weakened at a time, which must not.
 * Orders   Each file lists its orders in one place: ORDER(0, release) is one that tern has and that
 *          is not weakened; ORDER(2, release, relaxed) is relaxed in the second weakening.
 * Reads    Relacy lets a relaxed load see older values, so also what another CPU reorders. What tern
 *          reads by an address that it has read just before is ordered by every CPU that tern runs
 *          on; the standard's name for that is consume.
 * Waiting  is relax(), where tern has arch_relax(). */
#ifndef TESTS_RELACY_PROTOCOL_H
#define TESTS_RELACY_PROTOCOL_H

#include <relacy/relacy.hpp>

#include <cstdio>
#include <cstdlib>

/* Which order is weakened now; 0: none. */
static int weakened;

#define ORDER_2(n, order)               rl::mo_##order, $
#define ORDER_3(n, order, weak)         (weakened == (n) ? rl::mo_##weak : rl::mo_##order), $
#define ORDER_OF(_1, _2, _3, name, ...) name
#define ORDER(...)                      ORDER_OF(__VA_ARGS__, ORDER_3, ORDER_2)(__VA_ARGS__)

static inline void relax()
{
	rl::yield(1, $);
}

/* What a run ended in; the report of one that should not have failed is printed. */
template <typename test> static rl::test_params explore(unsigned long long schedules)
{
	rl::ostringstream said;
	rl::test_params p;

	p.iteration_count = schedules;
	p.output_stream = p.progress_stream = &said;
	p.execution_depth_limit = 20000;
	if (!rl::simulate<test>(p) && weakened == 0)
		fprintf(stderr, "%s\n", said.str().c_str());
	return p;
}

/* A line for each run; the status is how many did not end as they should. */
template <typename test>
static int run_protocol(const char *name, const char *const without[], int argc, char **argv)
{
	unsigned long long schedules = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
	const char *what = "as it is";
	int failed = 0;

	for (weakened = 0; what; what = without[weakened++]) {
		rl::test_params p = explore<test>(schedules);
		bool fails = p.test_result != rl::test_result_success,
		     good = fails == (weakened > 0);

		printf("%-6s %s, %s%s: %s, %llu schedules\n", good ? "ok" : "FAILED", name,
		       weakened ? "without " : "", what, rl::test_result_str(p.test_result),
		       (unsigned long long)p.stop_iteration);
		failed += !good;
	}
	return failed;
}

#define PROTOCOL(test, name, ...)                                                                  \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		static const char *const without[] = { __VA_ARGS__, NULL };                        \
                                                                                                   \
		return run_protocol<test>(name, without, argc, argv);                              \
	}

#endif
