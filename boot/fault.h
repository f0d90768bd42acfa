/* SPDX-License-Identifier: MIT */
/* fault.h - the last words: an exception, or a panic, told so that a person can act on it.
 *
 * boot/ARCH/trap.c fills a struct fault and calls fault_die(). It stops the other CPUs, prints
 * what happened, the address in words, the registers (by mach_print_registers()), and a
 * backtrace with names, all through the emergency console; then leaves with a failing status. A
 * fault inside it prints one line more and leaves at once. */
#ifndef BOOT_FAULT_H
#define BOOT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct fault {
	const char *what;   /* "page fault", "undefined instruction" */
	const char *access; /* "read", "write", "execute", or NULL when it is no memory access */
	bool has_addr;
	uintptr_t addr; /* the faulting address */
	uint64_t code;  /* error code or ESR */
	uintptr_t pc, sp, fp;
	uintptr_t caller;  /* of pc's function, if that may have no frame; or 0 */
	const void *frame; /* boot/ARCH's trap frame, or NULL */
};

_Noreturn void fault_die(const struct fault *f);
/* boot/ARCH: the registers of a frame, several to a line. */
void mach_print_registers(const void *frame);
/* "  #0 0x... name+0x12", up to 32 frames, following frame pointers while they make sense; caller
 * as in struct fault. */
void backtrace_print(uintptr_t pc, uintptr_t fp, uintptr_t caller);

#endif
