/* SPDX-License-Identifier: MIT */
/* virtio.c - a virtio device's life: reset, features, a queue, buffers, and the end of trust.
 *
 * Job      What virtio 1.0 asks of a driver, for any transport (boot/virtio.h), by polling.
 * Memory   What is lent and the ring must be seen before the device is told, which is a store to
 *          device memory: a full fence stands between. Without VIRTIO_F_ORDER_PLATFORM the device
 *          is another CPU of the host, for which the fences between CPUs do.
 * Holds    the device is told of one buffer only after it gave the last one back, so the ring has
 *          one entry, and its index in the ring is always 0.
 * Locks    the owner's. Context: threads. Pure but for the port's clock. */
#include "boot/virtio.h"

#include <tern/port.h>

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/log.h"

enum {
	STATUS_ACKNOWLEDGE = 1,
	STATUS_DRIVER = 2,
	STATUS_DRIVER_OK = 4,
	STATUS_FEATURES_OK = 8,
};

#define DESC_WRITE         2 /* the device may write to the buffer */
#define AVAIL_NO_INTERRUPT 1

TERN_STATIC_ASSERT(sizeof(((struct virtq *)0)->desc) == 16, "as the device reads it");
TERN_STATIC_ASSERT(sizeof(((struct virtq *)0)->avail) == 6, "as the device reads it");
TERN_STATIC_ASSERT(sizeof(((struct virtq *)0)->used) == 12, "as the device writes it");

static uint32_t get(struct virtio *v, enum virtio_reg reg)
{
	return v->ops->read(v, reg);
}

static void set(struct virtio *v, enum virtio_reg reg, uint32_t value)
{
	v->ops->write(v, reg, value);
}

/* A device that is reset does not touch memory any more; it says when that is so. */
static bool reset(struct virtio *v)
{
	uint64_t end_ns = tern_port_clock_ns() + v->patience_ns;

	set(v, VIRTIO_STATUS, 0);
	while (get(v, VIRTIO_STATUS) != 0) {
		if (tern_port_clock_ns() > end_ns)
			return false;
		arch_relax();
	}
	return true;
}

static bool give_up(struct virtio *v, const char *why)
{
	const char *stopped = reset(v) ? "" : ", nor does it reset";

	log_warn("virtio device at 0x%lx %s%s: given up", (unsigned long)v->regs, why, stopped);
	v->given_up = true;
	return false;
}

static void add_status(struct virtio *v, uint32_t bit)
{
	set(v, VIRTIO_STATUS, get(v, VIRTIO_STATUS) | bit);
}

static bool has_status(struct virtio *v, uint32_t bit)
{
	return get(v, VIRTIO_STATUS) & bit;
}

static uint64_t offered_features(struct virtio *v)
{
	uint64_t features = 0;

	for (unsigned half = 0; half < 2; half++) {
		set(v, VIRTIO_DEVICE_FEATURES_SEL, half);
		features |= (uint64_t)get(v, VIRTIO_DEVICE_FEATURES) << 32 * half;
	}
	return features;
}

static void accept_features(struct virtio *v, uint64_t features)
{
	for (unsigned half = 0; half < 2; half++) {
		set(v, VIRTIO_DRIVER_FEATURES_SEL, half);
		set(v, VIRTIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * half));
	}
}

bool virtio_begin(struct virtio *v, uint64_t features)
{
	if (v->given_up)
		return false;
	if (!reset(v))
		return give_up(v, "does not reset");
	add_status(v, STATUS_ACKNOWLEDGE);
	add_status(v, STATUS_DRIVER);
	if (features & ~offered_features(v))
		return give_up(v, "lacks a feature that is needed");
	accept_features(v, features);
	add_status(v, STATUS_FEATURES_OK);
	if (!has_status(v, STATUS_FEATURES_OK))
		return give_up(v, "refuses the features that it offered");
	return true;
}

bool virtio_has_queue(struct virtio *v, unsigned index)
{
	set(v, VIRTIO_QUEUE_SEL, index);
	return get(v, VIRTIO_QUEUE_MAX) != 0;
}

static void set_address(struct virtio *v, enum virtio_reg reg, const void *p)
{
	set(v, reg, (uint32_t)(uintptr_t)p);
	set(v, reg + 1, (uint32_t)((uint64_t)(uintptr_t)p >> 32));
}

bool virtq_begin(struct virtio *v, struct virtq *q, unsigned index)
{
	if (v->given_up)
		return false;
	if (!virtio_has_queue(v, index))
		return give_up(v, "lacks a queue that is needed");
	*q = (struct virtq){ .avail.flags = AVAIL_NO_INTERRUPT, .index = index };
	set(v, VIRTIO_QUEUE_SIZE, 1);
	set_address(v, VIRTIO_QUEUE_DESC, &q->desc);
	set_address(v, VIRTIO_QUEUE_DRIVER, &q->avail);
	set_address(v, VIRTIO_QUEUE_DEVICE, &q->used);
	set(v, VIRTIO_QUEUE_ENABLE, 1);
	return true;
}

bool virtio_go(struct virtio *v)
{
	if (v->given_up)
		return false;
	add_status(v, STATUS_DRIVER_OK);
	return has_status(v, STATUS_DRIVER_OK) || give_up(v, "does not begin");
}

static uint16_t came_back(struct virtq *q)
{
	return atomic_load_explicit(&q->used.idx, memory_order_acquire);
}

static bool wait_until_back(struct virtio *v, struct virtq *q)
{
	uint64_t end_ns = tern_port_clock_ns() + v->patience_ns;
	uint16_t last = (uint16_t)(q->sent - 1), now;

	while ((now = came_back(q)) == last) {
		if (tern_port_clock_ns() > end_ns)
			return give_up(v, "does not answer");
		arch_relax();
	}
	if (now != q->sent || q->used.ring[0].id != 0)
		return give_up(v, "gives back what it was not lent");
	return true;
}

bool virtq_lend(struct virtio *v, struct virtq *q, uintptr_t addr, uint32_t len)
{
	if (v->given_up)
		return false;
	q->desc.addr = addr;
	q->desc.len = len;
	q->desc.flags = DESC_WRITE;
	q->avail.ring[0] = 0;
	q->sent++;
	atomic_store_explicit(&q->avail.idx, q->sent, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	set(v, VIRTIO_QUEUE_NOTIFY, q->index);
	return wait_until_back(v, q);
}
