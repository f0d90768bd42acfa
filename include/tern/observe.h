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

#include <tern/safety.h>
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

/* The heap profile --------------------------------------------------------------------- */

/**
 * tern_profile_start - from now on remember where objects are allocated, of one byte in so many
 * @interval: bytes, on average; 0: 512 KiB, as Go has it; at least 64, less than 4 GiB
 *
 * Every byte has the same chance; an object of `interval` bytes or more is remembered in any case. Objects
 * of all kinds count, by the sizes of their slots. Allocations pay for it only where they are slow
 * anyway. docs/observing.md tells what it is wrong about. TERN_EINVAL, TERN_ENOMEM. Threads.
 */
enum tern_result tern_profile_start(size_t interval);
/**
 * tern_profile_stop - no new samples; those that are in use are still noticed to end. Any context.
 */
void tern_profile_stop(void);

/* What runs: all may be NULL or 0. */
struct tern_profile_image {
	const char *path;       /* of the image, where a person will look at the profile */
	uintptr_t start, limit; /* of its text */
	uint64_t offset;        /* of `start` in the file */
	/* The name of the function that holds an address, or NULL; *offset: from its start. */
	const char *(*function)(uintptr_t addr, uintptr_t *offset);
};
/**
 * tern_profile_write - the profile, in the format of pprof (profile.proto, not compressed)
 *
 * With alloc_objects, alloc_space, inuse_objects, inuse_space as Go's heap profile. Samples may come
 * meanwhile. False if the caller's function said no. Threads.
 */
bool tern_profile_write(const struct tern_profile_image *image, tern_write *write, void *arg);

struct tern_profile_stats {
	uint64_t interval; /* 0: off */
	uint64_t sites;    /* places and sizes that samples came from */
	uint64_t lost;     /* samples for which there was no memory */
};
void tern_profile_stats(struct tern_profile_stats *stats);

/* What leads where --------------------------------------------------------------------- */

/* These stop the world for as long as it takes to look at all of the heap, one object after another.
 * TERN_EINVAL where tern_gc() says it. Threads, with no lock held that another CPU may be waiting for
 * with interrupts off. */

enum tern_root_kind {
	TERN_ROOT_NONE,
	TERN_ROOT_RANGE,     /* tern_gc_add_root(), less what is tern's own in it */
	TERN_ROOT_STACK,     /* what tern_port_scan_stacks() shows */
	TERN_ROOT_OWN_STACK, /* ... of who asks */
	TERN_ROOT_RECORD,    /* a word of the collector's: of an object in a pool */
	TERN_ROOT_RUN,       /* tern_pages_alloc(): may hold pointers to manual objects */
	TERN_ROOT_GUARDED,   /* an object of tern_start_sampling(): likewise */
};

struct tern_root {
	enum tern_root_kind kind;
	uintptr_t start;
	size_t size;
};
/**
 * tern_roots - where marking begins: registered ranges, and stacks as they are
 *
 * Writes at most max, and to *n how many there are.
 */
enum tern_result tern_roots(struct tern_root *roots, size_t max, size_t *n);

/* The first step is a root, all others are objects; the last holds p. */
struct tern_why_step {
	enum tern_root_kind root; /* of the first step */
	uintptr_t start;          /* of the root or object */
	size_t size;
	/* In it, of the pointer to the next step; of the last: of p. Its size: the next is the value that
	 * an ephemeron ties to this object, and no pointer in it leads there. */
	size_t offset;
};
/**
 * tern_why_alive - a shortest path from a root to the object that p points into
 * @steps: room for max of them, at least 2; of a longer path the first half and the end
 * @n:     how many steps the path has; 0: no root leads to the object
 *
 * For a collected object the path is one that marking takes. A manual one lives until it is freed; the
 * path then leads through manual objects too, and may begin in a run of pages. The stack of who asks
 * comes last, as he has p: a path from there means that there is no other.
 *
 * Steps hold addresses: in memory that is a root they keep objects alive. TERN_EINVAL also if p is in
 * no object. TERN_ENOMEM: 16 bytes for each object that was seen on the way could not be had from
 * free pages.
 */
enum tern_result tern_why_alive(const void *p, struct tern_why_step *steps, size_t max, size_t *n);

struct tern_leak {
	uintptr_t object;
	size_t size;                 /* of its slot, or its pages */
	struct tern_trace allocated; /* all 0 if not known: see safety.h, builds with BUILD=debug */
};
/**
 * tern_find_leaks - manual objects that nothing leads to
 * @report: called for each of the first 1024, when the world runs again; may be NULL
 * @found:  how many there are
 *
 * Pointers to them are looked for in roots, in objects of all kinds that these lead to, and in runs
 * of pages. What is hidden, or not aligned to 8 bytes, is not seen: then an object is reported that
 * is none. A stale word may hide one that is. TERN_ENOMEM when there is no memory for the list.
 */
enum tern_result tern_find_leaks(void (*report)(void *arg, const struct tern_leak *leak), void *arg,
				 uint64_t *found);

/**
 * tern_heap_dump - all of the heap, as text: docs/observing.md has the form
 * @edges: also every pointer, which takes far more
 *
 * The world is stopped while it is written: the caller's function runs with interrupts off and takes no
 * lock that a stopped CPU may hold. False if it said no, or where tern_gc() says TERN_EINVAL.
 */
bool tern_heap_dump(bool edges, tern_write *write, void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
