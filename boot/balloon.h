/* SPDX-License-Identifier: MIT */
/* balloon.h - memory that the guest does not need goes back to the host, by virtio-balloon. */
#ifndef BOOT_BALLOON_H
#define BOOT_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

/* The host may have [start, start + size) back until it is touched again; what it holds is lost.
 * Multiples of PAGE_SIZE. False if there is no balloon, or it was given up: then the host has not
 * taken all of it. Threads, no lock of rank 100 or above held; waits for the host. */
bool balloon_release(uint64_t start, uint64_t size);

struct balloon_stats {
	const char *state;   /* "absent", "in use", "given up" */
	uintptr_t regs;      /* where the device is, 0 if it is absent */
	uint64_t released;   /* bytes that the host was told of, ever */
	uint64_t reports;    /* in how many messages */
	uint64_t longest_ns; /* that an answer took */
};

void balloon_stats(struct balloon_stats *stats);

#endif
