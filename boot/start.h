/* SPDX-License-Identifier: MIT */
/* start.h - from the loader's hand-over to the program. */
#ifndef BOOT_START_H
#define BOOT_START_H

#include "boot/bootinfo.h"
#include "boot/stack.h"

/* The order of things: log level, memory map, frames, page tables, thread 0's stack, machine and
 * clock, this CPU's traps, threads, other CPUs, kernel_main(). Called by boot/ARCH/start.c with
 * interrupts off, boot_info filled, and the CPU's base register at &cpus[0]. */
_Noreturn void boot_start(void);

/* One line on the console, then leave with a failing status: the machine cannot be used. */
_Noreturn void boot_fail(const char *format, ...) TERN_PRINTF(1, 2);

/* What the loader said; filled by boot/ARCH/start.c. The map goes on to show what is taken. */
extern struct boot_info boot_info;
/* Thread 0's stack. */
extern struct stack boot_stack;
/* Clock time at which kernel_main() was entered, counted from the image's first instruction. */
extern uint64_t boot_ns;

/* The program (samples/monitor): runs as thread 0 with interrupts on and all CPUs up. Its value
 * is the exit status. */
int kernel_main(void);

#endif
