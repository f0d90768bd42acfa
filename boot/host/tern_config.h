/* SPDX-License-Identifier: MIT */
/* tern_config.h - what the process tells the allocator when it compiles it: see tern/config.h. */
#ifndef BOOT_HOST_TERN_CONFIG_H
#define BOOT_HOST_TERN_CONFIG_H

/* Which CPU this thread plays (boot/host/host.c). */
extern _Thread_local unsigned host_cpu_id;

#define TERN_CPU_ID() host_cpu_id

#endif
