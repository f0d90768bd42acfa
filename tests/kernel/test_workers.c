/* SPDX-License-Identifier: MIT */
/* test_workers.c - the collector's threads: a machine with nothing else to do ends a cycle that nobody waits
 * for, and so does one that is busy. */
#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "gc/concurrent.h"
#include "gc/gc.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/marking.h"

#define NODES 4000u

static void **volatile head; /* a root */

static void make_nodes(void)
{
	for (unsigned i = 0; i < NODES; i++) {
		void **p = tern_alloc(256);

		if (!p)
			return;
		*p = (void *)head;
		head = p;
	}
}

/* Each by itself: who has seen one keeps no more than that. */
static bool end(void)
{
	while (head) {
		void **next = *head;

		*head = NULL;
		head = next;
	}
	return restore_options();
}

static void start_and_let_end(struct tern_pacer_workers workers)
{
	start_marking();
	tern_gc_state.pacer.workers = workers;
	tern_gc_release();
	tern_port_wake_background();
}

/* A cycle that is asked for has all workers dedicated. One that runs before something else is told, on another
 * CPU or when this thread's time was up just then, stays so, and idle ones have nothing to do: hence again. */
TEST(workers_kernel, an_idle_machine_ends_a_cycle)
{
	bool idle = cpu_count() > 1;

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, tern_gc_state.options.check));
	make_nodes();
	for (unsigned i = 0; i == 0 || (!idle && i < 10); i++) {
		uint64_t cycles = tern_gc_state.stats.cycles;

		start_and_let_end((struct tern_pacer_workers){ .idle_max = 1 });
		EXPECT(WAIT_FOR(!tern_gc_is_marking()));
		EXPECT_EQ(tern_gc_state.stats.cycles, cycles + 1);
		idle |= tern_gc_state.cycle.idle_ns > 0;
	}
	EXPECT(idle);
	REQUIRE(end());
}

/* All CPUs are busy, and nobody allocates. */
static atomic_bool over;

static void spin_until_over(void *arg)
{
	(void)arg;
	while (!atomic_load(&over))
		arch_relax();
}

TEST(workers_kernel, a_busy_machine_ends_a_cycle)
{
	static struct thread *busy[TERN_MAX_CPUS];

	REQUIRE(collector_for_tests());
	REQUIRE(change_options(TERN_GC_BARRIER, false, tern_gc_state.options.check));
	make_nodes();
	atomic_store(&over, false);
	for (unsigned i = 0; i < cpu_count(); i++)
		REQUIRE(busy[i] = thread_create_on(i, "busy", spin_until_over, NULL));
	start_and_let_end(tern_pacer_workers_of(cpu_count(), true, TERN_PACER_HEAP));
	EXPECT(WAIT_FOR(!tern_gc_is_marking()));
	atomic_store(&over, true);
	for (unsigned i = 0; i < cpu_count(); i++)
		thread_join(busy[i]);
	REQUIRE(end());
}
