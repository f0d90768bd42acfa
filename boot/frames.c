/* SPDX-License-Identifier: MIT */
/* frames.c - 4 KiB pages of RAM for the guest kernel itself.
 *
 * Job      Hand out single frames, mapped one to one and cleared; take them back.
 * Owns     a run of frames not yet handed out, and a list of those that came back. The first
 *          run is a pool inside the image; when it runs low, a piece of at most 2 MiB is taken
 *          from the memory map and mapped. So boot touches what it uses, however much RAM there
 *          is.
 * Knot     Mapping a piece takes page tables, and page tables are frames. It is cut by a
 *          reserve: frames_alloc() grows the pool while RESERVE frames are left, and page tables
 *          come from frames_alloc_table(), which never grows.
 * Locks    frames(140), a leaf. Growing calls vm(130), without the lock held.
 * Context  any but NMI and fault reports; interrupt handlers only through frames_free(). */
#include "boot/frames.h"

#include <stdatomic.h>

#include "arch/arch.h"
#include "boot/thread.h"
#include "boot/vm.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/lock.h"
#include "lib/string.h"

#define POOL_FRAMES 48
/* Mapping one piece: at most a table on each of three levels on either side of a border. */
#define RESERVE 8
/* Below this the BIOS and the CPUs' start-up page live; taken only when nothing else is left. */
#define LOW_MEMORY MiB(1)

struct free_frame {
	struct free_frame *next;
};

static const struct tern_lock_class frames_class = {
	.name = "frames", .rank = 140, .irq = true, .protects = "the kernel's own free pages"
};

static char pool[POOL_FRAMES][PAGE_SIZE] TERN_ALIGNED(PAGE_SIZE) TERN_UNCLEARED;

static struct {
	struct tern_lock lock;
	struct memmap *map;       /* [lock] NULL until frames_init() */
	uintptr_t next, end;      /* [lock] the run that was never handed out */
	struct free_frame *freed; /* [lock] */
	size_t nfreed, nused;     /* [lock] */
	atomic_flag growing;      /* acquire when set, release when cleared: one CPU grows */
} frames = {
	.lock = TERN_LOCK_INIT(&frames_class),
	.next = (uintptr_t)pool,
	.end = (uintptr_t)pool + sizeof(pool),
	.growing = ATOMIC_FLAG_INIT,
};

void frames_init(struct memmap *m)
{
	frames.map = m;
}

static size_t count_free_locked(void)
{
	return (frames.end - frames.next) / PAGE_SIZE + frames.nfreed;
}

static void push_locked(uintptr_t frame)
{
	struct free_frame *f = (struct free_frame *)frame;

	f->next = frames.freed;
	frames.freed = f;
	frames.nfreed++;
}

static uintptr_t pop_locked(void)
{
	struct free_frame *f = frames.freed;
	uintptr_t frame = frames.next;

	if (f) {
		frames.freed = f->next;
		frames.nfreed--;
		frame = (uintptr_t)f;
	} else if (frame < frames.end) {
		frames.next += PAGE_SIZE;
	} else {
		return 0;
	}
	frames.nused++;
	return frame;
}

/* The largest piece that the map still has, best aligned for one 2 MiB block. */
static bool take_piece_locked(uint64_t *start, uint64_t *size)
{
	static const uint64_t sizes[] = { MiB(2), KiB(64), KiB(4) };

	if (!frames.map)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		*size = sizes[i];
		if (memmap_take(frames.map, *size, *size, LOW_MEMORY, UINT64_MAX, start))
			return true;
	}
	return memmap_take(frames.map, *size, *size, PAGE_SIZE, LOW_MEMORY, start);
}

static bool map_piece(uint64_t start, uint64_t size)
{
	unsigned long irq;

	if (!vm_map_new_ram(start, size))
		return false;
	irq = tern_lock_irqsave(&frames.lock);
	for (; frames.next < frames.end; frames.next += PAGE_SIZE)
		push_locked(frames.next);
	frames.next = start;
	frames.end = start + size;
	tern_unlock_irqrestore(&frames.lock, irq);
	return true;
}

/* False if there is no more. Who comes while another CPU grows waits for it: that one is not
 * preempted, so it is no other thread of this CPU. */
static bool grow(void)
{
	uint64_t start, size;
	unsigned long irq;
	bool grown = true;

	thread_preempt_disable();
	while (atomic_flag_test_and_set_explicit(&frames.growing, memory_order_acquire))
		arch_relax();
	if (frames_free_count() <= RESERVE) {
		irq = tern_lock_irqsave(&frames.lock);
		grown = take_piece_locked(&start, &size);
		tern_unlock_irqrestore(&frames.lock, irq);
		grown = grown && map_piece(start, size);
	}
	atomic_flag_clear_explicit(&frames.growing, memory_order_release);
	thread_preempt_enable();
	return grown;
}

bool frames_reserve(void)
{
	return frames_free_count() > RESERVE || grow();
}

void *frames_take_table(void)
{
	unsigned long irq = tern_lock_irqsave(&frames.lock);
	uintptr_t frame = pop_locked();

	tern_unlock_irqrestore(&frames.lock, irq);
	return (void *)frame;
}

void *frames_alloc_table(void)
{
	void *frame = frames_take_table();

	return frame ? memset(frame, 0, PAGE_SIZE) : NULL;
}

void *frames_alloc(void)
{
	void *frame;
	bool more;

	/* Others may have taken the reserve in between. */
	do {
		more = frames_reserve();
		frame = frames_alloc_table();
	} while (!frame && more);
	return frame;
}

void frames_free(void *frame)
{
	unsigned long irq = tern_lock_irqsave(&frames.lock);

	TERN_ASSERT(is_aligned((uintptr_t)frame, PAGE_SIZE) && frames.nused > 0);
	push_locked((uintptr_t)frame);
	frames.nused--;
	tern_unlock_irqrestore(&frames.lock, irq);
}

size_t frames_used(void)
{
	unsigned long irq = tern_lock_irqsave(&frames.lock);
	size_t n = frames.nused;

	tern_unlock_irqrestore(&frames.lock, irq);
	return n;
}

size_t frames_free_count(void)
{
	unsigned long irq = tern_lock_irqsave(&frames.lock);
	size_t n = count_free_locked();

	tern_unlock_irqrestore(&frames.lock, irq);
	return n;
}
