/* SPDX-License-Identifier: MIT */
/* runq.c - which thread waits for which CPU.
 *
 * Job      A queue for each CPU, and a slice for who runs while somebody waits. Spread the threads: one
 *          that becomes ready goes to a CPU without work, a CPU that runs dry takes from the longest
 *          queue, and at the end of a slice a CPU whose load is two above the least gives one away.
 * Owns     cpu->runq, cpu->slice_end_ns, t->cpu. Not: the switch (thread.c), which takes the first.
 * Who owns a thread
 *          The lock of its CPU's run queue, `t->cpu->runq.lock`. t->cpu changes under the old CPU's lock;
 *          from then until runq_enqueue() the thread is READY on no queue, and belongs to who moves it.
 * Locks    run queue(102), with interrupts off; never two.
 * Context  any but NMI. */
#include "boot/runq.h"

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/ipi.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "lib/assert.h"

#define NEVER UINT64_MAX

static const struct tern_lock_class runq_class = {
	.name = "run queue",
	.rank = 102,
	.irq = true,
	.protects = "a CPU's waiting threads, and the state of all whose CPU it is"
};

/* --- run queues ------------------------------------------------------------------------ */

/* relaxed: written under the lock, and peeking is a guess anyway */
static unsigned peek(const atomic_uint *n)
{
	return atomic_load_explicit(n, memory_order_relaxed);
}

static void add_locked(atomic_uint *n, int change)
{
	atomic_store_explicit(n, peek(n) + change, memory_order_relaxed);
}

void runq_init(struct cpu *c)
{
	tern_lock_init(&c->runq.lock, &runq_class);
	list_init(&c->runq.ready);
	c->slice_end_ns = NEVER;
}

bool runq_check(const struct run_queue *q)
{
	unsigned length = 0, movable = 0;

	list_for_each (l, &q->ready) {
		const struct thread *t = list_entry(l, struct thread, run_link);

		if (t->state != THREAD_READY || &t->cpu->runq != q)
			return false;
		length++;
		movable += t->pinned == THREAD_ANY_CPU;
	}
	return length == peek(&q->length) && movable == peek(&q->movable);
}

void runq_add_locked(struct run_queue *q, struct thread *t)
{
	t->state = THREAD_READY;
	list_push_back(&q->ready, &t->run_link);
	add_locked(&q->length, 1);
	add_locked(&q->movable, t->pinned == THREAD_ANY_CPU);
	TERN_VERIFY(runq_check(q));
}

static void remove_locked(struct run_queue *q, struct thread *t)
{
	list_remove(&t->run_link);
	add_locked(&q->length, -1);
	add_locked(&q->movable, -(t->pinned == THREAD_ANY_CPU));
	TERN_VERIFY(runq_check(q));
}

struct thread *runq_take_locked(struct run_queue *q)
{
	struct thread *t;

	if (list_empty(&q->ready))
		return NULL;
	t = list_entry(q->ready.next, struct thread, run_link);
	remove_locked(q, t);
	return t;
}

bool runq_wanted(const struct cpu *c)
{
	return peek(&c->runq.length);
}

/* --- which CPU ------------------------------------------------------------------------- */

/* release: with the acquire in runq_lock_of(), which then sees what was written before */
void runq_set_cpu(struct thread *t, struct cpu *c)
{
	if (atomic_load_explicit(&t->cpu, memory_order_relaxed) != c)
		t->moves++;
	atomic_store_explicit(&t->cpu, c, memory_order_release);
}

struct cpu *runq_cpu_of(const struct thread *t)
{
	return atomic_load_explicit(&t->cpu, memory_order_acquire);
}

struct cpu *runq_lock_of(const struct thread *t)
{
	for (;;) {
		struct cpu *c = runq_cpu_of(t);

		tern_lock(&c->runq.lock);
		if (c == runq_cpu_of(t))
			return c;
		tern_unlock(&c->runq.lock);
	}
}

/* Of several that find a CPU without work, one may send it a thread. */
static bool claim(struct cpu *c)
{
	return atomic_load_explicit(&c->hungry, memory_order_relaxed) &&
	       atomic_exchange_explicit(&c->hungry, false, memory_order_relaxed);
}

