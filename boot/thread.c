/* SPDX-License-Identifier: MIT */
/* thread.c - kernel threads: preempted by a timer, moved between CPUs.
 *
 * Job      Run threads: begin, switch, end them, and let each wait for what others signal.
 * Owns     struct thread, the decision to switch. Not: which thread waits for which CPU (runq.c), what
 *          threads wait for, and idleness (thread_wait.c), time (timer.c).
 * Switch   The lock of a CPU's run queue is held across mach_switch() and released by the next thread:
 *          whoever gets it knows that a thread which does not run has its registers on its stack.
 * Ends     A thread cannot give back the stack it stands on. The thread that runs next does, if
 *          it is detached; else the joiner, whom the next thread tells.
 * Locks    thread list(101), run queue(102): neither within the other, never two run queues.
 *          Both are taken with interrupts off. reap() goes on to stacks(120), holding none.
 * Context  any but NMI, see thread.h. */
#include "boot/thread.h"

#include <tern/tern.h>

#include "arch/arch.h"
#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/start.h"
#include "lib/assert.h"
#include "lib/string.h"

static const struct tern_lock_class list_class = {
	.name = "thread list", .rank = 101, .irq = true, .protects = "the list of all threads"
};

static struct tern_lock list_lock = TERN_LOCK_INIT(&list_class);
static struct list all_threads = LIST_INIT(all_threads);
static atomic_uint next_id = 1;   /* [atomic: relaxed] */
static struct thread boot_thread; /* thread 0; the others lie at the top of their stacks */

/* --- switching ------------------------------------------------------------------------- */

static void reap(struct thread *t)
{
	struct stack stack = t->stack;
	unsigned long irq = tern_lock_irqsave(&list_lock);

	list_remove(&t->all_link);
	tern_unlock_irqrestore(&list_lock, irq);
	stack_free(&stack);
}

/* On the new thread's stack: let go of the one that ran before. Interrupts off. After the unlock
 * that one is another's, unless it was left to us. */
static void finish_switch(void)
{
	struct cpu *c = cpu_self();
	struct thread *t = c->previous;
	bool moving = t->state == THREAD_READY && runq_cpu_of(t) != c;
	bool done = t->state == THREAD_DONE;
	bool detached = done && t->detached;
	struct thread *joiner = done ? t->joiner : NULL;

	tern_unlock(&c->runq.lock);
	if (moving)
		runq_enqueue(t);
	else if (detached)
		reap(t);
	else if (joiner)
		thread_signal(joiner, THREAD_ENDED);
}

/* Run the next thread of this CPU. Interrupts off, the run queue locked, and the caller's state
 * set; returns, with the lock released, when the caller is run again, perhaps on another CPU. */
static void switch_locked(struct cpu *c)
{
	struct thread *t = c->current, *next = runq_take_locked(&c->runq);
	uint64_t now_ns = mach_clock_ns();

	if (!next)
		next = c->idle;
	TERN_ASSERT(tern_lock_depth() <= 1);
	TERN_ASSERT(c->preempt_off == 0 && c->irq_depth == 0);
	c->resched = false;
	t->ran_ns += now_ns - c->switched_ns;
	c->switched_ns = now_ns;
	runq_set_slice(c, true);
	next->state = THREAD_RUNNING;
	if (next == t) {
		tern_unlock(&c->runq.lock);
		return;
	}
	if (t == c->idle)
		atomic_store_explicit(&c->hungry, false, memory_order_relaxed);
	c->switches++;
	next->switches++;
	c->current = next;
	c->previous = t;
	mach_switch(&t->sp, next->sp);
	finish_switch();
}

/* Let others run, and come again in turn. Interrupts off. */
static void requeue(struct cpu *c)
{
	tern_lock(&c->runq.lock);
	if (c->current == c->idle)
		c->idle->state = THREAD_READY;
	else
		runq_add_locked(&c->runq, c->current);
	switch_locked(c);
}

static bool switch_is_due(const struct cpu *c)
{
	return c->resched && c->preempt_off == 0 && c->irq_depth == 0;
}

void thread_interrupt_exit(const void *frame)
{
	struct cpu *c = cpu_self();
	struct thread *t = c->current;

	TERN_ASSERT(!arch_irq_enabled());
	if (!switch_is_due(c))
		return;
	t->frame = (uintptr_t)frame;
	requeue(c);
	t->frame = 0;
}

void thread_preempt_disable(void)
{
	unsigned long irq = arch_irq_save();

	cpu_self()->preempt_off++;
	arch_irq_restore(irq);
}

void thread_preempt_enable(void)
{
	bool enabled = arch_irq_enabled();
	unsigned long irq = arch_irq_save();
	struct cpu *c = cpu_self();

	TERN_ASSERT(c->preempt_off > 0);
	c->preempt_off--;
	if (switch_is_due(c)) {
		if (enabled) {
			requeue(c);
		} else {
			/* Not now: the caller wants no interruption. */
			runq_switch_soon(c);
		}
	}
	arch_irq_restore(irq);
}

