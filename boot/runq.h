/* SPDX-License-Identifier: MIT */
/* runq.h - which thread waits for which CPU: for boot/ itself. All with interrupts off. */
#ifndef BOOT_RUNQ_H
#define BOOT_RUNQ_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/list.h"
#include "lib/lock.h"

struct cpu;
struct thread;

/* Threads that wait for a CPU; the one that runs is not among them. 0 <= movable <= length. */
struct run_queue {
	struct tern_lock lock;
	struct list ready; /* [lock] the next to run is first */
	/* [atomic: written with the lock held, relaxed; others peek] */
	atomic_uint length;
	atomic_uint movable; /* how many of them are not pinned */
	atomic_bool urgent;  /* the first is to run now */
};

void runq_init(struct cpu *c);
/* The invariants of a run queue; its lock is held. */
bool runq_check(const struct run_queue *q);

void runq_add_locked(struct run_queue *q, struct thread *t);
/* The first; NULL if nobody waits. */
struct thread *runq_take_locked(struct run_queue *q);
/* Somebody waits for this CPU; of another one it is a guess. */
bool runq_wanted(const struct cpu *c);

/* Whose thread it is, and with that one's run queue locked. */
struct cpu *runq_cpu_of(const struct thread *t);
struct cpu *runq_lock_of(const struct thread *t);
void runq_set_cpu(struct thread *t, struct cpu *c);
/* Where t, which ran on `last`, is to wait. */
struct cpu *runq_choose_cpu(const struct thread *t, struct cpu *last);

/* Queue a ready thread that is on no queue, with no lock held; the second: as the next to run, at once. */
void runq_enqueue(struct thread *t);
void runq_enqueue_first(struct thread *t);
/* A CPU without work takes a thread from the longest queue; false if there is none. */
bool runq_steal(struct cpu *c);

/* Begin a slice if somebody waits for this CPU and none runs; end it if nobody does. */
void runq_set_slice(struct cpu *c, bool fresh);
/* At the end of the interrupt that this is, or of one that comes as soon as interrupts are on. */
void runq_switch_soon(struct cpu *c);
/* The current slice is over. From timer.c. */
void runq_slice_over(void);
/* Somebody may have put a thread on this CPU's queue. From ipi.c. */
void runq_look(void);

#endif
