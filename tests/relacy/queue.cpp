/* SPDX-License-Identifier: MIT */
/* queue.cpp - finalizers that wait to be called: mm/special.c queue_locked() and tern_special_take_job(). It is no
 * protocol without a lock; so this is the lock's: lib/lock.c. What the sweep writes into a record is
 * seen by who runs it, and each runs once. */
#include "protocol.h"

#define TAKES    ORDER(1, acquire, relaxed) /* take(): exchange */
#define LOOKS    ORDER(0, relaxed)          /* looks_taken() */
#define RELEASES ORDER(2, release, relaxed) /* tern_unlock() */

struct queue : rl::test_suite<queue, 3> {
	rl::atomic<bool> taken;
	rl::var<unsigned> first, queued, run;

	void before()
	{
		taken.store(false, ORDER(0, relaxed));
		first($) = queued($) = run($) = 0;
	}

	void lock()
	{
		while (taken.exchange(true, TAKES))
			while (taken.load(LOOKS))
				relax();
	}

	void unlock()
	{
		taken.store(false, RELEASES);
	}

	void sweep()
	{
		lock();
		queued($) = queued($) + 1;
		first($) = first($) + 1;
		unlock();
	}

	void run_finalizer()
	{
		lock();
		if (first($)) {
			first($) = first($) - 1;
			run($) = run($) + 1;
		}
		unlock();
	}

	void thread(unsigned me)
	{
		if (me < 2)
			sweep();
		run_finalizer();
	}

	void after()
	{
		RL_ASSERT(queued($) == 2 && run($) + first($) == 2);
	}
};

PROTOCOL(queue, "the queue of finalizers, under its lock", "acquire of the lock",
	 "release of the lock")
