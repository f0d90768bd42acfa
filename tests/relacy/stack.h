/* SPDX-License-Identifier: MIT */
/* stack.h - the stack without a lock that mm/spanset.c has, and gc/work.c: push(), pop(), and
 * tern_spanset_take_all(). Who includes it says the orders: PUSHED, POPPED, TAKEN; and COUNTED, whether
 * the turn that makes each top another is counted. An address is a number here, 0 is none. */
#ifndef TESTS_RELACY_STACK_H
#define TESTS_RELACY_STACK_H

struct item {
	rl::atomic<unsigned> next;
};

template <unsigned items> struct stack {
	rl::atomic<unsigned> top; /* turn * 16 + item */

	static unsigned item_of(unsigned word)
	{
		return word % 16;
	}

	static unsigned word_of(unsigned item, unsigned before)
	{
		return (COUNTED ? before / 16 + 1 : 0) * 16 + item;
	}

	void push(item *all, unsigned i)
	{
		unsigned word = top.load(ORDER(0, relaxed));

		do
			all[i].next.store(item_of(word), ORDER(0, relaxed));
		while (!top.compare_exchange_weak(word, word_of(i, word), PUSHED,
						  ORDER(0, relaxed)));
	}

	unsigned pop(item *all)
	{
		unsigned word = top.load(POPPED), i, next;

		do {
			i = item_of(word);
			if (!i)
				return 0;
			next = all[i].next.load(ORDER(0, relaxed));
		} while (!top.compare_exchange_weak(word, word_of(next, word), POPPED, POPPED));
		return i;
	}

	unsigned take_all()
	{
		unsigned word = top.load(ORDER(0, relaxed));

		while (!top.compare_exchange_weak(word, word_of(0, word), TAKEN, ORDER(0, relaxed)))
			;
		return item_of(word);
	}
};

#endif
