/* SPDX-License-Identifier: MIT */
/* spanset.cpp - spans between CPUs: mm/spanset.c. Who has taken one has it for himself. */
#include "protocol.h"

#define PUSHED  ORDER(1, release, relaxed) /* tern_spanset_push(): exchange */
#define POPPED  ORDER(2, acquire, relaxed) /* tern_spanset_pop(): load, and exchange either way */
#define TAKEN   ORDER(3, acquire, relaxed) /* tern_spanset_take_all(): exchange */
#define COUNTED (weakened != 4)            /* word_of(): the turn */

#include "stack.h"

struct spanset : rl::test_suite<spanset, 3> {
	item span[4];
	rl::var<unsigned> owner[4]; /* the span's plain fields */
	stack<4> set;

	void before()
	{
		set.top.store(0, ORDER(0, relaxed));
		for (unsigned i = 1; i < 4; i++) {
			owner[i]($) = 9;
			span[i].next.store(0, ORDER(0, relaxed));
			set.push(span, i);
		}
	}

	void use(unsigned i, unsigned me)
	{
		owner[i]($) = me;
		RL_ASSERT(owner[i]($) == me);
	}

	void thread(unsigned me)
	{
		unsigned all, next;

		for (int turn = 0; turn < 2; turn++) {
			unsigned first = set.pop(span), second = set.pop(span);

			if (first)
				use(first, me);
			if (second)
				use(second, me);
			if (first)
				set.push(span, first);
			if (second)
				set.push(span, second);
		}
		if (me != 0)
			return;
		for (all = set.take_all(); all; all = next) {
			next = span[all].next.load(ORDER(0, relaxed));
			use(all, me);
			set.push(span, all);
		}
	}

	void after()
	{
		unsigned n = 0;

		while (set.pop(span))
			n++;
		RL_ASSERT(n == 3);
	}
};

PROTOCOL(spanset, "spanset push, pop, take_all", "release in push", "acquire in pop",
	 "acquire in take_all", "a turn")
