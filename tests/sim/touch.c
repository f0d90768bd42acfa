/* SPDX-License-Identifier: MIT */
/* touch.c - what the program does to objects, compiled as tern is: each access is a point at which
 * others may go on. What threads do (work.h) and model.c are not, and so it happens at once. */
#include "tests/sim/touch.h"

#include <tern/barrier.h>

void *touch_load(void **at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

void touch_store_plainly(void **at, void *value)
{
	__atomic_store_n(at, value, __ATOMIC_RELAXED);
}

void touch_store(void **at, void *value)
{
	tern_store(at, value);
}

void touch_init(void **at, void *value)
{
	tern_init_store(at, value);
}

void *touch_exchange(void **at, void *value)
{
	return tern_exchange(at, value);
}

bool touch_compare_exchange(void **at, void *expected, void *value)
{
	return tern_compare_exchange(at, &expected, value);
}
