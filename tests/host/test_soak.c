/* SPDX-License-Identifier: MIT */
/* test_soak.c - the heap on several CPUs for as long as SOAK_SECONDS says: make soak MINUTES=n.
 *
 * Each CPU follows a trace of its own from the run's seed: it makes, resizes and frees objects of all
 * kinds and runs of pages, hands some to other CPUs, now and then goes offline. The model is what
 * objects know of themselves. Every few seconds all stop, everything is freed, and no page may be
 * missing. Without SOAK_SECONDS one short round is run. */
#include <stdlib.h>

#include <tern/command.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"
#include "tests/unit/objects.h"

#define HELD     400u
#define SHARED   256u
#define MAX_CPUS 8u
#define SECOND   1000000000ull

struct cpu_state {
	struct object *held[HELD];
	bool pages[HELD];
};

static struct cpu_state states[MAX_CPUS];
static _Atomic(struct object *) shared[SHARED];
static atomic_uint wrong;
static atomic_ullong calls;
static uint64_t seed, end_ns;

static void expect_whole(bool whole)
{
	if (!whole)
		atomic_fetch_add_explicit(&wrong, 1, memory_order_relaxed);
}

static bool run_is_whole(const struct object *o)
{
	return !o->next && !o->words && o->seed == (uint32_t)((uintptr_t)o >> 13);
}

static void start(struct cpu_state *c, unsigned i, uint64_t *rng)
{
	c->pages[i] = next_random(rng) >> 16 & 1 && next_random(rng) % 16 == 0;
	if (!c->pages[i]) {
		c->held[i] = object_make(rng);
		return;
	}
	c->held[i] = tern_pages_alloc(2 * TERN_HEAP_PAGE, 0, 0);
	if (c->held[i])
		*c->held[i] = (struct object){ .seed = (uint32_t)((uintptr_t)c->held[i] >> 13) };
}

static void end(struct cpu_state *c, unsigned i, uint64_t *rng)
{
	struct object *o = c->held[i];

	c->held[i] = NULL;
	if (!c->pages[i]) {
		expect_whole(object_end(o, rng));
		return;
	}
	expect_whole(run_is_whole(o));
	tern_pages_free(o, 2 * TERN_HEAP_PAGE);
}

static void resize(struct cpu_state *c, unsigned i, uint64_t *rng)
{
	struct object *o = c->held[i];
	size_t size = random_size(rng);

	if (c->pages[i])
		return;
	expect_whole(object_is_whole(o));
	o = tern_realloc(o, size);
	if (o)
		c->held[i] = object_fill(o, size, rng);
}

static void hand_over(struct cpu_state *c, unsigned i, uint64_t *rng)
{
	if (c->pages[i])
		return;
	c->held[i] = atomic_exchange_explicit(&shared[next_random(rng) % SHARED], c->held[i],
					      memory_order_acq_rel);
}

static void step(struct cpu_state *c, uint64_t *rng)
{
	unsigned i = (unsigned)(next_random(rng) >> 20) % HELD;
	uint64_t what = next_random(rng) >> 20;

	if (what % 5000 == 0)
		tern_cpu_offline();
	else if (!c->held[i])
		start(c, i, rng);
	else if (what % 8 == 1)
		resize(c, i, rng);
	else if (what % 8 == 2)
		hand_over(c, i, rng);
	else
		end(c, i, rng);
}

static void follow(unsigned cpu, void *arg)
{
	uint64_t rng = (seed + cpu * 0x9e3779b97f4a7c15ull) | 1;
	unsigned n = 0;

	(void)arg;
	do {
		for (unsigned i = 0; i < 1000; i++)
			step(&states[cpu], &rng);
		n += 1000;
	} while (tern_port_clock_ns() < end_ns);
	for (unsigned i = 0; i < HELD; i++)
		if (states[cpu].held[i])
			end(&states[cpu], i, &rng);
	atomic_fetch_add_explicit(&calls, n, memory_order_relaxed);
}

static void round_of(struct test *t, uint64_t ns, uint64_t used)
{
	uint64_t rng = test_random(t) | 1;

	seed = test_random(t);
	end_ns = tern_port_clock_ns() + ns;
	run_on_cpus(cpus_for_tests(), follow, NULL);
	for (unsigned i = 0; i < SHARED; i++) {
		struct object *o = atomic_exchange(&shared[i], NULL);

		expect_whole(!o || object_end(o, &rng));
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(used_when_quiet(), used);
	EXPECT(tern_mheap_check(&tern_heap.pages));
}

static uint64_t seconds_asked(void)
{
	const char *text = getenv("SOAK_SECONDS");
	unsigned long long n;

	return text && tern_command_number(text, &n) ? n : 0;
}

TEST_SLOW(soak, random_traces_on_all_cpus)
{
	uint64_t begin_ns = tern_port_clock_ns(), all_ns = seconds_asked() * SECOND;
	uint64_t used;

	REQUIRE(heap_for_tests());
	used = used_when_quiet();
	do
		round_of(t, all_ns ? 5 * SECOND : SECOND / 5, used);
	while (!t->failures && tern_port_clock_ns() - begin_ns < all_ns);
	test_note(t, "%llu steps", (unsigned long long)calls);
}
