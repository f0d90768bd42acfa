/* SPDX-License-Identifier: MIT */
/* host.c - a process that plays the kernel: the port by libc and pthreads.
 *
 * A thread plays a CPU; its id is thread-local. A panic ends the process unless the test that is
 * running expects it. Locks: the capture buffer has one of its own. Context: threads. */
#include "boot/host/host.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <tern/config.h>
#include <tern/port.h>

#include "arch/arch.h"
#include "boot/host/stop.h"
#include "boot/host/watch.h"

static _Thread_local jmp_buf *panic_catcher;
static _Thread_local char *panic_text;
static _Thread_local size_t panic_text_size;

static pthread_mutex_t write_mutex = PTHREAD_MUTEX_INITIALIZER;
static char *capture; /* [write_mutex] */
static size_t capture_size, capture_used;

static void (*before_write)(void); /* one thread sets it, while no other writes */

/* Who holds the mutex is not stopped: who stops him may want to write. */
static unsigned long lock_write(void)
{
	unsigned long irq = arch_irq_save();

	pthread_mutex_lock(&write_mutex);
	return irq;
}

static void unlock_write(unsigned long irq)
{
	pthread_mutex_unlock(&write_mutex);
	arch_irq_restore(irq);
}

void tern_port_write(const char *text, size_t len)
{
	unsigned long irq;

	if (before_write)
		before_write();
	irq = lock_write();
	if (!capture) {
		fwrite(text, 1, len, stdout);
	} else {
		size_t room = capture_size - 1 - capture_used;

		if (len > room)
			len = room;
		memcpy(capture + capture_used, text, len);
		capture_used += len;
		capture[capture_used] = '\0';
	}
	unlock_write(irq);
}

void host_capture(char *buf, size_t size)
{
	unsigned long irq = lock_write();

	capture = buf;
	capture_size = size;
	capture_used = 0;
	if (buf)
		buf[0] = '\0';
	unlock_write(irq);
}

void host_before_write(void (*fn)(void))
{
	before_write = fn;
}

_Noreturn void tern_port_panic(const char *text)
{
	if (panic_catcher) {
		snprintf(panic_text, panic_text_size, "%s", text);
		longjmp(*panic_catcher, 1);
	}
	fflush(stdout);
	abort();
}

bool host_panics(void (*fn)(void *arg), void *arg, char *text, size_t size)
{
	unsigned long irq = arch_host_irq.off;
	char said[512];
	jmp_buf here;
	volatile bool panicked = true;

	text[0] = '\0';
	panic_text = text;
	panic_text_size = size;
	host_capture(said, sizeof(said));
	panic_catcher = &here;
	if (setjmp(here) == 0) {
		fn(arg);
		panicked = false;
	}
	panic_catcher = NULL;
	host_capture(NULL, 0);
	arch_irq_restore(irq);
	return panicked;
}

uint64_t tern_port_clock_ns(void)
{
	return arch_ticks();
}

/* Private memory of the process reads as zero from then on; the heap asks only that it reads. */
bool tern_port_release(uintptr_t start, size_t size)
{
	return madvise((void *)start, size, MADV_DONTNEED) == 0;
}

/* The heap's pages are several of the process's. */
bool tern_port_protect(uintptr_t start, size_t size, bool accessible)
{
	host_watch_forget(start, size);
	return mprotect((void *)start, size, accessible ? PROT_READ | PROT_WRITE : PROT_NONE) == 0;
}

struct job {
	pthread_t thread;
	unsigned cpu;
	void (*fn)(unsigned cpu, void *arg);
	void *arg;
};

struct jobs {
	unsigned n;
	struct job job[TERN_MAX_CPUS];
};

static void *run_job(void *p)
{
	struct job *j = p;

	host_cpu_begin(j->cpu, (uintptr_t)__builtin_frame_address(0));
	j->fn(j->cpu, j->arg);
	host_cpu_end();
	return NULL;
}

static void run_jobs(void *p)
{
	struct jobs *all = p;

	for (unsigned i = 0; i < all->n; i++)
		if (pthread_create(&all->job[i].thread, NULL, run_job, &all->job[i]) != 0)
			abort();
	for (unsigned i = 0; i < all->n; i++)
		pthread_join(all->job[i].thread, NULL);
}

void host_on_cpus(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg)
{
	struct jobs all = { .n = n };

	if (n > TERN_MAX_CPUS)
		abort();
	for (unsigned i = 0; i < n; i++)
		all.job[i] = (struct job){ .cpu = i, .fn = fn, .arg = arg };
	host_cpu_leave(run_jobs, &all);
}
