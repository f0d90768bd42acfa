/* SPDX-License-Identifier: MIT */
/* barrier.c - pointers that stores note while objects are marked.
 *
 * Job      The slow half of tern/barrier.h: each CPU has a buffer for what stores put in and overwrite;
 *          full, its pointers become grey. What is left in buffers becomes grey in the last pause.
 * Why both What is put in (Dijkstra): no black object may lead to a white one; this alone makes marking
 *          sound, as the last pause scans the stacks again (concurrent.c). What is overwritten (Yuasa):
 *          what could be reached when the cycle began is marked beside the program, not in that
 *          pause: it may hang on a local by now. Together they are the hybrid barrier of Go, which
 *          needs both as it does not scan stacks twice.
 * Order    A store notes first. Between the note and the store the thread may be stopped, for the last
 *          pause or the first: both scan its registers, in which the new pointer is.
 * Again    Programs store the same few pointers again and again. What a CPU noted lately in this cycle
 *          is or will be grey, and is not noted twice: whoever looks, and with interrupts on, as a thread
 *          that moves on has looked at what another CPU noted, which does as well.
 * Buffers  belong to their CPU, interrupts off; to who stops the world when all others stand. They lie
 *          in the image's data, and are no roots (roots.c).
 * Locks    none; workpool(70), mheap(80) below.   Context: any but NMIs.
 * Go       runtime/mwbbuf.go, mbarrier.go. */
#include "gc/barrier.h"

#include <tern/port.h>

#include "gc/gc.h"
#include "lib/bits.h"
#include "lib/fault.h"
#include "lib/irq.h"
#include "lib/string.h"

uint8_t tern_barrier_on;
struct tern_barrier_buffer tern_barrier_buffers[TERN_MAX_CPUS];

static void flush(struct tern_barrier_buffer *b)
{
	struct tern_mark_work w;

	tern_mark_init(&w, &tern_gc_state.marker);
	for (unsigned i = 0; i < b->n; i++)
		tern_mark_address(&w, b->note[i]);
	memset(b->note, 0, b->n * sizeof(b->note[0]));
	b->n = 0;
	tern_mark_put_back(&w);
	tern_gc_add_up(&w.work);
}

static TERN_INLINE _Atomic uintptr_t *lately(struct tern_barrier_buffer *b, uintptr_t addr)
{
	return &b->lately[addr / 16 % TERN_BARRIER_LATELY];
}

static TERN_INLINE bool is_new(struct tern_barrier_buffer *b, uintptr_t addr)
{
	return atomic_load_explicit(lately(b, addr), memory_order_relaxed) != ~addr;
}

/* What leads to no object, NULL above all, is remembered as well: so nobody asks again. */
static void note(struct tern_barrier_buffer *b, uintptr_t addr)
{
	if (!is_new(b, addr))
		return;
	atomic_store_explicit(lately(b, addr), ~addr, memory_order_relaxed);
	b->used = true;
	if (addr - tern_gc_state.marker.view.low > tern_gc_state.marker.view.reach)
		return;
	b->note[b->n++] = addr;
	if (b->n == TERN_BARRIER_NOTES)
		flush(b);
}

/* Somebody may have been stopped after it saw that stores are watched, and goes on when they are not. */
static TERN_NOINLINE void note_new(uintptr_t before, uintptr_t after)
{
	unsigned long irq = tern_irq_save();
	struct tern_barrier_buffer *b = &tern_barrier_buffers[TERN_CPU_ID()];

	if (tern_barrier_is_on()) {
		note(b, before);
		if (!TERN_FAULT(NO_SHADE))
			note(b, after);
	}
	tern_irq_restore(irq);
}

void tern_barrier_note(const void *before, const void *after)
{
	struct tern_barrier_buffer *b = TERN_OPAQUE(&tern_barrier_buffers[TERN_CPU_ID()]);

	if (unlikely(is_new(b, (uintptr_t)before) || is_new(b, (uintptr_t)after)))
		note_new((uintptr_t)before, (uintptr_t)after);
}

static void note_range(const void *start, size_t size)
{
	const uintptr_t *word = start;

	for (size_t i = 0; i < size / sizeof(*word); i++)
		tern_barrier_note(NULL, (const void *)__atomic_load_n(&word[i], __ATOMIC_RELAXED));
}

/* Another thread may store into src between the note and the copy: that store notes as well. */
void tern_copy(void *dst, const void *src, size_t size)
{
	if (tern_barrier_is_on()) {
		note_range(dst, size);
		note_range(src, size);
	}
	memmove(dst, src, size);
}

void tern_clear_pointers(void *dst, size_t size)
{
	if (tern_barrier_is_on())
		note_range(dst, size);
	memset(dst, 0, size);
}

/* A cycle begins. */
static void forget_all(void)
{
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		if (tern_barrier_buffers[i].used && !TERN_FAULT(LATELY_KEPT)) {
			memset(tern_barrier_buffers[i].lately, 0,
			       sizeof(tern_barrier_buffers[i].lately));
			tern_barrier_buffers[i].used = false;
		}
}

void tern_barrier_watch(bool on)
{
	bool watch = on && tern_gc_state.options.mode == TERN_GC_BARRIER;

	if (watch)
		forget_all();
	__atomic_store_n(&tern_barrier_on, watch, __ATOMIC_RELAXED);
}

void tern_barrier_flush_all(void)
{
	for (unsigned i = 0; i < TERN_MAX_CPUS; i++)
		if (tern_barrier_buffers[i].n)
			flush(&tern_barrier_buffers[i]);
}
