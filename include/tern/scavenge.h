/* SPDX-License-Identifier: MIT */
/* scavenge.h - free memory goes back to the machine beneath: by tern_port_release().
 *
 * It stays the heap's, and comes back when it is touched. docs/scavenger.md tells more. */
#ifndef TERN_SCAVENGE_H
#define TERN_SCAVENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The public door: everything else of the library is built hidden. */
#pragma GCC visibility push(default)

/**
 * tern_scavenge - release free memory now
 * @bytes: at least so many, if there are; SIZE_MAX: all. 0 does nothing
 *
 * Returns how many were released. Takes the highest pages first, in pieces of 64 KiB and more; what
 * lies scattered stays. Threads; in interrupt handlers it does nothing.
 */
size_t tern_scavenge(size_t bytes);

/**
 * tern_background - one step of the heap's work that nobody waits for
 *
 * Releases what the heap holds beyond 1.1 times what it needed at most lately, at about one percent
 * of a CPU. Returns after how many nanoseconds it wants to be called again: let a thread sleep for
 * as long and call it in a loop. Never calling it is correct. Threads; one is enough. While it
 * releases a piece, who needs just that waits: so it must come to run even if others are busy.
 */
uint64_t tern_background(void);

/**
 * tern_set_memory_limit - how much memory the heap shall hold, but for what was released
 * @bytes: 0, as in the beginning: no limit
 *
 * Before an allocation leads over it, free memory is released at once. It is soft: when nothing is
 * left to release, allocation goes on.
 */
void tern_set_memory_limit(size_t bytes);

/**
 * tern_set_scavenging - on, as in the beginning, or off
 *
 * It turns itself off when tern_port_release() says false: who made that able to work turns it on
 * again.
 */
void tern_set_scavenging(bool on);
bool tern_scavenging(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
