/* SPDX-License-Identifier: MIT */
/* main.c - the simulation: sim [--fault NAME] [--turn I/N] FIRST COUNT; sim --faults.
 *
 * Job      For each seed, draw the settings, put all memory of tern and of the heap back to how it
 *          was, let threads run, judge. Of N programs that share the seeds, this is number I.
 * Replay   All that a run depends on is the seed: memory lies at fixed addresses, stacks begin empty,
 *          time is the number of steps. So one seed by itself does what it does among others.
 * Output   One line at the end. A failure says its seed, and its last decisions if SIM_TRACE=1; then
 *          the status is 1. 2: usage. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <tern/safety.h>

#include "lib/compiler.h"
#include "tests/sim/fault.h"
#include "tests/sim/sim.h"

#define MEMORY_AT ((void *)SIM_MEMORY_AT)
#define NOTES     256u
#define LIMIT_S   60u /* for loops that no step is counted in */

/* What tern may write to: sim.mk gives its sections these names. */
extern char __start_tern_data[], __stop_tern_data[], __start_tern_bss[], __stop_tern_bss[];
static char *first_data;

static uint64_t seed, all_steps, all_switches;
static struct sim_settings settings;

/* --- what is said ---------------------------------------------------------------------------- */

static struct note {
	uint64_t step;
	const char *what;
	uintptr_t a, b;
	unsigned thread;
} notes[NOTES];
static unsigned nnotes;
static bool tracing;

void sim_note(const char *what, uintptr_t a, uintptr_t b)
{
	if (!tracing)
		return;
	notes[nnotes++ % NOTES] = (struct note){ sim_steps, what, a, b, sim_thread_id() };
}

static void print_notes(void)
{
	for (unsigned i = nnotes > NOTES ? nnotes - NOTES : 0; i < nnotes; i++) {
		const struct note *n = &notes[i % NOTES];

		printf("  step %lu thread %u %s 0x%lx %lu\n", (unsigned long)n->step, n->thread,
		       n->what, (unsigned long)n->a, (unsigned long)n->b);
	}
}

static void print_settings(void)
{
	static const char *const names[] = { "random", "pct", "bursts", "freeze" };
	const struct sim_schedule *s = &settings.schedule;

	printf("  %u threads on %u cpus, %s mean=%u plain=%u preempt=%u timer=%u spurious=%u\n"
	       "  mode=%d percent=%d min=%zu markers=%u watched=%d lazy=%d check=%d clobber=%d one=%d spans=%d few=%u memory=%zu more=%zu "
	       "zeroed=%d size=%zu hardening=%u steps=%u\n ",
	       s->nthreads, s->ncpus, names[s->strategy], s->mean, s->weight[SIM_PLAIN], s->preempt,
	       s->timer, s->spurious, settings.gc.mode, settings.gc.percent, settings.gc.min_heap,
	       settings.gc.markers, settings.gc.watched_roots, !settings.gc.no_lazy_sweep,
	       settings.gc.check, settings.gc.clobberfree, settings.gc.stop_the_world,
	       settings.gc.spans, settings.few, settings.memory, settings.more, settings.zeroed,
	       settings.size, settings.hardening, settings.steps);
	printf("%s\n", sim_work_mix());
}

_Noreturn void sim_fail(const char *format, ...)
{
	va_list args;

	sim_quiet++;
	printf("sim: SEED=%lu failed at step %lu: ", (unsigned long)seed, (unsigned long)sim_steps);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	print_settings();
	print_notes();
	fflush(stdout);
	_Exit(1);
}

static void on_signal(int number)
{
	sim_fail("%s", number == SIGALRM ? "it does not end" : strsignal(number));
}

/* On a stack of its own, as the thread's may be what is broken. */
static void catch_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM };
	static char stack[64u << 10];
	stack_t at = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&at, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &act, NULL);
}

/* --- settings -------------------------------------------------------------------------------- */

static void draw_schedule(struct sim_schedule *s, struct sim_random *rng)
{
	static const unsigned means[] = { 2, 5, 10, 20, 50, 100, 300, 1000 };

	*s = (struct sim_schedule){
		.ncpus = sim_one_in(rng, 16) ? 1 : 2 + sim_below(rng, SIM_CPUS - 1),
		.strategy = sim_below(rng, SIM_STRATEGIES),
		.mean = means[sim_below(rng, ARRAY_SIZE(means))],
		.weight = { 1, 1, 1, 1, 0, 1, 1 },
		.preempt = sim_one_in(rng, 3) ? 0 : 1 + sim_below(rng, 10),
		.timer = sim_one_in(rng, 2) ? 0 : 2 + sim_below(rng, 30),
		.spurious = sim_one_in(rng, 2) ? 0 : 2 + sim_below(rng, 20),
	};
	s->nthreads = s->ncpus + sim_below(rng, SIM_THREADS - s->ncpus + 1);
	if (s->strategy == SIM_PCT)
		s->mean *= 20;
	if (sim_one_in(rng, 3))
		s->weight[SIM_CHANGE] = 8;
	if (sim_one_in(rng, 6))
		s->weight[SIM_PLAIN] = 1;
}

