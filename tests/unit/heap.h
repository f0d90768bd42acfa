/* SPDX-License-Identifier: MIT */
/* heap.h - *the* heap for tests: in a guest the machine's memory, which boot/heap.c has handed over;
 * in a process a region that the first test to ask reserves. And CPUs to use it from: in a guest the
 * machine's, in a process threads that play them. */
#ifndef TESTS_UNIT_HEAP_H
#define TESTS_UNIT_HEAP_H

#include <stdbool.h>
#include <stdint.h>

bool heap_for_tests(void);

/* Read a byte that may fault: false if it does. One thread at a time. */
bool probe_byte(const void *addr, uint8_t *byte);

/* At least 1, at most 8. */
unsigned cpus_for_tests(void);
/* Run fn(cpu, arg) on CPUs 0 .. n - 1 at the same time, in threads, and wait for all. */
void run_on_cpus(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg);
/* Each of these CPUs gives back what its cache holds. */
void all_cpus_offline(void);
/* ... and then, bytes of pages that are in use. */
uint64_t used_when_quiet(void);

#endif
