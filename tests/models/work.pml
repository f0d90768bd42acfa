/* SPDX-License-Identifier: MIT */
/* work.pml - when CPUs that mark together in a pause are done: gc/work.c.
 *
 * What     WORKERS CPUs take grey objects from their own buffers and from the pool's full ones, find some
 *          more, share what they have, and say that they wait when they find nothing.
 * Steps    Each exchange on a list, and each access to `waiting`, is one step.
 * Numbers  A buffer is a number of grey objects; LEFT more are found in all. What is in which buffer
 *          does not matter here, only that there is some.
 * Holds    Who is told that all is done leaves nothing in the pool and in nobody's buffers.
 *          Nobody waits for ever. */
// check WORKERS=3
// check WORKERS=4
// fault WORKERS=3 WAIT_WITH_WORK
// fault WORKERS=3 TAKE_WHILE_WAITING
// fault WORKERS=3 ONE_WAITS
// fault WORKERS=3 NOT_TAKEN_BACK

#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef LEFT
#define LEFT 4
#endif

byte pool = 1;     /* buffers in the pool, each with a grey object */
byte left = LEFT;  /* that will be found */
byte own[WORKERS]; /* grey objects in a CPU's two buffers */
byte waiting;
byte finished;

inline is_done() {
	assert(pool == 0);
	for (i : 0 .. WORKERS - 1) { assert(own[i] == 0) }
}

proctype worker(byte me) {
	byte i;

drain: /* gc/mark.c tern_mark_drain_some() */
	do
	:: own[me] != 0 -> own[me]-- /* scanned, and nothing found */
	:: atomic { own[me] != 0 && own[me] < 3 && left != 0 -> left--; own[me]++ }
	/* tern_work_put_slow(), tern_work_balance() */
	:: own[me] > 1 -> atomic { own[me]--; pool++ }
	/* tern_work_get_slow() */
	:: own[me] == 0 ->
		if
		:: atomic { pool != 0 -> pool--; own[me]++ }
		:: pool == 0 -> break
		fi
#ifdef WAIT_WITH_WORK
	:: own[me] == 1 -> break
#endif
	od;

	/* tern_work_wait() */
	waiting++;
	do
	:: pool != 0 ->
#ifdef TAKE_WHILE_WAITING
		if
		:: atomic { pool != 0 -> pool--; own[me]++ }
		:: pool == 0
		fi;
#endif
#ifndef NOT_TAKEN_BACK
		waiting--;
#endif
		goto drain
	:: pool == 0 ->
		if
#ifdef ONE_WAITS
		:: waiting >= WORKERS - 1 -> break
		:: waiting < WORKERS - 1
#else
		:: waiting == WORKERS -> break
		:: waiting < WORKERS
#endif
		fi
	od;
	atomic { is_done(); finished++; i = 0 }
}

init {
	byte n;
	atomic {
		for (n : 0 .. WORKERS - 1) { run worker(n) }
		n = 0
	}
	finished == WORKERS
}
