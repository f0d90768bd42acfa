/* SPDX-License-Identifier: MIT */
/* last_free.cpp - two CPUs free the last two objects of a listed span at once, in different words of its
 * slots: mm/malloc.c free_remote(), mm/mcentral.c freed_last(). One of them, and not both, gives the pages
 * back, and makes the record another span's. */
#include "protocol.h"

#define FREES       ORDER(1, seq_cst, relaxed) /* free_remote(): fetch_or of remote */
#define LOOKS_PLACE ORDER(0, seq_cst)          /* tern_mcentral_freed(): load of place */
#define LOOKS       ORDER(2, seq_cst, acquire) /* look_at(): loads of remote */
#define MOVES       ORDER(0, seq_cst)          /* move(): exchange of place */

enum { LISTED, EMPTY };

struct last_free : rl::test_suite<last_free, 2> {
	rl::atomic<unsigned> place, remote[2];
	rl::var<unsigned> base;	     /* what the record says of itself */
	rl::var<unsigned> object[2]; /* what the program writes into its objects */

	void before()
	{
		place.store(LISTED, ORDER(0, relaxed));
		for (unsigned i = 0; i < 2; i++) {
			remote[i].store(0, ORDER(0, relaxed));
			object[i]($) = 0;
		}
		base($) = 1;
	}

	void thread(unsigned me)
	{
		unsigned from = LISTED;

		object[me]($) = base($);
		remote[me].fetch_or(1, FREES);
		if (place.load(LOOKS_PLACE) != LISTED)
			return;
		if (!remote[0].load(LOOKS) || !remote[1].load(LOOKS))
			return;
		if (!place.compare_exchange_strong(from, EMPTY, MOVES, MOVES))
			return;
		base($) = 2;
		object[0]($) = object[1]($) = 2;
	}

	void after() { RL_ASSERT(place.load(ORDER(0, relaxed)) == EMPTY && base($) == 2); }
};

PROTOCOL(last_free, "last two objects are freed", "release of a free", "seq_cst of the look at the rest")
