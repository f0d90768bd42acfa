/* SPDX-License-Identifier: MIT */
/* tern.h - the memory system of the Go runtime for machines without an operating system.
 *
 * This is the front door. A kernel gives what port.h asks for and calls what stands here and in
 * the headers beside it. Nothing but freestanding C11 headers is included. */
#ifndef TERN_TERN_H
#define TERN_TERN_H

#include <stdarg.h>
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

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
