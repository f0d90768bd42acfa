/* SPDX-License-Identifier: MIT */
/* heap.c - the heap has the machine's memory: see tests/unit/heap.h. */
#include "tests/unit/heap.h"

bool heap_for_tests(void)
{
	return true;
}
