/* SPDX-License-Identifier: MIT */
/* heap.c - what heap.h says that is the same in all places. Locks: none. Context: a test's thread. */
#include "tests/unit/heap.h"

#include <tern/tern.h>

static void go_offline(unsigned cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	tern_cpu_offline();
}

void all_cpus_offline(void)
{
	run_on_cpus(cpus_for_tests(), go_offline, NULL);
}

uint64_t used_when_quiet(void)
{
	struct tern_page_stats s;

	all_cpus_offline();
	tern_page_stats(&s);
	return s.used;
}
