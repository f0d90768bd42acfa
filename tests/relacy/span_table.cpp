/* SPDX-License-Identifier: MIT */
/* span_table.cpp - a span becomes known: mm/mheap_span.c publish(), mm/arena.c; readers come by an address that
 * somebody gave them, by any word at all, or by the bits that say where spans begin. */
#include "protocol.h"

#define MADE    ORDER(0, release)          /* publish(): store of state */
#define ENTERED ORDER(1, release, relaxed) /* tern_arenas_set_span() */
#define BEGINS  ORDER(2, release, relaxed) /* tern_arenas_set_in_use() */
#define LOOKS_UP                                                                                   \
	ORDER(3, consume,                                                                          \
	      relaxed) /* tern_arena_span(): relaxed there, and what follows depends on it */
#define LOOKS_BY ORDER(4, acquire, relaxed) /* mm/sweep.c get(): load of the bits */
#define GIVES    ORDER(0, relaxed) /* tern_store_pointer(): an address goes to another CPU */

struct span_table : rl::test_suite<span_table, 3> {
	rl::atomic<unsigned> table, in_use, state, slot;
	rl::var<unsigned> base, magic;

	void before()
	{
		table.store(0, ORDER(0, relaxed));
		in_use.store(0, ORDER(0, relaxed));
		state.store(0, ORDER(0, relaxed));
		slot.store(0, ORDER(0, relaxed));
	}

	void publish()
	{
		base($) = 1;
		magic($) = 2;
		state.store(1, MADE);
		table.store(1, ENTERED);
		in_use.fetch_or(1, BEGINS);
		slot.store(1, GIVES);
	}

	void use()
	{
		RL_ASSERT(base($) == 1 && magic($) == 2);
	}

	void thread(unsigned me)
	{
		if (me == 0) {
			publish();
		} else if (me == 1) {
			slot.load(ORDER(0, relaxed));
			if (table.load(LOOKS_UP))
				use();
		} else if (in_use.load(LOOKS_BY)) {
			RL_ASSERT(table.load(LOOKS_UP) == 1);
			use();
		}
	}
};

PROTOCOL(span_table, "the span table", "release of the entry", "release of the bit",
	 "order of dependent loads", "acquire of the bit")
