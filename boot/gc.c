/* SPDX-License-Identifier: MIT */
/* gc.c - start the collector, and a thread for what it leaves to do later.
 *
 * Options  see gc_options.h.
 * Roots    the image's data and bss. Not page tables, whose entries look like pointers, and not
 *          .bss.uncleared: what lies there is anything, at first.
 * Locks    none.   Context: see gc.h; tern_port_wake_background() any but NMI. */
#include "boot/gc.h"

#include <stdatomic.h>

#include <tern/gc.h>
#include <tern/port.h>

#include "boot/cmdline.h"
#include "boot/gc_options.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "lib/log.h"

#define WORD_MAX 24

extern char data_roots_start[], data_end[], bss_roots_start[], bss_end[];

/* [atomic: release by who makes it, acquire by who wakes it] */
static _Atomic(struct thread *) worker;

static void work(void *arg)
{
	(void)arg;
	for (;;) {
		while (tern_gc_background())
			thread_yield();
		thread_block();
	}
}

static bool start_worker(void)
{
	struct thread *t = thread_create("collector", work, NULL);

	if (!t)
		return false;
	thread_detach(t);
	atomic_store_explicit(&worker, t, memory_order_release);
	return true;
}

/* The stopped world does not hinder it: nobody was stopped with a run queue's lock. */
void tern_port_wake_background(void)
{
	struct thread *t = atomic_load_explicit(&worker, memory_order_acquire);

	if (t)
		thread_wake(t);
}

static bool add_roots(void)
{
	return tern_gc_add_root(data_roots_start, (size_t)(data_end - data_roots_start)) ==
		       TERN_OK &&
	       tern_gc_add_root(bss_roots_start, (size_t)(bss_end - bss_roots_start)) == TERN_OK;
}

bool gc_start(void)
{
	struct tern_gc_options o = gc_options(boot_info.cmdline);
	static bool started;

	if (started)
		return true;
	started = tern_gc_init(&o) == TERN_OK && add_roots() && start_worker();
	if (!started)
		log_error("no memory for the collector");
	return started;
}

void gc_start_if_asked(void)
{
	char word[WORD_MAX];

	if (cmdline_option(boot_info.cmdline, "gc", word, sizeof(word)))
		gc_start();
}
