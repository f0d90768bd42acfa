/* SPDX-License-Identifier: MIT */
/* backend_process.c - the malloc that this process has: the C library's or a preloaded one.
 *
 * Why      preloading is how people use these libraries, and the only way for those that want
 *          their thread-local data in the block that is laid out at the start. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "tests/bench/hosted/bench.h"

/* The function itself, and not the entry of it in this program's table. */
static void *function(const char *name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p)
		die("no %s in this process", name);
	return p;
}

const char *backend_process(struct backend *b)
{
	Dl_info object;

	*(void **)&b->malloc = function("malloc");
	*(void **)&b->free = function("free");
	*(void **)&b->calloc = function("calloc");
	*(void **)&b->realloc = function("realloc");
	if (!dladdr(*(void **)&b->malloc, &object))
		die("malloc is in no object");
	return object.dli_fname;
}
