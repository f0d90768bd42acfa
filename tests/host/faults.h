/* SPDX-License-Identifier: MIT */
/* faults.h - does an address fault in this process? */
#ifndef TESTS_HOST_FAULTS_H
#define TESTS_HOST_FAULTS_H

#include <stdbool.h>

/* Reads a byte there, with a signal handler of its own meanwhile. One thread at a time. */
bool host_faults(const volatile void *addr);

#endif
