/* SPDX-License-Identifier: MIT */
/* sweep.pml - when a sweep is done, and tern_gc(), which waits for that.
 *
 * What     Two threads take pieces of spans (mm/sweep.c sweep_piece()), one from `next`, one from
 *          `next_dead`; a CPU sweeps the span that it takes from its central list; a thread runs one
 *          cycle after another, and sweeps until all is done. SPANS spans, one in a piece.
 * Steps    What is done under the sweep lock, and each access to a sweepgen, is one step. Whoever sweeps
 *          has interrupts off, so the world stops only in between.
 * Holds    gone: when tern_gc() returns, and when the world has stopped for a cycle, every span is
 *          swept.   once: nobody sweeps a span that another sweeps, or has swept.
 *          whole: nobody takes slots of a span that is not swept.   Nobody waits for ever. */
// check SPANS=3
// fault SPANS=3 NO_BUSY
// fault SPANS=3 BUSY_LATE
// fault SPANS=3 SKIP_CLAIMED
// fault SPANS=3 NO_CLAIM
// fault SPANS=3 TAKE_UNSWEPT
// fault SPANS=3 STOP_IN_SWEEP
// fault SPANS=3 NO_WAIT

#ifndef SPANS
#define SPANS 3
#endif

#define UNSWEPT 0 /* sweepgen: two behind, one behind, equal */
#define CLAIMED 1
#define SWEPT   2

byte gen[SPANS];
byte next = SPANS, next_dead = SPANS, busy; /* struct tern_sweep */
byte irqs_off; /* CPUs that do not stop now */

inline irq_save() {
#ifdef STOP_IN_SWEEP
	skip
#else
	irqs_off++
#endif
}

inline irq_restore() {
#ifdef STOP_IN_SWEEP
	skip
#else
	irqs_off--
#endif
}

/* mm/mcentral.c sweep_slots(), mm/large.c tern_large_sweep() */
inline sweep_slots(s) {
	atomic {
#ifdef NO_CLAIM
		mine = gen[s] != SWEPT;
#else
		mine = gen[s] == UNSWEPT;
#endif
		if
		:: mine -> gen[s] = CLAIMED
		:: else
		fi
	}
	if
	:: mine -> atomic { assert(gen[s] == CLAIMED); gen[s] = SWEPT } /* once */
	:: else
	fi
}

/* mm/sweep.c: take(), sweep(), done(). s is SPANS if nothing is left. */
inline sweep_piece(from) {
	irq_save();
	atomic {
		s = from;
		if
		:: s < SPANS ->
			from++;
#if !defined(NO_BUSY) && !defined(BUSY_LATE)
			busy++
#endif
		:: else
		fi
	}
	if
	:: s < SPANS ->
#ifdef BUSY_LATE
		busy++;
#endif
		sweep_slots(s);
#ifndef SKIP_CLAIMED
		gen[s] != CLAIMED; /* sweep(): another has claimed it, and is at it */
#endif
#ifndef NO_BUSY
		busy--
#endif
	:: else
	fi;
	irq_restore()
}

proctype sweeper() {
	byte s;
	bool mine;

	do
	:: next < SPANS -> sweep_piece(next)
	od
}

/* gc/sweep.c tern_gc_sweep_for(); spans that are marked are no part of it */
proctype sweeper_of_dead() {
	byte s;
	bool mine;

	do
	:: next_dead < SPANS -> sweep_piece(next_dead)
	:: next_dead < SPANS -> next_dead++
	od
}

/* mm/mcentral.c tern_mcentral_take(), be_swept(); mm/sweep.c tern_sweep_at() */
proctype taker() {
	byte s;
	bool mine;

	do
	:: irq_save();
	   select(s : 0 .. SPANS - 1);
#ifndef TAKE_UNSWEPT
	   do
	   :: gen[s] == SWEPT -> break
	   :: gen[s] == UNSWEPT -> sweep_slots(s)
	   od;
#endif
	   atomic { assert(gen[s] == SWEPT); s = 0 } /* whole */
	   irq_restore()
	od
}

/* gc/gc.c tern_gc_cycle() */
proctype collector() {
	byte s;
	bool mine;

	do
	:: atomic { /* the pause */
		irqs_off == 0;
		for (s : 0 .. SPANS - 1) {
			assert(gen[s] == SWEPT); /* gone */
			gen[s] = UNSWEPT
		}
		/* mm/sweep.c tern_sweep_start() */
		next = 0;
		next_dead = 0;
		busy = 0;
		s = 0
	   }
	   /* gc/sweep.c tern_gc_sweep_all() */
	   do
	   :: next < SPANS -> sweep_piece(next)
#ifdef NO_WAIT
	   :: next >= SPANS -> break
#else
	   :: next >= SPANS && busy == 0 -> break /* tern_sweep_is_done() */
#endif
	   od;
	   atomic {
		for (s : 0 .. SPANS - 1) { assert(gen[s] == SWEPT) } /* gone */
		s = 0
	   }
	od
}

init {
	byte s;
	atomic {
		for (s : 0 .. SPANS - 1) { gen[s] = SWEPT }
		s = 0;
		run sweeper();
		run sweeper_of_dead();
		run taker();
		run collector()
	}
}
