/* SPDX-License-Identifier: MIT */
/* active.cpp - who marks beside the program, and who waits until nobody does: gc/concurrent.c
 * tern_gc_mark_some(), take_dirty_pages() and tern_gc_pass_markers(). Each says so first and then looks
 * for the other, so at least one sees the other. */
#include "protocol.h"

#define COUNTS ORDER(0, seq_cst)          /* tern_gc_mark_some(): fetch_add of active */
#define ASKS   ORDER(1, seq_cst, acquire) /* tern_gc_mark_some(): load of taking */
#define LEAVES ORDER(2, seq_cst, relaxed) /* tern_gc_mark_some(): fetch_sub of active */
#define SAYS   ORDER(3, seq_cst, release) /* take_dirty_pages(): store of taking */
#define QUIET  ORDER(4, seq_cst, relaxed) /* is_quiet(): load of active */

struct active : rl::test_suite<active, 2> {
	rl::atomic<unsigned> count, taking;
	rl::var<unsigned> pages; /* which are dirty, and what is marked */

	void before()
	{
		count.store(0, ORDER(0, relaxed));
		taking.store(0, ORDER(0, relaxed));
		pages($) = 0;
	}

	void mark_some()
	{
		count.fetch_add(1, COUNTS);
		if (!taking.load(ASKS))
			pages($) = pages($) + 1;
		count.fetch_sub(1, LEAVES);
	}

	void take_dirty_pages()
	{
		taking.store(1, SAYS);
		if (count.load(QUIET) == 0)
			pages($) = pages($) + 1;
		taking.store(0, SAYS);
	}

	void thread(unsigned me)
	{
		for (int n = 0; n < 2; n++) {
			if (me)
				mark_some();
			else
				take_dirty_pages();
		}
	}
};

PROTOCOL(active, "who is active", "seq_cst of the look at taking", "release of who leaves",
	 "seq_cst of who takes", "seq_cst of the look at active")
