/* SPDX-License-Identifier: MIT */
/* test_scavenge_host.c - releasing memory in a process: its resident set falls, the limit holds, and
 * what is in use keeps its contents while other CPUs (threads) release all that is not. */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <tern/scavenge.h>
#include <tern/tern.h>

#include "boot/host/host.h"
#include "lib/bits.h"
#include "mm/heap.h"
#include "tests/test.h"
#include "tests/unit/heap.h"

#define SIZE   MiB(64)
#define CPUS   4u
#define ROUNDS 300u
#define RUNS   8u

static size_t resident(void)
{
	unsigned long all = 0, here = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	int n = f ? fscanf(f, "%lu %lu", &all, &here) : 0;

	if (f)
		fclose(f);
	return n == 2 ? here * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static void *used_run(size_t size)
{
	void *p = tern_pages_alloc(size, 0, 0);

	if (p)
		memset(p, 0x5a, size);
	return p;
}

static size_t retained(void)
{
	struct tern_page_stats s;

	tern_page_stats(&s);
	return (size_t)(s.free + s.used + s.records - s.released);
}

TEST(scavenge_host, the_resident_set_falls)
{
	size_t before, released;
	void *p;

	REQUIRE(heap_for_tests());
	p = used_run(SIZE);
	if (!p)
		SKIP("no run that long is free");
	tern_pages_free(p, SIZE);
	before = resident();
	REQUIRE(before >= SIZE);
	released = tern_scavenge(SIZE);
	EXPECT(released >= SIZE - MiB(1));
	EXPECT(resident() + SIZE / 8 * 7 <= before);
	/* It comes back when it is used. */
	p = used_run(SIZE);
	REQUIRE(p);
	EXPECT(resident() + MiB(4) >= before);
	tern_pages_free(p, SIZE);
	tern_scavenge(SIZE_MAX);
}

/* One run after the other, each freed before the next: without a limit all would stay. */
TEST(scavenge_host, the_limit_holds_what_is_retained)
{
	size_t limit;
	void *wall, *p, *q;

	REQUIRE(heap_for_tests());
	tern_scavenge(SIZE_MAX);
	limit = retained() + MiB(20);
	tern_set_memory_limit(limit);
	for (unsigned i = 0; i < 4; i++) {
		p = used_run(MiB(8));
		wall = tern_malloc(MiB(1));
		q = used_run(MiB(8));
		REQUIRE(p && wall && q);
		/* A cache's window may go on top. */
		EXPECT(retained() <= limit + MiB(1));
		tern_pages_free(p, MiB(8));
		p = used_run(MiB(10));
		REQUIRE(p);
		EXPECT(retained() <= limit + MiB(1));
		tern_pages_free(p, MiB(10));
		tern_pages_free(q, MiB(8));
		tern_free(wall);
	}
	/* Soft: more than the limit can be had. */
	p = used_run(MiB(40));
	EXPECT(p);
	if (p)
		tern_pages_free(p, MiB(40));
	tern_set_memory_limit(0);
}

static atomic_uint spoiled, missing;

static void use_and_check(unsigned cpu)
{
	unsigned char *run[RUNS] = { NULL };

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned k = i % RUNS, pages = 1 + (i * 7 + cpu) % 40;
		size_t size = pages * TERN_HEAP_PAGE;

		if (run[k]) {
			size_t old = run[k][0] * (size_t)TERN_HEAP_PAGE;

			for (size_t at = 1; at < old; at += 509)
				spoiled += run[k][at] != (unsigned char)(cpu + 1);
			tern_pages_free(run[k], old);
		}
		run[k] = tern_pages_alloc(size, 0, 0);
		missing += !run[k];
		if (!run[k])
			continue;
		memset(run[k], (int)cpu + 1, size);
		run[k][0] = (unsigned char)pages;
	}
	for (unsigned k = 0; k < RUNS; k++)
		if (run[k])
			tern_pages_free(run[k], run[k][0] * (size_t)TERN_HEAP_PAGE);
}

static void run_cpu(unsigned cpu, void *arg)
{
	(void)arg;
	if (cpu > 1)
		use_and_check(cpu);
	else
		for (unsigned i = 0; i < ROUNDS; i++)
			if (cpu)
				tern_background();
			else
				tern_scavenge(i % 5 ? MiB(1) : SIZE_MAX);
}

TEST(scavenge_host, what_is_in_use_keeps_its_contents)
{
	REQUIRE(heap_for_tests());
	spoiled = missing = 0;
	host_on_cpus(CPUS, run_cpu, NULL);
	EXPECT_EQ(spoiled, 0);
	EXPECT_EQ(missing, 0);
	EXPECT(tern_mheap_check(&tern_heap.pages));
	EXPECT(tern_scavenging());
}
