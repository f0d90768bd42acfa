/* SPDX-License-Identifier: MIT */
/* bench.c - runs the benchmarks: see tests/test.h. */
#include <tern/tern.h>

#include "tests/test.h"

extern const struct bench *const __start_tern_benches[], *const __stop_tern_benches[];

void bench_row(const char *name, uint64_t value, const char *unit)
{
	tern_printf("bench: %s %llu %s\n", name, (unsigned long long)value, unit);
}

int bench_run(const char *pattern)
{
	int count = 0;

	for (const struct bench *const *b = __start_tern_benches; b < __stop_tern_benches; b++) {
		if (pattern ? !tern_str_match(pattern, (*b)->name) : (*b)->alone)
			continue;
		(*b)->fn();
		count++;
	}
	return count;
}
