/* SPDX-License-Identifier: MIT */
/* scavenge.h - give free pages of a heap back to the machine beneath. */
#ifndef MM_SCAVENGE_H
#define MM_SCAVENGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mm/mheap.h"

struct tern_scavenger {
	struct tern_mheap *heap;                       /* [const] */
	bool (*release)(uintptr_t start, size_t size); /* [const] the port's */
	uint64_t (*clock)(void);                       /* [const] the port's; 0: none */
	atomic_bool off;                               /* [atomic: relaxed] */
	_Atomic uint64_t limit;                        /* [atomic: relaxed] pages; 0: none */
	/* Of the background; who has busy may touch it. [atomic: acquire, release] */
	atomic_bool busy;
	uint64_t asleep_ns;    /* all that it asked for: time, where there is no clock */
	uint64_t period_start; /* on the clock */
	uint64_t last_peak;    /* the most pages in use in the period before */
};

#define TERN_SCAVENGER_INIT(heap_, release_, clock_)                                               \
	{                                                                                          \
		.heap = (heap_), .release = (release_), .clock = (clock_)                          \
	}

/* Release `pages` free pages, or a few more, or as many as there are. Returns how many. No lock is
 * held. */
uint64_t tern_scavenger_release(struct tern_scavenger *s, uint64_t pages);
/* n pages will be taken: release what then would be over the limit. */
void tern_scavenger_make_room(struct tern_scavenger *s, uint64_t n);
/* One step in the background; after how many ns the next is due. */
uint64_t tern_scavenger_step(struct tern_scavenger *s);

/* *The* heap's. */
extern struct tern_scavenger tern_scavenger;

/* Comes before an allocation of n pages of *the* heap. */
static inline void tern_heap_make_room(uint64_t n)
{
	if (__builtin_expect(atomic_load_explicit(&tern_scavenger.limit, memory_order_relaxed) != 0,
			     0))
		tern_scavenger_make_room(&tern_scavenger, n);
}

#endif
