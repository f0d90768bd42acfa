/* SPDX-License-Identifier: MIT */
/* background.h - a thread for the heap's work that nobody waits for. */
#ifndef BOOT_BACKGROUND_H
#define BOOT_BACKGROUND_H

/* If the command line has the option `background`; without it, nothing runs between instructions
 * that somebody counts. Thread 0, once. */
void background_start(void);

#endif
