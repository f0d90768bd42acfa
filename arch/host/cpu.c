/* SPDX-License-Identifier: MIT */
/* cpu.c - the one word that a thread of a process has for a processor's state: see cpu.h.
 *
 * Owns     the calling thread's interrupt flag. Starts on: a process is not a boot path.
 * Locks    none; no other thread sees it.   Context: any. */
#include "arch/arch.h"

_Thread_local bool arch_host_irq_off;
