/* SPDX-License-Identifier: MIT */
/* console.h - the serial console.
 *
 * tern_port_write() ends here. Writers are serialised by a lock taken with interrupts off. The
 * emergency path takes no lock: once console_emergency() was called (a fault is being told),
 * only the CPU that called writes, and others' text is dropped. "\n" goes out as "\r\n". */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

void console_write(const char *text, size_t len);
/* From now on only this CPU writes, without the lock. True the first time, for one CPU. */
bool console_emergency(void);
/* A typed byte, or -1. */
int console_poll(void);
/* Wait for a byte, sleeping between looks; thread context. */
int console_getc(void);

#endif
