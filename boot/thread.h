/* SPDX-License-Identifier: MIT */
/* thread.h - kernel threads: preempted by a timer, moved between CPUs.
 *
 * Each CPU has a run queue, first in first out with a time slice; an idle CPU takes threads from
 * the longest one. A thread's registers are on its own stack whenever it does not run.
 *
 * Context: calls that may block or switch (create, join, exit, yield, sleep, pin, block) are for
 * threads, with no lock held and preemption on. thread_wake(), thread_self(), preemption and
 * thread_for_each() work in interrupt handlers too. */
#ifndef BOOT_THREAD_H
#define BOOT_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/stack.h"
#include "lib/list.h"

#define THREAD_NAME_MAX 24
#define THREAD_ANY_CPU  UINT32_MAX
#define THREAD_SLICE_NS 5000000ull

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_SLEEPING, THREAD_DONE };

struct cpu;

/* "[lock: runq]" below is the lock of cpu->runq; see "Who owns a thread" in runq.c. */
/* A thread that went over to another stack left this on the one before. */
struct stack_call {
	struct stack stack;       /* [const] where it went */
	uintptr_t left_sp;        /* where the stack that it left ends meanwhile */
	struct stack_call *outer; /* [const] the same of the stack that it left; NULL: its own */
};

struct thread {
	unsigned id;                /* [const] counts up from 0 */
	char name[THREAD_NAME_MAX]; /* [const] */
	enum thread_state state;    /* [lock: runq] */
	_Atomic(struct cpu *) cpu;  /* [lock: runq; atomic] where it runs, ran last or will run */
	unsigned pinned;            /* [lock: runq] CPU id or THREAD_ANY_CPU */
	uintptr_t sp;               /* [lock: runq] saved stack pointer while it does not run */
	struct stack stack;         /* [const] at whose upper end the struct lies, but thread 0's */
	bool unscanned;             /* [itself] its stack keeps no object alive */
	bool brief; /* [itself] when woken it runs at once, as it gives the CPU up soon */
	struct stack_call *call; /* [itself] the innermost of thread_call_on_stack() */
	uintptr_t frame;         /* [itself] of the interrupt that took it off its CPU; 0: none */
	void (*fn)(void *);      /* [const] */
	void *arg;               /* [itself] NULL once fn has it */
	struct list run_link;    /* [lock: runq] */
	struct list all_link;    /* [lock: thread list] */

	/* [lock: runq] what follows is thread.c's */
	unsigned events;      /* that came while nobody waited for them */
	unsigned waiting_for; /* the events that end the wait; 0 while not waiting */
	unsigned came;        /* the one that did */
	struct thread *joiner;
	bool detached;
	uint64_t ran_ns, switches, moves; /* how long and how often it ran, changed its CPU */
};

/* Make a thread that runs fn(arg) and start it. NULL when out of memory. */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg);
/* The same, bound to one CPU from its first instruction on. */
struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg);
/* Wait until t has ended and give its memory back. A thread is joined or detached, once. */
void thread_join(struct thread *t);
/* Nobody will join t: its memory goes back when it ends. */
void thread_detach(struct thread *t);
/* End the caller; returning from fn does the same. */
_Noreturn void thread_exit(void);
/* Let the others that wait for this CPU run first. */
void thread_yield(void);
/* At least that long; wakes do not end it. */
void thread_sleep(uint64_t ns);
/* Run on that CPU only, and be there when this returns; THREAD_ANY_CPU lifts it. */
void thread_pin(unsigned cpu);
struct thread *thread_self(void);

/* Block the caller until thread_wake(). A wake that comes first is remembered, once. */
void thread_block(void);
void thread_wake(struct thread *t);
/* The same for so long at most (UINT64_MAX: any time), and, if told, only until its CPU has nothing else to
 * do; true if that is why it ends. For a thread that is pinned. */
bool thread_wait(uint64_t ns, bool or_idle);

/* Call fn(arg) on another stack; who looks for pointers on the caller's stacks finds both. */
void thread_call_on_stack(const struct stack *stack, void (*fn)(void *), void *arg);

/* Nest. While off, the caller stays on its CPU and keeps it; it must not block. */
void thread_preempt_disable(void);
void thread_preempt_enable(void);

/* Call fn for every thread, with the thread list locked: fn must not block. */
void thread_for_each(void (*fn)(struct thread *t, void *arg), void *arg);
/* The same without the lock: in the stopped world nobody changes the list. */
void thread_for_each_stopped(void (*fn)(struct thread *t, void *arg), void *arg);

/* For boot/ itself --------------------------------------------------------------------- */

/* Give the CPU its idle thread and that one's stack. False when out of memory. */
bool thread_make_idle(struct cpu *c);
/* On the CPU itself, interrupts off. On the boot CPU: turn the flow that called boot_start()
 * into thread 0 and make the idle thread; on others: the flow is the idle thread. */
void thread_init_cpu(struct cpu *c);
/* At the end of every interrupt, interrupts off: switch if one is due. The interrupt's frame has the
 * registers of what it interrupted, and lies on that one's stack. */
void thread_interrupt_exit(const void *frame);
_Noreturn void thread_idle_loop(void);

/* What may end a wait: bits. Wakes are others', the timer and idleness thread_wait.c's, ends thread.c's. */
enum { THREAD_WOKEN = 1, THREAD_RANG = 2, THREAD_ENDED = 4, THREAD_UNWANTED = 8 };

/* Block the caller until one of these, unless it came already; which it was. Interrupts off. */
unsigned thread_await(unsigned events, enum thread_state state);
/* End t's wait for the event, or remember that it came. */
void thread_signal(struct thread *t, unsigned event);
/* The caller forgets which of these came. Interrupts off. */
void thread_forget(unsigned events);
/* Run another thread, this CPU's or one that waits for a busy one; false if there is none. Interrupts off. */
bool thread_run_others(void);

#endif
