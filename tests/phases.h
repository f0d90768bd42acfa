/* SPDX-License-Identifier: MIT */
/* phases.h - how often a cycle began or ended, for who says that none does. */
#ifndef TESTS_PHASES_H
#define TESTS_PHASES_H

#include <tern/gc.h>

#include "gc/concurrent.h"

static inline uint64_t phases_passed(void)
{
	struct tern_gc_stats s;

	tern_gc_stats(&s);
	return 2 * s.cycles + tern_gc_is_marking();
}

#endif
