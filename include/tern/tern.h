/* SPDX-License-Identifier: MIT */
/* tern.h - the memory system of the Go runtime for machines without an operating system.
 *
 * This is the front door. A kernel gives what port.h asks for and calls what stands here and in
 * the headers beside it. Nothing but freestanding C11 headers is included. */
#ifndef TERN_TERN_H
#define TERN_TERN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The public door: everything else of the library is built hidden. */
#pragma GCC visibility push(default)

#define TERN_VERSION_MAJOR 0
#define TERN_VERSION_MINOR 1
#define TERN_VERSION_PATCH 0

/**
 * tern_version - the version that was linked, as "MAJOR.MINOR.PATCH (BUILD)"
 *
 * Any context, any time. BUILD is release, debug or verify.
 */
const char *tern_version(void);

/**
 * tern_printf - formatted text to tern_port_write()
 *
 * Takes d i u x X o c s p %, the flags - 0 + # and space, width and precision (also as *), the
 * lengths hh h l ll z t j. No floating point. Any context; does not allocate; one call may reach
 * the port in several pieces.
 */
void tern_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tern_vprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

/**
 * tern_snprintf - formatted text to a buffer, always terminated if size > 0
 *
 * Returns the length that the whole text has, without NUL, whatever fitted.
 */
