/* SPDX-License-Identifier: MIT */
/* string.h - memory and text, without a libc.
 *
 * memcpy and its three sisters are what compilers emit calls to. The library uses them
 * undefined; lib/memory.c has weak ones, in an object of its own, for kernels that have none. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stdbool.h>
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

size_t tern_str_len(const char *s);
/* Length of s, but never looks past max bytes. */
size_t tern_str_nlen(const char *s, size_t max);
bool tern_str_eq(const char *a, const char *b);
bool tern_str_starts(const char *s, const char *prefix);
/* Copies what fits and always terminates; returns false if the text was cut. size > 0. */
bool tern_str_copy(char *to, size_t size, const char *from);
/* True if pattern, which may hold * and ?, matches all of s. */
bool tern_str_match(const char *pattern, const char *s);

#endif
