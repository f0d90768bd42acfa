/* SPDX-License-Identifier: MIT */
/* test_malloc_kernel.c - allocation and free in interrupt handlers, on every CPU, between any two
 * instructions of threads that do the same. Objects pass from threads to handlers and back. */
#include <tern/tern.h>

#include "boot/ipi.h"
#include "boot/timer.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"
#include "tests/unit/own_heap.h"

#define MAX_CPUS  8u
#define PLACES    64u
#define PERIOD_NS (MS / 20)

struct handler {
	struct timer timer;
	uint64_t rng;
	_Atomic(struct object *) place[PLACES]; /* shared with the threads of all CPUs */
	atomic_uint runs;
};

static struct handler handlers[MAX_CPUS];
static uint64_t seed;
static atomic_bool stop;
static atomic_uint wrong, inside;

static void swap(struct handler *h, struct object *o, uint64_t *rng)
{
	o = atomic_exchange_explicit(&h->place[next_random(rng) % PLACES], o, memory_order_acq_rel);
	if (o && !object_end(o, rng))
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static void in_interrupt(struct timer *timer)
{
	struct handler *h = container_of(timer, struct handler, timer);

	if (tern_port_in_interrupt())
		atomic_fetch_add_explicit(&inside, 1, memory_order_relaxed);
	for (unsigned i = 0; i < 4; i++)
		swap(h, object_make(&h->rng), &h->rng);
	atomic_fetch_add_explicit(&h->runs, 1, memory_order_release);
	if (!atomic_load_explicit(&stop, memory_order_acquire))
		timer_arm(timer, mach_clock_ns() + PERIOD_NS);
}

/* Some objects stay here, some go to the handler of a CPU, this one's or another's. */
static void in_thread(unsigned cpu, void *arg)
{
	struct handler *h = &handlers[cpu];
	uint64_t rng = (seed ^ cpu << 8) | 1;
	uint64_t end_ns = mach_clock_ns() + *(uint64_t *)arg;

	timer_init(&h->timer, in_interrupt);
	h->rng = (seed + cpu) | 1;
	timer_arm(&h->timer, mach_clock_ns());
	while (mach_clock_ns() < end_ns)
		for (unsigned i = 0; i < 50; i++) {
			struct object *o = object_make(&rng);

			if (i % 4 == 0)
				swap(&handlers[next_random(&rng) % cpus_for_tests()], o, &rng);
			else if (o && !object_end(o, &rng))
				atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
		}
}

/* On its CPU, so that the handler is not running. */
static void end_handler(unsigned cpu, void *arg)
{
	struct handler *h = &handlers[cpu];

	(void)arg;
	timer_cancel(&h->timer);
	for (unsigned i = 0; i < PLACES; i++) {
		struct object *o = atomic_exchange(&h->place[i], NULL);

		if (o && !object_end(o, &h->rng))
			atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
	}
}

static void race(struct test *t, uint64_t ns)
{
	uint64_t before = used_when_quiet();

	memset(handlers, 0, sizeof(handlers));
	seed = test_random(t);
	atomic_store(&stop, false);
	atomic_store(&wrong, 0);
	atomic_store(&inside, 0);
	run_on_cpus(cpus_for_tests(), in_thread, &ns);
	atomic_store(&stop, true);
	run_on_cpus(cpus_for_tests(), end_handler, NULL);
	EXPECT_EQ(wrong, 0);
	for (unsigned i = 0; i < cpus_for_tests(); i++)
		EXPECT(handlers[i].runs > 0);
	EXPECT(inside > 0);
	EXPECT_EQ(used_when_quiet(), before);
	EXPECT(tern_mheap_check(&tern_heap.pages));
}

TEST(malloc_kernel, handlers_allocate_between_threads)
{
	race(t, RACE_NS);
}

TEST_SLOW(malloc_kernel, handlers_allocate_for_longer)
{
	race(t, 20 * RACE_NS);
}

static unsigned asked;

static bool count_asked(size_t size)
{
	(void)size;
	asked++;
	return false;
}

static void *had[2];

static void take_in_interrupt(void *arg)
{
	(void)arg;
	had[0] = tern_malloc(20000);
	had[1] = tern_pages_alloc(TERN_HEAP_PAGE, 0, 0);
}

static void free_in_interrupt(void *arg)
{
	(void)arg;
	tern_free(had[0]);
	if (had[1])
		tern_pages_free(had[1], TERN_HEAP_PAGE);
}

/* What is free is used; a heap that would have to grow says NULL, and nobody is asked. */
TEST(malloc_kernel, in_a_handler_the_heap_does_not_grow)
{
	void *p;

	if (cpu_count() < 2)
		SKIP("one CPU calls itself, and not in an interrupt");
	REQUIRE(own_heap_begin(MiB(1)) && own_heap_add());
	tern_set_oom_handler(count_asked, 0);
	thread_pin(0);
	ipi_call(last_cpu(), take_in_interrupt, NULL);
	EXPECT(!had[0] && !had[1]);
	EXPECT_EQ(asked, 0);
	p = tern_malloc(8);
	EXPECT(p);
	ipi_call(last_cpu(), take_in_interrupt, NULL);
	EXPECT(had[0] && had[1]);
	EXPECT_EQ(asked, 0);
	ipi_call(last_cpu(), free_in_interrupt, NULL);
	tern_free(p);
	thread_pin(THREAD_ANY_CPU);
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}

/* The heap grows for a thread that has interrupts off. */
TEST(malloc_kernel, with_interrupts_off_the_heap_grows)
{
	unsigned long irq;
	void *p, *q;

	REQUIRE(own_heap_begin(MiB(1)) && own_heap_add());
	irq = arch_irq_save();
	p = tern_malloc(100);
	q = tern_malloc(100000);
	EXPECT(!arch_irq_enabled());
	tern_free(p);
	tern_free(q);
	EXPECT(!arch_irq_enabled());
	arch_irq_restore(irq);
	EXPECT(p && q);
	EXPECT_EQ(used_when_quiet(), 0);
	own_heap_end();
}
