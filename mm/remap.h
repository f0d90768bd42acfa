/* SPDX-License-Identifier: MIT */
/* remap.h - large objects that grow by addresses for their pages, not by copies: see remap.c. */
#ifndef MM_REMAP_H
#define MM_REMAP_H

#include "mm/mspan.h"

/* Copying less than this costs less than new mappings do, and the calls to other CPUs when they go:
 * docs/mm.md has figures. */
#define TERN_REMAP_MIN MiB(1)

/* It may be remapped: a manual object that is large enough, without margins and without records tied to
 * it; and this is a thread with interrupts on. */
bool tern_remap_suits(const struct tern_mspan *s);
/* The object gets other addresses, and n pages, more than it has: what they hold stays, and nothing is
 * copied. Its new span, as tern_malloc() would count it; the old one is gone. NULL, and all is as
 * it was, when memory is short or there are no addresses. */
struct tern_mspan *tern_remap_move(struct tern_mspan *s, uint64_t n);
/* Another size where it is, for a remapped object. False, and all is as it was, if it cannot. */
bool tern_remap_resize(struct tern_mspan *s, uint64_t n);

/* A remapped object was freed, its span is nobody's: no address leads to it any more. Its pages go back
 * in tern_remap_finish(). Interrupts off. */
void tern_remap_end(struct tern_remap *r);
/* Give back what objects left that have ended, if other CPUs can be told here. True if there was
 * any. No lock is held, and interrupts are as the caller of tern has them. */
bool tern_remap_finish(void);
/* What waits for that. */
uint64_t tern_remap_ended_bytes(void);

#endif
