/* SPDX-License-Identifier: MIT */
/* heap.c - memory for *the* heap of the hosted tests: see tests/unit/heap.h. */
#include <sys/mman.h>

#include <tern/tern.h>

#include "tests/unit/heap.h"

#define SIZE (256ul << 20)

bool heap_for_tests(void)
{
	static bool have;
	void *p;

	if (have)
		return true;
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	have = p != MAP_FAILED && tern_add_zeroed_region((uintptr_t)p, SIZE) == TERN_OK;
	return have;
}
