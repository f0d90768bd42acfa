/* SPDX-License-Identifier: MIT */
/* cpu_self.h - this CPU's struct cpu, kept in TPIDR_EL1. Included by boot/cpu.h only. */
#ifndef BOOT_AARCH64_CPU_SELF_H
#define BOOT_AARCH64_CPU_SELF_H

/* Volatile: a thread may be on another CPU the next time it asks. */
static inline struct cpu *cpu_self(void)
{
	struct cpu *c;

	asm volatile("mrs %0, tpidr_el1" : "=r"(c));
	return c;
}

#endif
