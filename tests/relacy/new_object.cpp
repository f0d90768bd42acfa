/* SPDX-License-Identifier: MIT */
/* new_object.cpp - a marker comes to an object that is just being made: mm/mcache.c tern_mcache_refill() and
 * tern_mcache_take(), mm/malloc.c take_typed(); gc/mark.c shade() and marked_slots(). tern has no free
 * index: the free bits say what is in use. Who scans a slot finds the entry that says where its
 * pointers are. */
#include "protocol.h"

#define OWNS     ORDER(0, seq_cst)          /* mm/mcentral.c move(): exchange of place */
#define BLACKENS ORDER(0, relaxed)          /* tern_mspan_blacken() */
#define FENCE    ORDER(1, release, relaxed) /* tern_mcache_refill(): fence */
#define TAKES    ORDER(0, relaxed)          /* tern_mcache_take(): store of free */
#define ENTERS   ORDER(0, relaxed)          /* tern_typed_put() */
#define STORES   ORDER(0, relaxed)          /* tern_store_pointer() */
#define LOOKS    ORDER(2, acquire, relaxed) /* marked_slots(): loads of mark and free */
#define PLACE    ORDER(0, acquire)          /* marked_slots(): the first load of place */
#define AGAIN    ORDER(0, relaxed)          /* marked_slots(): the second */
#define SHADES   ORDER(0, relaxed) /* shade(): load of free; set_mark(): fetch_or of mark */

enum { OWNED, LISTED };

struct new_object : rl::test_suite<new_object, 3> {
	rl::atomic<unsigned> place, mark, free_bit, entry, slot;

	void before()
	{
		place.store(LISTED, ORDER(0, relaxed));
		mark.store(0, ORDER(0, relaxed));
		free_bit.store(1, ORDER(0, relaxed));
		entry.store(0, ORDER(0, relaxed));
		slot.store(0, ORDER(0, relaxed));
	}

	void allocate()
	{
		unsigned before = LISTED;

		place.compare_exchange_strong(before, OWNED, OWNS, OWNS);
		mark.fetch_or(1, BLACKENS);
		rl::atomic_thread_fence(FENCE);
		free_bit.store(0, TAKES);
		entry.store(1, ENTERS);
		slot.store(1, STORES);
	}

	void scan()
	{
		RL_ASSERT(entry.load(ORDER(0, relaxed)) == 1);
	}

	/* Came by a word that is the object's address. */
	void mark_by_pointer()
	{
		if (!slot.load(ORDER(0, relaxed)) || free_bit.load(SHADES))
			return;
		if (!(mark.fetch_or(1, SHADES) & 1))
			scan();
	}

	/* Came by a page that was written to. */
	void mark_by_page()
	{
		unsigned before = place.load(PLACE);
		bool black = mark.load(LOOKS) && !free_bit.load(LOOKS);

		if (before == place.load(AGAIN) && before != OWNED && black)
			scan();
	}

	void thread(unsigned me)
	{
		if (me == 0)
			allocate();
		else if (me == 1)
			mark_by_pointer();
		else
			mark_by_page();
	}
};

PROTOCOL(new_object, "a new object and a marker", "the fence before slots are taken",
	 "acquire of the bits")
