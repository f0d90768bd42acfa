/* SPDX-License-Identifier: MIT */
/* virtio.h - a virtio 1.0 device, however it is attached, and one queue of it.
 *
 * A transport (boot/virtio_mmio.c, boot/x86_64/virtio_pci.c) finds the device and says how to read
 * and write its registers; virtio.c does the rest by polling, without interrupts. A queue is a split
 * ring of one entry: one buffer is with the device at a time.
 *
 * The device is not trusted. Whatever it answers, or if it does not, each call ends within
 * VIRTIO_PATIENCE_NS; then, and when an answer makes no sense, one line is logged, the device is
 * reset, and from then on all calls are refused. Locks: the owner's. Context: threads. */
#ifndef BOOT_VIRTIO_H
#define BOOT_VIRTIO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/compiler.h"

#define VIRTIO_BALLOON 5 /* a device id */

#define VIRTIO_F_VERSION_1 (1ull << 32)

/* A host that is short of CPUs may leave a device alone for seconds. */
#define VIRTIO_PATIENCE_NS 10000000000ull

/* What a device has on each transport. Those of queues are of the queue that is selected. */
enum virtio_reg {
	VIRTIO_DEVICE_FEATURES_SEL, /* which 32 bits of the features are read */
	VIRTIO_DEVICE_FEATURES,
	VIRTIO_DRIVER_FEATURES_SEL,
	VIRTIO_DRIVER_FEATURES,
	VIRTIO_STATUS,
	VIRTIO_QUEUE_SEL,
	VIRTIO_QUEUE_MAX, /* read: the most entries that it may have, 0: it is not there */
	VIRTIO_QUEUE_SIZE,
	VIRTIO_QUEUE_ENABLE,
	VIRTIO_QUEUE_NOTIFY, /* written: a queue's index */
	VIRTIO_QUEUE_DESC,   /* three addresses, low half and high half */
	VIRTIO_QUEUE_DESC_HIGH,
	VIRTIO_QUEUE_DRIVER,
	VIRTIO_QUEUE_DRIVER_HIGH,
	VIRTIO_QUEUE_DEVICE,
	VIRTIO_QUEUE_DEVICE_HIGH,
	VIRTIO_REGS
};

struct virtio;

struct virtio_ops {
	uint32_t (*read)(struct virtio *v, enum virtio_reg reg);
	void (*write)(struct virtio *v, enum virtio_reg reg, uint32_t value);
};

struct virtio {
	const struct virtio_ops *ops;
	uintptr_t regs; /* where they are; only the transport reads and writes there */
	/* PCI: where queues are notified, how far one queue is from the next, and the end */
	uintptr_t notify, notify_step, notify_size;
	uint64_t patience_ns;
	bool given_up;
};

/* What device and driver share, but for index and sent: the split ring of the specification. */
struct virtq {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc TERN_ALIGNED(16);
	struct {
		uint16_t flags;
		_Atomic(uint16_t) idx; /* [atomic: release by us] buffers offered, ever */
		uint16_t ring[1];
	} avail;
	struct {
		uint16_t flags;
		_Atomic(uint16_t) idx; /* [atomic: acquire by us] buffers that came back, ever */
		struct {
			volatile uint32_t id, len;
		} ring[1];
	} used TERN_ALIGNED(4);

	unsigned index;
	uint16_t sent; /* what avail.idx is, where the device cannot change it */
};

/* Reset the device and agree on exactly these features; all are needed. */
bool virtio_begin(struct virtio *v, uint64_t features);
bool virtio_has_queue(struct virtio *v, unsigned index);
/* Set up a queue between virtio_begin() and virtio_go(). It must not be freed as long as the device
 * may use it: that is, never. */
bool virtq_begin(struct virtio *v, struct virtq *q, unsigned index);
bool virtio_go(struct virtio *v);

/* Lend the device memory that it may write to, and wait until it comes back. False: the device was
 * given up, and knows nothing of the memory any more. */
bool virtq_lend(struct virtio *v, struct virtq *q, uintptr_t addr, uint32_t len);

/* For transports: map registers. False if memory is said to be there, or out of frames. */
bool virtio_map(uint64_t base, uint64_t size);
/* True if the device with that id is there. */
bool virtio_mmio_open(struct virtio *v, uint64_t base, uint64_t size, uint32_t id);

#endif