/* --- events ---------------------------------------------------------------------------- */

unsigned thread_await(unsigned events, enum thread_state state)
{
	struct cpu *c = cpu_self();
	struct thread *t = c->current;

	TERN_ASSERT(t != c->idle && c->irq_depth == 0 && c->preempt_off == 0);
	tern_lock(&c->runq.lock);
	t->came = t->events & events;
	if (t->came) {
		t->events &= ~events;
		tern_unlock(&c->runq.lock);
	} else {
		t->waiting_for = events;
		t->state = state;
		switch_locked(c);
	}
	return t->came;
}

void thread_signal(struct thread *t, unsigned event)
{
	unsigned long irq = arch_irq_save();
	struct cpu *c = runq_lock_of(t);
	bool waits = t->waiting_for & event;

	if (waits) {
		t->waiting_for = 0;
		t->came = event;
		t->state = THREAD_READY;
		runq_set_cpu(t, runq_choose_cpu(t, c));
	} else {
		t->events |= event;
	}
	tern_unlock(&c->runq.lock);
	if (waits)
		(t->brief ? runq_enqueue_first : runq_enqueue)(t);
	arch_irq_restore(irq);
}

void thread_forget(unsigned events)
{
	struct cpu *c = cpu_self();

	tern_lock(&c->runq.lock);
	c->current->events &= ~events;
	tern_unlock(&c->runq.lock);
}

bool thread_run_others(void)
{
	struct cpu *c = cpu_self();
	bool any = runq_wanted(c) || runq_steal(c);

	if (any)
		requeue(c);
	return any;
}

void thread_yield(void)
{
	unsigned long irq = arch_irq_save();

	if (runq_wanted(cpu_self()))
		requeue(cpu_self());
	arch_irq_restore(irq);
}

void thread_pin(unsigned cpu)
{
	unsigned long irq = arch_irq_save();
	struct cpu *c = cpu_self();
	struct thread *t = c->current;

	TERN_CHECK(cpu == THREAD_ANY_CPU || cpu < cpu_count(), "thread: no CPU %u", cpu);
	tern_lock(&c->runq.lock);
	t->pinned = cpu;
	if (cpu == THREAD_ANY_CPU || cpu == c->id) {
		tern_unlock(&c->runq.lock);
	} else {
		/* finish_switch() queues it there, once its registers are stored. */
		t->state = THREAD_READY;
		runq_set_cpu(t, &cpus[cpu]);
		switch_locked(c);
	}
	arch_irq_restore(irq);
}

/* --- other stacks ---------------------------------------------------------------------- */

/* Between the two stores to t->call the stack pointer says on which side of it the thread is. */
void thread_call_on_stack(const struct stack *stack, void (*fn)(void *), void *arg)
{
	struct thread *t = thread_self();
	struct stack_call call = { .stack = *stack, .outer = t->call };

	t->call = &call;
	mach_call_on_stack(&call.left_sp, stack->top, fn, arg);
	t->call = call.outer;
}

/* --- beginning and end ----------------------------------------------------------------- */

/* The first that a new thread does, in the middle of a switch. */
static void begin(void *arg)
{
	struct thread *t = arg;
	void *own;

	finish_switch();
	arch_irq_enable();
	/* From here on it is fn's alone, which may let go of it: read late, so that no register of
	 * this function keeps it. */
	own = t->arg;
	t->arg = NULL;
	t->fn(own);
	thread_exit();
}

static void thread_init(struct thread *t, unsigned id, const char *name)
{
	*t = (struct thread){ .id = id, .pinned = THREAD_ANY_CPU };
	tern_str_copy(t->name, sizeof(t->name), name);
	list_init(&t->run_link);
}

static void list_thread(struct thread *t)
{
	unsigned long irq = tern_lock_irqsave(&list_lock);

	list_push_back(&all_threads, &t->all_link);
	tern_unlock_irqrestore(&list_lock, irq);
}

/* A thread at the top of a stack of its own; below it lies what it uses as its stack. */
static struct thread *make(const char *owner, unsigned id, const char *name)
{
	struct stack stack;
	struct thread *t;

	if (!stack_alloc(&stack, STACK_THREAD, owner))
		return NULL;
	t = (struct thread *)(stack.top - sizeof(*t));
	t = (struct thread *)((uintptr_t)t & ~(uintptr_t)(TERN_CACHE_LINE - 1));
	thread_init(t, id, name);
	t->stack = stack;
	return t;
}

static struct thread *create(unsigned cpu, const char *name, void (*fn)(void *), void *arg)
{
	unsigned id = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
	char owner[STACK_OWNER_MAX];
	struct thread *t;
	unsigned long irq;

