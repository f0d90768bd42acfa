/* SPDX-License-Identifier: MIT */
/* fault.h - which of the faults of lib/fault.h is planted. */
#ifndef TESTS_SIM_FAULT_H
#define TESTS_SIM_FAULT_H

#include <stdbool.h>

/* By its name, in small letters; false if there is none of that name in this program. */
bool fault_plant(const char *name);
/* All of them, a line each. */
void fault_list(void);

#endif
