/* SPDX-License-Identifier: MIT */
/* stop.cpp - the world stops, works together, runs on: gc/stw.c. CPU 0 stops the others, and they help it. An
 * interrupt is a turn of the loop in which the flag is seen (boot/stop.c). */
#include "protocol.h"

#define ASKS    ORDER(1, release, relaxed) /* tern_stw_stop(): store of stop */
#define SEES    ORDER(2, acquire, relaxed) /* tern_gc_stop_here(): loads of stop */
#define ARRIVES ORDER(3, release, relaxed) /* tern_gc_stop_here(): fetch_add of arrived */
#define HAVE    ORDER(4, acquire, relaxed) /* wait_for(): load of arrived */
#define GIVES   ORDER(5, release, relaxed) /* tern_stw_together(): fetch_add of round */
#define GETS    ORDER(6, acquire, relaxed) /* tern_gc_stop_here(): load of round */
#define HELPED  ORDER(7, release, relaxed) /* help(): fetch_add of done */
#define WAITS   ORDER(8, acquire, relaxed) /* tern_stw_together(): load of done */
#define STARTS  ORDER(9, release, relaxed) /* tern_stw_start(): fetch_add of stop */
#define DRAWS   ORDER(0, relaxed)          /* help(): fetch_add of tickets */

struct stop : rl::test_suite<stop, 3> {
	enum { HELPERS = 2, STOPS = 2 };

	rl::atomic<unsigned> number, arrived, round, tickets, done;
	rl::var<unsigned> before_stop; /* CPU 0's, from before it asks */
	rl::var<unsigned> cache[3]; /* a CPU's own while the world runs, CPU 0's while it stands */
	rl::var<unsigned> fn, result[3]; /* the work, and what helpers find */

	void before()
	{
		number.store(0, ORDER(0, relaxed));
		arrived.store(0, ORDER(0, relaxed));
		round.store(0, ORDER(0, relaxed));
		tickets.store(0, ORDER(0, relaxed));
		done.store(0, ORDER(0, relaxed));
		before_stop($) = 0;
		for (unsigned i = 0; i < 3; i++)
			cache[i]($) = result[i]($) = 0;
	}

	void work(unsigned me)
	{
		result[me]($) = fn($);
	}

	void help(unsigned me)
	{
		if (tickets.fetch_add(1, DRAWS) >= HELPERS)
			return;
		work(me);
		done.fetch_add(1, HELPED);
	}

	/* False if the world is not to stand. */
	bool stop_here(unsigned me)
	{
		unsigned now = number.load(SEES), was = round.load(ORDER(0, relaxed)), r;

		if (now % 2 == 0)
			return false;
		RL_ASSERT(before_stop($) != 0);
		arrived.fetch_add(1, ARRIVES);
		while (number.load(SEES) == now) {
			r = round.load(GETS);
			if (r != was) {
				was = r;
				help(me);
			}
			relax();
		}
		return true;
	}

	void together()
	{
		fn($) = 7;
		tickets.store(0, ORDER(0, relaxed));
		done.store(0, ORDER(0, relaxed));
		round.fetch_add(1, GIVES);
		work(0);
		while (done.load(WAITS) < HELPERS)
			relax();
		for (unsigned i = 0; i < 3; i++)
			RL_ASSERT(result[i]($) == 7);
	}

	void stop_world()
	{
		before_stop($) = 1;
		arrived.store(0, ORDER(0, relaxed));
		number.store(number.load(ORDER(0, relaxed)) + 1, ASKS);
		while (arrived.load(HAVE) < HELPERS)
			relax();
		for (unsigned i = 1; i < 3; i++)
			cache[i]($) = cache[i]($) + 1;
		together();
		for (unsigned i = 1; i < 3; i++)
			cache[i]($) = cache[i]($) + 1;
		number.fetch_add(1, STARTS);
	}

	void thread(unsigned me)
	{
		for (unsigned n = 0; n < STOPS; n++) {
			if (me == 0) {
				stop_world();
				continue;
			}
			cache[me]($) = cache[me]($) + 1;
			while (!stop_here(me))
				relax();
			cache[me]($) = cache[me]($) + 1;
		}
	}
};

PROTOCOL(stop, "stopping the world", "release of the stop", "acquire of the stop",
	 "release of who arrives", "acquire of who has arrived", "release of the work",
	 "acquire of the work", "release of what is done", "acquire of what is done",
	 "release of the start")
