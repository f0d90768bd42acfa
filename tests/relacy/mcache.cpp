/* SPDX-License-Identifier: MIT */
/* mcache.cpp - a CPU gives a full span up while another frees its slots, and a third takes the span: mm/mcache.c
 * give_up(), mm/mcentral.c put() and take(), mm/malloc.c free_remote(). The span has two slots. No free may
 * be lost: afterwards the span is listed, or somebody has it. */
#include "protocol.h"

#define SAYS_FULL    ORDER(1, seq_cst, release) /* put(): store of place */
#define LOOKS_REMOTE ORDER(2, seq_cst, acquire) /* has_enough_free(): loads of remote */
#define FREES        ORDER(3, seq_cst, relaxed) /* free_remote(): fetch_or of remote */
#define LOOKS_PLACE  ORDER(4, seq_cst, acquire) /* tern_mcentral_freed(): load of place */
#define COLLECTS     ORDER(5, acquire, relaxed) /* tern_mspan_collect(): exchange of remote */
#define MOVES        ORDER(0, seq_cst)          /* move(): exchange of place */
#define PUSHED       ORDER(0, release)
#define POPPED       ORDER(0, acquire)
#define TAKEN        ORDER(0, acquire)
#define COUNTED      1

#include "stack.h"

enum { OWNED, FULL, LISTED };

struct mcache : rl::test_suite<mcache, 4> {
	item record[2];
	stack<2> partial;
	rl::atomic<unsigned> place, remote;
	rl::var<unsigned> free_bits; /* the owner's alone */
	rl::var<unsigned> object[2]; /* what the program writes into its objects */

	void before()
	{
		partial.top.store(0, ORDER(0, relaxed));
		record[1].next.store(0, ORDER(0, relaxed));
		place.store(OWNED, ORDER(0, relaxed));
		remote.store(0, ORDER(0, relaxed));
		free_bits($) = 0;
		object[0]($) = object[1]($) = 0;
	}

	bool move(unsigned from, unsigned to)
	{
		return place.compare_exchange_strong(from, to, MOVES, MOVES);
	}

	void list_full()
	{
		if (move(FULL, LISTED))
			partial.push(record, 1);
	}

	void give_up()
	{
		if (remote.load(ORDER(0, relaxed)))
			free_bits($) = free_bits($) | remote.exchange(0, COLLECTS);
		if (free_bits($)) {
			place.store(LISTED, ORDER(0, seq_cst));
			partial.push(record, 1);
			return;
		}
		place.store(FULL, SAYS_FULL);
		if (remote.load(LOOKS_REMOTE))
			list_full();
	}

	void free_slot(unsigned slot)
	{
		object[slot]($) = 1;
		remote.fetch_or(1u << slot, FREES);
		if (place.load(LOOKS_PLACE) == FULL)
			list_full();
	}

	void take()
	{
		if (!partial.pop(record))
			return;
		RL_ASSERT(move(LISTED, OWNED));
		free_bits($) = free_bits($) | remote.exchange(0, COLLECTS);
		for (unsigned slot = 0; slot < 2; slot++)
			if (free_bits($) & 1u << slot)
				object[slot]($) = 2;
		give_up();
	}

	void thread(unsigned me)
	{
		if (me == 0)
			give_up();
		else if (me == 3)
			take();
		else
			free_slot(me - 1);
	}

	void after()
	{
		RL_ASSERT(place.load(ORDER(0, relaxed)) == LISTED);
		RL_ASSERT(partial.pop(record) == 1 && partial.pop(record) == 0);
	}
};

PROTOCOL(mcache, "mcache gives up, takes", "seq_cst of what says full",
	 "seq_cst of the look for frees", "release of a free", "seq_cst of the look at the place",
	 "acquire of what was freed")
