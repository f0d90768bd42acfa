/* SPDX-License-Identifier: MIT */
/* safety.h - options that make mistakes with memory harmless, or seen; all are off at first.
 *
 * They act off the allocator's fast paths, and may change at any time: on the CPU that asks at once,
 * on each other CPU when it leaves its fast path next, or calls tern_cpu_offline(). docs/safety.md
 * says what each finds and costs. */
#ifndef TERN_SAFETY_H
#define TERN_SAFETY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The public door: everything else of the library is built hidden. */
#pragma GCC visibility push(default)

/* Hardening ---------------------------------------------------------------------------- */

enum tern_hardening {
	TERN_HARDEN_ZERO = 1,   /* what is freed is cleared at once */
	TERN_HARDEN_JUNK = 2,   /* ... or filled with 0xdd; with both: cleared */
	TERN_HARDEN_RANDOM = 4, /* slots are taken in random order */
	TERN_HARDEN_GUARDS = 8, /* inaccessible pages before and behind large objects */
};

/**
 * tern_set_hardening - from now on do these, and no others
 * @flags: of enum tern_hardening
 *
 * Blocks of objects below 16 bytes without pointers, which are never freed one by one, are not filled.
 * Large objects that ask for more alignment than a page have no guards. A guarded object is not
 * resized in place. Threads, or with interrupts off.
 */
void tern_set_hardening(unsigned flags);

struct tern_hardening_stats {
	unsigned flags;
	uint64_t guarded;   /* large objects that got both guards, since the start */
	uint64_t unguarded; /* ... that should have, but tern_port_protect() refused */
};

void tern_hardening_stats(struct tern_hardening_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