size_t tern_snprintf(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
size_t tern_vsnprintf(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Memory ------------------------------------------------------------------------------- */

enum tern_result {
	TERN_OK,
	TERN_EINVAL, /* the arguments cannot be meant; nothing was done */
	TERN_ENOMEM, /* no memory; nothing was done */
};

/* The heap's page. Runs of pages begin at multiples of it. */
#define TERN_HEAP_PAGE 8192

/**
 * tern_add_region - hand memory over to the heap
 * @start, @size: bytes, any at all
 *
 * From now on the memory is tern's: nobody else may write to it. Any number of regions may come, at
 * any time, in any order, unaligned, tiny, overlapping each other. Costs O(1), whatever the size:
 * the memory is looked at when the heap grows into it. What is no whole page, what lies at address
 * 0 or above 2^48, and what was handed over before, is passed over; a region of which nothing is
 * left is no error.
 *
 * TERN_EINVAL when start + size lies past 2^64. TERN_ENOMEM when there is no memory for a record of
 * it, not even in the region itself. Threads, or with interrupts off; not interrupt handlers.
 */
enum tern_result tern_add_region(uintptr_t start, size_t size);

/**
 * tern_add_zeroed_region - the same, for memory that reads as zero
 *
 * Saves clearing it again. It must stay so until tern writes to it.
 */
enum tern_result tern_add_zeroed_region(uintptr_t start, size_t size);

/**
 * tern_pages_alloc - contiguous pages, for page tables, devices, stacks, other allocators
 * @size:  bytes, rounded up to whole pages
 * @align: a power of two, or 0 for a page; at most 1 GiB
 * @below: no byte of it lies at or above this address; 0: anywhere
 *
 * The lowest run that fits. What it holds is anything. NULL when there is no such run, for size 0,
 * or when align is no power of two or too large. Threads, or with interrupts off: then it does not
 * wait for another CPU that is making the heap larger at that moment, and may say NULL.
 */
void *tern_pages_alloc(size_t size, size_t align, uintptr_t below);

/**
 * tern_pages_free - give pages back: all of a run, or any part, whoever took it
 * @start: of a page; NULL does nothing
 * @size:  bytes, rounded up to whole pages
 *
 * Panics, with the numbers, unless all of the pages are in use. Context as tern_pages_alloc().
 */
void tern_pages_free(void *start, size_t size);

/* Objects ------------------------------------------------------------------------------ */

/* Sizes are rounded up to one of 67 classes, or to whole pages above 32 KiB. An object is aligned to
 * 16 bytes if its size is a multiple of 16 or above 24, else to 8; above 32 KiB to a page.
 *
 * Context of all calls below: threads, with interrupts on or off, and interrupt handlers; not NMIs. In
 * an interrupt handler the heap does not grow and no handler is asked: what free memory there is, is
 * used, and then it is NULL. Freeing may happen on any CPU and in any of these contexts. Nothing
 * is corrupted by a call that fails. Bad pointers panic, with the numbers: that is said below. */

/**
 * tern_malloc - memory that lives until it is freed, and holds anything
 *
 * Size 0 is a small object of its own. NULL when there is no memory, or for more than PTRDIFF_MAX.
 */
void *tern_malloc(size_t size) __attribute__((malloc));
/**
 * tern_calloc - the same for n objects of a size, all zero; NULL if n * size overflows
 */
void *tern_calloc(size_t n, size_t size) __attribute__((malloc));
/**
 * tern_aligned_alloc - tern_malloc() at a multiple of align
 *
 * NULL unless align is a power of two up to 1 GiB.
 */
void *tern_aligned_alloc(size_t align, size_t size) __attribute__((malloc));
/**
 * tern_realloc - another size for an object, which may move
 *
 * What both sizes share is kept, and whether it is collected; alignment beyond that of tern_malloc()
 * is not, if it moves. Stays in place where it can. NULL when there is no memory, and then the
 * object is as it was. p = NULL is tern_malloc(); size 0 makes it a small object. Panics as
 * tern_free() does.
 *
 * A manual object of 1 MiB or more that has to move has its pages mapped at other addresses, with new
 * ones behind them, and is not copied, if the kernel gives tern_port_range_reserve() and its sisters
 * and this is a thread with interrupts on. So it may not lie in one piece of physical memory any more, nor
 * have the addresses that a device knows: memory for devices is tern_pages_alloc()'s.
 */
void *tern_realloc(void *p, size_t size);
/**
 * tern_free - the end of an object; NULL does nothing
 *
 * Panics on anything but the start of an object that is in use: so on a second free, on a pointer
 * into the middle, to somebody else's memory, or to pages of tern_pages_alloc().
 */
void tern_free(void *p);
/**
 * tern_free_sized - the same for who knows the size it was asked for; panics if that cannot be
 */
void tern_free_sized(void *p, size_t size);
/**
 * tern_usable_size - how many bytes the object has; 0 if p is not the start of one in use
 */
size_t tern_usable_size(const void *p);
/**
 * tern_base - the start of the object in use that an address lies in, or NULL; any address at all
 */
void *tern_base(const void *p);

/**
 * tern_alloc - a collected object that may hold pointers anywhere; all zero
 * tern_alloc_noscan - a collected object without pointers; all zero
 *
 * They live as long as a collector finds a pointer to or into them; without a collector, until
 * tern_free(). Objects without pointers below 16 bytes share blocks: tern_free() of one does nothing.
 * Size 0: an address that all such objects share. NULL when there is no memory.
 */
void *tern_alloc(size_t size) __attribute__((malloc));
void *tern_alloc_noscan(size_t size) __attribute__((malloc));

/* Asked when an allocation of so many bytes finds no memory, in the caller's context, with no lock
 * held; it may free, add regions, and allocate from the reserve. True: try again. */
typedef bool (*tern_oom_handler)(size_t size);
/**
 * tern_set_oom_handler - what to do when memory runs out; NULL: nothing, the call returns NULL
 * @reserve: bytes that are kept for the handler, from what is free
 */
void tern_set_oom_handler(tern_oom_handler handler, size_t reserve);

/**
 * tern_cpu_offline - this CPU will not allocate for a while: what it holds goes back to the heap
 *
 * Comes on the CPU itself, as its last call, or when memory is short. It may allocate again.
 */
void tern_cpu_offline(void);

/* In bytes. free + used + records is what the heap has grown to. */
struct tern_page_stats {
	uint64_t waiting; /* handed over, and not looked at yet */
	uint64_t free;
	uint64_t released;     /* of what is free, never used, or released since: scavenge.h */
	uint64_t used;         /* in runs */
	uint64_t records;      /* the heap's own */
	uint64_t longest_free; /* the longest run that could be had without growing */
};

/* Cheap: nothing is walked. Context as tern_pages_alloc(). */
void tern_page_stats(struct tern_page_stats *stats);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
