/* SPDX-License-Identifier: MIT */
/* config.h - layout that is fixed when the library is compiled.
 *
 * To change a value, compile everything with -DTERN_CONFIG='"your_config.h"'; what that file
 * defines wins over the defaults below. What may change while a kernel runs is not here: that is
 * policy, and goes through run-time calls. */
#ifndef TERN_CONFIG_H
#define TERN_CONFIG_H

#ifdef TERN_CONFIG
#include TERN_CONFIG
#endif

/* The most CPUs that a machine may have; ids run from 0 to one below. */
#ifndef TERN_MAX_CPUS
#define TERN_MAX_CPUS 64
#endif

#endif
