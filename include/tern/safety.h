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
	TERN_HARDEN_SWEPT = 16, /* what the collector frees is filled with 0xdd, or cleared, too */
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

/* Sampling ----------------------------------------------------------------------------- */

/* Now and then an object of tern_malloc() and its kin comes from a small pool, in which each has
 * pages of its own between pages that fault. So what runs past its end, or uses it after it was
 * freed, is stopped at once; what does that often is found sooner or later, at hardly any cost. The
 * memory around it that does not fault, as an object is smaller than a page, is checked when it is
 * freed. Such objects do not count in tern/stats.h: the pool does, as pages. */

#define TERN_GUARD_OBJECTS_MAX 1024

/**
 * tern_start_sampling - from now on put objects into the pool
 * @objects:  how many it has room for; the first call decides
 * @interval: of the allocations of a CPU that are not fast, one in so many; about one in thirty is
 *            not. 0: no more
 *
 * False, and nothing is sampled, if there is no memory, or tern_port_protect() closes no page. The
 * pool, of 16 KiB an object, stays for good. Threads.
 */
bool tern_start_sampling(unsigned objects, unsigned interval);

struct tern_sampling_stats {
	unsigned objects;   /* there is room for */
	unsigned live;      /* now */
	uint64_t taken;     /* since the start */
	uint64_t left_open; /* freed where tern_port_protect() refused: later use is not seen */
};

void tern_sampling_stats(struct tern_sampling_stats *stats);

#define TERN_TRACE_DEPTH 6

/* Return addresses, the innermost first; 0 behind the last. As far as frame pointers lead on. */
struct tern_trace {
	uintptr_t ret[TERN_TRACE_DEPTH];
};

enum tern_guard_error {
	TERN_GUARD_BEFORE,     /* before the object's start */
	TERN_GUARD_BEHIND,     /* past its end */
	TERN_GUARD_AFTER_FREE, /* in an object that is gone */
};

struct tern_guard_report {
	enum tern_guard_error error;
	uintptr_t object;
	size_t size;
	uint64_t distance;                  /* bytes before the start, past the end, into it */
	struct tern_trace allocated, freed; /* all 0 if not known, or not freed */
};

/**
 * tern_guard_fault - what a page fault at an address means; for the kernel's report of it
 *
 * True if it lies in the pool, beside a large object with guards, or in what an arena was
 * (tern/arena.h), which is told as one object. Any context; takes no lock.
 */
bool tern_guard_fault(uintptr_t addr, struct tern_guard_report *report);

/* Debug builds ------------------------------------------------------------------------- */

/* A library that was built with BUILD=debug or verify keeps the size that was asked for, and who
 * allocated and freed it, of each object but those below 16 bytes without pointers. What is behind its
 * last byte is checked when it is freed or resized; what was freed, before its memory is used again.
 * Damage panics. Other builds have nothing of it: the calls below do nothing, and say no. */

struct tern_object_sites {
	uintptr_t object;
	size_t size; /* as it was asked for */
	bool in_use;
	struct tern_trace allocated, freed; /* all 0 if not known, or not freed */
};

/**
 * tern_object_sites - the object that an address lies in, or lay in: any address at all
 *
 * Told until its memory is given out again. False if nothing is known. Any context; takes no lock.
 */
bool tern_object_sites(const void *addr, struct tern_object_sites *sites);

#define TERN_DAMAGE_SHOWN 8

struct tern_damage {
	struct tern_object_sites
		object; /* in use: written past its end; else: after it was freed */
	uintptr_t at;   /* the first byte that is not what it was */
	unsigned nfound;
	uint8_t found[TERN_DAMAGE_SHOWN]; /* what is there */
};

/**
 * tern_check_heap - look at all objects, in use and freed, for what should not have been written
 * @first: the damage that is found first; may be NULL
 *
 * Returns how many objects are damaged; no panic. Others may go on meanwhile, unless pages are closed
 * for guards or samples: objects that come or go are passed over. Threads. Linear in all memory.
 */
uint64_t tern_check_heap(struct tern_damage *first);

#define TERN_QUARANTINE_OBJECTS 256
#define TERN_QUARANTINE_BYTES   (256 << 10)

/**
 * tern_set_quarantine - how much that was freed each CPU keeps back, to see who still writes to it
 * @objects: TERN_QUARANTINE_OBJECTS at most, and at first; 0: none is kept
 * @bytes:   of all of them; TERN_QUARANTINE_BYTES at first
 *
 * The oldest goes when there is no room for the next, and all go before memory runs out, or when the
 * CPU calls tern_cpu_offline(). Until then it counts as memory in use. Threads.
 */
void tern_set_quarantine(unsigned objects, size_t bytes);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
