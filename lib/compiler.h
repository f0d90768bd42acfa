/* SPDX-License-Identifier: MIT */
/* compiler.h - the few words that C11 lacks. Knows only the compiler. */
#ifndef LIB_COMPILER_H
#define LIB_COMPILER_H

#include <stddef.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define TERN_WEAK __attribute__((weak))

#define TERN_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define TERN_NOINLINE           __attribute__((noinline))
#define TERN_INLINE             inline __attribute__((always_inline))
#define TERN_ALIGNED(n)         __attribute__((aligned(n)))
#define TERN_CACHE_LINE         64

/* The value as it is: compilers do not take its making apart to make parts of it twice. */
#define TERN_OPAQUE(x)                                                                             \
	({                                                                                         \
		__typeof__(x) opaque_ = (x);                                                       \
		__asm__("" : "+r"(opaque_));                                                       \
		opaque_;                                                                           \
	})

/* Reads memory that others own, as a collector does: checkers of memory and races look away. */
#if defined(TERN_HOSTED)
#define TERN_NO_SANITIZE __attribute__((no_sanitize_address, no_sanitize_thread))
#else
#define TERN_NO_SANITIZE
#endif

/* Of the load of a pointer, where it is enough that what is read next depends on it, as it is on every
 * machine. ThreadSanitizer knows no such order. */
#if defined(__SANITIZE_THREAD__)
#define TERN_DEPENDENT memory_order_acquire
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TERN_DEPENDENT memory_order_acquire
#endif
#endif
#ifndef TERN_DEPENDENT
#define TERN_DEPENDENT memory_order_relaxed
#endif

/* For large arrays that are written before they are read: an image's boot does not clear them. */
#if defined(TERN_HOSTED)
#define TERN_UNCLEARED
#else
#define TERN_UNCLEARED __attribute__((section(".bss.uncleared")))
#endif

#endif
