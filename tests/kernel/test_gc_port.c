/* SPDX-License-Identifier: MIT */
/* test_gc_port.c - what this kernel shows the collector: a pointer that is nowhere but in a register,
 * in an interrupted frame, on a stack of a thread that waits or has another stack besides. That all
 * CPUs stop and go on, whatever they do. And which data is a root.
 *
 * A hidden pointer is the complement of one: no stack or register holds the pointer itself until the
 * thread under test turns it back. */
#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/stack.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/ipi.h"
#include "boot/start.h"
#include "boot/timer.h"
#include "gc/concurrent.h"
#include "gc/gc.h"
#include "gc/history.h"
#include "lib/bits.h"
#include "lib/compiler.h"
#include "mm/heap.h"
#include "mm/scavenge.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/collect.h"

#define OBJECTS 64u
/* Words that nobody cleared may look like pointers: but not to most of what is garbage. */
#define RETAINED_MAX (OBJECTS / 4)

static TERN_NOINLINE uintptr_t hidden_object(void)
{
	return ~(uintptr_t)tern_alloc(100);
}

static bool in_use(uintptr_t hidden)
{
	return tern_base((void *)~hidden) != NULL;
}

/* One thread that has a pointer nowhere but where its fn keeps it. */
struct holder {
	uintptr_t hidden;
	atomic_bool holds, leave;
	bool found; /* when all was over: the object was there */
	void (*fn)(struct holder *h);
	struct thread *thread;
};

static void run_holder(void *arg)
{
	struct holder *h = arg;

	h->fn(h);
}

static bool start(struct holder *h, unsigned cpu, void (*fn)(struct holder *h))
{
	*h = (struct holder){ .hidden = hidden_object(), .fn = fn };
	h->thread = thread_create_on(cpu, "holder", run_holder, h);
	return h->thread && WAIT_FOR(atomic_load(&h->holds));
}

static void end(struct test *t, struct holder *h)
{
	atomic_store(&h->leave, true);
	thread_wake(h->thread);
	thread_join(h->thread);
	EXPECT(h->found);
	h->thread = NULL;
}

/* The compiler is told that it changes the pointer, so that it is no other value's complement. */
#define IN_REGISTER(p) __asm__ volatile("" : "+r"(p))

/* No call between: any register will do, and no store. */
static TERN_NOINLINE void hold_and_spin(struct holder *h)
{
	uintptr_t p = ~h->hidden;

	IN_REGISTER(p);
	atomic_store(&h->holds, true);
	while (!atomic_load_explicit(&h->leave, memory_order_relaxed)) {
		IN_REGISTER(p);
		arch_relax();
	}
	h->found = tern_base((void *)p) == (void *)p;
}

/* Over a call: where the ABI preserves it, which the switch stores. */
static TERN_NOINLINE void hold_and_block(struct holder *h)
{
	uintptr_t p = ~h->hidden;

	IN_REGISTER(p);
	atomic_store(&h->holds, true);
	while (!atomic_load(&h->leave))
		thread_block();
	IN_REGISTER(p);
	h->found = tern_base((void *)p) == (void *)p;
}

static TERN_NOINLINE void hold_and_sleep(struct holder *h)
{
	uintptr_t p = ~h->hidden;

	IN_REGISTER(p);
	atomic_store(&h->holds, true);
	while (!atomic_load(&h->leave))
		thread_sleep(MS);
	IN_REGISTER(p);
	h->found = tern_base((void *)p) == (void *)p;
}

/* Only the middle of the object is pointed to. */
static TERN_NOINLINE void hold_inside(struct holder *h)
{
	uintptr_t p = ~h->hidden + 50;

	IN_REGISTER(p);
	atomic_store(&h->holds, true);
	while (!atomic_load_explicit(&h->leave, memory_order_relaxed)) {
		IN_REGISTER(p);
		arch_relax();
	}
	h->found = tern_base((void *)p) == (void *)(p - 50);
}

static TERN_NOINLINE void nothing(void *arg)
{
	(void)arg;
}

