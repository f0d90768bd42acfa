/* SPDX-License-Identifier: MIT */
/* sched.c - virtual processors and threads in one thread of the process, and who goes on.
 *
 * Job      At each point, decide by chance whether another processor goes on, whether a thread loses
 *          its processor to one that waits, and whether an interrupt comes. A thread is a fiber; one
 *          that does not run has all its registers on its stack.
 * Fair     Who waits for others lets them go on, and gives its processor up if it can. A strategy with
 *          priorities puts it last.
 * Context  the process's only thread. */
#include "tests/sim/sim.h"

#include <string.h>

#define STACK      (64u << 10)
#define STEPS_MOST 200000000u
/* Or where decisions are frequent nothing but their handlers would run. */
#define TIMERS_MOST 100u

/* Interrupts and their work stand on the same stack. */
static unsigned char stacks[SIM_THREADS + 1][STACK] __attribute__((aligned(64)));
static uintptr_t main_sp;
static struct sim_thread *queue[SIM_THREADS]; /* that wait for a processor, the first first */
static unsigned nqueue;
static struct sim_random rng;
static int64_t left; /* weight until the next decision */
static unsigned lowest, ntimers;
static void (*body)(unsigned i);

struct sim_cpu sim_cpus[SIM_CPUS];
struct sim_thread sim_threads[SIM_THREADS + 1];
struct sim_thread *sim_self;
struct sim_schedule sim_schedule;
uint64_t sim_steps, sim_switches;
unsigned sim_quiet;

void sim_switch(uintptr_t *save, uintptr_t load);

/* --- interrupts ------------------------------------------------------------------------------ */

static void take_interrupts(void)
{
	struct sim_thread *t = sim_self;

	while (!t->irq_off && t->cpu->interrupts) {
		const void *watched = t->watched;

		t->irq_off = t->in_interrupt = true;
		t->watched = NULL;
		t->level++;
		sim_interrupt(t->cpu);
		t->level--;
		t->watched = watched;
		t->irq_off = t->in_interrupt = false;
	}
}

/* --- who goes on ----------------------------------------------------------------------------- */

static void go_on(struct sim_cpu *c)
{
	struct sim_thread *from = sim_self;

	if (c->thread == from)
		return;
	sim_switches++;
	sim_note("goes on", (uintptr_t)(c->thread - sim_threads), (uintptr_t)(c - sim_cpus));
	sim_self = c->thread;
	sim_switch(&from->sp, sim_self->sp);
}

static unsigned running(struct sim_cpu *cpus[SIM_CPUS])
{
	unsigned n = 0;

	for (struct sim_cpu *c = sim_cpus; c < sim_cpus + sim_schedule.ncpus; c++)
		if (c->thread)
			cpus[n++] = c;
	return n;
}

static struct sim_cpu *highest(struct sim_cpu *const cpus[], unsigned n)
{
	struct sim_cpu *best = cpus[0];

	for (unsigned i = 1; i < n; i++)
		if (cpus[i]->priority > best->priority)
			best = cpus[i];
	return best;
}

