/* SPDX-License-Identifier: MIT */
/* large.h - the end of objects that have a span of their own. */
#ifndef MM_LARGE_H
#define MM_LARGE_H

#include "mm/mcentral.h"

/* The object's pages and record go back, and its margins. Of several who try, one does it: false for
 * the others. Interrupts off. */
bool tern_large_drop(struct tern_mheap *h, struct tern_pagecache *pages, struct tern_mspan *s);
/* The object ends, for all who count; its pages and record are the caller's. Of several who try, one does
 * it: false for the others. Interrupts off. */
bool tern_large_end(struct tern_mheap *h, struct tern_mspan *s);
/* Drop it if the last cycle did not mark it, unless somebody else has looked already.
 * Interrupts off. */
bool tern_large_sweep(struct tern_mheap *h, struct tern_pagecache *pages, struct tern_mspan *s,
		      struct tern_swept *swept);
/* From now on it serves as that. Who says so keeps it from being swept meanwhile. What is in
 * quarantine may be closed (tern_port_protect()): it is opened before its memory is anybody's. */
void tern_large_set_chunk(struct tern_mheap *h, struct tern_mspan *s, enum tern_chunk to);

#endif
