/* SPDX-License-Identifier: MIT */
/* test_gc_port_host.c - what the process shows the collector, and that its threads stop: wherever they
 * are, with interrupts off a little later, on other stacks, and not at all while they are away.
 *
 * A hidden pointer is the complement of one: no stack or register holds the pointer itself until the
 * thread under test turns it back. */
#include <pthread.h>
#include <stdatomic.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/stack.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/host/growing.h"
#include "boot/host/host.h"
#include "boot/host/stop.h"
#include "lib/bits.h"
#include "lib/compiler.h"
#include "tests/test.h"
#include "tests/unit/collect.h"

#define CPUS    4u
#define OBJECTS 64u

static TERN_NOINLINE uintptr_t hidden_object(void)
{
	return ~(uintptr_t)tern_alloc(100);
}

static bool in_use(uintptr_t hidden)
{
	return tern_base((void *)~hidden) != NULL;
}

/* The compiler is told that it changes the pointer, so that it is no other value's complement. */
#define IN_REGISTER(p) __asm__ volatile("" : "+r"(p))

/* What the threads of one test share. CPU 0 collects, the others hold one object each. */
struct holders {
	void (*hold)(struct holders *h, unsigned cpu);
	uintptr_t hidden[CPUS];
	atomic_uint holding, lost;
	atomic_bool leave;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool go; /* [mutex] */
};

static void found(struct holders *h, uintptr_t p)
{
	if (tern_base((void *)p) != (void *)p)
		atomic_fetch_add(&h->lost, 1);
}

/* No call between: any register will do, and no store. */
static TERN_NOINLINE void hold_and_spin(struct holders *h, unsigned cpu)
{
	uintptr_t p = ~h->hidden[cpu];

	IN_REGISTER(p);
	atomic_fetch_add(&h->holding, 1);
	while (!atomic_load_explicit(&h->leave, memory_order_relaxed))
		IN_REGISTER(p);
	found(h, p);
}

/* As above, but it asks. */
static TERN_NOINLINE void hold_and_poll(struct holders *h, unsigned cpu)
{
	uintptr_t p = ~h->hidden[cpu];

	IN_REGISTER(p);
	atomic_fetch_add(&h->holding, 1);
	while (!atomic_load_explicit(&h->leave, memory_order_relaxed))
		arch_relax();
	IN_REGISTER(p);
	found(h, p);
}

/* Interrupts off, for most of the time. */
static TERN_NOINLINE void hold_with_interrupts_off(struct holders *h, unsigned cpu)
{
	uintptr_t p = ~h->hidden[cpu];

	IN_REGISTER(p);
	atomic_fetch_add(&h->holding, 1);
	while (!atomic_load_explicit(&h->leave, memory_order_relaxed)) {
		unsigned long irq = arch_irq_save();

		for (unsigned i = 0; i < 100; i++)
			arch_relax();
		arch_irq_restore(irq);
	}
	IN_REGISTER(p);
	found(h, p);
}

/* In the C library. */
static TERN_NOINLINE void hold_and_block(struct holders *h, unsigned cpu)
{
	uintptr_t p = ~h->hidden[cpu];

	IN_REGISTER(p);
	atomic_fetch_add(&h->holding, 1);
	pthread_mutex_lock(&h->mutex);
	while (!h->go)
		pthread_cond_wait(&h->cond, &h->mutex);
	pthread_mutex_unlock(&h->mutex);
	IN_REGISTER(p);
	found(h, p);
}

static void wait_to_go(void *arg)
{
	struct holders *h = arg;

	pthread_mutex_lock(&h->mutex);
	while (!h->go)
		pthread_cond_wait(&h->cond, &h->mutex);
	pthread_mutex_unlock(&h->mutex);
}

/* Nobody waits for it. */
static TERN_NOINLINE void hold_and_be_away(struct holders *h, unsigned cpu)
{
	uintptr_t p = ~h->hidden[cpu];

	IN_REGISTER(p);
	atomic_fetch_add(&h->holding, 1);
	host_cpu_leave(wait_to_go, h);
	IN_REGISTER(p);
	found(h, p);
}

