/* SPDX-License-Identifier: MIT */
/* watch.c - which pages of the heap were written to, in the simulation: the port's calls for that.
 *
 * Job      Every store by tern and by touch.c tells (tsan.c); so a page is written to, and known to be,
 *          in one step, as where a CPU sets the bit in the page's entry before it stores.
 * Answers  are the worst that port.h allows: of a page that was not asked about the last time any; and now
 *          and then there is no table for some pages, which count as written to.
 * Context  the process's only thread. */
#include <string.h>

#include <tern/port.h>

#include "lib/compiler.h"
#include "tests/sim/sim.h"

#define PAGES        (SIM_MEMORY_MAX / TERN_WATCHED_PAGE)
#define NO_TABLE_ONE 64u /* call and word in so many */

static struct {
	struct sim_random rng;
	bool clean[PAGES]; /* not written to since it was watched */
	bool asked[PAGES]; /* in the last call */
} watch;

void sim_watch_start(uint64_t seed)
{
	memset(&watch, 0, sizeof(watch));
	watch.rng.state = seed;
}

void sim_written(const volatile void *at, size_t size)
{
	uintptr_t first = (uintptr_t)at - SIM_MEMORY_AT, last = first + size - 1;

	if (first >= SIM_MEMORY_MAX)
		return;
	watch.clean[first / TERN_WATCHED_PAGE] = false;
	watch.clean[last / TERN_WATCHED_PAGE] = false;
}

static size_t page_of(uintptr_t start, size_t word, unsigned bit)
{
	size_t page = (start - SIM_MEMORY_AT) / TERN_WATCHED_PAGE + word * 64 + bit;

	if (page >= PAGES)
		sim_fail("page %zu of the heap is asked about, which has %zu", page, (size_t)PAGES);
	return page;
}

static bool is_written(size_t page)
{
	return watch.asked[page] ? !watch.clean[page] : sim_one_in(&watch.rng, 2);
}

static uint64_t written_in(uintptr_t start, size_t word, uint64_t bits)
{
	uint64_t written = 0;

	for (; bits; bits &= bits - 1)
		if (is_written(page_of(start, word, (unsigned)__builtin_ctzll(bits))))
			written |= bits & -bits;
	return written;
}

static void watch_word(uintptr_t start, size_t word, uint64_t bits)
{
	bool there = !sim_one_in(&watch.rng, NO_TABLE_ONE);

	for (unsigned i = 0; i < 64; i++) {
		bool asked = bits >> i & 1;
		size_t page = page_of(start, word, i);

		watch.asked[page] = asked;
		if (asked)
			watch.clean[page] = there;
	}
}

/* Others go on between one word and the next. */
bool tern_port_watch_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	if (n > PAGES / 64)
		n = PAGES / 64; /* there is no more memory */
	for (size_t i = 0; i < n; i++) {
		uint64_t all = bits[i];

		sim_point(SIM_CHANGE, __builtin_return_address(0));
		bits[i] = written_in(start, i, all);
		watch_word(start, i, all);
	}
	return true;
}

void tern_port_written_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bits[i] = written_in(start, i, bits[i]);
}

void tern_port_unwatch_pages(uintptr_t start, size_t size)
{
	(void)start;
	(void)size;
	memset(watch.clean, 0, sizeof(watch.clean));
	memset(watch.asked, 0, sizeof(watch.asked));
}
