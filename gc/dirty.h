/* SPDX-License-Identifier: MIT */
/* dirty.h - the pages that the program wrote to while objects were marked. Nothing of it does anything
 * but with TERN_GC_PAGES. */
#ifndef GC_DIRTY_H
#define GC_DIRTY_H

#include "gc/mark.h"

/* Before the first pause, by who is busy. */
void tern_dirty_start(void);
/* By who is busy, while nobody marks: what was written to since is to be looked at again. False if it
 * was not done, as the last pause may as well do it. */
bool tern_dirty_take(void);
/* In the last pause: all that is left. */
void tern_dirty_take_last(void);
/* After it. */
void tern_dirty_end(void);

/* Look at a page again; false if there is none left. */
bool tern_dirty_mark_some(struct tern_mark_work *w);
bool tern_dirty_is_done(void);

#endif
