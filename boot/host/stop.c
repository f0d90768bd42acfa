/* SPDX-License-Identifier: MIT */
/* stop.c - threads that play CPUs stop for the collector, and show it their stacks.
 *
 * Job      Keep a list of the threads that play CPUs. Stop them by the process's kind of interrupt,
 *          see arch/host/cpu.h. A thread that only waits for others plays no CPU meanwhile; nobody
 *          waits for it, and its stack is shown from where it left.
 * World    One flag: who has it changes the list, or has the world stopped. Who stopped the world
 *          keeps interrupts off until it runs on: so that they come on is when the flag is lowered;
 *          a thread interrupts itself for that.
 * CPUs     that no thread plays, but one did, go offline before the world stops: their caches are
 *          nobody's.
 * Stacks   The signal's frame has the registers of what it interrupted, and lies on the same stack;
 *          who takes the interrupt later has stored them by arch_spill(). On a growing stack there may
 *          be no room for a frame: there the signal is blocked, and interrupts come when polled.
 * Roots    data and bss of the program; not of the C library, nor thread-local variables. A
 *          sanitizer that is linked in has its data there, too: that costs time only.
 * Memory   world (release, acquire): the list, and what CPUs left. */
#define _GNU_SOURCE /* pthread_getattr_np, dl_iterate_phdr */
#include "boot/host/stop.h"

#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <tern/config.h>
#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/gc_options.h"
#include "lib/bits.h"

/* Those that play CPUs, and those that wait for them. */
#define THREADS (2 * TERN_MAX_CPUS)

struct player {
	bool used;
	bool away; /* plays no CPU at present */
	unsigned cpu;
	pthread_t thread;
	atomic_bool *irq_waits;
	uintptr_t top;                /* where its stack begins */
	uintptr_t sp;                 /* where it ends while it is stopped or away; 0: runs */
	struct host_stack_call *call; /* [itself] the innermost */
};

_Thread_local unsigned host_cpu_id; /* boot/host/tern_config.h reads it */
static _Thread_local struct player *self;
static _Thread_local bool has_world, in_interrupt;

static struct player players[THREADS]; /* [world] */
static bool was_played[TERN_MAX_CPUS]; /* [world] since it went offline */
static atomic_bool world;
static pthread_once_t once = PTHREAD_ONCE_INIT;

const char *__asan_default_options(void);

/* Locals that a checker keeps elsewhere than on the stack would not be found. */
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}

unsigned tern_port_cpu_id(void)
{
	return host_cpu_id;
}

bool tern_port_in_interrupt(void)
{
	return in_interrupt;
}

/* --- the world ------------------------------------------------------------------------------- */

/* Who has it may want this thread to stop first. */
static void take_world(void)
{
	while (atomic_exchange_explicit(&world, true, memory_order_acquire))
		arch_relax();
}

static void give_world(void)
{
	atomic_store_explicit(&world, false, memory_order_release);
}

/* --- being stopped --------------------------------------------------------------------------- */

static void stop_at(uintptr_t sp, void *arg)
{
	struct player *p = arg;

	p->sp = sp;
	in_interrupt = true;
	tern_gc_stop_here();
	in_interrupt = false;
	p->sp = 0;
}

static void take_interrupt(void)
{
	if (has_world) {
		has_world = false;
		give_world();
	} else {
		arch_spill(stop_at, self);
	}
}

static void on_signal(int number)
{
	int error = errno;

	(void)number;
	if (arch_irq_enabled())
		arch_host_poll();
	errno = error;
}

static void install(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigemptyset(&act.sa_mask);
	arch_host_irq_handler = take_interrupt;
	if (sigaction(HOST_STOP_SIGNAL, &act, NULL) != 0)
		abort();
}

/* --- who plays a CPU ------------------------------------------------------------------------- */

static struct player *take_player(void)
{
	struct player *p = players;

	while (p < players + THREADS && p->used)
		p++;
	if (p == players + THREADS)
		abort();
	return p;
}

void host_cpu_begin(unsigned cpu, uintptr_t top)
{
	pthread_once(&once, install);
	host_cpu_id = cpu;
	take_world();
	self = take_player();
	*self = (struct player){
		.used = true,
		.cpu = cpu,
		.thread = pthread_self(),
		.irq_waits = &arch_host_irq.waits,
		.top = top,
	};
	give_world();
}

