/* SPDX-License-Identifier: MIT */
/* thread.h - kernel threads: preempted by a timer, moved between CPUs.
 *
 * Each CPU has a run queue, first in first out with a time slice; an idle CPU takes threads from
 * the busiest one. A thread's registers are on its own stack whenever it does not run. */
#ifndef BOOT_THREAD_H
#define BOOT_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/stack.h"
#include "lib/list.h"
#include "lib/lock.h"

#define THREAD_NAME_MAX 24
#define THREAD_ANY_CPU  UINT32_MAX
#define THREAD_SLICE_NS 5000000ull

enum thread_state { THREAD_READY, THREAD_RUNNING, THREAD_BLOCKED, THREAD_SLEEPING, THREAD_DONE };

struct cpu;

struct run_queue {
	struct tern_lock lock;
	struct list ready;        /* [lock] */
	unsigned length;          /* [lock] */
};

struct thread {
	unsigned id;              /* [const] counts up from 0 */
	char name[THREAD_NAME_MAX];
	enum thread_state state;  /* [lock: its CPU's runq] */
	struct cpu *cpu;          /* [lock: its CPU's runq] where it runs or ran last */
	unsigned pinned;          /* [lock: its CPU's runq] CPU id or THREAD_ANY_CPU */
	uintptr_t sp;             /* saved stack pointer while it does not run */
	struct stack stack;       /* [const] */
	void (*fn)(void *);       /* [const] */
	void *arg;                /* [const] */
	struct list run_link;     /* [lock: its CPU's runq] */
	struct list all_link;     /* [lock: thread list] */
	/* what follows belongs to thread.c */
	struct thread *joiner;
	bool detached;
	uint64_t wake_ns;
	struct list sleep_link;
	uint64_t ran_ns, switches, moves;
};

/* Make a thread that runs fn(arg) and start it. NULL when out of memory. */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg);
/* The same, bound to one CPU from its first instruction on. */
struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg);
/* Wait until t has ended and give its memory back. Each thread is joined once. */
void thread_join(struct thread *t);
/* Nobody will join t: its memory goes back when it ends. */
void thread_detach(struct thread *t);
_Noreturn void thread_exit(void);
void thread_yield(void);
void thread_sleep(uint64_t ns);
/* Run on that CPU only, and be there when this returns; THREAD_ANY_CPU lifts it. */
void thread_pin(unsigned cpu);
struct thread *thread_self(void);

/* Block the caller until thread_wake(). A wake that comes first is remembered, once. */
void thread_block(void);
void thread_wake(struct thread *t);

/* Nest. While off, the caller stays on its CPU and keeps it; it must not block. */
void thread_preempt_disable(void);
void thread_preempt_enable(void);

/* Call fn for every thread, with the thread list locked: fn must not block. */
void thread_for_each(void (*fn)(struct thread *t, void *arg), void *arg);

/* For boot/ itself --------------------------------------------------------------------- */

/* Turn the flow that called boot_start() into thread 0; make the CPU's idle thread. */
void thread_init_cpu(struct cpu *c);
/* At the end of every interrupt, interrupts off: switch if one is due. */
void thread_interrupt_exit(void);
/* The current slice is over. From timer.c. */
void thread_slice_over(void);
_Noreturn void thread_idle_loop(void);

#endif
