/* SPDX-License-Identifier: MIT */
/* provoke.c - faults on purpose that only x86_64 has; boot/provoke.c has the others. */
#include "boot/provoke.h"

#include "boot/x86_64/apic.h"
#include "boot/x86_64/trap.h"

/* In assembly, as a compiler may make a comparison of 1 / x. */
static void provoke_divide(void)
{
	unsigned low = 1, high = 0;

	__asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "r"(0) : "cc");
}

static void provoke_undefined(void)
{
	__asm__ volatile("ud2");
}

static void provoke_breakpoint(void)
{
	__asm__ volatile("int3");
}

static void provoke_float(void)
{
	__asm__ volatile("fld1");
}

static void provoke_protection(void)
{
	(void)*(volatile char *)0x8000000000000000;
}

/* A divide error whose gate is not there is a fault within a fault. */
static void provoke_double(void)
{
	trap_drop_divide_gate();
	provoke_divide();
}

static void provoke_nmi(void)
{
	apic_send(apic_id(), APIC_NMI);
}

const struct fault_kind mach_fault_kinds[] = {
	{ "divide", "divide by zero", provoke_divide },
	{ "undefined", "execute an undefined instruction", provoke_undefined },
	{ "breakpoint", "execute a breakpoint instruction", provoke_breakpoint },
	{ "float", "touch the floating point registers", provoke_float },
	{ "protection", "read from an address that is not canonical", provoke_protection },
	{ "double", "a fault that cannot be delivered", provoke_double },
	{ "nmi", "send this CPU an NMI", provoke_nmi },
	{ 0 },
};
