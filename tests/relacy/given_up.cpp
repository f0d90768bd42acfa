/* SPDX-License-Identifier: MIT */
/* given_up.cpp - the owner of a span makes what was freed remotely free and gives the span up, while the
 * last object is freed: mm/mcentral.c tern_mcentral_give(), list(), mm/malloc.c free_remote(). One of the
 * two, and not both, gives the pages back. */
#include "protocol.h"

#define COLLECTS    ORDER(0, acquire)	       /* tern_mspan_collect(): exchange of remote */
#define MAKES_FREE  ORDER(0, relaxed)	       /* ... store of free */
#define LISTS       ORDER(2, seq_cst, release) /* list(): store of place */
#define FREES       ORDER(0, seq_cst)	       /* free_remote(): fetch_or of remote */
#define LOOKS_PLACE ORDER(1, seq_cst, relaxed) /* tern_mcentral_freed(): load of place */
#define SEES_FREE   ORDER(0, relaxed)	       /* ... loads of free and remote, after that */
#define LOOKS       ORDER(0, seq_cst)	       /* look_at(): loads of free and remote */
#define MOVES       ORDER(0, seq_cst)	       /* move(): exchange of place */

enum { OWNED, LISTED, EMPTY };
enum { LAST = 1, COLLECTED = 2, ALL = 3 };

struct given_up : rl::test_suite<given_up, 2> {
	rl::atomic<unsigned> place, free, remote;
	rl::var<unsigned> dropped;

	void before()
	{
		place.store(OWNED, ORDER(0, relaxed));
		free.store(0, ORDER(0, relaxed));
		remote.store(COLLECTED, ORDER(0, relaxed));
		dropped($) = 0;
	}

	void drop_if_empty()
	{
		unsigned from = LISTED;

		if ((free.load(LOOKS) | remote.load(LOOKS)) == ALL &&
		    place.compare_exchange_strong(from, EMPTY, MOVES, MOVES))
			dropped($) = dropped($) + 1;
	}

	void thread(unsigned me)
	{
		if (me == 0) {
			free.store(remote.exchange(0, COLLECTS), MAKES_FREE);
			place.store(LISTED, LISTS);
			drop_if_empty();
			return;
		}
		remote.fetch_or(LAST, FREES);
		if (place.load(LOOKS_PLACE) == LISTED &&
		    (free.load(SEES_FREE) | remote.load(SEES_FREE)) == ALL)
			drop_if_empty();
	}

	void after() { RL_ASSERT(dropped($) == 1); }
};

PROTOCOL(given_up, "last object is freed while the span is given up", "seq_cst of who frees, for the place",
	 "seq_cst of the store of place")
