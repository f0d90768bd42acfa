/* SPDX-License-Identifier: MIT */
/* hidden.c - objects that only a test knows of: see hidden.h. */
#include "tests/unit/hidden.h"

#include <tern/gc.h>
#include <tern/observe.h>
#include <tern/port.h>
#include <tern/tern.h>

#include "arch/arch.h"
#include "lib/compiler.h"
#include "lib/string.h"
#include "mm/gchook.h"
#include "tests/unit/collect.h"

#define DEPTH 1024
#define CLEAR 4096

#define TRASH     ((size_t)40000)
#define TRASH_MAX 100000u
#define CYCLES    30u
#define HANG_NS   20000000000ull

/* Nothing that the compiler knows of is in the frame. */
static TERN_NOINLINE void clear_frames(void)
{
	char frame[CLEAR];

	memset(frame, 0, sizeof(frame));
	__asm__ volatile("" : : "r"(frame) : "memory");
}

static TERN_NOINLINE void go_down(void (*fn)(void *arg), void *arg)
{
	char frame[DEPTH];

	__asm__ volatile("" : : "r"(frame) : "memory");
	fn(arg);
	__asm__ volatile("" : : "r"(frame) : "memory");
}

void in_deep_frame(void (*fn)(void *arg), void *arg)
{
	go_down(fn, arg);
	clear_frames();
}

bool hidden_objects_fit(size_t size)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return HIDDEN_OBJECTS * size * 3 / 2 < s.free + s.waiting;
}

bool collect_all(void)
{
	clear_frames();
	return tern_gc() == TERN_OK;
}

static uint64_t cycles(void)
{
	struct tern_gc_stats s;

	tern_gc_stats(&s);
	return s.cycles;
}

/* Who asks for a cycle has it swept. So let the heap grow, until one comes by itself. */
bool collect_and_not_sweep(void)
{
	bool started = atomic_load(&tern_gchooks) != NULL;
	uint64_t before = cycles();
	int percent = tern_gc_set_percent(1);

	clear_frames();
	let_cycles_start();
	for (unsigned i = 0; i < TRASH_MAX && cycles() == before; i++)
		tern_alloc_noscan(TRASH);
	if (!started)
		no_cycles_start();
	tern_gc_set_percent(percent);
	return cycles() != before;
}

void collect_beside(struct beside *b)
{
	for (unsigned i = 0; i < CYCLES; i++) {
		unsigned last = b->steps;

		collect_and_not_sweep();
		while (b->steps - last < b->apart)
			arch_relax();
	}
	b->over = true;
}

struct count {
	const struct tern_weak *weak;
	unsigned first, step, n;
	uintptr_t one; /* of those that live, hidden */
};

static void count(void *arg)
{
	struct count *c = arg;

	for (unsigned i = c->first; i < HIDDEN_OBJECTS; i += c->step) {
		const void *p = tern_weak_get(c->weak[i]);

		if (!p)
			continue;
		c->n++;
		c->one = hide(p);
	}
}

unsigned count_alive(const struct tern_weak *weak, unsigned first, unsigned step)
{
	struct count c = { weak, first, step, 0, 0 };

	in_deep_frame(count, &c);
	return c.n;
}

static void note_what_keeps(struct test *t, const void *object)
{
	struct tern_why_step step[3] = { 0 };
	size_t n = 0;

	tern_why_alive(object, step, ARRAY_SIZE(step), &n);
	test_note(t, "%p: %zu steps, from root %u at 0x%lx + 0x%zx to 0x%lx + 0x%zx", object, n,
		  step[0].root, (unsigned long)step[0].start, step[0].offset,
		  (unsigned long)step[1].start, step[1].offset);
}

bool nearly_all_died(struct test *t, const struct tern_weak *weak, unsigned first, unsigned step)
{
	struct count c = { weak, first, step, 0, 0 };

	in_deep_frame(count, &c);
	if (c.n <= HIDDEN_STAY)
		return true;
	test_note(t, "%u of them live", c.n);
	note_what_keeps(t, show(c.one));
	return false;
}

static void run(void *arg)
{
	(void)arg;
	tern_run_finalizers();
}

void run_due(void)
{
	in_deep_frame(run, NULL);
}

bool run_due_until(const _Atomic unsigned *count, unsigned want)
{
	uint64_t start_ns = tern_port_clock_ns();

	while (*count < want && tern_port_clock_ns() - start_ns < HANG_NS)
		run_due();
	return *count >= want;
}
