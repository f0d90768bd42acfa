/* SPDX-License-Identifier: MIT */
/* tern_config.h - what this kernel tells the allocator when it compiles it: see tern/config.h. */
#ifndef BOOT_AARCH64_TERN_CONFIG_H
#define BOOT_AARCH64_TERN_CONFIG_H

/* struct cpu's id, which lies behind its pointer to itself (boot/cpu.c checks that). */
static inline unsigned long boot_cpu_id(void)
{
	unsigned long cpu;
	unsigned long id;

	__asm__ volatile("mrs %0, tpidr_el1" : "=r"(cpu));
	__asm__ volatile("ldr %w0, [%1, #8]" : "=r"(id) : "r"(cpu));
	return id;
}

#define TERN_CPU_ID() boot_cpu_id()

#endif
