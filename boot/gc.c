/* SPDX-License-Identifier: MIT */
/* gc.c - start the collector, and threads for what it leaves to do later.
 *
 * Threads  one on each CPU sweeps and marks, when the collector says or its CPU has nothing else to do.
 *          The first also starts the cycle that is due when there was none for long, for which a timer
 *          wakes it now and then. They come by addresses of objects, but keep none alive. One more
 *          calls finalizers and cleanups, which may take as long as they like.
 * Options  see gc_options.h.
 * Roots    the image's data and bss. Not the kernel's own and tern's, where times and counts look like
 *          addresses of a small machine, nor page tables, whose entries do, and not .bss.uncleared: what
 *          lies there is anything, at first. What tests keep, which is most of an image with tests, is
 *          scanned only where there are any to come.
 * Locks    none.   Context: see gc.h; tern_port_wake_background() any but NMI. */
#include "boot/gc.h"

#include <stdatomic.h>

#include <tern/final.h>
#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "boot/cmdline.h"
#include "boot/cpu.h"
#include "boot/gc_options.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "boot/thread.h"
#include "boot/timer.h"
#include "lib/log.h"

#define WORD_MAX  24
#define PERIOD_NS 5000000000ull

extern char data_roots_start[], data_end[], bss_roots_start[], bss_end[];
extern char test_data_start[], test_bss_start[]; /* up to the roots of all */

/* [atomic: release by who makes it, acquire by who wakes it] */
typedef _Atomic(struct thread *) woken_thread;

static woken_thread finalizer, collectors[TERN_MAX_CPUS];

static void work(void *arg)
{
	struct tern_gc_worker w = { 0 };
	struct tern_gc_turn next;
	bool idle = false;

	(void)arg;
	thread_self()->unscanned = true;
	thread_self()->brief = true;
	for (;;) {
		next = tern_gc_work(&w, idle);
		idle = next.wait_ns && thread_wait(next.wait_ns, next.or_idle);
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

static bool start_thread(woken_thread *who, unsigned cpu, const char *name, void (*fn)(void *))
{
	struct thread *t = cpu == THREAD_ANY_CPU ? thread_create(name, fn, NULL)
						 : thread_create_on(cpu, name, fn, NULL);

	if (!t)
		return false;
	thread_detach(t);
	atomic_store_explicit(who, t, memory_order_release);
	return true;
}

static bool start_collector(unsigned cpu)
{
	char name[THREAD_NAME_MAX];

	tern_snprintf(name, sizeof(name), "collector %u", cpu);
	return start_thread(&collectors[cpu], cpu, name, work);
}

static void wake(woken_thread *who)
{
	struct thread *t = atomic_load_explicit(who, memory_order_acquire);

	if (t)
		thread_wake(t);
}

/* The stopped world does not hinder it: nobody was stopped with a run queue's lock. */
void tern_port_wake_background(void)
{
	for (unsigned i = 0; i < cpu_count(); i++)
		wake(&collectors[i]);
	wake(&finalizer);
}

static void now_and_then(struct timer *t)
{
	wake(&collectors[0]);
	timer_arm(t, mach_clock_ns() + PERIOD_NS);
}

static bool start_threads(void)
{
	static struct timer timer;

	for (unsigned i = 0; i < cpu_count(); i++)
		if (!start_collector(i))
			return false;
	if (!start_thread(&finalizer, THREAD_ANY_CPU, "finalizer", finalize))
		return false;
	timer_init(&timer, now_and_then);
	timer_arm(&timer, mach_clock_ns() + PERIOD_NS);
	return true;
}

/* An image may have no such data. */
static enum tern_result add_root(const char *start, const char *end)
{
	return start == end ? TERN_OK : tern_gc_add_root(start, (size_t)(end - start));
}

static bool add_roots(void)
{
	return add_root(data_roots_start, data_end) == TERN_OK &&
	       add_root(bss_roots_start, bss_end) == TERN_OK;
}

/* TERN_EINVAL: they are there already. */
bool gc_add_test_roots(void)
{
	return add_root(test_data_start, data_roots_start) != TERN_ENOMEM &&
	       add_root(test_bss_start, bss_roots_start) != TERN_ENOMEM;
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
