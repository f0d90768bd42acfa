/* SPDX-License-Identifier: MIT */
/* cycle.pml - marking beside the program: barrier, two pauses, who is active, weak pointers, sweep.
 *
 * What     MUTATORS threads load, store, allocate and ask a weak pointer, while MARKERS threads mark,
 *          one starts and ends cycles, and one sweeps. OBJECTS objects of one field, each in a span
 *          of its own. Cycles follow one another for ever.
 * Steps    Each statement, or atomic block, is one step of one CPU. What tern does with interrupts off
 *          and touches only what is this CPU's is one step. A pause is one step: no step of anybody
 *          else comes between, and it begins between any two steps of a thread, but in no sweep.
 * Roots    A registered one, that leads to object 1; the two registers of each thread, and what
 *          tern_weak_get() keeps on its stack.
 * Holds    lost: when marking is done, all that can be reached is marked.
 *          late: what could be reached when the cycle began is marked before the last pause scans the
 *          stacks. Of a cycle in which a store was under way at its first pause this is not claimed,
 *          as that store notes nothing.
 *          dead: no thread uses a slot that was given back.   stray: nobody marks between cycles.
 *          Nobody waits for ever (Spin: invalid end states).
 * Faults   Each is a word left out; Spin must find what breaks. */
// check MUTATORS=2 OBJECTS=2
// long MUTATORS=2 OBJECTS=3 NO_ALLOC
// check MUTATORS=1 OBJECTS=3 MARKERS=2
// check MUTATORS=2 OBJECTS=2 SNAPSHOT
// check MUTATORS=1 OBJECTS=2 WEAK
// long MUTATORS=1 OBJECTS=3 WEAK
// full MUTATORS=2 OBJECTS=3
// full MUTATORS=2 OBJECTS=2 WEAK
// full MUTATORS=2 OBJECTS=3 NO_ALLOC NO_DELETION
// fault MUTATORS=2 OBJECTS=3 NO_ALLOC NO_INSERTION
// fault MUTATORS=1 OBJECTS=3 SNAPSHOT NO_DELETION
// fault MUTATORS=1 OBJECTS=3 NO_FIRST_SCAN
// fault MUTATORS=2 OBJECTS=3 NO_ALLOC NO_LAST_SCAN
// fault MUTATORS=2 OBJECTS=3 NO_ALLOC NO_FLUSH
// fault MUTATORS=1 OBJECTS=3 END_WHILE_ACTIVE
// fault MUTATORS=1 OBJECTS=3 WORK_LEFT
// fault MUTATORS=1 OBJECTS=3 WEAK WEAK_UNSWEPT
// fault MUTATORS=1 OBJECTS=2 WEAK WEAK_ONE_LOOK
// fault MUTATORS=1 OBJECTS=3 WEAK NO_LAST_SCAN

#ifndef MUTATORS
#define MUTATORS 2
#endif
#ifndef MARKERS
#define MARKERS 1
#endif
#ifndef OBJECTS
#define OBJECTS 3
#endif

#define ROOT 1 /* the object that a registered root leads to, always */

#define NONE 0
#define POOL 1 /* grey, in a buffer that all see (gc/work.c: full) */
#define OWN  2 /* ... of marker m: OWN + m */

#define UNSWEPT 0 /* sweepgen: two behind, one behind, equal */
#define CLAIMED 1
#define SWEPT   2

/* Objects 1..OBJECTS; 0 is NULL. */
byte field[OBJECTS + 1];
bool used[OBJECTS + 1];
bool mark[OBJECTS + 1];
byte grey[OBJECTS + 1];
byte span[OBJECTS + 1];
byte weak; /* what the record leads to; 0: it ended, or there is none */

byte r0[MUTATORS], r1[MUTATORS], kept[MUTATORS];
bool noted[MUTATORS * (OBJECTS + 1)]; /* gc/barrier.c: buffers[]; what is marked is not kept */
#define NOTED(m, o) noted[(m) * (OBJECTS + 1) + (o)]

bool marking; /* tern_gc_state.marking, and tern_barrier_on with it */
byte nactive;
byte found[MARKERS]; /* what marker m has just read */
bool in_sweep; /* somebody sweeps, interrupts off */

/* Not tern's: what is claimed. */
bool snapshot[OBJECTS + 1], no_snapshot;
#ifdef SNAPSHOT
bool storing[MUTATORS]; /* between the look and the store */
#else
hidden byte storing[MUTATORS];
#endif

hidden byte reach[OBJECTS + 1]; /* scratch of one step */
hidden byte i, j;

/* gc/mark.c shade(): who sets the mark queues the object. */
inline shade(obj, where) {
	if
	:: obj != 0 && used[obj] && !mark[obj] ->
		mark[obj] = true;
		grey[obj] = where;
		for (j : 0 .. MUTATORS - 1) { NOTED(j, obj) = false }
	:: else
	fi
}

