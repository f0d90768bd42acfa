/* SPDX-License-Identifier: MIT */
/* touch.h - what the program does to objects, at points where others may go on. */
#ifndef TESTS_SIM_TOUCH_H
#define TESTS_SIM_TOUCH_H

#include <stdbool.h>

void *touch_load(void **at);
void touch_store_plainly(void **at, void *value);
/* Those of tern/barrier.h. */
void touch_store(void **at, void *value);
void touch_init(void **at, void *value);
void *touch_exchange(void **at, void *value);
bool touch_compare_exchange(void **at, void *expected, void *value);

#endif
