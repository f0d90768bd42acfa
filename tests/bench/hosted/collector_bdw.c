/* SPDX-License-Identifier: MIT */
/* collector_bdw.c - bdwgc, with its defaults, as a library that was loaded before all others.
 *
 * Why      no header: what is called here has not changed for many years, and so the library alone is
 *          needed, and none for who builds. */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "tests/bench/hosted/collected.h"

/* Of its enum GC_EventType */
#define PRE_STOP_WORLD   6
#define POST_START_WORLD 9

struct stack_base {
	void *base, *other;
};

static struct {
	void *(*malloc)(size_t size);
	void *(*malloc_atomic)(size_t size);
	int (*get_stack_base)(struct stack_base *base);
	int (*register_my_thread)(const struct stack_base *base);
	int (*unregister_my_thread)(void);
} bdw;

static double stopped_at, longest_stop; /* who stops the world */

static void *make(const struct tern_type *type)
{
	return type->ptrdata ? bdw.malloc(type->size) : bdw.malloc_atomic(type->size);
}

static void thread_begin(void)
{
	struct stack_base base;

	if (bdw.get_stack_base(&base) != 0 || bdw.register_my_thread(&base) != 0)
		die("bdwgc takes no thread");
}

static void thread_end(void)
{
	bdw.unregister_my_thread();
}

/* It has as many as there are processors, from its start. */
static bool markers(unsigned n)
{
	return n == 2;
}

static void on_event(int event)
{
	if (event == PRE_STOP_WORLD)
		stopped_at = now_ns();
	if (event == POST_START_WORLD && now_ns() - stopped_at > longest_stop)
		longest_stop = now_ns() - stopped_at;
}

static double longest_stop_ns(void)
{
	return longest_stop;
}

/* Pointers to functions come from dlsym() as pointers to objects. */
#define FIND(pointer, name) (*(void **)(pointer) = process_function(name))

const char *collector_bdw(struct collector *c)
{
	Dl_info object;
	void (*init)(void), (*allow_threads)(void), (*set_on_event)(void (*fn)(int event));

	*c = (struct collector){ .make = make,
				 .thread_begin = thread_begin,
				 .thread_end = thread_end,
				 .markers = markers,
				 .longest_stop_ns = longest_stop_ns };
	FIND(&c->scan, "GC_malloc");
	FIND(&c->noscan, "GC_malloc_atomic");
	FIND(&c->collect, "GC_gcollect");
	bdw.malloc = c->scan;
	bdw.malloc_atomic = c->noscan;
	FIND(&bdw.get_stack_base, "GC_get_stack_base");
	FIND(&bdw.register_my_thread, "GC_register_my_thread");
	FIND(&bdw.unregister_my_thread, "GC_unregister_my_thread");
	FIND(&init, "GC_init");
	FIND(&allow_threads, "GC_allow_register_threads");
	FIND(&set_on_event, "GC_set_on_collection_event");
	init();
	allow_threads();
	set_on_event(on_event);
	if (!dladdr(*(void **)&c->scan, &object))
		die("GC_malloc is in no object");
	return object.dli_fname;
}
