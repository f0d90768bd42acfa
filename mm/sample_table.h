/* SPDX-License-Identifier: MIT */
/* sample_table.h - samples of allocations, by where they were made. */
#ifndef MM_SAMPLE_TABLE_H
#define MM_SAMPLE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/safety.h>

#include "lib/lock.h"
#include "mm/fixalloc.h"
#include "mm/mspan.h"

struct tern_sample_heads;

/* Of one heap. */
struct tern_sample_table {
	struct tern_lock lock;
	_Atomic(struct tern_sample_heads *) heads; /* [atomic: release by who makes it, acquire]
						    * NULL: no samples */
	struct tern_fixalloc records;              /* [mheap's lock] of samples */
	_Atomic uint64_t lost;                     /* [atomic: relaxed] */
	_Atomic uint64_t interval; /* [atomic: relaxed] the last that was asked for */
};
extern const struct tern_lock_class tern_samples_class;

/* All samples of one size from one place. */
struct tern_sample_site {
	struct tern_sample_site *next; /* [const] */
	struct tern_trace trace;       /* [const] */
	uint64_t size;                 /* [const] of the slots */
	bool manual;                   /* [const] */
	/* [atomic: relaxed] what the samples stand for */
	_Atomic uint64_t alloc_bytes, inuse_bytes;
};

/* A return address that is in some site's trace, once. */
struct tern_sample_place {
	struct tern_sample_place *next; /* [const] */
	uintptr_t addr;
};

/* Before the first sample. False: no memory. */
bool tern_sample_table_make(void);
/* False: no memory; the sample is counted as lost. Interrupts off. */
bool tern_sample_table_add(const struct tern_trace *trace, struct tern_mspan *s, uintptr_t addr,
			   uint64_t bytes);
/* Ends the samples of a span for which `ends` is true. Interrupts off. */
void tern_sample_table_end(struct tern_mspan *s,
			   bool (*ends)(const struct tern_mspan *s, uintptr_t addr, uintptr_t arg),
			   uintptr_t arg);

/* All there are. New ones may come meanwhile; a site's places are there before it is. */
void tern_sample_sites(void (*fn)(void *arg, const struct tern_sample_site *s), void *arg);
void tern_sample_places(void (*fn)(void *arg, const struct tern_sample_place *p), void *arg);
uint64_t tern_samples_lost(void);

#endif
