/* SPDX-License-Identifier: MIT */
/* test_pacer_cycles.c - programs that run for many cycles, as the pacer sees them.
 *
 * Time goes on in steps of 100 us. A quarter of the CPUs' time marks and leaves credit; the rest is
 * one program's, which pays with its time for what it allocates and for the marking that it owes.
 * Rates are bytes in a microsecond of one CPU; what changes, changes with the cycle's number. */
#include "gc/pacer.h"
#include "lib/bits.h"
#include "tests/test.h"

#define CPUS     8u
#define STEP_NS  100000u
#define CHUNK    KiB(16)
#define GC_SHARE 4u

/* From one value to another by a cycle's number, once or again and again. */
struct curve {
	uint64_t from, to;
	unsigned at;     /* the cycle of the step; 0: a ramp over all cycles */
	unsigned period; /* 0: once */
	unsigned noise;  /* permille up or down */
};

struct program {
	const char *name;
	int32_t percent;
	uint64_t limit;
	uint64_t stacks, globals;
	struct curve allocate, scan, live, scannable; /* scannable: permille of what lives */
	unsigned cycles;
	/* In permille: of CPUs while marking; how far the heap came, of its goal. In the last eight
	 * cycles, and ever. */
	unsigned utilization, least, most, most_ever;
};

struct run {
	const struct program *program;
	struct tern_pacer pacer;
	uint64_t now_ns;
	uint64_t allocate, scan, live, scannable;     /* in this cycle */
	uint64_t utilization, least, most, most_ever; /* as in the program */
	/* while marking */
	uint64_t stacks, globals, todo; /* bytes that are not marked yet */
	uint64_t assist_ns, mutator_ns;
	uint64_t most_bytes; /* that the heap ever had */
	uint64_t paid_bytes; /* that may be allocated without another assist */
};

static uint64_t value_of(struct test *t, const struct curve *c, unsigned n, unsigned cycles)
{
	unsigned phase = c->period ? n % c->period : n;
	uint64_t value = phase < c->at ? c->from : c->to;

	if (c->at == 0)
		value = (c->from * (cycles - n) + c->to * n) / cycles;
	if (c->noise == 0)
		return value;
	return value * (1000 - c->noise + test_random_below(t, 2 * c->noise + 1)) / 1000;
}

/* --- one cycle ------------------------------------------------------------------------------- */

static void allocate(struct run *r, uint64_t bytes)
{
	tern_pacer_add_live(&r->pacer, bytes, bytes * r->scannable / 1000);
}

static uint64_t mark_some(struct run *r, enum tern_pacer_work kind, uint64_t most, uint64_t *left)
{
	uint64_t bytes = tern_min(most, *left);

	tern_pacer_add_work(&r->pacer, kind, bytes);
	*left -= bytes;
	return bytes;
}

/* Roots first. Returns how much there was to mark. */
static uint64_t mark(struct run *r, uint64_t bytes)
{
	uint64_t rest = bytes;

	rest -= mark_some(r, TERN_PACER_WORK_STACKS, rest, &r->stacks);
	rest -= mark_some(r, TERN_PACER_WORK_GLOBALS, rest, &r->globals);
	rest -= mark_some(r, TERN_PACER_WORK_HEAP, rest, &r->todo);
	return bytes - rest;
}

static bool is_done(const struct run *r)
{
	return r->stacks + r->globals + r->todo == 0;
}

static void begin(struct run *r)
{
	struct tern_pacer *p = &r->pacer;

	tern_pacer_set_roots(p, r->stacks, r->globals);
	tern_pacer_start_cycle(p, r->now_ns, CPUS, TERN_PACER_HEAP);
	r->todo = r->live * r->scannable / 1000;
	r->assist_ns = r->mutator_ns = r->paid_bytes = 0;
}

static void work_in_background(struct run *r)
{
	uint64_t bytes = STEP_NS * CPUS / GC_SHARE * r->scan / 1000;

	tern_pacer_add_credit(&r->pacer, mark(r, bytes));
}

static uint64_t assist(struct run *r)
{
	uint64_t work = tern_pacer_assist_work(&r->pacer, CHUNK), own, ns;

	r->paid_bytes += tern_pacer_assist_bytes(&r->pacer, work);
	own = mark(r, work - tern_pacer_take_credit(&r->pacer, work));
	ns = own * 1000 / r->scan;
	r->assist_ns += ns;
	return ns;
}

static void run_program(struct run *r)
{
	uint64_t budget_ns = STEP_NS * CPUS / GC_SHARE * (GC_SHARE - 1);

	while (r->mutator_ns < budget_ns && !is_done(r)) {
		while (r->paid_bytes < CHUNK)
			r->mutator_ns += assist(r);
		r->paid_bytes -= CHUNK;
		allocate(r, CHUNK);
		r->mutator_ns += CHUNK * 1000 / r->allocate;
	}
	r->mutator_ns = tern_sub_sat(r->mutator_ns, budget_ns);
}

