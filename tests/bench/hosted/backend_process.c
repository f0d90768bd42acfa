/* SPDX-License-Identifier: MIT */
/* backend_process.c - the malloc that this process has: the C library's or a preloaded one.
 *
 * Why      preloading is how people use these libraries, and the only way for those that want
 *          their thread-local data in the block that is laid out at the start. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "tests/bench/hosted/bench.h"

void *process_function(const char *name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p)
		die("no %s in this process", name);
	return p;
}

const char *backend_process(struct backend *b)
{
	Dl_info object;

	*(void **)&b->malloc = process_function("malloc");
	*(void **)&b->free = process_function("free");
	*(void **)&b->calloc = process_function("calloc");
	*(void **)&b->realloc = process_function("realloc");
	if (!dladdr(*(void **)&b->malloc, &object))
		die("malloc is in no object");
	return object.dli_fname;
}
