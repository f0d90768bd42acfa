/* SPDX-License-Identifier: MIT */
/* stop.pml - stopping the world: gc/stw.c, boot/stop.c.
 *
 * What     Of CPUS CPUs two may stop the others, one at a time; who does gives HELPERS of them a piece of
 *          work, and lets them go; again and again. LATE interrupts come that nobody asked for.
 * Steps    Each access to `stop`, `arrived` or the work is one step.
 * Holds    stands: while the world is stopped nobody runs but who stopped it.   all: as many helpers as
 *          were asked do a piece of work, and only while the world stands.   Nobody waits for ever. */
// check CPUS=3 HELPERS=1
// check CPUS=3 HELPERS=2
// fault CPUS=3 HELPERS=1 EVEN_TOO
// fault CPUS=3 HELPERS=1 FLAG_LATE
// fault CPUS=3 HELPERS=1 RESET_LATE
// fault CPUS=3 HELPERS=1 WAIT_FOR_LESS
// fault CPUS=3 HELPERS=1 NO_WAIT_FOR_WORK
// fault CPUS=3 HELPERS=1 NO_NUMBER

#ifndef CPUS
#define CPUS 3
#endif
#ifndef HELPERS
#define HELPERS 1
#endif
#ifndef LATE
#define LATE 2
#endif
#define TURNS 8 /* numbers are told apart within so many */

byte stop, arrived;         /* gc/stw.c */
byte round, tickets, ndone; /* gc/stw.c: work */
bool asked[CPUS];           /* boot/stop.c: stop_asked, and the interrupt with it */
bool busy;                  /* gc/gc.c */

bool stopped; /* not tern's: from when all have come until they are let go */
bool runs[CPUS] = true;
byte late = LATE;

/* boot/stop.c stop_if_asked(); gc/stw.c tern_gc_stop_here(), help() */
inline interrupt() {
#ifndef FLAG_LATE
	asked[me] = false;
#endif
	now = stop;
	r = round;
	if
#ifdef EVEN_TOO
	:: true ->
#else
	:: now % 2 == 1 ->
#endif
		atomic { runs[me] = false; arrived++ }
		do
#ifdef NO_NUMBER
		:: stop % 2 == 0 -> break
		:: stop % 2 == 1 && round != r ->
#else
		:: stop != now -> break
		:: stop == now && round != r ->
#endif
			r = round;
			atomic { ticket = tickets; tickets++ }
			if
			:: ticket < HELPERS ->
				assert(stopped); /* all */
				atomic { assert(stopped); ndone++ }
			:: else
			fi
		od;
		atomic { assert(!stopped); runs[me] = true } /* stands */
	:: else
	fi;
#ifdef FLAG_LATE
	asked[me] = false;
#endif
	atomic { now = 0; r = 0; ticket = 0 }
}

/* gc/stw.c tern_stw_stop(), tern_stw_together(), tern_stw_start(). Interrupts off. */
inline pause() {
#ifndef RESET_LATE
	arrived = 0;
#endif
	stop = (stop + 1) % TURNS;
#ifdef RESET_LATE
	arrived = 0;
#endif
	for (i : 0 .. CPUS - 1) {
		if
		:: i != me -> asked[i] = true
		:: else
		fi
	}
#ifdef WAIT_FOR_LESS
	arrived >= CPUS - 2;
#else
	arrived >= CPUS - 1;
#endif
	atomic {
		for (i : 0 .. CPUS - 1) { assert(i == me || !runs[i]) } /* stands */
		stopped = true;
		i = 0
	}
	tickets = 0;
	ndone = 0;
	round = (round + 1) % TURNS;
#ifndef NO_WAIT_FOR_WORK
	ndone >= HELPERS;
#endif
	atomic { assert(ndone <= HELPERS); stopped = false; stop = (stop + 1) % TURNS }
}

proctype cpu(byte me) {
	byte now, r, ticket, i;

	do
	:: asked[me] -> interrupt()
	:: atomic { late != 0 -> late-- }
	   interrupt()
	:: atomic { me < 2 && !busy -> busy = true } /* tern_gc_become_busy() */
	   if
	   :: asked[me] -> interrupt() /* has them on until here */
	   :: true
	   fi;
	   pause();
	   busy = false
	od
}

init {
	byte n;
	atomic {
		for (n : 0 .. CPUS - 1) { run cpu(n) }
		n = 0
	}
}
