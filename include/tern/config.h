/* SPDX-License-Identifier: MIT */
/* config.h - layout that is fixed when the library is compiled.
 *
 * To change a value, compile everything with -DTERN_CONFIG='"your_config.h"'; what that file
 * defines wins over the defaults below. What may change while a kernel runs is not here: that is
 * policy, and goes through run-time calls. */
#ifndef TERN_CONFIG_H
#define TERN_CONFIG_H

#ifdef TERN_CONFIG
#include TERN_CONFIG
#endif

/* The most CPUs that a machine may have; ids run from 0 to one below. */
#ifndef TERN_MAX_CPUS
#define TERN_MAX_CPUS 64
#endif

/* How the allocator asks which CPU runs it, with interrupts off wherever the answer must stay true. A
 * kernel that compiles tern itself may give an expression that is inlined, and saves a call in each
 * allocation. */
#ifndef TERN_CPU_ID
#define TERN_CPU_ID() tern_port_cpu_id()
#endif

/* User arenas (tern/arena.h) grow by so many bytes at a time: a multiple of 8 KiB, at least 64 KiB. */
#ifndef TERN_ARENA_CHUNK
#define TERN_ARENA_CHUNK (256u << 10)
#endif

/* 0: the allocator masks interrupts with the CPU's own instructions, inline. 1: it calls
 * tern_port_irq_save() and tern_port_irq_restore(), for kernels that run without that privilege. */
#ifndef TERN_PORT_IRQ
#define TERN_PORT_IRQ 0
#endif

#endif
