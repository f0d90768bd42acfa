/* SPDX-License-Identifier: MIT */
/* assert.h - checks, and what each costs.
 *
 *   TERN_STATIC_ASSERT  nothing     when compiling
 *   TERN_CHECK          O(1)        always: the caller or memory is wrong
 *   TERN_ASSERT         O(1)        BUILD=debug and verify: we are wrong
 *   TERN_VERIFY         O(n)        BUILD=verify: a type's whole list of invariants
 *
 * A check that is off is still compiled, so that it cannot rot, and evaluates nothing. Being out
 * of memory is never a failed check: it returns. Context: any. */
#ifndef LIB_ASSERT_H
#define LIB_ASSERT_H

#include <stdbool.h>

#include "lib/compiler.h"

#ifndef TERN_CHECK_LEVEL
#define TERN_CHECK_LEVEL 0
#endif

/* Print the text and the numbers on the port's console, then stop through tern_port_panic(). */
_Noreturn void tern_panic(const char *format, ...) TERN_PRINTF(1, 2);
_Noreturn void tern_assert_failed(const char *expr, const char *file, int line);
/* True while this CPU writes the text of its panic, whatever locks it holds. */
bool tern_panic_here(void);

#define TERN_STATIC_ASSERT(expr, text) _Static_assert(expr, text)

/* TERN_CHECK(size <= max, "size %zu is over %zu", size, max) */
#define TERN_CHECK(expr, ...)                                                                      \
	do {                                                                                       \
		if (unlikely(!(expr)))                                                             \
			tern_panic(__VA_ARGS__);                                                   \
	} while (0)

#define TERN_CHECK_ON(expr)                                                                        \
	do {                                                                                       \
		if (unlikely(!(expr)))                                                             \
			tern_assert_failed(#expr, __FILE__, __LINE__);                             \
	} while (0)
#define TERN_CHECK_OFF(expr) ((void)sizeof(!!(expr)))

#if TERN_CHECK_LEVEL >= 1
#define TERN_ASSERT(expr) TERN_CHECK_ON(expr)
#else
#define TERN_ASSERT(expr) TERN_CHECK_OFF(expr)
#endif

#if TERN_CHECK_LEVEL >= 2
#define TERN_VERIFY(expr) TERN_CHECK_ON(expr)
#else
#define TERN_VERIFY(expr) TERN_CHECK_OFF(expr)
#endif

#endif
