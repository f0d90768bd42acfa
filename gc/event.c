/* SPDX-License-Identifier: MIT */
/* event.c - what happened and when, kept in a ring that all CPUs share by the chunk.
 *
 * Job      Remember the last events. A CPU writes to a chunk of its own, and takes the oldest one
 *          when that is full: so memory goes to who has something to say.
 * Owns     the chunks, which come from pages and stay.
 * Locks    events(76), for who has which chunk; writing to one needs none, with interrupts off.
 *          Context: any but NMIs; no lock above 76 is held where something is recorded.
 * Reading  happens while CPUs write: chunks are not taken anew meanwhile, and what is below a chunk's
 *          count does not change. Events that find no room then are counted as lost. */
#include "gc/event.h"

#include <tern/config.h>
#include <tern/observe.h>

#include "lib/assert.h"
#include "lib/irq.h"
#include "lib/lock.h"
#include "lib/string.h"

#define DEFAULT_BYTES ((size_t)256 << 10)

static const struct tern_lock_class events_class = {
	.name = "events", .rank = 76, .irq = true, .protects = "which CPU writes to which events"
};

atomic_bool tern_events_on;

static struct {
	struct tern_lock lock;
	struct tern_event_chunk *chunk; /* [lock] const once it is set */
	unsigned nchunks;               /* [lock] likewise */
	unsigned next;                  /* [lock] the oldest, unless it is taken */
	bool held;                      /* [lock] somebody reads */
	uint64_t since_ns;              /* [lock] what is older does not count */
	uint64_t forgotten;             /* [lock] */
	_Atomic uint64_t lost;          /* [atomic: relaxed] */
} ring = { .lock = TERN_LOCK_INIT(&events_class) };

static struct tern_event_chunk *own[TERN_MAX_CPUS]; /* [cpu] interrupts off; NULL: none yet */

/* --- writing --------------------------------------------------------------------------------- */

static struct tern_event_chunk *oldest_locked(void)
{
	for (unsigned i = 0; i < ring.nchunks; i++) {
		struct tern_event_chunk *c = &ring.chunk[ring.next++ % ring.nchunks];

		if (!c->taken)
			return c;
	}
	return NULL;
}

static void forget_locked(struct tern_event_chunk *c)
{
	for (unsigned i = 0; i < c->n; i++)
		ring.forgotten += c->event[i].start_ns >= ring.since_ns;
	atomic_store_explicit(&c->n, 0, memory_order_relaxed);
}

/* The CPU's chunk is full, or it has none. */
static struct tern_event_chunk *another(unsigned cpu)
{
	struct tern_event_chunk *c;

	tern_lock(&ring.lock);
	c = ring.held ? NULL : oldest_locked();
	if (c) {
		forget_locked(c);
		c->cpu = cpu;
		c->taken = true;
		if (own[cpu])
			own[cpu]->taken = false;
		own[cpu] = c;
	}
	tern_unlock(&ring.lock);
	return c;
}

static void add(const struct tern_event *e)
{
	unsigned cpu = TERN_CPU_ID();
	struct tern_event_chunk *c = own[cpu];

	if (!c || c->n == TERN_EVENTS_IN_CHUNK)
		c = another(cpu);
	if (!c) {
		atomic_fetch_add_explicit(&ring.lost, 1, memory_order_relaxed);
		return;
	}
	c->event[c->n] = *e;
	atomic_store_explicit(&c->n, c->n + 1, memory_order_release);
}

void tern_event_add(enum tern_event_kind kind, uint64_t start_ns, uint64_t ns, uint64_t a,
		    uint64_t b)
{
	unsigned long irq = tern_irq_save();

	add(&(struct tern_event){ .start_ns = start_ns, .ns = ns, .a = a, .b = b, .kind = kind });
	tern_irq_restore(irq);
}

/* --- start, stop, read ----------------------------------------------------------------------- */

static bool have_ring(size_t bytes)
{
	unsigned n;
	struct tern_event_chunk *c;
	unsigned long irq;
	bool mine;

	if (ring.chunk)
		return true;
	n = (unsigned)(bytes / sizeof(*c));
	c = n ? tern_pages_alloc(n * sizeof(*c), 0, 0) : NULL;
	if (!c)
		return false;
	memset(c, 0, n * sizeof(*c));
	irq = tern_lock_irqsave(&ring.lock);
	mine = !ring.chunk;
	if (mine) {
		ring.chunk = c;
		ring.nchunks = n;
	}
	tern_unlock_irqrestore(&ring.lock, irq);
	if (!mine)
		tern_pages_free(c, n * sizeof(*c));
	return true;
}

enum tern_result tern_trace_start(size_t bytes)
{
	unsigned long irq;

	if (!have_ring(bytes ? bytes : DEFAULT_BYTES))
		return TERN_ENOMEM;
	irq = tern_lock_irqsave(&ring.lock);
	ring.since_ns = tern_port_clock_ns();
	ring.forgotten = 0;
	atomic_store_explicit(&ring.lost, 0, memory_order_relaxed);
	tern_unlock_irqrestore(&ring.lock, irq);
	atomic_store_explicit(&tern_events_on, true, memory_order_relaxed);
	return TERN_OK;
}

void tern_trace_stop(void)
{
	atomic_store_explicit(&tern_events_on, false, memory_order_relaxed);
}

static void set_held(bool held)
{
	unsigned long irq = tern_lock_irqsave(&ring.lock);

	ring.held = held;
	tern_unlock_irqrestore(&ring.lock, irq);
}

uint64_t tern_events_hold(void)
{
	set_held(true);
	return ring.since_ns;
}

void tern_events_release(void)
{
	set_held(false);
}

const struct tern_event_chunk *tern_events_chunk(unsigned i)
{
	return i < ring.nchunks ? &ring.chunk[i] : NULL;
}

uint64_t tern_events_lost(void)
{
	unsigned long irq = tern_lock_irqsave(&ring.lock);
	uint64_t n = ring.forgotten + atomic_load_explicit(&ring.lost, memory_order_relaxed);

	tern_unlock_irqrestore(&ring.lock, irq);
	return n;
}