/* For a thread that nobody told: the process's first. */
static void be_known(void)
{
	pthread_attr_t attr;
	void *low;
	size_t size;

	if (self)
		return;
	if (pthread_getattr_np(pthread_self(), &attr) != 0 ||
	    pthread_attr_getstack(&attr, &low, &size) != 0)
		abort();
	pthread_attr_destroy(&attr);
	host_cpu_begin(host_cpu_id, (uintptr_t)low + size);
}

void host_cpu_end(void)
{
	take_world();
	was_played[self->cpu] = true;
	self->used = false;
	self = NULL;
	give_world();
}

struct absence {
	void (*fn)(void *arg);
	void *arg;
};

static void be_away(uintptr_t sp, void *arg)
{
	const struct absence *a = arg;

	take_world();
	was_played[self->cpu] = true;
	self->sp = sp;
	self->away = true;
	give_world();
	a->fn(a->arg);
	take_world();
	self->away = false;
	self->sp = 0;
	give_world();
}

void host_cpu_leave(void (*fn)(void *arg), void *arg)
{
	struct absence a = { fn, arg };

	be_known();
	arch_spill(be_away, &a);
}

/* --- other stacks ---------------------------------------------------------------------------- */

static void block_signal(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, HOST_STOP_SIGNAL);
	pthread_sigmask(how, &set, NULL);
}

void host_stack_leave(struct host_stack_call *call)
{
	be_known();
	block_signal(SIG_BLOCK);
	call->outer = self->call;
	self->call = call;
}

void host_stack_return(const struct host_stack_call *call)
{
	self->call = call->outer;
	if (!self->call)
		block_signal(SIG_UNBLOCK);
}

/* --- stopping others ------------------------------------------------------------------------- */

static bool is_played(unsigned cpu)
{
	for (const struct player *p = players; p < players + THREADS; p++)
		if (p->used && !p->away && p->cpu == cpu)
			return true;
	return false;
}

/* In their names, as a CPU that goes does itself. */
static void absent_go_offline(void)
{
	for (unsigned cpu = 0; cpu < TERN_MAX_CPUS; cpu++) {
		if (!was_played[cpu] || is_played(cpu))
			continue;
		was_played[cpu] = false;
		host_cpu_id = cpu;
		tern_cpu_offline();
	}
	host_cpu_id = self->cpu;
}

static void interrupt(struct player *p)
{
	atomic_store_explicit(p->irq_waits, true, memory_order_release);
	pthread_kill(p->thread, HOST_STOP_SIGNAL);
}

unsigned tern_port_stop_cpus(void)
{
	unsigned n = 0;

	be_known();
	take_world();
	absent_go_offline();
	for (struct player *p = players; p < players + THREADS; p++) {
		if (!p->used || p->away || p == self)
			continue;
		interrupt(p);
		n++;
	}
	has_world = true;
	atomic_store_explicit(&arch_host_irq.waits, true, memory_order_relaxed);
	return n;
}

static void scan_player(const struct player *p, uintptr_t sp, tern_scan_stack *scan, void *arg)
{
	for (const struct host_stack_call *c = p->call; c; c = c->outer) {
		/* It may be about to go there, or just back. */
		if (sp - c->low >= c->top - c->low)
			continue;
		scan(arg, sp, c->top);
		sp = c->left_sp;
	}
	scan(arg, sp, p->top);
}

/* Who collects neither stopped nor left. */
void tern_port_scan_stacks(uintptr_t sp, tern_scan_stack *scan, void *arg)
{
	for (const struct player *p = players; p < players + THREADS; p++)
		if (p->used)
			scan_player(p, p->sp ? p->sp : sp, scan, arg);
}

/* --- the collector --------------------------------------------------------------------------- */

/* The first that is told of is the program; its data and bss may lie apart. */
static int add_roots(struct dl_phdr_info *info, size_t size, void *arg)
{
	bool *added = arg;

	(void)size;
	*added = true;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t low = align_up(info->dlpi_addr + p->p_vaddr, 8);
		uintptr_t end = align_down(info->dlpi_addr + p->p_vaddr + p->p_memsz, 8);

		if (p->p_type == PT_LOAD && (p->p_flags & PF_W))
			*added &= tern_gc_add_root((void *)low, end - low) == TERN_OK;
	}
	return 1;
}

static bool start(void)
{
	const char *words = getenv("TERN");
	struct tern_gc_options o = gc_options(words ? words : "");
	bool added = false;

	be_known();
	if (tern_gc_init(&o) != TERN_OK)
		return false;
	dl_iterate_phdr(add_roots, &added);
	return added;
}

bool host_gc_start(void)
{
	static bool started;

	started = started || start();
	return started;
}
