/* SPDX-License-Identifier: MIT */
/* psci.c - calls to the firmware that switches CPUs and the machine on and off.
 *
 * By HVC or SMC, as the device tree says; function ids too are taken from there. The convention
 * lets the callee change x0 to x17. Context: any. */
#include "boot/aarch64/board.h"

#define NOT_SUPPORTED -1

#define PSCI_CLOBBERS                                                                              \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",       \
		"x17", "memory"

int64_t psci_call(uint32_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 asm("x0") = function;
	register uint64_t x1 asm("x1") = a;
	register uint64_t x2 asm("x2") = b;
	register uint64_t x3 asm("x3") = c;

	if (function == 0) /* not among those that the device tree names */
		return NOT_SUPPORTED;
	switch (board.psci) {
	case PSCI_HVC:
		asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : PSCI_CLOBBERS);
		break;
	case PSCI_SMC:
		asm volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : PSCI_CLOBBERS);
		break;
	case PSCI_NONE:
		return NOT_SUPPORTED;
	}
	return (int32_t)x0;
}
