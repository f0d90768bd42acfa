/* SPDX-License-Identifier: MIT */
/* observe.h - to see the heap and the collector at work: docs/observing.md.
 *
 * All output goes through a function of the caller's, piece by piece. What is watched is not changed by
 * it: nothing here allocates objects. */
#ifndef TERN_OBSERVE_H
#define TERN_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/tern.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Where output goes: pieces of at most 512 bytes, in order. False ends it. May not call tern but to
 * print. */
typedef bool tern_write(void *arg, const void *bytes, size_t n);

/* Events ------------------------------------------------------------------------------- */

/**
 * tern_trace_start - from now on remember what the collector does, and when
 * @bytes: memory for events; the first call decides; 0: 256 KiB
 *
 * Forgets what was traced before. When there is no room for another event, the oldest are forgotten.
 * Costs nothing where objects are allocated from a CPU's own spans. Needs a clock: without one
 * nothing is traced. TERN_ENOMEM when there is no memory. Threads.
 */
enum tern_result tern_trace_start(size_t bytes);
/**
 * tern_trace_stop - remember no more; what was traced stays. Any context but NMIs.
 */
void tern_trace_stop(void);
/**
 * tern_trace_write - what was traced, as JSON that Perfetto and chrome://tracing open
 *
 * May run while tracing goes on: events that come then are lost when there is no room. One event
 * a line. False if the caller's function said no, or nothing was ever traced. Threads, one at a
 * time.
 */
bool tern_trace_write(tern_write *write, void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
