/* SPDX-License-Identifier: MIT */
/* sweepgen.cpp - who sweeps a span, and who waits for that: mm/mcentral.c sweep_slots() and be_swept(), mm/sweep.c
 * tern_sweep_at() and is_claimed(). */
#include "protocol.h"

#define CLAIMS   ORDER(0, seq_cst)          /* sweep_slots(): exchange of sweepgen */
#define DONE     ORDER(1, seq_cst, relaxed) /* sweep_slots(): store of sweepgen */
#define IS_SWEPT ORDER(2, seq_cst, relaxed) /* is_swept() */
#define SWEPT_AT ORDER(3, acquire, relaxed) /* tern_sweep_at() */
#define CLAIMED  ORDER(4, acquire, relaxed) /* is_claimed() */

struct sweepgen : rl::test_suite<sweepgen, 3> {
	rl::atomic<unsigned> gen;
	rl::var<unsigned> bits; /* those of the slots, and the records that are tied to objects */

	void before()
	{
		gen.store(0, ORDER(0, relaxed));
		bits($) = 0;
	}

	bool sweep_slots()
	{
		unsigned due = 0;

		if (!gen.compare_exchange_strong(due, 1, CLAIMS, ORDER(0, relaxed)))
			return false;
		bits($) = bits($) + 1;
		gen.store(2, DONE);
		return true;
	}

	void be_swept()
	{
		while (gen.load(IS_SWEPT) != 2 && !sweep_slots())
			relax();
	}

	void sweep_at()
	{
		while (gen.load(SWEPT_AT) != 2) {
			sweep_slots();
			relax();
		}
	}

	void sweep_piece()
	{
		sweep_slots();
		while (gen.load(CLAIMED) == 1)
			relax();
	}

	void thread(unsigned me)
	{
		if (me == 0)
			be_swept();
		else if (me == 1)
			sweep_at();
		else
			sweep_piece();
		RL_ASSERT(bits($) == 1);
	}
};

PROTOCOL(sweepgen, "sweepgen", "release of what is swept", "acquire in is_swept",
	 "acquire in sweep_at", "acquire in is_claimed")
