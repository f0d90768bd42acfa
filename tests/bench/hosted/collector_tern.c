/* SPDX-License-Identifier: MIT */
/* collector_tern.c - tern's collector, and a second CPU for it that has nothing else to do.
 *
 * Job      Start it; play a CPU that sleeps, does the collector's background work when told, and marks
 *          when the world stops, if that is for long: else nobody waits for it while it sleeps.
 * Why      a kernel's idle CPU does just that. Go and bdwgc have threads of their own for it. */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "boot/host/stop.h"
#include "tests/bench/hosted/collected.h"

static sem_t work;
static bool beside; /* marks beside the program: in short pauses it is no help */

void tern_port_wake_background(void)
{
	int waiting;

	if (sem_getvalue(&work, &waiting) == 0 && waiting == 0)
		sem_post(&work);
}

/* A signal ends the wait early: then there is nothing to do, or it comes again. */
static void wait_for_work(void *unused)
{
	(void)unused;
	sem_wait(&work);
}

static void *second_cpu(void *unused)
{
	host_cpu_begin(1, (uintptr_t)__builtin_frame_address(0));
	for (;;) {
		if (beside)
			host_cpu_leave(wait_for_work, NULL);
		else
			wait_for_work(NULL);
		while (tern_gc_background())
			;
	}
	return unused;
}

static bool markers(unsigned n)
{
	static unsigned present = 1;
	pthread_t thread;

	for (; present < n && present < 2; present++)
		if (pthread_create(&thread, NULL, second_cpu, NULL) != 0)
			die("no thread for a second CPU");
	return present == n;
}

static void collect(void)
{
	if (tern_gc() != TERN_OK)
		die("tern does not collect");
}

static double longest_stop_ns(void)
{
	struct tern_gc_stats s;

	tern_gc_stats(&s);
	return (double)s.max_pause_ns;
}

static void nothing(void)
{
}

void collector_tern(struct collector *c, const char *options)
{
	sem_init(&work, 0, 0);
	setenv("TERN", options, 0);
	beside = strstr(options, "gc-mode=");
	if (!host_gc_start())
		die("tern's collector does not start with: %s", options);
	*c = (struct collector){
		.make = tern_new,
		.scan = tern_alloc,
		.noscan = tern_alloc_noscan,
		.collect = collect,
		.thread_begin = nothing,
		.thread_end = nothing,
		.markers = markers,
		.longest_stop_ns = longest_stop_ns,
	};
}
