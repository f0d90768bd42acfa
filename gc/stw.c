/* SPDX-License-Identifier: MIT */
/* stw.c - stop the world, let all of it work together, start it.
 *
 * Job      Ask the kernel to stop the other CPUs; wait until each has come to tern_gc_stop_here() and
 *          given its cache back; hand them work; let them go.
 * Owns     the stop's number: odd while the world is to stand, even while it runs.
 * Locks    none: one CPU at a time stops the world (gc.c).   Context: interrupts off.
 * Late     An interrupt that comes when the stop is over finds an even number and returns. A CPU that
 *          leaves late is told of the next stop by another interrupt, as that one's number differs.
 * Patience A CPU may have its interrupts off for as long as it likes, and an emulator may not run it;
 *          so it gets ten seconds, by a clock if there is one. */
#include "gc/stw.h"

#include <stdatomic.h>

#include <tern/gc.h>
#include <tern/port.h>

#include "arch/arch.h"
#include "gc/event.h"
#include "lib/assert.h"
#include "lib/fault.h"
#include "mm/heap.h"

#define PATIENCE_NS    10000000000ull
#define PATIENCE_LOOPS 20000000000ull

/* [atomic: release by who stops the world, acquire by who is stopped] */
static _Atomic uint32_t stop;
/* [atomic: release by who stopped, acquire by who waits for him] */
static _Atomic uint32_t arrived;
/* In which stop a CPU was last seen. [atomic: relaxed] */
static _Atomic uint32_t seen[TERN_MAX_CPUS];

/* Work for all: fn and arg are [const] while `round` says that there is some. */
static struct {
	void (*fn)(void *arg);
	void *arg;
	unsigned helpers;
	_Atomic uint32_t round;   /* [atomic: release by who gives work, acquire by helpers] */
	_Atomic uint32_t tickets; /* [atomic: relaxed] helpers that took part */
	_Atomic uint32_t done;    /* [atomic: release by helpers, acquire] */
} work;

static void give_cache_back(void)
{
	struct tern_mcache *c = tern_heap_cache();

	if (c != &tern_mcache_none && !TERN_FAULT(CACHE_KEPT))
		tern_mcache_release_collected(c, tern_tables.central, &tern_heap.pages);
}

/* --- those who are stopped ------------------------------------------------------------------- */

/* True if it was wanted. */
static bool help(void)
{
	if (atomic_fetch_add_explicit(&work.tickets, 1, memory_order_relaxed) >= work.helpers)
		return false;
	work.fn(work.arg);
	atomic_fetch_add_explicit(&work.done, 1, memory_order_release);
	return true;
}

void tern_gc_stop_here(void)
{
	uint32_t now = atomic_load_explicit(&stop, memory_order_acquire);
	uint32_t round = atomic_load_explicit(&work.round, memory_order_relaxed);
	uint64_t start_ns = tern_event_start();
	bool helped = false;

	TERN_ASSERT(!tern_port_irq_enabled());
	if (now % 2 == 0)
		return;
	give_cache_back();
	atomic_store_explicit(&seen[tern_port_cpu_id()], now, memory_order_relaxed);
	atomic_fetch_add_explicit(&arrived, 1, memory_order_release);
	while (atomic_load_explicit(&stop, memory_order_acquire) == now) {
		uint32_t r = atomic_load_explicit(&work.round, memory_order_acquire);

		if (r != round) {
			round = r;
			helped |= help();
		}
		arch_relax();
	}
	tern_event_end(TERN_EVENT_STOPPED, start_ns, now, helped);
}

/* --- who stops them -------------------------------------------------------------------------- */

static _Noreturn void not_stopped(uint32_t now, unsigned have, unsigned want)
{
	tern_printf("tern: CPUs that have allocated and do not stop:");
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		if (tern_heap_cache_of(i) != &tern_mcache_none && i != tern_port_cpu_id() &&
		    atomic_load_explicit(&seen[i], memory_order_relaxed) != now)
			tern_printf(" %u", i);
	tern_printf("\n");
	tern_panic("stopping the world: %u of %u CPUs stopped in 10 s", have, want);
}

static void wait_for(uint32_t now, unsigned want)
{
	uint64_t start = tern_port_clock_ns();
	unsigned have;

	for (uint64_t n = 0; (have = atomic_load_explicit(&arrived, memory_order_acquire)) < want;
	     n++) {
		if (tern_port_clock_ns() - start > PATIENCE_NS || n > PATIENCE_LOOPS)
			not_stopped(now, have, want);
		arch_relax();
	}
}

unsigned tern_stw_stop(void)
{
	uint32_t now = atomic_load_explicit(&stop, memory_order_relaxed) + 1;
	unsigned others;

	TERN_ASSERT(now % 2 == 1 && !tern_port_irq_enabled());
	atomic_store_explicit(&arrived, 0, memory_order_relaxed);
	atomic_store_explicit(&stop, now, memory_order_release);
	others = tern_port_stop_cpus();
	give_cache_back();
	wait_for(now, others);
	return others;
}

void tern_stw_together(unsigned helpers, void (*fn)(void *arg), void *arg)
{
	work.fn = fn;
	work.arg = arg;
	work.helpers = helpers;
	atomic_store_explicit(&work.tickets, 0, memory_order_relaxed);
	atomic_store_explicit(&work.done, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&work.round, 1, memory_order_release);
	fn(arg);
	while (atomic_load_explicit(&work.done, memory_order_acquire) < helpers)
		arch_relax();
}

void tern_stw_start(void)
{
	atomic_fetch_add_explicit(&stop, 1, memory_order_release);
}
