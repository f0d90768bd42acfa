/* SPDX-License-Identifier: MIT */
/* gc_options.h - the collector's options, from a command line. */
#ifndef BOOT_GC_OPTIONS_H
#define BOOT_GC_OPTIONS_H

#include <tern/gc.h>

/* gc[=PERCENT|off] gc-limit=BYTES gc-mode=barrier gc-watched-roots gc-trace gc-check, as in struct
 * tern_gc_options. Without gc, and with gc=off, a cycle runs when asked for and at the limit only.
 * What cannot be read is warned of and left out. */
struct tern_gc_options gc_options(const char *cmdline);

#endif
