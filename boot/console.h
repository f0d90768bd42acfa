/* SPDX-License-Identifier: MIT */
/* console.h - the serial console. tern_port_write() ends here; "\n" goes out as "\r\n". */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

void console_write(const char *text, size_t len);

/* From now on only this CPU writes, without the lock; others' text is dropped. True for the
 * first CPU that calls, once. */
bool console_emergency(void);
/* True if this CPU is the one. */
bool console_emergency_here(void);

/* A typed byte, or -1. */
int console_poll(void);
/* Wait for a byte, sleeping between looks. Threads only. */
int console_getc(void);

#endif
