/* SPDX-License-Identifier: MIT */
/* provoke.c - faults on purpose that every machine has: see provoke.h.
 *
 * Addresses go through volatile objects, so that the compiler cannot know how bad they are.
 * Context: threads. */
#include "boot/provoke.h"

#include <stdint.h>

#include <tern/safety.h>
#include <tern/stack.h>
#include <tern/tern.h>

#include "boot/machine.h"
#include "boot/thread.h"
#include "boot/vm.h"
#include "lib/compiler.h"

static volatile uint64_t code_in_data;
static const uint32_t constant = 1;

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
	volatile uintptr_t null = 0;

	(void)*(volatile uint32_t *)null;
}

static void provoke_call_null(void)
{
	volatile uintptr_t null = 0;

	call(null);
}

static void provoke_write_text(void)
{
	store((uintptr_t)provoke_write_text);
}

static void provoke_write_rodata(void)
{
	store((uintptr_t)&constant);
}

/* Whatever the bytes mean: they must not be fetched. */
static void provoke_exec_data(void)
{
	call((uintptr_t)&code_in_data);
}

static void provoke_unmapped(void)
{
	store(VM_IDENTITY_END - sizeof(uint32_t));
}

static TERN_NOINLINE unsigned recurse(unsigned depth)
{
	volatile unsigned char block[512];

	block[0] = (unsigned char)depth;
	return depth == UINT32_MAX ? 0 : recurse(depth + 1) + block[0];
}

static void provoke_stack(void)
{
	recurse(0);
}

static void provoke_double_free(void)
{
	void *volatile p = tern_malloc(48);

	tern_free(p);
	tern_free(p);
}

static void provoke_interior_free(void)
{
	char *volatile p = tern_malloc(48);

	tern_free(p + 16);
}

static void provoke_foreign_free(void)
{
	tern_free((void *)&code_in_data);
}

static void recurse_from_here(void *arg)
{
	(void)arg;
	recurse(0);
}

static void provoke_growing_stack(void)
{
	struct tern_stack *stack = tern_stack_create(8192, 1 << 20);
	struct tern_stack_info info;

	if (!stack)
		return;
	tern_stack_info(stack, &info);
	thread_call_on_stack(&(struct stack){ .bottom = info.guard, .top = info.top },
			     recurse_from_here, NULL);
}

/* An object of the pool; the others on the way there are left. */
static char *sampled(size_t size)
{
	struct tern_sampling_stats before, now;
	char *p = NULL;

	if (!tern_start_sampling(16, 1))
		return NULL;
	tern_sampling_stats(&before);
	do {
		p = tern_malloc(size);
		tern_sampling_stats(&now);
	} while (p && now.taken == before.taken);
	return p;
}

static void provoke_past_the_end(void)
{
	char *volatile p = sampled(48);

	if (p)
		*(volatile char *)(p + 48) = 1;
}

static void provoke_stale_read(void)
{
	char *volatile p = sampled(48);

	tern_free(p);
	if (p)
		(void)*(volatile char *)(p + 8);
}

static const struct fault_kind common[] = {
	{ "null", "read through a null pointer", provoke_null },
	{ "call-null", "call a null function pointer", provoke_call_null },
	{ "write-text", "write to the kernel's code", provoke_write_text },
	{ "write-rodata", "write to a constant", provoke_write_rodata },
	{ "exec-data", "execute data", provoke_exec_data },
	{ "unmapped", "write where nothing is mapped", provoke_unmapped },
	{ "stack", "recurse until the stack is used up", provoke_stack },
	{ "growing-stack", "the same on a stack that grows to its limit", provoke_growing_stack },
	{ "double-free", "free an object twice", provoke_double_free },
	{ "interior-free", "free what lies inside an object", provoke_interior_free },
	{ "past-the-end", "write past a sampled object's end", provoke_past_the_end },
	{ "stale-read", "read a sampled object that is free", provoke_stale_read },
	{ "foreign-free", "free what is no object", provoke_foreign_free },
};

const struct fault_kind *fault_kind(unsigned i)
{
	if (i < ARRAY_SIZE(common))
		return &common[i];
	for (const struct fault_kind *k = mach_fault_kinds; k->name; k++)
		if (i-- == ARRAY_SIZE(common))
			return k;
	return NULL;
}
