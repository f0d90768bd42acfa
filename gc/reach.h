/* SPDX-License-Identifier: MIT */
/* reach.h - all that roots lead to, found by the simple rules of graph.h. */
#ifndef GC_REACH_H
#define GC_REACH_H

#include <stdbool.h>
#include <stdint.h>

/* Mark every object that roots lead to as seen; tern_nodes_forget() ends that. With manual ones, these are
 * objects like others, and runs of pages are roots; else the collector's rules hold: manual objects
 * lead nowhere. The stopped world; sp: see tern_port_scan_stacks(). */
void tern_reach(uintptr_t sp, bool manual);

#endif
