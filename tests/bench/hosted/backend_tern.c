/* SPDX-License-Identifier: MIT */
/* backend_tern.c - tern, linked into this program, on memory that the process maps for it.
 *
 * Why      one large region: address space costs nothing here, and the kernel gives pages as they
 *          are touched, to tern as to its peers. */
#include <sys/mman.h>

#include <tern/tern.h>

#include "tests/bench/hosted/bench.h"

#define REGION_SIZE (4ul << 30)

const char *backend_tern(struct backend *b)
{
	void *region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (region == MAP_FAILED ||
	    tern_add_zeroed_region((uintptr_t)region, REGION_SIZE) != TERN_OK)
		die("no address space for tern's region");
	*b = (struct backend){ tern_malloc, tern_free, tern_calloc, tern_realloc };
	return tern_version();
}
