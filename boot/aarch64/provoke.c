/* SPDX-License-Identifier: MIT */
/* provoke.c - faults on purpose that only aarch64 has; boot/provoke.c has the others.
 *
 * SError and a misaligned SP have no entry: QEMU shows neither to EL1. */
#include "boot/provoke.h"

#include <stdint.h>

static void provoke_undefined(void)
{
	asm volatile("udf #0");
}

static void provoke_breakpoint(void)
{
	asm volatile("brk #1");
}

static void provoke_float(void)
{
	asm volatile(".arch_extension fp\n\tfmov s0, wzr\n\t.arch_extension nofp");
}

static void provoke_alignment(void)
{
	static const uint64_t words[2];
	uint64_t value;

	asm volatile("ldr %0, [%1]" : "=r"(value) : "r"((uintptr_t)words + 1) : "memory");
}

const struct fault_kind mach_fault_kinds[] = {
	{ "undefined", "execute an undefined instruction", provoke_undefined },
	{ "breakpoint", "execute a breakpoint instruction", provoke_breakpoint },
	{ "float", "touch the floating point registers", provoke_float },
	{ "alignment", "read 8 bytes at an odd address", provoke_alignment },
	{ 0 },
};
