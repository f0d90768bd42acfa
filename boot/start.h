/* SPDX-License-Identifier: MIT */
/* start.h - from the loader's hand-over to the program. */
#ifndef BOOT_START_H
#define BOOT_START_H

#include "boot/bootinfo.h"

/* The order of things: log level, memory map, frames, page tables, traps, machine, clock,
 * threads, other CPUs, kernel_main(). Called by boot/ARCH/start.c with interrupts off. */
_Noreturn void boot_start(const struct boot_info *info);

/* One line on the console, then leave with a failing status: the machine cannot be used. */
_Noreturn void boot_fail(const char *format, ...) TERN_PRINTF(1, 2);

/* What the loader said; the map as it is now, with what the kernel took. */
extern struct boot_info boot_info;
/* Clock time at which kernel_main() was entered, counted from the image's first instruction. */
extern uint64_t boot_ns;

/* The program (samples/monitor): runs as thread 0 with interrupts on and all CPUs up. Its value
 * is the exit status. */
int kernel_main(void);

#endif