/* Waits for itself all the time, as an interrupt of each CPU does. */
static TERN_NOINLINE void hold_and_call(struct holder *h)
{
	uintptr_t p = ~h->hidden;

	IN_REGISTER(p);
	atomic_store(&h->holds, true);
	while (!atomic_load(&h->leave)) {
		unsigned long irq = arch_irq_save();

		ipi_call_others(nothing, NULL);
		arch_irq_restore(irq);
	}
	IN_REGISTER(p);
	h->found = tern_base((void *)p) == (void *)p;
}

static void collect_while(struct test *t, void (*fn)(struct holder *h))
{
	static struct holder holders[2 * TERN_MAX_CPUS];
	unsigned n = 2 * cpu_count();

	REQUIRE(collector_for_tests());
	/* Two to a CPU: one of them is preempted, if they do not wait. */
	for (unsigned i = 0; i < n; i++)
		REQUIRE(start(&holders[i], i % cpu_count(), fn));
	for (unsigned round = 0; round < 3; round++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		for (unsigned i = 0; i < n; i++)
			EXPECT(in_use(holders[i].hidden));
		thread_sleep(2 * MS);
	}
	for (unsigned i = 0; i < n; i++)
		end(t, &holders[i]);
}

/* Without this, the others say nothing. */
TEST(gc_port, hidden_pointers_keep_nothing)
{
	static uintptr_t hidden[OBJECTS];
	unsigned retained = 0;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < OBJECTS; i++)
		hidden[i] = hidden_object();
	EXPECT_EQ(tern_gc(), TERN_OK);
	for (unsigned i = 0; i < OBJECTS; i++)
		retained += in_use(hidden[i]);
	EXPECT(retained <= RETAINED_MAX);
}

TEST(gc_port, in_a_register_of_who_collects)
{
	uintptr_t hidden, p;

	REQUIRE(collector_for_tests());
	hidden = hidden_object();
	p = ~hidden;
	IN_REGISTER(p);
	EXPECT_EQ(tern_gc(), TERN_OK);
	IN_REGISTER(p);
	EXPECT(tern_base((void *)p) == (void *)p);
}

TEST(gc_port, in_a_register_of_a_thread_that_is_interrupted)
{
	collect_while(t, hold_and_spin);
}

TEST(gc_port, inside_an_object)
{
	collect_while(t, hold_inside);
}

TEST(gc_port, in_a_register_over_a_wait)
{
	collect_while(t, hold_and_block);
}

TEST(gc_port, in_a_register_over_a_sleep)
{
	collect_while(t, hold_and_sleep);
}

TEST(gc_port, of_who_waits_for_cpus_with_interrupts_off)
{
	collect_while(t, hold_and_call);
}

/* --- on another stack ---------------------------------------------------------------------- */

static void spin_on_other_stack(void *arg)
{
	hold_and_spin(arg);
}

static void block_on_other_stack(void *arg)
{
	hold_and_block(arg);
}

static struct stack range_of(const struct tern_stack *stack)
{
	struct tern_stack_info info;

	tern_stack_info(stack, &info);
	return (struct stack){ .bottom = info.guard, .top = info.top };
}

static TERN_NOINLINE void go_there(struct holder *h, void (*fn)(void *))
{
	struct tern_stack *stack = tern_stack_create(KiB(8), KiB(64));
	struct stack range;

	if (!stack)
		return;
	range = range_of(stack);
	thread_call_on_stack(&range, fn, h);
	tern_stack_destroy(stack);
}

static void hold_there(struct holder *h)
{
	go_there(h, spin_on_other_stack);
}

static void hold_there_and_block(struct holder *h)
{
	go_there(h, block_on_other_stack);
}

static void wait_on_other_stack(void *arg)
{
	struct holder *h = arg;

	atomic_store(&h->holds, true);
	while (!atomic_load(&h->leave))
		thread_block();
}

/* What is on the stack that it left. */
static TERN_NOINLINE void hold_here(struct holder *h)
{
	volatile uintptr_t p = ~h->hidden;

	go_there(h, wait_on_other_stack);
	h->found = tern_base((void *)p) == (void *)p;
}