	tern_snprintf(owner, sizeof(owner), "thread %u", id);
	t = make(owner, id, name);
	if (!t)
		return NULL;
	t->fn = fn;
	t->pinned = cpu;
	t->sp = mach_thread_stack((uintptr_t)t, begin, t);
	/* Nobody who looks for arg comes between the caller's stack and the list of threads. */
	irq = arch_irq_save();
	t->arg = arg;
	atomic_store_explicit(&t->cpu, runq_choose_cpu(t, cpu_self()), memory_order_release);
	list_thread(t);
	runq_enqueue(t);
	arch_irq_restore(irq);
	return t;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg)
{
	return create(THREAD_ANY_CPU, name, fn, arg);
}

struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg)
{
	TERN_CHECK(cpu < cpu_count(), "thread: no CPU %u", cpu);
	return create(cpu, name, fn, arg);
}

_Noreturn void thread_exit(void)
{
	struct cpu *c;

	arch_irq_disable();
	c = cpu_self();
	TERN_CHECK(c->current != c->idle && c->current != &boot_thread, "thread: %s must not end",
		   c->current->name);
	tern_lock(&c->runq.lock);
	c->current->state = THREAD_DONE;
	switch_locked(c);
	__builtin_unreachable();
}

/* Done also means off its stack: that is what the lock says. */
static bool done_locked(const struct thread *t)
{
	TERN_CHECK(!t->joiner && !t->detached, "thread: %u joined or detached twice", t->id);
	return t->state == THREAD_DONE;
}

void thread_join(struct thread *t)
{
	unsigned long irq = arch_irq_save();
	struct thread *self = cpu_self()->current;
	struct cpu *c;
	bool done;

	TERN_CHECK(t != self, "thread: %u joins itself", t->id);
	c = runq_lock_of(t);
	done = done_locked(t);
	if (!done)
		t->joiner = self;
	tern_unlock(&c->runq.lock);
	if (!done)
		thread_await(THREAD_ENDED, THREAD_BLOCKED);
	arch_irq_restore(irq);
	reap(t);
}

void thread_detach(struct thread *t)
{
	unsigned long irq = arch_irq_save();
	struct cpu *c = runq_lock_of(t);
	bool done = done_locked(t);

	t->detached = true;
	tern_unlock(&c->runq.lock);
	if (done)
		reap(t);
	arch_irq_restore(irq);
}

struct thread *thread_self(void)
{
	unsigned long irq = arch_irq_save();
	struct thread *t = cpu_self()->current;

	arch_irq_restore(irq);
	return t;
}

void thread_for_each(void (*fn)(struct thread *t, void *arg), void *arg)
{
	unsigned long irq = tern_lock_irqsave(&list_lock);

	list_for_each (l, &all_threads)
		fn(list_entry(l, struct thread, all_link), arg);
	tern_unlock_irqrestore(&list_lock, irq);
}

void thread_for_each_stopped(void (*fn)(struct thread *t, void *arg), void *arg)
{
	list_for_each (l, &all_threads)
		fn(list_entry(l, struct thread, all_link), arg);
}

/* --- CPUs ------------------------------------------------------------------------------ */

/* An idle thread is on no queue: it runs when the queue is empty. */
bool thread_make_idle(struct cpu *c)
{
	char owner[STACK_OWNER_MAX], name[THREAD_NAME_MAX];
	unsigned id = atomic_fetch_add_explicit(&next_id, 1, memory_order_relaxed);
	struct thread *t;

	tern_snprintf(owner, sizeof(owner), "CPU %u's idle thread", c->id);
	tern_snprintf(name, sizeof(name), "idle %u", c->id);
	t = make(owner, id, name);
	if (!t)
		return false;
	t->pinned = c->id;
	atomic_init(&t->cpu, c);
	c->idle = t;
	c->idle_stack_top = (uintptr_t)t;
	return true;
}

static void begin_idle(void *arg)
{
	(void)arg;
	finish_switch();
	thread_idle_loop();
}

void thread_init_cpu(struct cpu *c)
{
	runq_init(c);
	timer_queue_init(&c->timers);
	list_init(&c->for_idle);
	c->switched_ns = mach_clock_ns();
	if (c->id == 0) {
		if (!thread_make_idle(c))
			boot_fail("no memory for the first idle thread");
		c->idle->sp = mach_thread_stack(c->idle_stack_top, begin_idle, NULL);
		thread_init(&boot_thread, 0, "main");
		boot_thread.stack = boot_stack;
		atomic_init(&boot_thread.cpu, c);
		c->current = &boot_thread;
		list_thread(&boot_thread);
	} else {
		c->current = c->idle;
	}
	c->current->state = THREAD_RUNNING;
	list_thread(c->idle);
}
