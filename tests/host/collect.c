/* SPDX-License-Identifier: MIT */
/* collect.c - the process's collector: see tests/unit/collect.h. */
#include "tests/unit/collect.h"

#include "boot/host/stop.h"

bool start_collector(void)
{
	return host_gc_start();
}