static void finish(struct run *r)
{
	struct tern_pacer_end end = { .now_ns = r->now_ns, .assist_ns = r->assist_ns };

	/* What was allocated meanwhile is black. */
	end.marked_bytes = r->live + tern_pacer_live(&r->pacer) - r->pacer.triggered_bytes;
	tern_pacer_end_cycle(&r->pacer, &end);
	tern_pacer_sweep_done(&r->pacer);
}

static void observe(struct run *r, bool last, uint64_t reached)
{
	uint64_t utilization = tern_fixed_mul(1000, r->pacer.utilization);

	r->most_ever = tern_max(r->most_ever, reached);
	if (!last)
		return;
	r->utilization = tern_max(r->utilization, utilization);
	r->most = tern_max(r->most, reached);
	r->least = tern_min(r->least, reached);
}

static void expect_bounds(struct test *t, const struct run *r)
{
	const struct program *g = r->program;

	if (EXPECT(r->utilization <= g->utilization && r->least >= g->least && r->most <= g->most &&
		   r->most_ever <= g->most_ever))
		return;
	test_note(t, "%s: %llu permille of the CPUs, %llu to %llu of the goal, once %llu", g->name,
		  (unsigned long long)r->utilization, (unsigned long long)r->least,
		  (unsigned long long)r->most, (unsigned long long)r->most_ever);
}

/* The heap is never given back, and has no overhead. */
static void tell_memory(struct run *r)
{
	uint64_t live = tern_pacer_live(&r->pacer);
	struct tern_pacer_memory m = { .object_bytes = live };

	r->most_bytes = m.total_bytes = tern_max(r->most_bytes, live);
	m.free_bytes = m.total_bytes - live;
	tern_pacer_set_memory(&r->pacer, &m);
}

static void set_cycle(struct test *t, struct run *r, unsigned n)
{
	const struct program *g = r->program;

	r->allocate = tern_max(value_of(t, &g->allocate, n, g->cycles), 1);
	r->scan = tern_max(value_of(t, &g->scan, n, g->cycles), 1);
	r->live = value_of(t, &g->live, n, g->cycles);
	r->scannable = tern_min(value_of(t, &g->scannable, n, g->cycles), 1000);
	r->stacks = g->stacks;
	r->globals = g->globals;
}

static void run_cycle(struct test *t, struct run *r, unsigned n)
{
	struct tern_pacer *p = &r->pacer;
	uint64_t reached;

	set_cycle(t, r, n);
	r->now_ns += 1000000;
	tell_memory(r);
	allocate(r, tern_sub_sat(tern_pacer_trigger(p), tern_pacer_live(p)));
	EXPECT(tern_pacer_should_start(p, r->now_ns, false) != TERN_PACER_NONE);
	/* Nothing lives that was not allocated. */
	r->live = tern_min(r->live, tern_pacer_live(p));
	begin(r);
	while (!is_done(r)) {
		tern_pacer_revise(p);
		work_in_background(r);
		run_program(r);
		r->now_ns += STEP_NS;
	}
	reached = tern_mul_div(tern_pacer_live(p), 1000, tern_pacer_goal(p));
	finish(r);
	observe(r, n + 8 >= r->program->cycles, reached);
}

static void run_all(struct test *t, const struct program *g)
{
	static struct run r;

	memset(&r, 0, sizeof(r));
	r.program = g;
	r.least = UINT64_MAX;
	tern_pacer_init(&r.pacer, g->percent, 0, g->limit);
	tern_pacer_set_concurrent(&r.pacer, true);
	for (unsigned n = 0; n < g->cycles; n++)
		run_cycle(t, &r, n);
	expect_bounds(t, &r);
}

/* --- programs -------------------------------------------------------------------------------- */

#define ALWAYS(n)                                                                                  \
	{                                                                                          \
		.from = (n), .to = (n)                                                             \
	}
#define RAMP(a, b)                                                                                 \
	{                                                                                          \
		.from = (a), .to = (b)                                                             \
	}
#define STEP(a, b, when)                                                                           \
	{                                                                                          \
		.from = (a), .to = (b), .at = (when)                                               \
	}
#define TURNS(a, b, n)                                                                             \
	{                                                                                          \
		.from = (a), .to = (b), .at = (n), .period = 2 * (n)                               \
	}
#define NOISY(n, permille)                                                                         \
	{                                                                                          \
		.from = (n), .to = (n), .noise = (permille)                                        \
	}

