/* SPDX-License-Identifier: MIT */
/* collect.c - the guest kernel's collector: see tests/unit/collect.h. */
#include "tests/unit/collect.h"

#include "boot/gc.h"

bool start_collector(void)
{
	return gc_start();
}
