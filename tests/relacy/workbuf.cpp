/* SPDX-License-Identifier: MIT */
/* workbuf.cpp - buffers of grey objects between CPUs: gc/work.c, the lists `full` and `empty`. */
#include "protocol.h"

#define PUSHED  ORDER(1, release, relaxed) /* push(): exchange */
#define POPPED  ORDER(2, acquire, relaxed) /* pop(): load, and exchange either way */
#define TAKEN   ORDER(0, acquire)          /* no such call here */
#define COUNTED (weakened != 3)            /* top_of(): the turn */

#include "stack.h"

struct workbuf : rl::test_suite<workbuf, 3> {
	item buffer[4];
	rl::var<unsigned> n[4]; /* struct tern_workbuf: n, and what stands in it */
	stack<4> full, empty;

	void before()
	{
		full.top.store(0, ORDER(0, relaxed));
		empty.top.store(0, ORDER(0, relaxed));
		for (unsigned i = 1; i < 4; i++) {
			n[i]($) = 0;
			buffer[i].next.store(0, ORDER(0, relaxed));
			empty.push(buffer, i);
		}
	}

	void thread(unsigned me)
	{
		for (int turn = 0; turn < 2; turn++) {
			unsigned mine = empty.pop(buffer), got;

			if (mine) {
				RL_ASSERT(n[mine]($) == 0);
				n[mine]($) = me + 1;
				full.push(buffer, mine);
			}
			got = full.pop(buffer);
			if (got) {
				RL_ASSERT(n[got]($) != 0);
				n[got]($) = 0;
				empty.push(buffer, got);
			}
		}
	}
};

PROTOCOL(workbuf, "lists of mark buffers", "release in push", "acquire in pop", "a turn")