static void let_go(struct holders *h)
{
	atomic_store(&h->leave, true);
	pthread_mutex_lock(&h->mutex);
	h->go = true;
	pthread_cond_broadcast(&h->cond);
	pthread_mutex_unlock(&h->mutex);
}

static void collect_meanwhile(struct holders *h)
{
	while (atomic_load(&h->holding) < CPUS - 1)
		arch_relax();
	for (unsigned round = 0; round < 5; round++) {
		atomic_fetch_add(&h->lost, tern_gc() != TERN_OK);
		for (unsigned i = 1; i < CPUS; i++)
			atomic_fetch_add(&h->lost, !in_use(h->hidden[i]));
	}
	let_go(h);
}

static void hold_or_collect(unsigned cpu, void *arg)
{
	struct holders *h = arg;

	if (cpu)
		h->hold(h, cpu);
	else
		collect_meanwhile(h);
}

static TERN_NOINLINE void hide(struct holders *h)
{
	for (unsigned i = 1; i < CPUS; i++)
		h->hidden[i] = hidden_object();
}

static void collect_while(struct test *t, void (*hold)(struct holders *h, unsigned cpu))
{
	struct holders h = { .hold = hold,
			     .mutex = PTHREAD_MUTEX_INITIALIZER,
			     .cond = PTHREAD_COND_INITIALIZER };

	REQUIRE(collector_for_tests());
	hide(&h);
	host_on_cpus(CPUS, hold_or_collect, &h);
	EXPECT_EQ(h.lost, 0);
}

/* Without this, the others say nothing. */
TEST(gc_port_host, hidden_pointers_keep_nothing)
{
	static uintptr_t hidden[OBJECTS];
	unsigned retained = 0;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < OBJECTS; i++)
		hidden[i] = hidden_object();
	EXPECT_EQ(tern_gc(), TERN_OK);
	for (unsigned i = 0; i < OBJECTS; i++)
		retained += in_use(hidden[i]);
	EXPECT(retained <= OBJECTS / 4);
}

TEST(gc_port_host, in_a_register_of_a_thread_that_is_interrupted)
{
	collect_while(t, hold_and_spin);
}

TEST(gc_port_host, in_a_register_of_who_polls)
{
	collect_while(t, hold_and_poll);
}

TEST(gc_port_host, interrupts_off_now_and_then)
{
	collect_while(t, hold_with_interrupts_off);
}

TEST(gc_port_host, in_a_register_over_a_wait)
{
	collect_while(t, hold_and_block);
}

TEST(gc_port_host, of_a_thread_that_is_away)
{
	collect_while(t, hold_and_be_away);
}

static void *volatile in_data = (void *)1;
static void *volatile in_bss;

TEST(gc_port_host, in_the_programs_data)
{
	uintptr_t hidden[2];

	REQUIRE(collector_for_tests());
	hidden[0] = hidden_object();
	hidden[1] = hidden_object();
	in_data = (void *)~hidden[0];
	in_bss = (void *)~hidden[1];
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(in_use(hidden[0]) && in_use(hidden[1]));
	in_data = in_bss = NULL;
}

/* --- the thread that waits for those that play CPUs --------------------------------------- */

static void just_collect(unsigned cpu, void *arg)
{
	(void)cpu;
	atomic_fetch_add((atomic_uint *)arg, tern_gc() != TERN_OK);
}

static TERN_NOINLINE bool hold_while_others_collect(uintptr_t hidden, atomic_uint *refused)
{
	uintptr_t p = ~hidden;

	IN_REGISTER(p);
	host_on_cpus(CPUS, just_collect, refused);
	IN_REGISTER(p);
	return tern_base((void *)p) == (void *)p;
}

TEST(gc_port_host, of_who_waits_for_the_others)
{
	atomic_uint refused = 0;

	REQUIRE(collector_for_tests());
	EXPECT(hold_while_others_collect(hidden_object(), &refused));
	EXPECT_EQ(refused, 0);
}

/* --- on another stack -------------------------------------------------------------------- */

struct visit {
	struct holders *h;
	unsigned cpu;
	void (*hold)(struct holders *h, unsigned cpu);
};

static void on_other_stack(void *arg)
{
	struct visit *v = arg;

	v->hold(v->h, v->cpu);
}

