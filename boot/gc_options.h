/* SPDX-License-Identifier: MIT */
/* gc_options.h - the collector's options, from a command line. */
#ifndef BOOT_GC_OPTIONS_H
#define BOOT_GC_OPTIONS_H

#include <tern/gc.h>

/* gc[=PERCENT|off], and gc- before each word of tern_gc_parse_options(): gc-limit=64M gc-check. Without
 * gc, and with gc=off, a cycle runs when asked for and at the limit only. What cannot be read is
 * warned of and left out. */
struct tern_gc_options gc_options(const char *cmdline);

#endif
