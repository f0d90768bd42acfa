/* SPDX-License-Identifier: MIT */
/* tern_config.h - what this kernel tells the allocator when it compiles it: see tern/config.h. */
#ifndef BOOT_X86_64_TERN_CONFIG_H
#define BOOT_X86_64_TERN_CONFIG_H

/* struct cpu's id, which lies behind its pointer to itself (boot/cpu.c checks that). */
static inline unsigned long boot_cpu_id(void)
{
	unsigned long id;

	__asm__ volatile("movl %%gs:8, %k0" : "=r"(id));
	return id;
}

#define TERN_CPU_ID() boot_cpu_id()

#endif