TEST(gc_port, on_a_growing_stack)
{
	collect_while(t, hold_there);
	collect_while(t, hold_there_and_block);
}

TEST(gc_port, on_the_stack_that_was_left_for_a_growing_one)
{
	collect_while(t, hold_here);
}

/* --- beginning and end ----------------------------------------------------------------------- */

static void read_argument(void *arg)
{
	*(volatile uint64_t *)arg = 1;
}

static TERN_NOINLINE struct thread *make_late(uintptr_t hidden)
{
	return thread_create_on(0, "late", read_argument, (void *)~hidden);
}

/* From here on no other thread of this CPU runs; and none was stopped amid a cycle, for whose end a collection
 * would wait. */
static void preempt_disable_between_cycles(struct test *t)
{
	bool marking;

	for (;;) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		tern_gc_become_busy(true);
		thread_preempt_disable();
		marking = tern_gc_is_marking();
		tern_gc_end_busy();
		if (!marking)
			return;
		thread_preempt_enable();
	}
}

/* Its argument is nowhere else, and this CPU is not given up. */
TEST(gc_port, the_argument_of_a_thread_that_has_not_begun)
{
	struct thread *thread;
	uintptr_t hidden;

	REQUIRE(collector_for_tests());
	thread_pin(0);
	preempt_disable_between_cycles(t);
	hidden = hidden_object();
	thread = make_late(hidden);
	EXPECT_EQ(tern_gc(), TERN_OK);
	EXPECT(in_use(hidden));
	thread_preempt_enable();
	if (EXPECT(thread))
		thread_join(thread);
	thread_pin(THREAD_ANY_CPU);
}

static TERN_NOINLINE void forget(void *arg)
{
	struct holder *h = arg;

	atomic_store(&h->holds, true);
	while (!atomic_load(&h->leave))
		thread_block();
}

static void forget_argument(void *arg)
{
	/* `arg` is the object; its first word leads to the holder. */
	forget(*(void **)arg);
}

/* A thread that runs has its argument where it likes, or nowhere. */
TEST(gc_port, a_thread_may_let_go_of_its_argument)
{
	static struct holder holders[OBJECTS / 4];
	unsigned retained = 0;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < ARRAY_SIZE(holders); i++) {
		struct holder *h = &holders[i];
		struct holder **object;

		*h = (struct holder){ .hidden = hidden_object() };
		object = (struct holder **)~h->hidden;
		*object = h;
		h->thread = thread_create("forgets", forget_argument, object);
		REQUIRE(h->thread && WAIT_FOR(atomic_load(&h->holds)));
	}
	EXPECT_EQ(tern_gc(), TERN_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(holders); i++) {
		retained += in_use(holders[i].hidden);
		atomic_store(&holders[i].leave, true);
		thread_wake(holders[i].thread);
		thread_join(holders[i].thread);
	}
	EXPECT(retained <= ARRAY_SIZE(holders) / 2);
}

/* --- all stop, and go on --------------------------------------------------------------------- */

#define STOPS     1000u
#define STOPS_MIN 10u
#define STOP_NS   (3000 * MS)
#define NODES     32u

struct node {
	struct node *next;
	uint64_t number;
};

static atomic_bool load_ends;
static atomic_uint wrong;

static TERN_NOINLINE struct node *make_list(uint64_t number)
{
	struct node *list = NULL;

	for (unsigned i = 0; i < NODES; i++) {
		struct node *n = tern_alloc(sizeof(*n));

		if (!n)
			continue;
		*n = (struct node){ .next = list, .number = number };
		list = n;
	}
	return list;
}

