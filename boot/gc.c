/* SPDX-License-Identifier: MIT */
/* gc.c - start the collector, and two threads for what it leaves to do later.
 *
 * Threads  one sweeps, marks, and starts the cycle that is due when there was none for long, for which
 *          a timer wakes it now and then; it comes by addresses of objects, but keeps none alive. One
 *          calls finalizers and cleanups, which may take as long as they like.
 * Options  see gc_options.h.
 * Roots    the image's data and bss. Not page tables, whose entries look like pointers, and not
 *          .bss.uncleared: what lies there is anything, at first.
 * Locks    none.   Context: see gc.h; tern_port_wake_background() any but NMI. */
#include "boot/gc.h"

#include <stdatomic.h>

#include <tern/final.h>
#include <tern/gc.h>
#include <tern/port.h>

#include "boot/cmdline.h"
#include "boot/gc_options.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "boot/timer.h"
#include "lib/log.h"

#define WORD_MAX  24
#define PERIOD_NS 5000000000ull

extern char data_roots_start[], data_end[], bss_roots_start[], bss_end[];

/* [atomic: release by who makes them, acquire by who wakes them] */
static struct worker {
	_Atomic(struct thread *) thread;
} collector, finalizer;

static void work(void *arg)
{
	(void)arg;
	thread_self()->unscanned = true;
	for (;;) {
		while (tern_gc_background())
			thread_yield();
		thread_block();
	}
}

static void finalize(void *arg)
{
	(void)arg;
	for (;;) {
		while (tern_run_finalizers())
			;
		thread_block();
	}
}

static bool start_thread(struct worker *who, const char *name, void (*fn)(void *))
{
	struct thread *t = thread_create(name, fn, NULL);

	if (!t)
		return false;
	thread_detach(t);
	atomic_store_explicit(&who->thread, t, memory_order_release);
	return true;
}

static void wake(struct worker *who)
{
	struct thread *t = atomic_load_explicit(&who->thread, memory_order_acquire);

	if (t)
		thread_wake(t);
}

/* The stopped world does not hinder it: nobody was stopped with a run queue's lock. */
void tern_port_wake_background(void)
{
	wake(&collector);
	wake(&finalizer);
}

static void now_and_then(struct timer *t)
{
	wake(&collector);
	timer_arm(t, mach_clock_ns() + PERIOD_NS);
}

static bool start_threads(void)
{
	static struct timer timer;

	if (!start_thread(&collector, "collector", work) ||
	    !start_thread(&finalizer, "finalizer", finalize))
		return false;
	timer_init(&timer, now_and_then);
	timer_arm(&timer, mach_clock_ns() + PERIOD_NS);
	return true;
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
	started = tern_gc_init(&o) == TERN_OK && add_roots() && start_threads();
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
