/* SPDX-License-Identifier: MIT */
/* debug_sites.h - traces, each kept once and known by a number: see debug.h. */
#ifndef MM_DEBUG_SITES_H
#define MM_DEBUG_SITES_H

#include <stdatomic.h>
#include <stdint.h>

#include <tern/safety.h>

#define TERN_SITE_BUCKETS 512u
#define TERN_SITE_CHUNK   128u
#define TERN_SITE_CHUNKS  64u
#define TERN_SITES_MAX    (TERN_SITE_CHUNK * TERN_SITE_CHUNKS)

struct tern_site {
	struct tern_trace trace;
	uint32_t next; /* in its bucket */
};

/* All is 0 at first. Sites never go. */
struct tern_sites {
	_Atomic uint32_t
		bucket[TERN_SITE_BUCKETS]; /* [atomic: release by who puts one in, acquire] */
	struct tern_site
		*_Atomic chunk[TERN_SITE_CHUNKS]; /* [atomic: relaxed; before the number] */
	uint32_t n;                               /* [lock: mheap] */
};

struct tern_mheap;

/* The number of a trace; 0 if there is no room for it. When there is little left, the trace is kept
 * without its outer half. Any context but NMIs. */
uint32_t tern_sites_number(struct tern_sites *t, struct tern_mheap *h, struct tern_trace trace);
/* Of 0: all 0. */
struct tern_trace tern_sites_trace(const struct tern_sites *t, uint32_t number);

#endif