static void check_list(const struct node *list, uint64_t number)
{
	for (; list; list = list->next)
		if (list->number != number || tern_base(list) != list)
			atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static void hand_to_thread(void *arg)
{
	check_list(arg, ((struct node *)arg)->number);
}

static void make_thread(struct node *list)
{
	struct thread *thread = list ? thread_create("short", hand_to_thread, list) : NULL;

	if (thread)
		thread_detach(thread);
}

/* By turns: allocation, calls of other CPUs, threads that come and go, waits. */
static void load(void *arg)
{
	uint64_t number = (uintptr_t)arg;

	for (unsigned i = (unsigned)number; !atomic_load(&load_ends); i++) {
		struct node *list = make_list(number);
		unsigned long irq;

		if (i % 4 == 0) {
			irq = arch_irq_save();
			ipi_call(i / 4 % cpu_count(), nothing, NULL);
			arch_irq_restore(irq);
		} else if (i % 4 == 1) {
			thread_sleep(i % 16 * MS / 16);
		} else if (i % 4 == 2) {
			ipi_call_others(nothing, NULL);
		} else {
			make_thread(list);
		}
		check_list(list, number);
	}
}

static void tick_for_ever(struct timer *timer)
{
	timer_arm(timer, mach_clock_ns() + MS / 4);
}

TEST_SLOW(gc_port, all_cpus_stop_and_go_on_under_load)
{
	struct thread *threads[2 * TERN_MAX_CPUS];
	unsigned n = 2 * cpu_count(), stops = 0;
	uint64_t end_ns = mach_clock_ns() + STOP_NS;
	struct timer timer;

	REQUIRE(collector_for_tests());
	atomic_store(&load_ends, false);
	atomic_store(&wrong, 0);
	thread_pin(0);
	timer_init(&timer, tick_for_ever);
	timer_arm(&timer, mach_clock_ns());
	for (unsigned i = 0; i < n; i++)
		REQUIRE(threads[i] = thread_create("load", load, (void *)(uintptr_t)(i + 1)));
	/* An emulator may take its time over each. */
	for (; stops < STOPS_MIN || (stops < STOPS && mach_clock_ns() < end_ns); stops++) {
		EXPECT_EQ(tern_gc(), TERN_OK);
		thread_sleep(stops % 8 * MS / 8);
	}
	atomic_store(&load_ends, true);
	for (unsigned i = 0; i < n; i++)
		thread_join(threads[i]);
	timer_cancel(&timer);
	thread_pin(THREAD_ANY_CPU);
	EXPECT_EQ(wrong, 0);
	test_note(t, "%u stops", stops);
}

static void ask_to_collect(void *arg)
{
	for (unsigned i = 0; i < 20; i++)
		if (tern_gc() != TERN_OK)
			atomic_fetch_add_explicit((atomic_uint *)arg, 1, memory_order_relaxed);
}

/* Each waits for the others' cycles, and is stopped for them. */
TEST_SLOW(gc_port, all_cpus_collect_at_once)
{
	struct thread *threads[TERN_MAX_CPUS];
	atomic_uint refused = 0;

	REQUIRE(collector_for_tests());
	for (unsigned i = 0; i < cpu_count(); i++)
		REQUIRE(threads[i] = thread_create_on(i, "asks", ask_to_collect, &refused));
	for (unsigned i = 0; i < cpu_count(); i++)
		thread_join(threads[i]);
	EXPECT_EQ(refused, 0);
}

/* --- data -------------------------------------------------------------------------------- */

static bool is_in_root(const void *p)
{
	static struct tern_root roots[256];
	size_t n = 0;
	bool in = false;

	if (tern_roots(roots, ARRAY_SIZE(roots), &n) != TERN_OK || n > ARRAY_SIZE(roots))
		return false;
	for (size_t i = 0; i < n; i++)
		in |= (uintptr_t)p - roots[i].start < roots[i].size;
	return in;
}

static uint64_t of_a_test = 1, of_a_test_too;

/* Times and counts look like addresses, in a machine of a few MiB. */
TEST(gc_port, data_of_the_kernel_and_of_tern_is_no_root)
{
	REQUIRE(collector_for_tests());
	EXPECT(is_in_root(&of_a_test));
	EXPECT(is_in_root(&of_a_test_too));
	EXPECT(!is_in_root(&boot_info));
	EXPECT(!is_in_root(&tern_heap));
	EXPECT(!is_in_root(&tern_scavenger));
	EXPECT(!is_in_root(&tern_gc_state));
	EXPECT(!is_in_root(&tern_history));
}
