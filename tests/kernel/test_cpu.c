/* SPDX-License-Identifier: MIT */
/* test_cpu.c - the list of CPUs, and the names of functions. */
#include "boot/ipi.h"
#include "boot/symbols.h"
#include "tests/kernel/kernel.h"
#include "tests/test.h"

TEST(cpu, all_that_firmware_names_are_online)
{
	EXPECT_EQ(cpu_count(), machine.ncpus);
	for (unsigned i = 0; i < cpu_count(); i++) {
		EXPECT_EQ(cpus[i].id, i);
		EXPECT(cpus[i].self == &cpus[i]);
		EXPECT_EQ(atomic_load(&cpus[i].state), CPU_ONLINE);
		EXPECT_EQ(cpus[i].hw_id, machine.hw_id[i]);
		for (unsigned k = 0; k < i; k++)
			EXPECT(cpus[k].hw_id != cpus[i].hw_id);
	}
}

static void store_self(void *arg)
{
	*(struct cpu **)arg = cpu_self();
}

TEST(cpu, each_knows_itself)
{
	for (unsigned i = 0; i < cpu_count(); i++) {
		struct cpu *c = NULL;

		ipi_call(i, store_self, &c);
		EXPECT(c == &cpus[i]);
		thread_pin(i);
		EXPECT(cpu_self() == &cpus[i]);
	}
	thread_pin(THREAD_ANY_CPU);
}

static TERN_NOINLINE uintptr_t my_caller(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

TEST(symbols, name_functions)
{
	uintptr_t offset = 1;

	EXPECT_STR(symbol_at((uintptr_t)thread_create, &offset), "thread_create");
	EXPECT_EQ(offset, 0);
	EXPECT_STR(symbol_at((uintptr_t)thread_create + 1, &offset), "thread_create");
	EXPECT_EQ(offset, 1);
	EXPECT_EQ(symbol_find("thread_join"), (uintptr_t)thread_join);
	EXPECT_STR(symbol_at(my_caller(), NULL), "test_symbols_name_functions");
}

TEST(symbols, name_nothing_else)
{
	static int data = 1;

	EXPECT(!symbol_at(0, NULL));
	EXPECT(!symbol_at((uintptr_t)&data, NULL));
	EXPECT_EQ(symbol_find("no_such_function"), 0);
}