/* Down from the registers until nothing is new: as often as there are objects is enough. */
inline reach_from_registers() {
	for (i : 1 .. OBJECTS) { reach[i] = false }
	for (i : 0 .. MUTATORS - 1) {
		reach[r0[i]] = true;
		reach[r1[i]] = true;
		reach[kept[i]] = true
	}
	reach[ROOT] = true;
	for (j : 1 .. OBJECTS) {
		for (i : 1 .. OBJECTS) { reach[field[i]] = reach[field[i]] || reach[i] }
	}
}

/* What nothing leads to, and no marker will look into, may as well be empty: states that differ in it
 * alone are one. */
inline forget_garbage() {
	reach_from_registers();
	for (i : 1 .. OBJECTS) {
		reach[i] = reach[i] || grey[i] != NONE || snapshot[i];
		for (j : 0 .. MUTATORS - 1) { reach[i] = reach[i] || NOTED(j, i) }
	}
	for (i : 0 .. MARKERS - 1) { reach[found[i]] = true }
	for (j : 1 .. OBJECTS) {
		for (i : 1 .. OBJECTS) { reach[field[i]] = reach[field[i]] || reach[i] }
	}
	for (i : 1 .. OBJECTS) { field[i] = (reach[i] -> field[i] : 0) }
}

/* gc/roots.c tern_roots_mark_stacks() */
inline shade_registers() {
	for (i : 0 .. MUTATORS - 1) {
		shade(r0[i], POOL);
		shade(r1[i], POOL);
		shade(kept[i], POOL)
	}
}

/* gc/mark.c tern_mark_drain(), in a pause: what is grey in the pool, and what that leads to. */
inline drain_pool() {
	i = 1;
	do
	:: i > OBJECTS -> break
	:: i <= OBJECTS && grey[i] == POOL ->
		grey[i] = NONE;
		shade(field[i], POOL);
		i = 1
	:: else -> i++
	od
}

/* gc/barrier.c flush(), of one CPU */
inline flush(m) {
	for (i : 1 .. OBJECTS) {
		if
		:: NOTED(m, i) -> NOTED(m, i) = false; shade(i, POOL)
		:: else
		fi
	}
}

/* note_locked(): again looks whether stores are watched. */
inline note(m, obj) {
	if
	:: marking && obj != 0 && !mark[obj] -> NOTED(m, obj) = true
	:: else
	fi
}

/* mm/mspan.c tern_mspan_sweep() */
inline free_unmarked(o) {
	used[o] = used[o] && mark[o];
	field[o] = (used[o] -> field[o] : 0);
	mark[o] = false
}

/* mm/mcentral.c sweep_slots(): the claim, the records, the slots, the generation. Interrupts off. */
inline sweep_span(o) {
	atomic {
		if
		:: span[o] == UNSWEPT -> span[o] = CLAIMED; in_sweep = true
		:: else -> goto no_claim
		fi
	}
	/* mm/special.c tern_special_sweep(): end() */
	if
	:: weak == o && !mark[o] -> weak = 0
	:: else
	fi;
	d_step { free_unmarked(o) }
	atomic { span[o] = SWEPT; in_sweep = false }
no_claim:
	skip
}

/* mm/sweep.c tern_sweep_start(). Where no weak pointer may be asked meanwhile nobody can tell when a span is
 * swept: then it is here. A span without objects has nothing to sweep. */
inline end_of_cycle(o) {
#ifdef WEAK
	span[o] = (used[o] -> UNSWEPT : SWEPT)
#else
	free_unmarked(o)
#endif
}

proctype mutator(byte m) {
	byte old, o;
	bool watched;

	do
	:: atomic { r0[m] != ROOT -> r0[m] = ROOT; forget_garbage() }
	:: r0[m] != 0 -> /* load */
		atomic { assert(used[r0[m]]); r1[m] = field[r0[m]]; forget_garbage() }
	:: atomic { r1[m] != 0 -> r0[m] = r1[m]; forget_garbage() } /* move */
	:: atomic { r1[m] != 0 -> r1[m] = 0; forget_garbage() }     /* drop */

#ifndef NO_ALLOC
	/* tern_alloc(): a free slot of a swept span. Black: mm/mcache.c tern_mcache_refill() */
	:: atomic {
		o = 1;
		do
		:: o <= OBJECTS && (used[o] || span[o] != SWEPT) -> o++
		:: else -> break
		od;
		if
		:: o <= OBJECTS ->
			used[o] = true;
			mark[o] = marking;
			r1[m] = o;
			forget_garbage()
		:: else
		fi;
		o = 0
	   }

#endif
	/* include/tern/barrier.h tern_store_pointer(): the look, the note, the store. That the slot is read
	 * in one step with the look loses nothing: what is not watched by then is not noted. */
	:: atomic { r0[m] != 0 ->
		storing[m] = true;
		old = (marking -> field[r0[m]] : 0);
		watched = marking
	   }
	   if
	   :: atomic { watched ->
#ifndef NO_DELETION
		note(m, old);
#endif
#ifndef NO_INSERTION
		note(m, r1[m]);
#endif
		old = 0;
		watched = false;
		if
		:: flush(m) /* the buffer is full */
		:: true
		fi
	      }
	   :: !watched
	   fi;
	   atomic {
		assert(used[r0[m]]); /* dead */
		field[r0[m]] = r1[m];
		storing[m] = false;
		forget_garbage()
	   }

#ifdef WEAK
	/* gc/weak.c tern_weak_get() */
	:: atomic { weak != 0 -> kept[m] = weak }
#if !defined(WEAK_UNSWEPT)
		/* mm/sweep.c tern_sweep_at() */
		sweep_span(kept[m]);
		span[kept[m]] == SWEPT;
#endif
		atomic {
#ifdef WEAK_ONE_LOOK
			r1[m] = kept[m];
#else
			r1[m] = weak;
#endif
			kept[m] = 0
		}
#endif
	od
}

