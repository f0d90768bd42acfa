/* SPDX-License-Identifier: MIT */
/* tsan.c - what the compiler calls for each access to memory, with -fsanitize=thread.
 *
 * That option is used for the calls alone: the sanitizer's library is not linked. Each function lets
 * sched.c decide who goes on, and then does at once what it stands for. So memory is sequentially
 * consistent here, and no order that is weaker can be seen. The names and types are the compiler's.
 * Locks: none. Context: the process's only thread. */
#include <stdint.h>

#include "mm/heap.h"
#include "tests/sim/sim.h"

#define HERE __builtin_return_address(0)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
}

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	sim_point(SIM_FENCE, HERE);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}

/* --- plain ----------------------------------------------------------------------------------- */

static inline void plain(const void *pc)
{
	if (sim_schedule.weight[SIM_PLAIN])
		sim_point(SIM_PLAIN, pc);
}

#define READ(name)                                                                                 \
	void __tsan_##name(void *at);                                                              \
	void __tsan_##name(void *at)                                                               \
	{                                                                                          \
		(void)at;                                                                          \
		plain(HERE);                                                                       \
	}
#define WRITE(name, size)                                                                          \
	void __tsan_##name(void *at);                                                              \
	void __tsan_##name(void *at)                                                               \
	{                                                                                          \
		plain(HERE);                                                                       \
		sim_written(at, size);                                                             \
	}
#define PLAIN(n)           READ(read##n) WRITE(write##n, n)
#define PLAIN_UNALIGNED(n) READ(unaligned_read##n) WRITE(unaligned_write##n, n)

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
PLAIN_UNALIGNED(2)
PLAIN_UNALIGNED(4)
PLAIN_UNALIGNED(8)
PLAIN_UNALIGNED(16)

void __tsan_read_range(void *at, unsigned long size);
void __tsan_write_range(void *at, unsigned long size);

void __tsan_read_range(void *at, unsigned long size)
{
	(void)at;
	(void)size;
	plain(HERE);
}

void __tsan_write_range(void *at, unsigned long size)
{
	plain(HERE);
	for (unsigned long i = 0; i < size; i++)
		sim_written((char *)at + i, 1);
}

/* --- atomic ---------------------------------------------------------------------------------- */

/* Whom the model has asked for, or the end of a marking. */
static inline void changed(const volatile void *at)
{
	sim_written(at, 1); /* aligned, so in one page */
	if (at == sim_self->watched)
		model_changed();
	else if (at == &tern_heap.pages.sweepgen)
		model_turn();
}

#define LOAD_STORE(bits, type)                                                                     \
	type __tsan_atomic##bits##_load(const volatile type *at, int order);                       \
	type __tsan_atomic##bits##_load(const volatile type *at, int order)                        \
	{                                                                                          \
		(void)order;                                                                       \
		sim_point(SIM_LOAD, HERE);                                                         \
		return *at;                                                                        \
	}                                                                                          \
	void __tsan_atomic##bits##_store(volatile type *at, type value, int order);                \
	void __tsan_atomic##bits##_store(volatile type *at, type value, int order)                 \
	{                                                                                          \
		(void)order;                                                                       \
		sim_point(SIM_STORE, HERE);                                                        \
		*at = value;                                                                       \
		changed(at);                                                                       \
	}

#define CHANGE(bits, type, name, result)                                                           \
	type __tsan_atomic##bits##_##name(volatile type *at, type value, int order);               \
	type __tsan_atomic##bits##_##name(volatile type *at, type value, int order)                \
	{                                                                                          \
		type before;                                                                       \
                                                                                                   \
		(void)order;                                                                       \
		sim_point(SIM_CHANGE, HERE);                                                       \
		before = *at;                                                                      \
		*at = (type)(result);                                                              \
		changed(at);                                                                       \
		return before;                                                                     \
	}

#define COMPARE(bits, type, how, for_nothing)                                                      \
	int __tsan_atomic##bits##_compare_exchange_##how(volatile type *at, type *expected,        \
							 type value, int order, int failed);       \
	int __tsan_atomic##bits##_compare_exchange_##how(volatile type *at, type *expected,        \
							 type value, int order, int failed)        \
	{                                                                                          \
		(void)order;                                                                       \
		(void)failed;                                                                      \
		sim_point(SIM_CHANGE, HERE);                                                       \
		if (*at != *expected || (for_nothing)) {                                           \
			*expected = *at;                                                           \
			return 0;                                                                  \
		}                                                                                  \
		*at = value;                                                                       \
		changed(at);                                                                       \
		return 1;                                                                          \
	}

/* As clang asks for it: it was done if what was there is what was expected. */
#define COMPARE_VALUE(bits, type)                                                                  \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type expected,          \
							type value, int order, int failed);        \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type expected,          \
							type value, int order, int failed)         \
	{                                                                                          \
		type before = expected;                                                            \
                                                                                                   \
		return __tsan_atomic##bits##_compare_exchange_strong(at, &before, value, order,    \
								     failed)                       \
			       ? expected                                                          \
			       : before;                                                           \
	}

#define ATOMICS(bits, type)                                                                        \
	LOAD_STORE(bits, type)                                                                     \
	CHANGE(bits, type, exchange, value)                                                        \
	CHANGE(bits, type, fetch_add, before + value)                                              \
	CHANGE(bits, type, fetch_sub, before - value)                                              \
	CHANGE(bits, type, fetch_and, before &value)                                               \
	CHANGE(bits, type, fetch_or, before | value)                                               \
	CHANGE(bits, type, fetch_xor, before ^ value)                                              \
	COMPARE(bits, type, strong, false)                                                         \
	COMPARE(bits, type, weak, sim_fails_for_nothing())                                         \
	COMPARE_VALUE(bits, type)

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)
