/* SPDX-License-Identifier: MIT */
/* sim.h - the simulation of allocator and collector: what its files know of each other.
 *
 * A seed decides all: settings, what each thread does, and who goes on at each step. docs/testing.md
 * says how to use it.
 *
 *   main.c    seeds, one after another; what is said of them
 *   sched.c   processors and threads, and who goes on
 *   tsan.c    what the compiler calls for each access to memory
 *   port.c    the kernel that tern is linked into
 *   watch.c   ... and which pages were written to
 *   model.c   what must be in memory, and what leads to what
 *   work.h    what threads do, in files of its own
 *   touch.c   accesses to objects that are seen by sched.c, as those of tern are */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/gc.h>

/* tern's settings here: boot/host/tern_config.h has the like of it. */
#define SIM_CPUS    4u
#define SIM_THREADS 6u

/* Where the heap's memory lies. */
#define SIM_MEMORY_AT  0x140000000ul
#define SIM_MEMORY_MAX (4ul << 20)

/* --- chance ---------------------------------------------------------------------------------- */

struct sim_random {
	uint64_t state;
};

static inline uint64_t sim_random(struct sim_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline unsigned sim_below(struct sim_random *r, unsigned n)
{
	return (unsigned)((sim_random(r) >> 32) * n >> 32);
}

static inline bool sim_one_in(struct sim_random *r, unsigned n)
{
	return sim_below(r, n) == 0;
}

/* --- scheduling: sched.c --------------------------------------------------------------------- */

/* What a thread is about to do: where another may go on. */
enum sim_kind {
	SIM_LOAD,
	SIM_STORE,
	SIM_CHANGE, /* read, modify, write */
	SIM_FENCE,
	SIM_PLAIN, /* an access that is not atomic */
	SIM_IRQ,   /* interrupts go on */
	SIM_STEP,  /* the program's */
	SIM_KINDS,
};

enum sim_strategy { SIM_RANDOM, SIM_PCT, SIM_BURSTS, SIM_FREEZE, SIM_STRATEGIES };

struct sim_schedule {
	unsigned ncpus, nthreads;
	enum sim_strategy strategy;
	unsigned mean;              /* weight between two decisions */
	unsigned weight[SIM_KINDS]; /* 0: never there */
	unsigned preempt, timer;    /* one decision in so many; 0: none */
	unsigned spurious;          /* one weak exchange in so many fails for nothing; 0: none */
};

/* Why a processor is interrupted: bits. */
#define SIM_STOP  1u
#define SIM_DRAIN 2u
#define SIM_TIMER 4u

struct sim_cpu {
	struct sim_thread *thread; /* NULL: idle */
	unsigned interrupts;
	unsigned drained, wanted; /* port.c */
	unsigned priority;
	uint64_t frozen; /* until this step, if others can go on */
};

struct sim_thread {
	uintptr_t sp;        /* while another goes on */
	uintptr_t low, top;  /* its stack */
	uintptr_t stop_sp;   /* where it stopped for the collector; 0: it has not */
	struct sim_cpu *cpu; /* NULL: waits for one */
	bool irq_off, in_interrupt, ended;
	const void *watched; /* model.c is told of changes here */
	unsigned level;      /* of interrupts: 0 or 1 */
};

extern struct sim_cpu sim_cpus[SIM_CPUS];
extern struct sim_thread sim_threads[SIM_THREADS + 1];
extern struct sim_thread *sim_self;
extern uint64_t sim_steps, sim_switches;
extern struct sim_schedule sim_schedule;

/* Run fn(i) in threads 0 .. n-1 until all have ended. */
void sim_run(const struct sim_schedule *schedule, uint64_t seed, void (*fn)(unsigned i));
/* And then one more, alone. */
void sim_run_alone(void (*fn)(unsigned i));
void sim_point(enum sim_kind kind, const void *pc);
/* Others are waited for. */
void sim_wait(const void *pc);
bool sim_fails_for_nothing(void);
void sim_step(void);

static inline unsigned sim_thread_id(void)
{
	return (unsigned)(sim_self - sim_threads);
}

static inline unsigned sim_cpu_id(void)
{
	return (unsigned)(sim_self->cpu - sim_cpus);
}

/* While this is not 0 nobody else goes on. */
extern unsigned sim_quiet;

/* --- the kernel: port.c ---------------------------------------------------------------------- */

void sim_interrupt(struct sim_cpu *cpu);
/* A thread ends, and its processor has no other. */
void sim_cpu_goes(struct sim_cpu *cpu);

/* --- pages: watch.c -------------------------------------------------------------------------- */

void sim_watch_start(uint64_t seed);
/* Somebody is about to write there, and nobody else goes on before he has. */
void sim_written(const volatile void *at, size_t size);

/* --- what is said: main.c -------------------------------------------------------------------- */

_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For SIM_TRACE=1: a decision or a call. */
void sim_note(const char *what, uintptr_t a, uintptr_t b);

/* --- what threads do: work.c ----------------------------------------------------------------- */

struct sim_settings {
	struct sim_schedule schedule;
	struct tern_gc_options gc;
	unsigned few;       /* grey objects that are scanned one by one: gc/mark.h */
	size_t memory;      /* bytes of the region */
	size_t more;        /* ... behind it, for later */
	bool zeroed;        /* it reads as zero, and tern knows */
	unsigned steps;     /* of each thread */
	size_t size;        /* of most small objects; 0: all sizes */
	unsigned hardening; /* enum tern_hardening */
};

/* The thread's part of a run; before the first, the heap is made. */
void sim_work_start(const struct sim_settings *settings, uint64_t seed, void *memory);
void sim_work(unsigned thread);
void sim_work_in_interrupt(void);
/* When all have ended: drop all that is left, and see that nothing is. */
void sim_judge(void);
/* Chances of each kind of step, drawn by the seed, as text. */
const char *sim_work_mix(void);

/* Marking is done, and nothing swept: who is alive is known. model.c */
void model_turn(void);
/* The thread that runs has changed what it watches. */
void model_changed(void);

#endif
