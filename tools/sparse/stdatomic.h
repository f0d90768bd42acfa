/* SPDX-License-Identifier: MIT */
/* stdatomic.h - C11 atomics for sparse, which checks types but knows no atomic enum or pointer.
 *
 * tools/lint.sh puts this directory before the compiler's own headers, with _Atomic(t) defined as
 * t: each operation becomes the plain access of the same type. No compiler sees it. */
#ifndef TOOLS_SPARSE_STDATOMIC_H
#define TOOLS_SPARSE_STDATOMIC_H

typedef enum {
	memory_order_relaxed,
	memory_order_consume,
	memory_order_acquire,
	memory_order_release,
	memory_order_acq_rel,
	memory_order_seq_cst
} memory_order;

typedef struct {
	_Bool set;
} atomic_flag;

#define ATOMIC_FLAG_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}
#define ATOMIC_VAR_INIT(v) (v)

typedef _Bool atomic_bool;
typedef int atomic_int;
typedef unsigned int atomic_uint;
typedef unsigned long atomic_ulong, atomic_size_t, atomic_uintptr_t;

#define atomic_init(p, v)                      ((void)(*(p) = (v)))
#define atomic_load_explicit(p, order)         (*(p))
#define atomic_store_explicit(p, v, order)     ((void)(*(p) = (v)))
#define atomic_exchange_explicit(p, v, order)  (*(p) = (v))
#define atomic_fetch_add_explicit(p, v, order) (*(p) += (v))
#define atomic_fetch_sub_explicit(p, v, order) (*(p) -= (v))
#define atomic_fetch_or_explicit(p, v, order)  (*(p) |= (v))
#define atomic_fetch_and_explicit(p, v, order) (*(p) &= (v))
#define atomic_compare_exchange_strong_explicit(p, old, v, yes, no)                                \
	(*(p) == *(old) ? (*(p) = (v), 1) : (*(old) = *(p), 0))
#define atomic_compare_exchange_weak_explicit       atomic_compare_exchange_strong_explicit
#define atomic_flag_test_and_set_explicit(p, order) ((p)->set)
#define atomic_flag_clear_explicit(p, order)        ((void)((p)->set = 0))
#define atomic_thread_fence(order)                  ((void)0)
#define atomic_signal_fence(order)                  ((void)0)

#define __atomic_load_n(p, order)     (*(p))
#define __atomic_store_n(p, v, order) ((void)(*(p) = (v)))

#endif