/* gc/concurrent.c tern_gc_mark_some(), mark_piece() */
proctype marker(byte m) {
	byte o;

	do
	:: marking ->
		nactive++;
		if
		:: !marking -> goto out
		:: else
		fi;
		do
		:: atomic { /* a buffer from the pool */
			o = 1;
			do
			:: o <= OBJECTS && grey[o] != POOL && grey[o] != OWN + m -> o++
			:: else -> break
			od;
			if
			:: o > OBJECTS -> o = 0; break
			:: else -> assert(marking && used[o]); grey[o] = NONE; found[m] = field[o]; o = 0
			fi
		   }
		   atomic { o = found[m]; shade(o, OWN + m); found[m] = 0; o = 0; forget_garbage() }
		:: break /* enough for a piece */
		od;
		/* tern_mark_put_back() */
		atomic {
			for (o : 1 .. OBJECTS) {
				if
#ifdef WORK_LEFT
				:: grey[o] == OWN + m -> grey[o] = NONE
#else
				:: grey[o] == OWN + m -> grey[o] = POOL
#endif
				:: else
				fi
			}
			o = 0
		}
out:
		nactive--
	od
}

/* gc/concurrent.c tern_gc_start_marking() */
inline first_pause() {
	d_step {
		!in_sweep && !marking;
#ifndef NO_FIRST_SCAN
		shade_registers();
#endif
		shade(ROOT, POOL); /* gc/roots.c tern_roots_mark_some() does that a little later */
		marking = true;
#ifdef SNAPSHOT
		for (i : 0 .. MUTATORS - 1) { no_snapshot = no_snapshot || storing[i] }
		reach_from_registers();
		for (i : 1 .. OBJECTS) { snapshot[i] = reach[i] && !no_snapshot }
#endif
		skip
	}
}

/* end_marking(): false if a thread that was stopped is active. */
inline last_pause() {
	d_step {
		!in_sweep;
		if
#ifdef END_WHILE_ACTIVE
		:: true ->
#else
		:: nactive == 0 ->
#endif
#ifndef NO_FLUSH
			for (k : 0 .. MUTATORS - 1) { flush(k) }
#endif
			drain_pool();
			for (i : 1 .. OBJECTS) {
				assert(!snapshot[i] || mark[i]); /* late */
				snapshot[i] = false
			}
			shade(ROOT, POOL);
#ifndef NO_LAST_SCAN
			shade_registers();
			drain_pool();
#endif
			reach_from_registers();
			for (i : 1 .. OBJECTS) {
				assert(!reach[i] || mark[i] || !used[i]); /* lost */
				end_of_cycle(i)
			}
			no_snapshot = false;
			marking = false
		:: else
		fi;
		k = 0
	}
}

/* gc/gc.c start(), gc/concurrent.c tern_gc_try_end(): one thread is busy with that. */
proctype collector() {
	byte k;

	do
	:: !marking ->
		for (k : 1 .. OBJECTS) { span[k] == SWEPT } /* tern_gc_sweep_all() */
		k = 0;
		first_pause()
	:: atomic { marking && nactive == 0 -> /* may_be_done() */
		for (k : 1 .. OBJECTS) {
			if
			:: grey[k] == POOL -> goto not_yet
			:: else
			fi
		}
	   }
	   last_pause();
not_yet:
	   k = 0
	od
}

proctype sweeper() {
	byte o;

	do
	:: atomic {
		o = 1;
		do
		:: o <= OBJECTS && span[o] != UNSWEPT -> o++
		:: else -> break
		od;
		if
		:: o > OBJECTS -> o = 0; span[1] == UNSWEPT || span[2] == UNSWEPT || span[OBJECTS] == UNSWEPT
		:: else
		fi
	   }
	   if
	   :: o != 0 -> sweep_span(o)
	   :: else
	   fi;
	   o = 0
	od
}

init {
	atomic {
		for (i : 1 .. OBJECTS) {
			used[i] = true;
			span[i] = SWEPT
		}
		for (i : 0 .. MUTATORS - 1) {
			r0[i] = ROOT
		}
		/* 1 -> 2 -> 3 */
		for (i : 1 .. OBJECTS - 1) { field[i] = i + 1 }
#ifdef WEAK
		weak = OBJECTS;
#endif
		i = 0;
		for (j : 0 .. MUTATORS - 1) { run mutator(j) }
		for (j : 0 .. MARKERS - 1) { run marker(j) }
		j = 0;
		run collector()
#ifdef WEAK
		;
		run sweeper()
#endif
	}
}
