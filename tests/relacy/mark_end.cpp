/* SPDX-License-Identifier: MIT */
/* mark_end.cpp - CPUs mark together until none has anything grey: gc/work.c tern_work_wait(), gc/stw.c help() and
 * tern_stw_together(). Buffers are scanned by one CPU at a time, what was found in them is seen by
 * who stopped the world, and nothing is left. The orders of `waiting` and of `done` give that twice, so
 * none of them is weakened here; stop.cpp does it. */
#include "protocol.h"

#define PUSHED  ORDER(1, release, relaxed) /* push(): exchange */
#define POPPED  ORDER(2, acquire, relaxed) /* pop(): load, and exchange either way */
#define WAITING ORDER(0, seq_cst)          /* tern_work_wait(): all of waiting, and is_empty() */
#define HELPED  ORDER(0, release)          /* help(): fetch_add of done */
#define WAITS   ORDER(0, acquire)          /* tern_stw_together(): load of done */
#define TAKEN   ORDER(0, acquire)
#define COUNTED 1

#include "stack.h"

struct mark_end : rl::test_suite<mark_end, 3> {
	enum { WORKERS = 3, BUFFERS = 4, LEFT = 2 };

	item buffer[BUFFERS];
	rl::var<unsigned> left[BUFFERS]; /* grey objects that will be found from a buffer */
	stack<BUFFERS> full;
	rl::atomic<unsigned> waiting, done;

	void before()
	{
		full.top.store(0, ORDER(0, relaxed));
		waiting.store(0, ORDER(0, relaxed));
		done.store(0, ORDER(0, relaxed));
		for (unsigned i = 1; i < BUFFERS; i++) {
			left[i]($) = LEFT;
			buffer[i].next.store(0, ORDER(0, relaxed));
			full.push(buffer, i);
		}
	}

	/* tern_mark_drain_some(), tern_work_balance() */
	void drain()
	{
		unsigned i;

		while ((i = full.pop(buffer))) {
			left[i]($) = left[i]($) - 1;
			if (left[i]($))
				full.push(buffer, i);
		}
	}

	bool is_empty()
	{
		return !stack<BUFFERS>::item_of(full.top.load(WAITING));
	}

	bool wait()
	{
		waiting.fetch_add(1, WAITING);
		for (;;) {
			if (!is_empty()) {
				waiting.fetch_sub(1, WAITING);
				return true;
			}
			if (waiting.load(WAITING) == WORKERS)
				return false;
			relax();
		}
	}

	void thread(unsigned me)
	{
		do
			drain();
		while (wait());
		if (me) {
			done.fetch_add(1, HELPED);
			return;
		}
		while (done.load(WAITS) < WORKERS - 1)
			relax();
		RL_ASSERT(is_empty());
		for (unsigned i = 1; i < BUFFERS; i++)
			RL_ASSERT(left[i]($) == 0);
	}
};

PROTOCOL(mark_end, "the end of marking", "release in push", "acquire in pop")
