/* SPDX-License-Identifier: MIT */
/* final.h - what is tied to the life of a collected object: finalizers and cleanups, weak pointers,
 * ephemerons, pins.
 *
 * All calls take addresses of objects of tern_alloc() and its kin while these are in use. TERN_EINVAL:
 * NULL, what is in no such object (so all of tern_malloc(), tern_pages_alloc() and user arenas), what is
 * no multiple of 8, unless it lies in an object without pointers below 16 bytes. TERN_ENOMEM: no memory
 * for the record; nothing was done. They panic on an object that was freed, as far as that can be known:
 * of one above 32 KiB nothing is left to be known.
 *
 * Context, where nothing else is said: as tern_alloc(). What is tied to an object costs memory of the
 * heap's own, and a walk along what is tied to others in the same span: 8 KiB of small objects. */
#ifndef TERN_FINAL_H
#define TERN_FINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/tern.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Finalizers and cleanups ---------------------------------------------------------------- */

/**
 * tern_set_finalizer - call fn(obj, arg) once when nothing leads to the object any more
 * @obj: where the object begins; of one without pointers below 16 bytes: any address in it
 * @fn:  NULL: none after all
 * @arg: kept alive until then; must not lead to the object, or it never dies
 *
 * The object lives on for the call, with everything that it leads to, and afterwards is like any other:
 * the call may store it somewhere, or set a finalizer again; else a later cycle frees it. If objects
 * with finalizers lead to each other, each is called before what it leads to, one a cycle; if one
 * leads to itself, even by way of others, it is never called. A pointer to its own inside counts,
 * such as that of an empty list. Objects without pointers below 16 bytes share blocks: they die
 * together, and may wait for others that do not.
 *
 * It is called by tern_run_finalizers(), nowhere else, and never if tern_free() ends the object.
 * TERN_EINVAL also if it has a finalizer, or if arg lies in it.
 */
enum tern_result tern_set_finalizer(void *obj, void (*fn)(void *obj, void *arg), void *arg);

/* By value. */
struct tern_cleanup {
	const void *record;
	uint64_t turn;
};
/**
 * tern_add_cleanup - call fn(arg) once when the object is gone
 * @obj:    any address in it
 * @arg:    kept alive until then; must not lead to the object, or it never dies
 * @handle: for tern_stop_cleanup(); may be NULL
 *
 * An object may have any number, which are called in no order. It cannot come back: its memory may be
 * another's by then. With a finalizer, that comes first. tern_free() ends the object just as well.
 * TERN_EINVAL also for fn = NULL, and if arg lies in the object, or in the block that it shares
 * with others.
 */
enum tern_result tern_add_cleanup(void *obj, void (*fn)(void *arg), void *arg,
				  struct tern_cleanup *handle);
/**
 * tern_stop_cleanup - true if it will never be called; false if it was, or is about to be
 */
bool tern_stop_cleanup(struct tern_cleanup handle);

/**
 * tern_run_finalizers - call the finalizers and cleanups that are due; returns how many
 *
 * Those that were due when it was called, in the order in which their objects were found dead, on the
 * caller's stack. A kernel calls it in a thread of its own, whenever tern_port_wake_background()
 * says that there is work; several may at a time. What is called may do anything that the caller
 * may, collect and allocate, too. Threads, with no lock held.
 */
size_t tern_run_finalizers(void);
/**
 * tern_finalizers_due - how many it would call now
 */
size_t tern_finalizers_due(void);

/**
 * tern_keep_alive - the object is reachable up to here, whatever the compiler makes of the pointer
 */
static inline void tern_keep_alive(const void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Weak pointers -------------------------------------------------------------------------- */

/* Two words, by value, to be stored anywhere, also where no collector looks. All zero: no object. */
struct tern_weak {
	const void *record;
	uint64_t turn;
};
/**
 * tern_weak_make - a pointer that does not keep the object alive
 * @p: any address in it, which tern_weak_get() will give
 *
 * Of equal addresses in an object equal ones are made as long as it lives; and none that was made of
 * another object, or of another one's before at the same place, is equal to them. When it fails,
 * *weak is all zero.
 */
enum tern_result tern_weak_make(struct tern_weak *weak, void *p);
/**
 * tern_weak_get - the address; NULL as soon as a cycle has found that nothing leads to the object
 *
 * So NULL before its finalizer is called, and stays NULL even if that brings it back. Never an address
 * whose memory is another object's: also not while the sweep is under way. Any context but NMIs.
 */
void *tern_weak_get(struct tern_weak weak);

static inline bool tern_weak_equal(struct tern_weak a, struct tern_weak b)
{
	return a.record == b.record && a.turn == b.turn;
}

/* Ephemerons ----------------------------------------------------------------------------- */

/* A table of values by key, of which neither is kept alive by being there: a value lives as long as its
 * key does, even if it leads to that. Keys are addresses in collected objects; values are anything. An
 * entry is gone when its key is found dead or freed. */
struct tern_ephemerons;

/**
 * tern_ephemerons_make - an empty table, until tern_ephemerons_free(); NULL: no memory
 */
struct tern_ephemerons *tern_ephemerons_make(void);
/**
 * tern_ephemerons_free - the end of a table; its entries no longer keep anything alive
 */
void tern_ephemerons_free(struct tern_ephemerons *table);
/**
 * tern_ephemeron_set - the value of a key, from now on
 */
enum tern_result tern_ephemeron_set(struct tern_ephemerons *table, const void *key, void *value);
/**
 * tern_ephemeron_get - it; NULL if the key has none
 */
void *tern_ephemeron_get(struct tern_ephemerons *table, const void *key);
/**
 * tern_ephemeron_delete - true if the key had a value
 */
bool tern_ephemeron_delete(struct tern_ephemerons *table, const void *key);
/**
 * tern_ephemerons_count - entries, with those of dead keys that were not swept yet
 */
size_t tern_ephemerons_count(const struct tern_ephemerons *table);

/* Pins ----------------------------------------------------------------------------------- */

/**
 * tern_pin - the object lives, whoever knows of it, until it is unpinned as often, or freed
 * @p: any address in it
 */
enum tern_result tern_pin(void *p);
/**
 * tern_unpin - the other half; TERN_EINVAL also if it is not pinned
 */
enum tern_result tern_unpin(void *p);
/**
 * tern_alloc_uncollectable - tern_alloc() and a pin: an object that lives until tern_free(), and keeps
 * alive what it leads to
 */
void *tern_alloc_uncollectable(size_t size) __attribute__((malloc));

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