struct cpu *runq_choose_cpu(const struct thread *t, struct cpu *last)
{
	if (t->pinned != THREAD_ANY_CPU)
		return &cpus[t->pinned];
	if (claim(last))
		return last;
	for (unsigned i = 0; i < cpu_count(); i++)
		if (claim(&cpus[i]))
			return &cpus[i];
	return last;
}

void runq_set_slice(struct cpu *c, bool fresh)
{
	uint64_t end_ns = NEVER;

	if (runq_wanted(c))
		end_ns = fresh || c->slice_end_ns == NEVER ? mach_clock_ns() + THREAD_SLICE_NS
							   : c->slice_end_ns;
	if (end_ns == c->slice_end_ns)
		return;
	c->slice_end_ns = end_ns;
	timer_reprogram();
}

void runq_switch_soon(struct cpu *c)
{
	c->resched = true;
	if (c->irq_depth == 0) {
		c->slice_end_ns = 0;
		timer_reprogram();
	}
}

void runq_look(void)
{
	struct cpu *c = cpu_self();

	if (atomic_exchange_explicit(&c->runq.urgent, false, memory_order_relaxed))
		runq_switch_soon(c);
	else if (c->current != c->idle)
		runq_set_slice(c, false);
	else if (runq_wanted(c))
		c->resched = true;
}

static void tell_cpu(struct cpu *c)
{
	if (c == cpu_self())
		runq_look();
	else
		ipi_kick(c->id);
}

/* A queue that was not empty has been seen by its CPU, or a kick is on its way. */
void runq_enqueue(struct thread *t)
{
	struct cpu *c = runq_cpu_of(t);
	bool first;

	tern_lock(&c->runq.lock);
	first = !runq_wanted(c);
	runq_add_locked(&c->runq, t);
	tern_unlock(&c->runq.lock);
	if (first)
		tell_cpu(c);
}

void runq_enqueue_first(struct thread *t)
{
	struct cpu *c = runq_cpu_of(t);

	tern_lock(&c->runq.lock);
	runq_add_locked(&c->runq, t);
	list_remove(&t->run_link);
	list_push_front(&c->runq.ready, &t->run_link);
	atomic_store_explicit(&c->runq.urgent, true, memory_order_relaxed);
	tern_unlock(&c->runq.lock);
	tell_cpu(c);
}

/* Take the first thread off `from` that may move, for `to`. */
static bool move_one(struct cpu *from, struct cpu *to)
{
	struct thread *t = NULL;

	tern_lock(&from->runq.lock);
	list_for_each (l, &from->runq.ready) {
		t = list_entry(l, struct thread, run_link);
		if (t->pinned == THREAD_ANY_CPU)
			break;
		t = NULL;
	}
	if (t) {
		remove_locked(&from->runq, t);
		runq_set_cpu(t, to);
	}
	tern_unlock(&from->runq.lock);
	if (t)
		runq_enqueue(t);
	return t != NULL;
}

bool runq_steal(struct cpu *c)
{
	struct cpu *from = NULL;

	for (unsigned i = 0; i < cpu_count(); i++) {
		unsigned movable = peek(&cpus[i].runq.movable);

		if (movable > (from ? peek(&from->runq.movable) : 0))
			from = &cpus[i];
	}
	return from && move_one(from, c);
}

static unsigned load(const struct cpu *c)
{
	bool hungry = atomic_load_explicit(&c->hungry, memory_order_relaxed);

	return peek(&c->runq.length) + !hungry;
}

/* CPUs that run one thread have no ticks; so it is those with more that see to the balance. */
static void balance(struct cpu *c)
{
	struct cpu *least = c;

	for (unsigned i = 0; i < cpu_count(); i++)
		if (load(&cpus[i]) < load(least))
			least = &cpus[i];
	if (peek(&c->runq.movable) && load(c) >= load(least) + 2)
		move_one(c, least);
}

void runq_slice_over(void)
{
	struct cpu *c = cpu_self();

	c->slice_end_ns = NEVER;
	balance(c);
	if (runq_wanted(c))
		c->resched = true;
}
