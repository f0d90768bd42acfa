/* SPDX-License-Identifier: MIT */
/* weak.cpp - from a weak pointer to its object, while the object is swept and its record begins another life:
 * gc/weak.c tern_weak_get(), mm/special.c end() and make_locked(), mm/sweep.c tern_sweep_at(). Object 1 is
 * dead; object 2, in another span, which was swept long ago, is what the record is tied to next. */
#include "protocol.h"

#define LOOKS    ORDER(1, acquire, relaxed) /* look_at(): load of object */
#define TURN     ORDER(0, relaxed)          /* tern_special_turn() */
#define CLEARS   ORDER(0, release)          /* end(): store of object */
#define TURNS    ORDER(0, release)          /* end(): fetch_add of turn */
#define TIES     ORDER(2, release, relaxed) /* make_locked(): store of object */
#define SWEPT    ORDER(3, seq_cst, relaxed) /* sweep_slots(): store of sweepgen */
#define SWEPT_AT ORDER(4, acquire, relaxed) /* tern_sweep_at(): load of sweepgen */

struct weak : rl::test_suite<weak, 2> {
	rl::atomic<unsigned> object, turn, gen[3]; /* of each object's span */

	void before()
	{
		object.store(1, ORDER(0, relaxed));
		turn.store(0, ORDER(0, relaxed));
		gen[1].store(1, ORDER(0, relaxed)); /* somebody is at it */
		gen[2].store(2, ORDER(0, relaxed));
	}

	void sweep()
	{
		object.store(0, CLEARS);
		turn.fetch_add(1, TURNS);
		gen[1].store(2, SWEPT);
		object.store(2, TIES);
	}

	unsigned look_at(unsigned mine)
	{
		unsigned addr = object.load(LOOKS);

		return turn.load(TURN) == mine ? addr : 0;
	}

	unsigned get(unsigned mine)
	{
		unsigned addr = look_at(mine);

		if (!addr)
			return 0;
		while (gen[addr].load(SWEPT_AT) != 2)
			relax();
		return look_at(mine);
	}

	void thread(unsigned me)
	{
		if (me == 0)
			sweep();
		else
			RL_ASSERT(get(0) == 0);
	}
};

PROTOCOL(weak, "weak to strong", "acquire of the object", "release of the next object",
	 "release of what is swept", "acquire in sweep_at")
