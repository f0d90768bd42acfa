/* SPDX-License-Identifier: MIT */
/* gchook.c - the door to the collector, shut: see gchook.h. */
#include "mm/gchook.h"

const struct tern_gchooks *_Atomic tern_gchooks;
