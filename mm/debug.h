/* SPDX-License-Identifier: MIT */
/* debug.h - what debug builds know about each object, and what malloc.c tells them.
 *
 * A slot of 8 bytes for each object stands behind its span's record, apart from all objects. Release
 * builds have none of it: there each call below is nothing, or the value that it always has. The
 * public half is in include/tern/safety.h. */
#ifndef MM_DEBUG_H
#define MM_DEBUG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/config.h>

#include "lib/assert.h"
#include "lib/compiler.h"
#include "mm/debug_sites.h"

#define TERN_DEBUG (TERN_CHECK_LEVEL >= 1)

/* What fills memory that nobody may count on. */
#define TERN_DEBUG_MADE   0xcd /* what was allocated, and was not promised to be zero */
#define TERN_DEBUG_FREED  0xdd /* what was freed; with TERN_HARDEN_ZERO: 0 */
#define TERN_DEBUG_BEHIND 0xfd /* what is behind an object's last byte */

struct tern_mspan;
struct tern_quarantine;

#if TERN_DEBUG

/* At least so much lies behind each small object. An object whose size with it is a class has that
 * class's alignment; a multiple of 16 plus 16 is one again. */
#define TERN_DEBUG_REDZONE 16u

struct tern_debug_slot {
	_Atomic uint16_t state;     /* [atomic: see debug.c] */
	_Atomic uint16_t rest;      /* [atomic: relaxed] bytes behind what was asked for */
	_Atomic uint16_t allocated; /* [atomic: relaxed] sites; 0: not known */
	_Atomic uint16_t freed;
};

/* For each word of a span's bitmaps. */
#define TERN_DEBUG_WORD_BYTES (64 * sizeof(struct tern_debug_slot))

/* Of one heap. */
struct tern_debug {
	struct tern_sites sites;
	/* [atomic: release by its CPU, acquire] NULL: not made yet */
	struct tern_quarantine *_Atomic quarantine[TERN_MAX_CPUS];
};

/* A slot has been taken, and is not cleared yet: nobody may have written to it since it was freed. */
void tern_debug_taken(const void *p);
/* An object is about to be given out. Called by the public calls themselves: the trace begins with who
 * called them. */
void tern_debug_begin(void *p, size_t size, bool zero);
static TERN_INLINE void *tern_debug_made(void *p, size_t size, bool zero)
{
	if (p)
		tern_debug_begin(p, size, zero);
	return p;
}
/* tern_free() of p: true if it is kept in quarantine, and is not to be freed now. */
bool tern_debug_keep(const void *p);
/* True if the address lies in an object that is kept. */
bool tern_debug_is_kept(const struct tern_mspan *s, uintptr_t addr);
/* What is kept is freed: of all CPUs, or of this one. True if there was something. */
bool tern_debug_drain(void);
void tern_debug_drain_own(void);

/* Panics with what is known of the address, if it lies in what is or was an object. */
void tern_debug_bad_free(const char *call, uintptr_t addr);
/* Panics if anybody wrote behind the object at p. */
void tern_debug_check(const char *call, const struct tern_mspan *s, const void *p);
/* Of the object at p: how many of its slot's bytes are not its user's. */
size_t tern_debug_rest(const struct tern_mspan *s, const void *p);
/* It had `old` bytes and has `size` now, where it was. */
void tern_debug_resized(const struct tern_mspan *s, void *p, size_t old, size_t size);
/* It had `old` bytes elsewhere, which are there, and has a span of its own; as tern_debug_begin(). */
void tern_debug_moved(void *p, size_t old, size_t size);
/* The slot at an address is about to be filled, by who has found its object dead. */
void tern_debug_forget(const struct tern_mspan *s, uintptr_t addr);
/* A record is about to be a span's; nwords is set. */
void tern_debug_start_span(const struct tern_mspan *s);
/* The pages of a span of slots, all free, are about to be given up by its owner. */
void tern_debug_end_span(const struct tern_mspan *s);

#else

#define TERN_DEBUG_REDZONE    0u
#define TERN_DEBUG_WORD_BYTES 0u

struct tern_debug {
};

static inline void tern_debug_taken(const void *p)
{
	(void)p;
}

static TERN_INLINE void *tern_debug_made(void *p, size_t size, bool zero)
{
	(void)size;
	(void)zero;
	return p;
}

static inline bool tern_debug_keep(const void *p)
{
	(void)p;
	return false;
}

static inline bool tern_debug_is_kept(const struct tern_mspan *s, uintptr_t addr)
{
	(void)s;
	(void)addr;
	return false;
}

static inline bool tern_debug_drain(void)
{
	return false;
}

static inline void tern_debug_drain_own(void)
{
}

static inline void tern_debug_bad_free(const char *call, uintptr_t addr)
{
	(void)call;
	(void)addr;
}

static inline void tern_debug_check(const char *call, const struct tern_mspan *s, const void *p)
{
	(void)call;
	(void)s;
	(void)p;
}

static inline size_t tern_debug_rest(const struct tern_mspan *s, const void *p)
{
	(void)s;
	(void)p;
	return 0;
}

static inline void tern_debug_resized(const struct tern_mspan *s, void *p, size_t old, size_t size)
{
	(void)s;
	(void)p;
	(void)old;
	(void)size;
}

static inline void tern_debug_moved(void *p, size_t old, size_t size)
{
	(void)p;
	(void)old;
	(void)size;
}

static inline void tern_debug_forget(const struct tern_mspan *s, uintptr_t addr)
{
	(void)s;
	(void)addr;
}

static inline void tern_debug_start_span(const struct tern_mspan *s)
{
	(void)s;
}

static inline void tern_debug_end_span(const struct tern_mspan *s)
{
	(void)s;
}

#endif

/* What an object of a class needs in its slot; absurd sizes stay absurd. */
static inline size_t tern_debug_room(size_t size)
{
	return size + (size <= PTRDIFF_MAX ? TERN_DEBUG_REDZONE : 0);
}

#endif
