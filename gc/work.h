/* SPDX-License-Identifier: MIT */
/* work.h - grey objects: marked, and not scanned yet.
 *
 * A CPU that marks has a struct tern_gcwork with two buffers of its own, so that one who goes up and
 * down at a border does not run to the shared lists each time. Full buffers are shared; who runs dry
 * takes one. What an entry is, but for not being 0, is up to who puts it in. */
#ifndef GC_WORK_H
#define GC_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/compiler.h"
#include "mm/mheap.h"

#define TERN_WORKBUF_BYTES   2048u
#define TERN_WORKBUF_ENTRIES ((TERN_WORKBUF_BYTES - 16) / sizeof(uint64_t))

struct tern_workbuf {
	_Atomic(struct tern_workbuf *) next; /* [atomic: relaxed] the list it is in */
	uint32_t n;
	uint32_t cap;
	uint64_t entry[];
};

/* A stack of buffers that any CPU may push to and pop from. All zero: empty. */
struct tern_workstack {
	_Atomic uint64_t top; /* [atomic: release by push, acquire by pop] address << 16 | turn */
} TERN_ALIGNED(TERN_CACHE_LINE);

/* What all CPUs share in a cycle. */
struct tern_workpool {
	struct tern_workstack full, empty;
	struct tern_workbuf *first, *last; /* [lock] a queue: what was full first comes first */
	/* [atomic: seq_cst, changed with the lock] buffers in it */
	_Atomic uint32_t nqueued;
	_Atomic uint32_t waiting;  /* [atomic: seq_cst] CPUs that found nothing to do */
	uint32_t nworkers;         /* [const] while marking */
	struct tern_mheap *heap;   /* [const] gives pages for buffers */
	struct tern_lock lock;     /* of the queue, and of the list of pages */
	struct tern_workrun *runs; /* [lock] of pages that were taken */
	uint64_t npages;           /* [lock] */
	uint64_t max_pages;        /* [lock] of the largest cycle */
};

extern const struct tern_lock_class tern_workpool_class;

/* The last resort of a CPU for which there is no buffer. */
#define TERN_WORK_SPARE 30u

struct tern_gcwork {
	struct tern_workpool *pool;
	struct tern_workbuf *primary, *secondary; /* NULL: none yet */
	/* Likewise, of what comes out in the order in which it went in. */
	struct tern_workbuf *in, *out;
	uint32_t next; /* entry of `out` */
	bool parallel; /* more than one CPU marks */
	uint64_t marked_bytes, marked_objects, scanned_bytes;
	/* Room for a struct tern_workbuf and its entries. */
	uint64_t spare[sizeof(struct tern_workbuf) / 8 + TERN_WORK_SPARE];
};

/* Between cycles: nobody uses the pool. */
void tern_work_start(struct tern_workpool *pool, unsigned nworkers);
/* Give all buffers' memory back. */
void tern_work_end(struct tern_workpool *pool);

void tern_work_init(struct tern_gcwork *w, struct tern_workpool *pool);
/* Nothing is left in it; its buffers are the pool's again. */
void tern_work_dispose(struct tern_gcwork *w);
/* What is left in it becomes the pool's. Returns an entry for which there is no room, to be asked
 * again; 0 when all is done. */
uint64_t tern_work_give(struct tern_gcwork *w);
/* True if nothing is in the pool. */
bool tern_work_is_empty(const struct tern_workpool *pool);

/* False: there is no room, and no memory for more. */
bool tern_work_put_slow(struct tern_gcwork *w, uint64_t entry);
/* The first buffer is empty: fill it. False: there is nothing, neither here nor in the pool. */
bool tern_work_refill(struct tern_gcwork *w);
/* Others may be waiting for some of what is here. */
void tern_work_balance(struct tern_gcwork *w);
/* Nothing was found: wait for more. False when nobody has any: marking is done. */
bool tern_work_wait(struct tern_gcwork *w);

static TERN_INLINE bool tern_work_put(struct tern_gcwork *w, uint64_t entry)
{
	struct tern_workbuf *b = w->primary;

	if (unlikely(!b || b->n == b->cap))
		return tern_work_put_slow(w, entry);
	b->entry[b->n++] = entry;
	return true;
}

/* Then the first buffer has some. */
static TERN_INLINE bool tern_work_any(struct tern_gcwork *w)
{
	return (likely(w->primary) && w->primary->n) || tern_work_refill(w);
}

/* The other queue, about first in, first out. False: there is no memory. */
bool tern_work_put_last_slow(struct tern_gcwork *w, uint64_t entry);
static TERN_INLINE bool tern_work_put_last(struct tern_gcwork *w, uint64_t entry)
{
	struct tern_workbuf *b = w->in;

	if (unlikely(!b || b->n == b->cap))
		return tern_work_put_last_slow(w, entry);
	b->entry[b->n++] = entry;
	return true;
}
static TERN_INLINE bool tern_work_queue_is_empty(const struct tern_workpool *pool)
{
	return atomic_load_explicit(&pool->nqueued, memory_order_seq_cst) == 0;
}
/* True if this CPU has less than n entries in each of its buffers, and the pool none in the queue. */
static TERN_INLINE bool tern_work_is_little(const struct tern_gcwork *w, unsigned n)
{
	return (!w->in || w->in->n < n) && (!w->out || w->out->n - w->next < n) &&
	       (!w->primary || w->primary->n < n) && tern_work_queue_is_empty(w->pool);
}
/* At most n of its entries. Returns how many. */
unsigned tern_work_take_first(struct tern_gcwork *w, uint64_t *entries, unsigned n);

static TERN_INLINE uint64_t tern_work_get(struct tern_gcwork *w)
{
	return w->primary->entry[--w->primary->n];
}

#endif