static TERN_NOINLINE bool go_there(struct visit *v)
{
	struct tern_stack *stack = tern_stack_create(KiB(32), KiB(256));
	struct tern_stack_info info;
	uintptr_t addr;
	bool done;

	if (!stack)
		return false;
	tern_stack_info(stack, &info);
	done = host_call_on_stack(info.top, info.guard, on_other_stack, v, &addr);
	tern_stack_destroy(stack);
	return done;
}

static void hold_there(struct holders *h, unsigned cpu)
{
	struct visit v = { h, cpu, hold_and_poll };

	if (!go_there(&v))
		atomic_fetch_add(&h->lost, 1);
}

static void only_poll(struct holders *h, unsigned cpu)
{
	(void)cpu;
	atomic_fetch_add(&h->holding, 1);
	while (!atomic_load_explicit(&h->leave, memory_order_relaxed))
		arch_relax();
}

static TERN_NOINLINE void hold_here(struct holders *h, unsigned cpu)
{
	struct visit v = { h, cpu, only_poll };
	volatile uintptr_t p = ~h->hidden[cpu];

	if (!go_there(&v))
		atomic_fetch_add(&h->lost, 1);
	found(h, p);
}

TEST(gc_port_host, on_a_growing_stack)
{
	collect_while(t, hold_there);
}

TEST(gc_port_host, on_the_stack_that_was_left_for_a_growing_one)
{
	collect_while(t, hold_here);
}

/* --- caches of CPUs that nobody plays ------------------------------------------------------ */

#define KEPT 200u

static void allocate_and_end(unsigned cpu, void *arg)
{
	void **kept = arg;

	for (unsigned i = 0; i < KEPT; i++)
		kept[cpu * KEPT + i] = tern_alloc(32 + i % 3 * 100);
}

TEST(gc_port_host, what_is_allocated_by_who_has_gone)
{
	static void *kept[CPUS * KEPT];

	REQUIRE(collector_for_tests());
	for (unsigned round = 0; round < 10; round++) {
		host_on_cpus(CPUS, allocate_and_end, kept);
		EXPECT_EQ(tern_gc(), TERN_OK);
		for (unsigned i = 0; i < CPUS * KEPT; i++)
			EXPECT(kept[i] && tern_base(kept[i]) == kept[i]);
	}
	memset(kept, 0, sizeof(kept));
}

/* --- all stop, and go on --------------------------------------------------------------------- */

#define STOPS 1000u
#define NODES 32u

struct list {
	struct list *next;
	uint64_t number;
};

static atomic_bool load_ends;
static atomic_uint wrong;

static void load(uint64_t number)
{
	struct list *first = NULL;

	for (unsigned i = 0; i < NODES; i++) {
		struct list *n = tern_alloc(sizeof(*n));

		if (!n)
			continue;
		*n = (struct list){ .next = first, .number = number };
		first = n;
	}
	tern_free(tern_malloc(number % 3000));
	for (; first; first = first->next)
		if (first->number != number || tern_base(first) != first)
			atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static void load_or_collect(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu) {
		for (uint64_t i = 0; !atomic_load(&load_ends); i++)
			load(i * CPUS + cpu);
		return;
	}
	for (unsigned i = 0; i < STOPS; i++)
		if (tern_gc() != TERN_OK)
			atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
	atomic_store(&load_ends, true);
}

TEST_SLOW(gc_port_host, all_cpus_stop_and_go_on_under_load)
{
	REQUIRE(collector_for_tests());
	atomic_store(&load_ends, false);
	atomic_store(&wrong, 0);
	host_on_cpus(CPUS, load_or_collect, NULL);
	EXPECT_EQ(wrong, 0);
}

static void collect_often(unsigned cpu, void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 50; i++) {
		load(i * CPUS + cpu);
		if (tern_gc() != TERN_OK)
			atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
	}
}

/* Each waits for the others' cycles, and is stopped for them; they come and go meanwhile. */
TEST_SLOW(gc_port_host, all_cpus_collect_at_once)
{
	REQUIRE(collector_for_tests());
	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < 5; i++)
		host_on_cpus(CPUS, collect_often, NULL);
	EXPECT_EQ(wrong, 0);
}
