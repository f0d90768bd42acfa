/* SPDX-License-Identifier: MIT */
/* cpu_self.h - this CPU's struct cpu, at the GS base. Included by boot/cpu.h only. */
#ifndef BOOT_X86_64_CPU_SELF_H
#define BOOT_X86_64_CPU_SELF_H

/* Volatile: a thread may be on another CPU the next time it asks. The struct begins with a
 * pointer to itself. */
static inline struct cpu *cpu_self(void)
{
	struct cpu *c;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}

#endif
