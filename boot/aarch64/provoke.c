/* SPDX-License-Identifier: MIT */
/* provoke.c - faults on purpose, one of each kind, for the monitor and the tests.
 *
 * Addresses go through volatile objects, so that the compiler cannot know how bad they are.
 * SError and a misaligned SP have no entry: QEMU shows neither to EL1. Context: threads. */
#include "boot/machine.h"
#include "boot/vm.h"
#include "lib/compiler.h"

#define RET_INSTRUCTION 0xd65f03c0u

static volatile uintptr_t null;
static volatile uint32_t code_in_data;
static const uint32_t constant = 1;

static uint32_t load(uintptr_t addr)
{
	return *(volatile uint32_t *)addr;
}

static void store(uintptr_t addr)
{
	*(volatile uint32_t *)addr = 0;
}

static void call(uintptr_t addr)
{
	((void (*)(void))addr)();
}

static void provoke_null(void)
{
	load(null);
}

static void provoke_call_null(void)
{
	call(null);
}

static void provoke_write_text(void)
{
	store((uintptr_t)provoke_write_text);
}

static void provoke_exec_data(void)
{
	code_in_data = RET_INSTRUCTION;
	call((uintptr_t)&code_in_data);
}

static void provoke_write_rodata(void)
{
	store((uintptr_t)&constant);
}

static TERN_NOINLINE unsigned recurse(unsigned depth)
{
	volatile unsigned char block[512];

	block[0] = depth;
	return depth == UINT32_MAX ? 0 : recurse(depth + 1) + block[0];
}

static void provoke_stack(void)
{
	recurse(0);
}

static void provoke_undefined(void)
{
	asm volatile("udf #0");
}

static void provoke_breakpoint(void)
{
	asm volatile("brk #1");
}

static void provoke_alignment(void)
{
	uint64_t value;

	asm volatile("ldr %0, [%1]" : "=r"(value) : "r"((uintptr_t)&constant + 1) : "memory");
}

static void provoke_unmapped(void)
{
	store(VM_IDENTITY_END);
}

static const struct {
	const char *name, *help;
	void (*fn)(void);
} kinds[] = {
	{ "null", "read through a null pointer", provoke_null },
	{ "call-null", "call a null function pointer", provoke_call_null },
	{ "write-text", "write to the kernel's code", provoke_write_text },
	{ "write-rodata", "write to a constant", provoke_write_rodata },
	{ "exec-data", "execute data", provoke_exec_data },
	{ "unmapped", "write where nothing is mapped", provoke_unmapped },
	{ "stack", "recurse until the stack is used up", provoke_stack },
	{ "undefined", "execute an undefined instruction", provoke_undefined },
	{ "breakpoint", "execute a breakpoint instruction", provoke_breakpoint },
	{ "alignment", "read 8 bytes at an odd address", provoke_alignment },
};

const char *mach_fault_name(unsigned i)
{
	return i < ARRAY_SIZE(kinds) ? kinds[i].name : NULL;
}

const char *mach_fault_help(unsigned i)
{
	return i < ARRAY_SIZE(kinds) ? kinds[i].help : NULL;
}

void mach_fault(unsigned i)
{
	if (i < ARRAY_SIZE(kinds))
		kinds[i].fn();
}
