/* SPDX-License-Identifier: MIT */
/* guard.h - objects from the pool of tern/safety.h, for tests. */
#ifndef TESTS_UNIT_GUARD_H
#define TESTS_UNIT_GUARD_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLED_OBJECTS  32
#define SAMPLING_SKIPPED "no sampling here: the command line does not say guards"

/* One of that size, at the left and the right end of its page by turns; sampling is off after that.
 * NULL: no page can be closed. */
uint8_t *sampled_object(size_t size);

#endif
