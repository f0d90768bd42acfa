/* SPDX-License-Identifier: MIT */
/* balloon.c - virtio-balloon's free page reporting: give memory back to the host.
 *
 * Job      Lend the device memory whose contents nobody needs. A host that has taken the pages
 *          away gives fresh ones when they are touched; nothing has to be asked for.
 * Finding  At the first use, not at boot: what a boot costs does not depend on devices.
 * Trust    None: see boot/virtio.h. A device that was given up stays so; all goes on without it.
 * Locks    balloon(5), not by interrupt handlers: held, with preemption off and interrupts as
 *          they were, until the host answers, which may take VIRTIO_PATIENCE_NS once. Below all
 *          others, tern's too, as interrupts take those meanwhile. A holder's CPU may be stopped:
 *          so who has interrupts off does not wait for it, and keeps its memory.
 * Context  threads. */
#include "boot/balloon.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "boot/machine.h"
#include "boot/thread.h"
#include "boot/virtio.h"
#include "lib/bits.h"
#include "lib/lock.h"

#define F_REPORTING (1ull << 5)
/* What a device is lent at once: a host is busy with a message until it is done. */
#define CHUNK MiB(256)

/* Queues that a balloon may have: two always, then statistics, hints and reports. Some devices
 * number those that they have, some leave gaps. Reports are the last in either. */
#define QUEUE_LAST  4
#define QUEUE_FIRST 2

enum state { UNKNOWN, ABSENT, IN_USE };

static const struct tern_lock_class balloon_class = {
	.name = "balloon", .rank = 5, .irq = false, .protects = "the device that takes memory back"
};

static struct {
	struct tern_lock lock;
	enum state state;                       /* [lock] */
	struct virtio device;                   /* [lock] valid if in use, as is the queue */
	struct virtq reporting;                 /* [lock] */
	uint64_t released, reports, longest_ns; /* [lock] */
} balloon = { .lock = TERN_LOCK_INIT(&balloon_class) };

static void lock(void)
{
	thread_preempt_disable();
	tern_lock(&balloon.lock);
}

static bool lock_or_leave(void)
{
	thread_preempt_disable();
	if (arch_irq_enabled())
		tern_lock(&balloon.lock);
	else if (!tern_lock_try(&balloon.lock)) {
		thread_preempt_enable();
		return false;
	}
	return true;
}

static void unlock(void)
{
	tern_unlock(&balloon.lock);
	thread_preempt_enable();
}

static unsigned reporting_queue(struct virtio *v)
{
	unsigned index = QUEUE_LAST;

	while (index > QUEUE_FIRST && !virtio_has_queue(v, index))
		index--;
	return index;
}

static void find_locked(void)
{
	struct virtio *v = &balloon.device;

	balloon.state = ABSENT;
	if (!mach_find_virtio(VIRTIO_BALLOON, v))
		return;
	balloon.state = IN_USE;
	if (virtio_begin(v, VIRTIO_F_VERSION_1 | F_REPORTING) &&
	    virtq_begin(v, &balloon.reporting, reporting_queue(v)))
		virtio_go(v);
}

static bool is_in_use_locked(void)
{
	if (balloon.state == UNKNOWN)
		find_locked();
	return balloon.state == IN_USE;
}

static bool report_locked(uint64_t start, uint32_t size)
{
	uint64_t before_ns = tern_port_clock_ns(), took_ns;

	if (!virtq_lend(&balloon.device, &balloon.reporting, start, size))
		return false;
	took_ns = tern_port_clock_ns() - before_ns;
	if (took_ns > balloon.longest_ns)
		balloon.longest_ns = took_ns;
	balloon.released += size;
	balloon.reports++;
	return true;
}

/* The lock is let go between chunks: others need not wait for all of them. */
bool balloon_release(uint64_t start, uint64_t size)
{
	uint64_t done = 0;
	bool good = true;

	while (good && done < size) {
		uint64_t chunk = size - done < CHUNK ? size - done : CHUNK;

		if (!lock_or_leave())
			return false;
		good = is_in_use_locked() && report_locked(start + done, (uint32_t)chunk);
		unlock();
		done += chunk;
	}
	return good;
}

void balloon_stats(struct balloon_stats *s)
{
	lock();
	*s = (struct balloon_stats){ .state = "absent" };
	if (is_in_use_locked()) {
		s->state = balloon.device.given_up ? "given up" : "in use";
		s->regs = balloon.device.regs;
	}
	s->released = balloon.released;
	s->reports = balloon.reports;
	s->longest_ns = balloon.longest_ns;
	unlock();
}
