/* SPDX-License-Identifier: MIT */
/* Tests of gc/dirty.c: a program that stores pointers as plain C does loses nothing while cycles run.
 * With TERN_GC_PAGES that is what the pages say; where the world stands while objects are marked it is
 * a test of the test. */
#include <stdatomic.h>

#include <tern/gc.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "gc/concurrent.h"
#include "gc/dirty.h"
#include "gc/gc.h"
#include "lib/bits.h"
#include "tests/test.h"
#include "tests/unit/collect.h"
#include "tests/unit/heap.h"
#include "tests/unit/marking.h"

#define MAX_CPUS 8u
#define SLOTS    8192u
#define STEPS    60000u
#define CYCLES   3u
#define ROUNDS   50u
#define SEAL     0x9e3779b97f4a7c15ull
#define WHILE_NS 50000000u

struct thing {
	struct thing *next; /* another one, or NULL */
	uint64_t id, seal;  /* seal = id * SEAL */
	uint64_t rest[5];
};
TERN_TYPE(thing_type, struct thing, next);

/* Each CPU has a table of its own, half full, whose things it moves about. */
struct mover {
	uint64_t rng, id;
	unsigned wrong;
};

static struct thing **volatile table[MAX_CPUS];
static struct mover mover[MAX_CPUS];

static uint64_t next(struct mover *m)
{
	m->rng = m->rng * 6364136223846793005u + 1442695040888963407u;
	return m->rng >> 33;
}

static bool is_intact(const struct thing *p)
{
	return tern_base(p) == p && p->seal == p->id * SEAL;
}

static TERN_NOINLINE struct thing *make(struct mover *m)
{
	struct thing *p = next(m) % 2 ? tern_alloc(sizeof(*p)) : tern_new(&thing_type);

	if (p) {
		p->id = ++m->id;
		p->seal = p->id * SEAL;
	}
	return p;
}

/* What is collected too early is somebody else's soon. */
static TERN_NOINLINE void make_garbage(struct mover *m)
{
	struct thing *p = make(m);

	if (p)
		p->seal = 0;
}

static void move(struct thing **from, struct thing **to)
{
	struct thing *p = *from;

	*from = *to;
	*to = p;
}

/* Only the new one leads to what the old one led to. */
static void replace(struct mover *m, struct thing **at)
{
	struct thing *p = *at ? make(m) : NULL;

	if (!p)
		return;
	p->next = (*at)->next;
	*at = p;
}

static void step(struct mover *m, struct thing **things)
{
	struct thing **a = &things[next(m) % SLOTS], **b = &things[next(m) % SLOTS];

	make_garbage(m);
	switch (next(m) % 4) {
	case 0:
		replace(m, a);
		break;
	case 1:
		if (*a && *b && *a != *b)
			move(&(*a)->next, &(*b)->next);
		break;
	default:
		move(a, b);
	}
}

/* And with it what it leads to. */
static void check(struct mover *m, const struct thing *p)
{
	if (p && !(is_intact(p) && (!p->next || is_intact(p->next))))
		m->wrong++;
}

static uint64_t cycles(void)
{
	struct tern_gc_stats s;

	tern_gc_stats(&s);
	return s.cycles;
}

/* Where CPUs have little time for marking a cycle may last for all steps of one round. */
static void run(unsigned cpu, void *arg)
{
	struct thing **things = table[cpu];
	struct mover *m = &mover[cpu];
	const uint64_t *before = arg;
	unsigned rounds = 0;

	do {
		for (unsigned i = 0; i < STEPS && !m->wrong; i++) {
			step(m, things);
			check(m, things[next(m) % SLOTS]);
		}
	} while (cycles() < *before + CYCLES && ++rounds < ROUNDS);
	for (unsigned i = 0; i < SLOTS; i++)
		check(m, things[i]);
}

static bool fill_table(unsigned cpu)
{
	struct mover *m = &mover[cpu];

	table[cpu] = tern_alloc(SLOTS * sizeof(void *));
	for (unsigned i = 0; table[cpu] && i < SLOTS; i += 2) {
		table[cpu][i] = make(m);
		if (table[cpu][i])
			table[cpu][i]->next = make(m);
	}
	return table[cpu];
}

TEST_SLOW(dirty, plain_stores_on_all_cpus_lose_nothing)
{
	unsigned n = cpus_for_tests();
	uint64_t before;
	int percent;

	REQUIRE(collector_for_tests());
	if (tern_gc_state.options.mode == TERN_GC_BARRIER)
		SKIP("stores are to note what they store");
	percent = tern_gc_set_percent(20);
	before = cycles();
	for (unsigned i = 0; i < n; i++) {
		mover[i] = (struct mover){ .rng = test_random(t) };
		REQUIRE(fill_table(i));
	}
	let_cycles_start();
	run_on_cpus(n, run, &before);
	no_cycles_start();
	tern_gc_set_percent(percent);
	test_note(t, "%llu cycles", (unsigned long long)(cycles() - before));
	EXPECT(cycles() - before >= CYCLES);
	for (unsigned i = 0; i < n; i++) {
		EXPECT_EQ(mover[i].wrong, 0);
		memset(table[i], 0, SLOTS * sizeof(void *));
		table[i] = NULL;
	}
}

/* --- who looks at what another took --------------------------------------------------------- */

static void *volatile *volatile page; /* a root, of an object that is written to */

static void finish_at(uintptr_t sp, void *arg)
{
	(void)arg;
	tern_gc_finish_marking(sp);
}

/* CPU 0 keeps the cycle from its end until the other waits for that, takes the pages that were written to,
 * and marks nothing itself. Returns whether it was the other that did. */
static bool take_and_leave(void)
{
	uint64_t start_ns = tern_port_clock_ns();
	bool taken;

	while (tern_port_clock_ns() - start_ns < WHILE_NS)
		arch_relax();
	page[0] = NULL;
	taken = tern_dirty_take();
	tern_gc_end_busy();
	while (taken && tern_gc_is_marking() && tern_port_clock_ns() - start_ns < 100 * WHILE_NS)
		arch_relax();
	taken &= !tern_gc_is_marking();
	arch_spill(finish_at, NULL);
	return taken;
}

static void take_or_finish(unsigned cpu, void *arg)
{
	bool *done = arg;

	if (cpu == 0)
		*done = take_and_leave();
	else
		arch_spill(finish_at, NULL);
}

TEST(dirty, pages_that_another_took_are_looked_at_by_who_waits)
{
	bool done = false;

	REQUIRE(collector_for_tests());
	if (cpus_for_tests() < 2)
		SKIP("one CPU");
	REQUIRE(tern_port_watch_pages(0, NULL, 0) && change_options(TERN_GC_PAGES, false, false));
	page = tern_alloc(TERN_WATCHED_PAGE);
	REQUIRE(page);
	start_marking();
	tern_gc_become_busy(true);
	tern_gc_release();
	run_on_cpus(2, take_or_finish, &done);
	EXPECT(done);
	page = NULL;
	restore_options();
}
