/* SPDX-License-Identifier: MIT */
/* ranges.h - ranges of addresses in a process, as tests may have them fail. */
#ifndef BOOT_HOST_RANGES_H
#define BOOT_HOST_RANGES_H

#include <stdatomic.h>

/* So many calls succeed, then none; from the start more than anybody makes. [atomic: relaxed] */
extern atomic_uint host_ranges_reserves, host_ranges_commits;

#endif
