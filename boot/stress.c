/* SPDX-License-Identifier: MIT */
/* stress.c - the heap under load from several CPUs.
 *
 * Job      One thread on each CPU makes objects, fills them, and exchanges them for what lies in a
 *          table that all share; what comes out, mostly another CPU's, is checked and freed.
 * Proof    Every word of an object holds a seal made of its address and size: two objects that
 *          overlap spoil one another's. In the end the heap must have as many objects as before.
 * Locks    none.   Context: a thread. Uses the public calls of the heap. */
#include "boot/stress.h"

#include <stdatomic.h>

#include <tern/stats.h>
#include <tern/tern.h>

#include "boot/cpu.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "lib/compiler.h"

#define SHARED       256u
#define ROUNDS       64u /* between looks at the clock */
#define SEAL         0x9e3779b97f4a7c15ull
#define OBJECT_WORDS 2u /* at least: the size and one seal */

struct worker {
	struct thread *thread;
	uint64_t rng, until_ns;
	size_t most; /* words in an object */
	uint64_t mallocs, frees, refused, damaged;
};

static struct worker workers[TERN_MAX_CPUS];
/* [atomic: acquire and release, so that an object's words come with it] */
static _Atomic(uint64_t *) shared[SHARED];

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint64_t seal_of(const uint64_t *p, size_t words)
{
	return ((uintptr_t)p ^ words) * SEAL;
}

/* Small ones are more frequent: every power of two is as likely as another. */
static size_t some_words(struct worker *w)
{
	size_t most = w->most >> next_random(&w->rng) % (64 - (unsigned)__builtin_clzll(w->most));

	return OBJECT_WORDS + next_random(&w->rng) % most;
}

static uint64_t *make(struct worker *w)
{
	size_t words = some_words(w);
	uint64_t *p = tern_malloc(words * sizeof(*p));

	if (!p) {
		w->refused++;
		return NULL;
	}
	w->mallocs++;
	p[0] = words;
	for (size_t i = 1; i < words; i++)
		p[i] = seal_of(p, words);
	return p;
}

static bool is_whole(const uint64_t *p)
{
	size_t words = p[0];

	if (words < OBJECT_WORDS || words * sizeof(*p) > tern_usable_size(p))
		return false;
	for (size_t i = 1; i < words; i++)
		if (p[i] != seal_of(p, words))
			return false;
	return true;
}

static void end(struct worker *w, uint64_t *p)
{
	if (!p)
		return;
	w->damaged += !is_whole(p);
	w->frees++;
	tern_free(p);
}

static void work(void *arg)
{
	struct worker *w = arg;

	while (mach_clock_ns() < w->until_ns)
		for (unsigned i = 0; i < ROUNDS; i++)
			end(w, atomic_exchange_explicit(&shared[next_random(&w->rng) % SHARED],
							make(w), memory_order_acq_rel));
}

/* False when out of memory for a stack. */
static bool start(unsigned cpu, uint64_t until_ns, size_t size)
{
	struct worker *w = &workers[cpu];
	size_t words = size / sizeof(uint64_t);

	*w = (struct worker){
		.rng = (until_ns + cpu) | 1,
		.until_ns = until_ns,
		.most = words > OBJECT_WORDS ? words - OBJECT_WORDS + 1 : 1,
	};
	w->thread = thread_create_on(cpu, "stress", work, w);
	return w->thread;
}

static void report(const char *what, unsigned cpu, const struct worker *w)
{
	tern_printf("%s %u: %llu mallocs, %llu frees, %llu refused, %llu damaged\n", what, cpu,
		    (unsigned long long)w->mallocs, (unsigned long long)w->frees,
		    (unsigned long long)w->refused, (unsigned long long)w->damaged);
}

static void join_all(unsigned started, struct worker *sum)
{
	for (unsigned i = 0; i < started; i++) {
		struct worker *w = &workers[i];

		thread_join(w->thread);
		report("cpu", i, w);
		sum->mallocs += w->mallocs;
		sum->frees += w->frees;
		sum->refused += w->refused;
		sum->damaged += w->damaged;
	}
	for (unsigned i = 0; i < SHARED; i++)
		end(sum, atomic_exchange_explicit(&shared[i], NULL, memory_order_acquire));
}

bool stress_heap(unsigned count, uint64_t seconds, size_t size)
{
	uint64_t until_ns = mach_clock_ns() + seconds * 1000000000;
	struct tern_heap_stats before, after;
	struct worker sum = { 0 };
	unsigned started = 0;

	tern_heap_stats(&before);
	while (started < count && start(started, until_ns, size))
		started++;
	join_all(started, &sum);
	tern_heap_stats(&after);
	report("cpus", started, &sum);
	tern_printf("objects: %llu before, %llu after\n", (unsigned long long)before.live,
		    (unsigned long long)after.live);
	return started == count && sum.damaged == 0 && after.live == before.live &&
	       after.mallocs - before.mallocs == sum.mallocs;
}
