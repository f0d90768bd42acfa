/* SPDX-License-Identifier: MIT */
/* host.h - a process that plays the kernel: what hosted tests ask of it. */
#ifndef BOOT_HOST_HOST_H
#define BOOT_HOST_HOST_H

#include <stdbool.h>
#include <stddef.h>

/* Run fn(i) for i = 0 .. n-1, each in a thread that plays CPU i, and wait for all. The caller's
 * own thread is CPU 0 outside of this. */
void host_on_cpus(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg);

/* Run fn(arg) and catch a panic in it: true if it panicked, with the text in `text`. What the
 * panic left half done stays so: for tests on objects of their own. */
bool host_panics(void (*fn)(void *arg), void *arg, char *text, size_t size);

/* From now on tern_port_write() appends to buf, always terminated, instead of standard output;
 * NULL ends it. */
void host_capture(char *buf, size_t size);

/* From now on tern_port_write() calls fn first, as a kernel's console may take locks and fail
 * checks; NULL ends it. */
void host_before_write(void (*fn)(void));

#endif