static struct sim_cpu *next_of(struct sim_cpu *const cpus[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (cpus[i] > sim_self->cpu)
			return cpus[i];
	return cpus[0];
}

/* By chance, of those that are not frozen. */
static struct sim_cpu *warm(struct sim_cpu *const cpus[], unsigned n)
{
	unsigned first = sim_below(&rng, n);

	for (unsigned i = 0; i < n; i++)
		if (cpus[(first + i) % n]->frozen <= sim_steps)
			return cpus[(first + i) % n];
	return cpus[first];
}

static struct sim_cpu *choose(void)
{
	struct sim_cpu *cpus[SIM_CPUS] = { NULL };
	unsigned n = running(cpus);

	switch (sim_schedule.strategy) {
	case SIM_PCT:
		return highest(cpus, n);
	case SIM_BURSTS:
		return next_of(cpus, n);
	case SIM_FREEZE:
		return warm(cpus, n);
	default:
		return cpus[sim_below(&rng, n)];
	}
}

static void put_last(struct sim_cpu *c)
{
	c->priority = --lowest;
}

/* The thread that runs gives its processor to the one that has waited longest. */
static struct sim_cpu *hand_cpu_over(void)
{
	struct sim_thread *t = sim_self;
	struct sim_cpu *c = t->cpu;

	c->thread = queue[0];
	c->thread->cpu = c;
	memmove(queue, queue + 1, --nqueue * sizeof(queue[0]));
	t->cpu = NULL;
	return c;
}

static void preempt(void)
{
	struct sim_thread *t = sim_self;
	struct sim_cpu *c = hand_cpu_over();

	queue[nqueue++] = t;
	go_on(c);
}

static void draw_next(void)
{
	left += 1 + sim_below(&rng, 2 * sim_schedule.mean);
}

static bool drawn(unsigned one_in)
{
	return one_in && sim_one_in(&rng, one_in);
}

static void decide(void)
{
	draw_next();
	if (ntimers < TIMERS_MOST && drawn(sim_schedule.timer)) {
		ntimers++;
		sim_cpus[sim_below(&rng, sim_schedule.ncpus)].interrupts |= SIM_TIMER;
	}
	if (sim_schedule.strategy == SIM_PCT)
		put_last(sim_self->cpu);
	/* In the middle of something, while others get far. */
	if (sim_schedule.strategy == SIM_FREEZE && sim_one_in(&rng, 2))
		sim_self->cpu->frozen = sim_steps + (64u << sim_below(&rng, 7));
	if (nqueue && !sim_self->irq_off && drawn(sim_schedule.preempt))
		preempt();
	go_on(choose());
}

/* By chance, as any order that repeats itself may keep somebody from ever finding a lock free. */
static struct sim_cpu *choose_another(void)
{
	struct sim_cpu *cpus[SIM_CPUS] = { NULL };
	unsigned n = running(cpus);

	if (sim_one_in(&rng, 4))
		return cpus[sim_below(&rng, n)];
	return sim_schedule.strategy == SIM_PCT ? highest(cpus, n) : warm(cpus, n);
}

static void wait_for_others(void)
{
	put_last(sim_self->cpu);
	if (nqueue && !sim_self->irq_off && (sim_schedule.ncpus == 1 || sim_one_in(&rng, 2)))
		preempt();
	go_on(choose_another());
}

static inline void count_step(void)
{
	if (__builtin_expect(++sim_steps > STEPS_MOST, 0))
		sim_fail("no end after %u steps: somebody waits for what never comes", STEPS_MOST);
}

void sim_point(enum sim_kind kind, const void *pc)
{
	if (sim_quiet)
		return;
	count_step();
	left -= sim_schedule.weight[kind];
	if (__builtin_expect(left <= 0, 0)) {
		sim_note("at", (uintptr_t)pc, kind);
		decide();
	}
	if (__builtin_expect(sim_self->cpu->interrupts, 0))
		take_interrupts();
}

void sim_wait(const void *pc)
{
	if (sim_quiet)
		sim_fail("somebody waits, and nobody else may go on");
	count_step();
	sim_note("waits at", (uintptr_t)pc, sim_self->irq_off);
	wait_for_others();
	take_interrupts();
}

bool sim_fails_for_nothing(void)
{
	return !sim_quiet && drawn(sim_schedule.spurious);
}

void sim_step(void)
{
	sim_point(SIM_STEP, __builtin_return_address(0));
}

/* --- threads --------------------------------------------------------------------------------- */

/* On the stack of the thread that ends, which nobody goes back to. */
static void end(struct sim_thread *t)
{
	struct sim_cpu *c = t->cpu;

	t->irq_off = true;
	if (!nqueue)
		sim_cpu_goes(c);
	t->ended = true;
	if (nqueue) {
		go_on(hand_cpu_over());
	} else {
		struct sim_cpu *cpus[SIM_CPUS];

		c->thread = NULL;
		if (running(cpus))
			go_on(choose());
	}
	sim_switch(&t->sp, main_sp);
}

static void begin(void)
{
	take_interrupts();
	body(sim_thread_id());
	end(sim_self);
	__builtin_trap();
}

#if defined(__x86_64__)
/* Six registers, where to return to, and for that function's caller nothing. */
#define FRAME_WORDS 8
#define FRAME_PC    6
#else
#define FRAME_WORDS 20
#define FRAME_PC    11
#endif

static void prepare(unsigned i)
{
	struct sim_thread *t = &sim_threads[i];
	uintptr_t *frame;

	*t = (struct sim_thread){ .low = (uintptr_t)stacks[i], .top = (uintptr_t)stacks[i + 1] };
	memset(stacks[i], 0, STACK);
	frame = (uintptr_t *)t->top - FRAME_WORDS;
	frame[FRAME_PC] = (uintptr_t)begin;
	t->sp = (uintptr_t)frame;
}

static void start(struct sim_thread *t, struct sim_cpu *c)
{
	t->cpu = c;
	c->thread = t;
}

static void run(struct sim_thread *first)
{
	sim_self = first;
	sim_switch(&main_sp, first->sp);
	for (unsigned i = 0; i <= SIM_THREADS; i++)
		if (sim_threads[i].low && *(uint64_t *)sim_threads[i].low)
			sim_fail("thread %u has used up its stack", i);
}

void sim_run(const struct sim_schedule *schedule, uint64_t seed, void (*fn)(unsigned i))
{
	sim_schedule = *schedule;
	rng.state = seed;
	sim_steps = sim_switches = 0;
	sim_quiet = nqueue = ntimers = 0;
	left = 0;
	lowest = UINT32_MAX / 2;
	body = fn;
	memset(sim_cpus, 0, sizeof(sim_cpus));
	memset(sim_threads, 0, sizeof(sim_threads));
	draw_next();
	for (unsigned i = 0; i < schedule->nthreads; i++) {
		prepare(i);
		if (i >= schedule->ncpus) {
			queue[nqueue++] = &sim_threads[i];
			continue;
		}
		start(&sim_threads[i], &sim_cpus[i]);
		sim_cpus[i].priority = lowest + sim_below(&rng, 1000);
	}
	run(&sim_threads[0]);
}

void sim_run_alone(void (*fn)(unsigned i))
{
	body = fn;
	sim_schedule.timer = 0;
	prepare(SIM_THREADS);
	start(&sim_threads[SIM_THREADS], &sim_cpus[0]);
	run(&sim_threads[SIM_THREADS]);
}
