/* SPDX-License-Identifier: MIT */
/* cmdline.h - the kernel's command line: options, then commands for the monitor.
 *
 *   loglevel=debug seed=7 -- report; test memmap
 *
 * Words before "--" are options, key=value or key. What follows "--" is lines of the monitor,
 * separated by ";": they are run without asking, and their verdict is the exit status. */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Value of the last option key= before "--", copied to value and terminated. False, and value
 * untouched, if it is not there or does not fit. An option without "=" has the value "". */
bool cmdline_option(const char *cmdline, const char *key, char *value, size_t size);

/* The same of the next option key= in *at, which moves on behind it: begin with the command line,
 * call until it is false. One whose value does not fit is passed over. */
bool cmdline_next_option(const char **at, const char *key, char *value, size_t size);

/* The next word before "--" in *at, copied and terminated; likewise. */
bool cmdline_next_word(const char **at, char *word, size_t size);

/* The text after "--" without leading blanks, or NULL if there is no "--". */
const char *cmdline_script(const char *cmdline);

#endif