static const struct program programs[] = {
	{ "steady", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024), ALWAYS(MiB(64)),
	  ALWAYS(1000), 40, 260, 950, 1010, 1100 },
	{ "steady, big stacks", 100, 0, MiB(256), KiB(32), ALWAYS(132), ALWAYS(1024),
	  ALWAYS(MiB(64)), ALWAYS(1000), 40, 260, 950, 1010, 2200 },
	{ "steady, big globals", 100, 0, KiB(64), MiB(128), ALWAYS(132), ALWAYS(1024),
	  ALWAYS(MiB(64)), ALWAYS(1000), 40, 260, 950, 1010, 1150 },
	{ "steady, small", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024), ALWAYS(MiB(1)),
	  ALWAYS(1000), 40, 270, 950, 1010, 1100 },
	{ "steady, large", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024), ALWAYS(GiB(1)),
	  ALWAYS(500), 20, 260, 950, 1010, 1100 },
	{ "allocates faster from cycle 30 on", 100, 0, KiB(64), KiB(32), STEP(33, 99, 30),
	  ALWAYS(1024), ALWAYS(MiB(64)), ALWAYS(1000), 60, 260, 950, 1010, 1100 },
	{ "allocates much faster from cycle 30 on", 100, 0, KiB(64), KiB(32), STEP(33, 330, 30),
	  ALWAYS(1024), ALWAYS(MiB(64)), ALWAYS(1000), 60, 450, 950, 1010, 1100 },
	{ "jumps to four times its size", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024),
	  STEP(MiB(32), MiB(128), 30), ALWAYS(1000), 60, 260, 950, 1010, 1100 },
	{ "jumps to sixty times its size", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024),
	  STEP(MiB(4), MiB(240), 30), ALWAYS(1000), 60, 260, 950, 1010, 1100 },
	{ "pointers all at once", 100, 0, KiB(64), KiB(32), ALWAYS(128), ALWAYS(1024),
	  ALWAYS(MiB(64)), STEP(200, 1000, 30), 60, 260, 950, 1010, 1200 },
	{ "grows", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024), RAMP(MiB(8), MiB(256)),
	  ALWAYS(1000), 60, 260, 950, 1010, 1100 },
	{ "shrinks", 100, 0, KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024), RAMP(MiB(256), MiB(8)),
	  ALWAYS(1000), 60, 260, 950, 1010, 1100 },
	{ "jagged", 100, 0, KiB(64), KiB(32), TURNS(13, 80, 4), ALWAYS(1024), ALWAYS(MiB(64)),
	  ALWAYS(1000), 60, 260, 880, 1010, 1100 },
	{ "noise of 10 percent", 100, 0, KiB(64), KiB(32), NOISY(66, 100), NOISY(1024, 100),
	  NOISY(MiB(64), 100), ALWAYS(1000), 60, 350, 930, 1060, 1300 },
	{ "noise of 50 percent", 100, 0, KiB(64), KiB(32), NOISY(66, 500), NOISY(1024, 100),
	  NOISY(MiB(64), 100), ALWAYS(1000), 60, 500, 850, 1100, 1500 },
	{ "10 percent", 10, 0, KiB(64), KiB(32), ALWAYS(3), ALWAYS(1024), ALWAYS(MiB(256)),
	  ALWAYS(1000), 40, 310, 950, 1010, 1050 },
	{ "1600 percent", 1600, 0, KiB(64), KiB(32), ALWAYS(165), ALWAYS(1024), ALWAYS(MiB(16)),
	  ALWAYS(1000), 40, 260, 950, 1010, 1100 },
	{ "a limit far away", 100, GiB(1), KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024),
	  ALWAYS(MiB(64)), ALWAYS(1000), 40, 260, 950, 1010, 1100 },
	{ "off, a limit", TERN_PACER_OFF, MiB(256), KiB(64), KiB(32), ALWAYS(33), ALWAYS(1024),
	  ALWAYS(MiB(64)), ALWAYS(1000), 40, 260, 950, 1010, 1050 },
	{ "off, little below the limit", TERN_PACER_OFF, MiB(256), KiB(64), KiB(32), ALWAYS(33),
	  ALWAYS(1024), ALWAYS(MiB(230)), ALWAYS(1000), 40, 660, 950, 1010, 1100 },
	{ "off, more than the limit", TERN_PACER_OFF, MiB(256), KiB(64), KiB(32), ALWAYS(33),
	  ALWAYS(1024), ALWAYS(MiB(300)), ALWAYS(1000), 40, 900, 950, 1010, 1150 },
	{ "allocates faster than it can be marked", 100, 0, KiB(64), KiB(32), ALWAYS(4000),
	  ALWAYS(1024), ALWAYS(MiB(64)), ALWAYS(1000), 40, 930, 950, 1010, 2200 },
};

TEST(pacer_cycles, programs)
{
	for (unsigned i = 0; i < ARRAY_SIZE(programs); i++)
		run_all(t, &programs[i]);
}