static void draw_options(struct tern_gc_options *o, struct sim_random *rng)
{
	*o = (struct tern_gc_options){
		.mode = sim_one_in(rng, 4)   ? TERN_GC_STW
			: sim_one_in(rng, 3) ? TERN_GC_PAGES
					     : TERN_GC_BARRIER,
		.percent = (int)(10 + 30 * sim_below(rng, 5)),
		.min_heap = 8192ul << sim_below(rng, 5),
		.markers = sim_below(rng, 4),
		.no_lazy_sweep = sim_one_in(rng, 4),
		.clobberfree = sim_one_in(rng, 8),
		.stop_the_world = sim_one_in(rng, 8),
	};
	o->check = sim_one_in(rng, 16);
	o->watched_roots = o->mode == TERN_GC_BARRIER && sim_one_in(rng, 3);
	o->spans = sim_one_in(rng, 4);
}

static void draw_settings(struct sim_random *rng)
{
	static const unsigned hardenings[] = { TERN_HARDEN_ZERO, TERN_HARDEN_JUNK,
					       TERN_HARDEN_RANDOM,
					       TERN_HARDEN_JUNK | TERN_HARDEN_RANDOM };

	static const size_t sizes[] = { 16, 64, 512, 2048, 4096, 8192, 8192 };

	memset(&settings, 0, sizeof(settings));
	draw_schedule(&settings.schedule, rng);
	draw_options(&settings.gc, rng);
	settings.few = sim_one_in(rng, 2) ? 0 : sim_below(rng, 8);
	settings.memory = sim_one_in(rng, 3) ? 256ul << 10 : 1ul << 20;
	settings.memory += 8192ul * sim_below(rng, 32);
	settings.more = sim_one_in(rng, 4) ? 512ul << 10 : 0;
	settings.zeroed = sim_one_in(rng, 2);
	if (sim_one_in(rng, 2))
		settings.size = sizes[sim_below(rng, ARRAY_SIZE(sizes))];
	settings.steps = 20 + sim_below(rng, sim_one_in(rng, 4) ? 300 : 100);
	if (sim_one_in(rng, 4))
		settings.hardening = hardenings[sim_below(rng, ARRAY_SIZE(hardenings))];
}

/* --- a seed ---------------------------------------------------------------------------------- */

static size_t data_size(void)
{
	return (size_t)(__stop_tern_data - __start_tern_data);
}

static void keep_first_data(void)
{
	first_data = malloc(data_size());
	if (!first_data ||
	    mmap(MEMORY_AT, SIM_MEMORY_MAX, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MEMORY_AT) {
		printf("sim: no memory at %p\n", MEMORY_AT);
		exit(2);
	}
	memcpy(first_data, __start_tern_data, data_size());
}

static void put_back(void)
{
	memcpy(__start_tern_data, first_data, data_size());
	memset(__start_tern_bss, 0, (size_t)(__stop_tern_bss - __start_tern_bss));
	memset(MEMORY_AT, settings.zeroed ? 0 : 0xb7, settings.memory);
	memset((char *)MEMORY_AT + settings.memory, 0xb7, settings.more);
}

static void run_seed(void)
{
	struct sim_random rng = { seed };

	/* Or the next seed's chances would be these, but for the first. */
	rng.state = sim_random(&rng);
	draw_settings(&rng);
	put_back();
	alarm(LIMIT_S);
	nnotes = 0;
	sim_watch_start(sim_random(&rng));
	sim_work_start(&settings, sim_random(&rng), MEMORY_AT);
	sim_run(&settings.schedule, sim_random(&rng), sim_work);
	sim_judge();
	all_steps += sim_steps;
	all_switches += sim_switches;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [--fault NAME] [--turn I/N] FIRST COUNT; sim --faults\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long first, count, n = 0;
	unsigned turn = 0, turns = 1;
	double start = seconds(), passed;
	int i = 1;

	if (argc == 2 && strcmp(argv[1], "--faults") == 0) {
		fault_list();
		return 0;
	}
	for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
		if (strcmp(argv[i], "--turn") == 0 &&
		    sscanf(argv[i + 1], "%u/%u", &turn, &turns) == 2 && turns)
			continue;
		if (strcmp(argv[i], "--fault") != 0 || !fault_plant(argv[i + 1]))
			return usage();
	}
	if (i + 2 != argc)
		return usage();
	first = strtoul(argv[i], NULL, 0);
	count = strtoul(argv[i + 1], NULL, 0);
	tracing = getenv("SIM_TRACE") && strcmp(getenv("SIM_TRACE"), "1") == 0;
	keep_first_data();
	catch_signals();
	for (seed = first; seed < first + count; seed++)
		if (seed % turns == turn) {
			run_seed();
			n++;
		}
	passed = seconds() - start;
	printf("sim: %lu schedules, %lu steps, %lu switches, %.1f s\n", n, (unsigned long)all_steps,
	       (unsigned long)all_switches, passed);
	return 0;
}
